import type { DatabaseSync } from "node:sqlite";
import type { DeclaredType } from "../declared-type.ts";
import type { Cell } from "../wire-types.ts";

export interface CatalogueColumn {
  name: string;
  type: DeclaredType;
  nullable: boolean;
  identity: boolean;
  hasDefault: boolean;
  collation: string | undefined;
}

export interface CatalogueIndex {
  columns: readonly string[];
  unique: boolean;
  primary: boolean;
}

/** A table as T-SQL declared it: the engine behind it knows no such types. */
export interface CatalogueTable {
  id: number;
  name: string;
  columns: readonly CatalogueColumn[];
  indexes: CatalogueIndex[];
  triggers: string[];
  /** Change tracking is on. */
  tracked: boolean;
}

/** Ids of types in `sys.types`. */
const typeIds: Readonly<Record<string, number>> = {
  image: 34,
  text: 35,
  uniqueidentifier: 36,
  date: 40,
  time: 41,
  datetime2: 42,
  datetimeoffset: 43,
  tinyint: 48,
  smallint: 52,
  int: 56,
  smalldatetime: 58,
  real: 59,
  money: 60,
  datetime: 61,
  float: 62,
  sql_variant: 98,
  ntext: 99,
  bit: 104,
  decimal: 106,
  smallmoney: 122,
  bigint: 127,
  varbinary: 165,
  varchar: 167,
  binary: 173,
  char: 175,
  timestamp: 189,
  nvarchar: 231,
  nchar: 239,
  xml: 241,
};

/** Every table of the double's one database, under its name in lower case: its collation does not mind case. */
export class Catalogue {
  readonly #tables = new Map<string, CatalogueTable>();
  #lastId = 1_000;

