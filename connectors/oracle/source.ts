import { decodeKey } from "../../base/key.ts";
import type { Column, DescribedQuery, SourceQuery, Table, Value } from "../connector.ts";
import type { RawRow, RawValue, RowDigest } from "../digest.ts";
import { anyOf } from "../keyset.ts";
import { fillTemplate } from "../parameters.ts";
import { digested, type Layout } from "../row-batch.ts";
import {
  type ChildTemplate,
  childTemplates,
  columnIndex,
  configured,
  fromSource,
  select,
  selectSource,
} from "../source-select.ts";
import { bind, concat, join, type Statement, sql } from "../statement.ts";
import type { Field, Link } from "./link.ts";
import { hasLobs, isLob, longestLob, takeLengths } from "./lobs.ts";
import type { PagedSelect } from "./pages.ts";
import { oracleSyntax } from "./sql.ts";
import { boundFor, decoderOf, type NativeType, needsReadable, type OracleColumn, readable, typeOf } from "./values.ts";

/** A source query described: its types, its children and how to page through it. */
export interface PreparedSource {
  source: SourceQuery;
  columns: readonly OracleColumn[];
  /** The key's columns. */
  key: readonly OracleColumn[];
  layout: Layout;
  select: PagedSelect;
  children: readonly PreparedChild[];
  /** Its rows may be long: few are read at once. */
  hasLobs: boolean;
}

interface PreparedChild {
  template: ChildTemplate;
  columns: readonly OracleColumn[];
  /** What stands around the text of the configuration, where a column of it can't be taken as it comes. */
  around: readonly [string, string];
}

export interface Reading {
  link: Link;
  signal: AbortSignal;
}

/** @param unique the key is known to be so, and never null */
export async function prepareSource(
  { link, signal }: Reading,
  source: SourceQuery,
  { digest, unique }: { digest: RowDigest; unique: boolean },
): Promise<PreparedSource> {
  const operation = `describe the source ${source.source}`;
  const fields = await link.describe(selectSource(oracleSyntax, source), signal, operation);
  const columns = source.columns.map((name, index) => columnOf(fields[index] as Field, name));
  const children = await Promise.all(
    childTemplates(oracleSyntax, source).map((template) => prepareChild({ link, signal }, template, operation)),
  );
  const positions = source.key.map((name) => columnIndex(source, name));
  const layout: Layout = {
    key: positions,
    columns: columns.map(decoderOf),
    children: children.map((child) => child.columns.map(decoderOf)),
  };
  const flags = source.flags.map((flag, index) =>
    concat(
      "CASE WHEN (",
      configured(oracleSyntax, flag.sql, flag.parameters, source.source),
      `\n) THEN 1 ELSE 0 END AS FUSER_FLAG_${index}`,
    ),
  );
  const { items, lengths } = readItems(columns, (index) => oracleSyntax.quote((columns[index] as OracleColumn).name));
  const list = join([...items, ...flags, ...lengths], ", ");
  return {
    source,
    columns,
    key: positions.map((index) => columns[index] as OracleColumn),
    layout,
    select: {
      order: positions.map((position) => orderOf(columns[position] as OracleColumn, position)),
      unique,
      statement: ({ limit, ...options }) => select(oracleSyntax, list, fromSource(oracleSyntax, source, options), limit),
      digested: (rows) => {
        takeLengths(rows as RawValue[][], columns, columns.length + flags.length);
        return digested(withFlags(rows, columns.length), digest, layout);
      },
    },
    children,
    hasLobs: hasLobs(columns) || children.some((child) => hasLobs(child.columns)),
  };
}

/** Items of a SELECT's list: what is read of each column, and the length of each LOB that is too long, else null. Names of an inner SELECT must differ: the position does. */
function readItems(columns: readonly OracleColumn[], nameOf: (index: number) => string): { items: string[]; lengths: string[] } {
  const within = (name: string, native: NativeType): string =>
    `CASE WHEN ${lengthOf(name, native)} <= ${longestLob} THEN ${name} END`;
  const items = columns.map((column, index) => {
    const name = nameOf(index);
    return `${isLob(column) ? within(name, column.native) : readable(name, column.native)} AS C${index}`;
  });
  const lengths = columns.flatMap((column, index) => {
    const length = lengthOf(nameOf(index), column.native);
    return isLob(column) ? [`CASE WHEN ${length} > ${longestLob} THEN ${length} END AS L${index}`] : [];
  });
  return { items, lengths };
}

/** Not everybody may use DBMS_LOB, and only BLOBs need it. */
const lengthOf = (name: string, native: NativeType): string =>
  native === "clob" ? `LENGTH(${name})` : `DBMS_LOB.GETLENGTH(${name})`;

/** Oracle sorts NULL last unless it is told; a column that has none keeps its index. */
export function orderOf(column: OracleColumn, position: number): PagedSelect["order"][number] {
  const name = oracleSyntax.quote(column.name);
  const bound = (raw: RawValue): Statement | undefined => {
    const value = decoderOf(column)(raw);
    // The blanks of a CHAR are kept where an order goes on: as it stands it sorts.
    return value === null ? undefined : boundFor(column.native === "char" ? (raw as string) : value, column.native);
  };
  return { column: name, by: column.nullable ? `${name} NULLS FIRST` : name, position, bound };
}

/** Flags come as the numbers that the driver gives; the shared code knows them as 0n and 1n. */
function withFlags(rows: readonly RawValue[][], width: number): readonly RawValue[][] {
  for (const row of rows) for (let index = width; index < row.length; index++) row[index] = BigInt(String(row[index]));
  return rows;
}

