import type { Column, Table } from "../connector.ts";
import { bind, concat, join, type Statement } from "../statement.ts";
import { declaredOf } from "./declared.ts";
import type { Link } from "./link.ts";
import { ask, type Told } from "./session.ts";
import { bareColumn, type NativeType, nativeType } from "./types.ts";

const operation = "describe the ERP's tables";
const natives = new WeakMap<Column, NativeType>();

/** The server's own type of a column that was described here. */
export function nativeOf(column: Column): NativeType {
  return natives.get(column) ?? nativeType("nvarchar(max)");
}

/** A name of the configuration: `table`, `schema.table`. */
interface Named {
  schema: string | undefined;
  name: string;
}

function named(text: string): Named {
  const parts = text.split(".");
  return { schema: parts.length > 1 ? (parts.at(-2) as string) : undefined, name: parts.at(-1) as string };
}

/**
 * Tables and views the account can see; with `names` only those (`schema.table` for another schema than the account's own and `dbo`). The database's collation
 * decides whether case matters.
 */
export async function describeTables(link: Link, names: readonly string[] | undefined, signal: AbortSignal): Promise<Table[]> {
  if (names?.length === 0) return [];
  const asked = { signal, operation };
  const objects = await ask(link, selectObjects(names?.map(named)), asked);
  const found = names ? visible(objects, names.map(named)) : objects;
  if (found.length === 0) return [];
  const ids = `(${found.map(({ id }) => id).join(", ")})`;
  const [columns, indexes, references] = [
    await ask(link, columnsOf(ids), asked),
    await ask(link, indexesOf(ids), asked),
    await ask(link, referencesOf(ids), asked),
  ];
  return found.map((object) => {
    const own = (row: Told): boolean => row.id === object.id;
    return tableOf(object, { columns: columns.filter(own), indexes: indexes.filter(own), references: references.filter(own) });
  });
}

function selectObjects(names: readonly Named[] | undefined): Statement {
  const condition = names
    ? concat(" AND o.name IN (", join([...new Set(names.map(({ name }) => name))].map(bind), ", "), ")")
    : " AND o.is_ms_shipped = 0";
  return concat(
    "SELECT o.object_id AS id, SCHEMA_NAME(o.schema_id) AS owner, o.name AS name, RTRIM(o.type) AS kind, SCHEMA_NAME() AS mine, (SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = o.object_id AND p.index_id IN (0, 1)) AS row_count, ",
    commentOf("o.object_id", "0"),
    " FROM sys.objects AS o WHERE o.type IN ('U', 'V')",
    condition,
    " ORDER BY o.schema_id, o.name",
  );
}

function commentOf(object: string, column: string): string {
  return `(SELECT CAST(e.value AS nvarchar(4000)) FROM sys.extended_properties AS e WHERE e.class = 1 AND e.major_id = ${object} AND e.minor_id = ${column} AND e.name = 'MS_Description') AS comment`;
}

const columnsOf = (ids: string): string =>
  `SELECT c.object_id AS id, c.name AS name, COALESCE(TYPE_NAME(c.system_type_id), TYPE_NAME(c.user_type_id)) AS type, c.max_length AS size, c.precision AS digits, c.scale AS scale, c.collation_name AS collation, COLLATIONPROPERTY(c.collation_name, 'CodePage') AS page, c.is_nullable AS nullable, c.is_identity AS counted, c.is_computed AS computed, c.default_object_id AS preset, ${commentOf("c.object_id", "c.column_id")} FROM sys.columns AS c WHERE c.object_id IN ${ids} ORDER BY c.object_id, c.column_id`;

const indexesOf = (ids: string): string =>
  `SELECT i.object_id AS id, i.index_id AS number, i.is_unique AS uniq, i.is_primary_key AS prime, i.has_filter AS filtered, c.name AS name FROM sys.indexes AS i JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id WHERE i.object_id IN ${ids} AND k.key_ordinal > 0 AND i.is_disabled = 0 AND i.is_hypothetical = 0 ORDER BY i.object_id, i.is_primary_key DESC, i.index_id, k.key_ordinal`;

const referencesOf = (ids: string): string =>
  `SELECT f.parent_object_id AS id, f.constraint_object_id AS number, COL_NAME(f.parent_object_id, f.parent_column_id) AS name, OBJECT_SCHEMA_NAME(f.referenced_object_id) AS owner, OBJECT_NAME(f.referenced_object_id) AS target, COL_NAME(f.referenced_object_id, f.referenced_column_id) AS target_name FROM sys.foreign_key_columns AS f WHERE f.parent_object_id IN ${ids} ORDER BY f.parent_object_id, f.constraint_object_id, f.constraint_column_id`;

/** Of objects with the names asked for those that the names mean: without a schema the account's own comes before `dbo`. */
function visible(objects: readonly Told[], names: readonly Named[]): Told[] {
  const same = (one: string | null | undefined, other: string | undefined): boolean =>
    one?.toLowerCase() === other?.toLowerCase();
  const found = names.flatMap(({ schema, name }) => {
    const candidates = objects.filter((object) => same(object.name, name));
    if (schema !== undefined) return candidates.filter(({ owner }) => same(owner, schema));
    const own = candidates.find(({ owner, mine }) => owner === mine) ?? candidates.find(({ owner }) => owner === "dbo");
    return own ? [own] : [];
  });
  return [...new Set(found)];
}

function tableOf(
  object: Told,
  parts: { columns: readonly Told[]; indexes: readonly Told[]; references: readonly Told[] },
): Table {
  const byIndex = [...Map.groupBy(parts.indexes, ({ number }) => number).values()];
  const whole = byIndex.filter(([first]) => first?.filtered !== "1");
  const unique = whole.filter(([first]) => first?.uniq === "1").map(namesOf);
  return {
    name: nameOf(object.owner, object.name, object.mine),
    kind: object.kind === "V" ? "view" : "table",
    columns: parts.columns.map(columnOf),
    primaryKey: namesOf(whole.find(([first]) => first?.prime === "1") ?? []),
    uniqueIndexes: unique,
    foreignKeys: [...Map.groupBy(parts.references, ({ number }) => number).values()].map((rows) => ({
      columns: namesOf(rows),
      table: nameOf(rows[0]?.owner, rows[0]?.target, object.mine),
      references: rows.map(({ target_name }) => target_name as string),
    })),
    indexedColumns: [...new Set(whole.flatMap((rows) => namesOf(rows).slice(0, 1)))],
    rows: object.row_count === null ? undefined : Number(object.row_count),
    transactional: true,
    ...(object.comment ? { comment: object.comment } : {}),
  };
}

function namesOf(rows: readonly Told[]): string[] {
  return rows.map(({ name }) => name as string);
}

function nameOf(owner: string | null | undefined, name: string | null | undefined, mine: string | null | undefined): string {
  return owner === mine || owner === "dbo" ? (name as string) : `${owner}.${name}`;
}

function columnOf(row: Told): Column {
  const native = nativeType(declaredOf(row), row.collation, row.page);
  const column: Column = {
    ...bareColumn(row.name as string, native, row.nullable === "1"),
    hasDefault: row.preset !== "0" || row.computed === "1" || native.name === "timestamp",
    autoIncrement: row.counted === "1",
    ...(row.comment ? { comment: row.comment } : {}),
  };
  natives.set(column, native);
  return column;
}