  get tables(): readonly CatalogueTable[] {
    return [...this.#tables.values()];
  }

  find(name: string): CatalogueTable | undefined {
    return this.#tables.get(name.toLowerCase());
  }

  add(table: Omit<CatalogueTable, "id" | "triggers" | "tracked">): CatalogueTable {
    this.#lastId += 1;
    const added = { ...table, id: this.#lastId, triggers: [], tracked: false };
    this.#tables.set(table.name.toLowerCase(), added);
    return added;
  }

  drop(name: string): void {
    this.#tables.delete(name.toLowerCase());
  }

  typeName(id: number): string | null {
    return Object.keys(typeIds).find((name) => typeIds[name] === id) ?? null;
  }
}

const views: Readonly<Record<string, string>> = {
  "sys.objects": "object_id, schema_id, name, type, is_ms_shipped, principal_id",
  "sys.columns":
    "object_id, column_id, name, system_type_id, user_type_id, max_length, precision, scale, collation_name, is_nullable, is_identity, is_computed, default_object_id",
  "sys.indexes": "object_id, index_id, is_unique, is_primary_key, has_filter, is_disabled, is_hypothetical",
  "sys.index_columns": "object_id, index_id, column_id, key_ordinal",
  "sys.foreign_key_columns":
    "constraint_object_id, constraint_column_id, parent_object_id, parent_column_id, referenced_object_id, referenced_column_id",
  "sys.partitions": "object_id, index_id, rows",
  "sys.extended_properties": "class, major_id, minor_id, name, value",
  "sys.triggers": "object_id, parent_id, name, is_disabled",
  "sys.parameters": "object_id, parameter_id, name, system_type_id, user_type_id, max_length, precision, scale, is_output",
  "sys.databases":
    "database_id, name, is_read_committed_snapshot_on, snapshot_isolation_state, service_broker_guid, group_database_id, state, user_access",
  "sys.schemas": "schema_id, name, principal_id",
  "sys.database_permissions": "class, major_id, minor_id, grantee_principal_id, permission_name, state",
  "sys.database_principals": "principal_id, name, type",
  "sys.database_role_members": "role_principal_id, member_principal_id",
  "sys.server_principals": "principal_id, name, type",
  "sys.server_role_members": "role_principal_id, member_principal_id",
  "sys.server_permissions": "class, grantee_principal_id, permission_name, state",
  "sys.change_tracking_tables": "object_id, begin_version",
  "sys.change_tracking_databases": "database_id, retention_period, retention_period_units, is_auto_cleanup_on",
};

/** The server's own views, as tables of the engine. */
export function createViews(database: DatabaseSync): void {
  for (const [name, columns] of Object.entries(views)) database.exec(`CREATE TABLE "${name}" (${columns})`);
}

/** What is in `temp` is a session's own. */
export function fillView(
  database: DatabaseSync,
  view: string,
  rows: readonly (readonly Cell[])[],
  schema: "main" | "temp" = "main",
): void {
  database.exec(`DELETE FROM ${schema}."${view}"`);
  for (const row of rows) {
    database.prepare(`INSERT INTO ${schema}."${view}" VALUES (${row.map(() => "?").join(", ")})`).run(...(row as string[]));
  }
}

/** Writes down what the views tell of the tables. */
export function fillViews(database: DatabaseSync, { tables }: Catalogue): void {
  const flag = (value: boolean): bigint => (value ? 1n : 0n);
  const id = (value: number): bigint => BigInt(value);
  const fill = (view: string, rows: (table: CatalogueTable) => Cell[][]): void =>
    fillView(
      database,
      view,
      tables.flatMap((table) => rows(table)),
    );
  fill("sys.objects", (table) => [[id(table.id), 1n, table.name, "U", 0n, null]]);
  fill("sys.partitions", (table) => [[id(table.id), 1n, 0n]]);
  fill("sys.columns", (table) =>
    table.columns.map((column, index) => {
      const { type } = column;
      const typeId = id(typeIdOf(type));
      return [
        id(table.id),
        id(index + 1),
        column.name,
        typeId,
        typeId,
        id(bytesOf(type)),
        type.name === "decimal" ? id(Number(type.size)) : 0n,
        id(type.scale ?? 0),
        /char|text/.test(type.name) ? (column.collation ?? "Latin1_General_CI_AS") : null,
        flag(column.nullable),
        flag(column.identity),
        0n,
        flag(column.hasDefault),
      ];
    }),
  );
  fill("sys.indexes", (table) =>
    table.indexes.map((index, at) => [id(table.id), id(at + 1), flag(index.unique), flag(index.primary), 0n, 0n, 0n]),
  );
  fill("sys.index_columns", (table) =>
    table.indexes.flatMap((index, at) =>
      index.columns.map((name, ordinal) => {
        const position = table.columns.findIndex((column) => column.name.toLowerCase() === name.toLowerCase());
        return [id(table.id), id(at + 1), id(position + 1), id(ordinal + 1)];
      }),
    ),
  );
  fill("sys.triggers", (table) => table.triggers.map((name) => [0n, id(table.id), name, 0n]));
}

export const typeIdOf = ({ name }: DeclaredType): number => typeIds[name] ?? 240;

export function bytesOf({ name, size }: DeclaredType): number {
  if (size === "max") return -1;
  if (name === "timestamp") return 8;
  return name.startsWith("n") ? Number(size ?? 0) * 2 : Number(size ?? 8);
}

/** How the engine declares a column: by what it keeps in it, for its own types are none of T-SQL's. */
export function engineColumn(column: CatalogueColumn): string {
  const collate = /char|text/.test(column.type.name) ? " COLLATE NOCASE" : "";
  return `"${column.name.replaceAll('"', '""')}" ${engineType(column.type)}${column.nullable ? "" : " NOT NULL"}${collate}`;
}

export function engineType({ name }: DeclaredType): "INTEGER" | "REAL" | "BLOB" | "TEXT" {
  if (/int$|^bit$/.test(name)) return "INTEGER";
  if (name === "float" || name === "real") return "REAL";
  return /binary|image|timestamp/.test(name) ? "BLOB" : "TEXT";
}