export function columnOf(field: Field, name: string): OracleColumn {
  const { native, type } = typeOf(field);
  return {
    name,
    type,
    native,
    nullable: field.nullable,
    length: undefined,
    hasDefault: false,
    autoIncrement: false,
    ...(native === "number" && field.precision ? { precision: field.precision } : {}),
    ...(native === "number" && field.scale !== undefined && field.scale >= 0 ? { scale: field.scale } : {}),
  };
}

async function prepareChild({ link, signal }: Reading, template: ChildTemplate, operation: string): Promise<PreparedChild> {
  const text = template.template.text;
  const described: Statement = { text, values: template.template.names.map(() => null) };
  const fields = await link.describe(described, signal, operation);
  const columns = fields.map((field) => columnOf(field, field.name));
  const { items, lengths } = readItems(columns, (index) => `q."${columns[index]?.name}"`);
  const around: PreparedChild["around"] =
    lengths.length === 0 ? aroundOf(columns) : [`SELECT ${[...items, ...lengths].join(", ")} FROM (`, "\n) q"];
  return { template, columns, around };
}

/** Wraps a text of the configuration whose dates the driver would not read exactly. */
export function aroundOf(columns: readonly OracleColumn[]): readonly [string, string] {
  if (!columns.some(({ native }) => needsReadable(native))) return ["", ""];
  const list = columns.map(({ name, native }, index) => {
    const quoted = `q."${name}"`;
    return `${readable(quoted, native)} AS C${index}`;
  });
  return [`SELECT ${list.join(", ")} FROM (`, "\n) q"];
}

/** Child rows of each row; undefined for a source without child queries. */
export async function childrenOf(
  prepared: PreparedSource,
  rows: readonly (readonly RawValue[])[],
  { link, signal }: Reading,
): Promise<RawRow["children"][] | undefined> {
  const { source, children } = prepared;
  if (children.length === 0) return undefined;
  const all: RawRow["children"][] = [];
  for (const row of rows) {
    const own: RawValue[][][] = [];
    for (const child of children) {
      const statement = concat(child.around[0], childStatement(child, row, prepared), child.around[1]);
      const { rows: found } = await link.execute(statement, signal, { operation: `read rows of the source ${source.source}` });
      takeLengths(found, child.columns, child.columns.length);
      own.push(found);
    }
    all.push(own);
  }
  return all;
}

/** Values of the row go in as what they are: a date that were compared as text would be read by the session's own format. */
function childStatement({ template }: PreparedChild, row: readonly RawValue[], { source, columns }: PreparedSource): Statement {
  const { sources, parameters } = template;
  const { text, names } = template.template;
  const pieces = sources.map((from, index): Statement => {
    if ("name" in from) {
      const value = (name: string): Value | undefined => (Object.hasOwn(parameters, name) ? parameters[name] : undefined);
      return fillTemplate({ text: ["", ""], names: [names[index] as string] }, value, source.source);
    }
    const column = columns[from.column] as OracleColumn;
    const value = decoderOf(column)(row[from.column] as RawValue);
    return (value === null ? undefined : boundFor(value, column.native)) ?? bind(value);
  });
  return concat(text[0] ?? "", ...pieces.flatMap((piece, index) => [piece, text[index + 1] ?? ""]));
}

/** Condition that finds the rows of these keys; undefined when none of them can be a key of this source. */
export function keyCondition({ key }: PreparedSource, keys: readonly string[]): Statement | undefined {
  const forms = keys.flatMap((text) => {
    const parts = decodeKey(text);
    if (parts?.length !== key.length) return [];
    const bound = parts.map((part, index) => {
      const { native } = key[index] as OracleColumn;
      return part === "" && native !== "char" ? undefined : boundFor(part, native);
    });
    return bound.every((one) => one !== undefined) ? [bound.map((one) => [one])] : [];
  });
  return forms.length === 0
    ? undefined
    : anyOf(
        key.map(({ name }) => oracleSyntax.quote(name)),
        forms,
      );
}

/** The columns of a source query and its children as they will be decoded. */
export function describeSource({ columns, children }: PreparedSource, table: Table | undefined): DescribedQuery {
  return {
    columns: columns.map((column) => {
      const known = table?.columns.find((candidate) => candidate.name.toLowerCase() === column.name.toLowerCase());
      return plain(known ? { ...known, name: column.name, type: column.type } : column);
    }),
    children: children.map((child) => child.columns.map(plain)),
    rows: table?.rows,
  };
}

function plain(column: Column): Column {
  const { native: _, ...rest } = column as OracleColumn;
  return rest;
}

/** Whether the table's own rules say that no two rows have the same key, and that it is never null. */
export function isUniqueKey(table: Table | undefined, key: readonly string[]): boolean {
  if (table === undefined) return false;
  const wanted = key.map((name) => name.toLowerCase());
  const covers = (index: readonly string[]): boolean =>
    index.length > 0 && index.every((name) => wanted.includes(name.toLowerCase()));
  if (covers(table.primaryKey)) return true;
  return table.uniqueIndexes.some(
    (index) =>
      covers(index) &&
      index.every((name) => table.columns.find((column) => column.name.toLowerCase() === name.toLowerCase())?.nullable === false),
  );
}

/** Text that is the source's own table and nothing more. */
export const sourceTable = (source: SourceQuery): string | undefined => ("table" in source.from ? source.from.table : undefined);

export const countOf = (source: SourceQuery): Statement => concat(sql("SELECT COUNT(*) AS N"), fromSource(oracleSyntax, source));
