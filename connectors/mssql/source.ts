import { FuserError } from "../../base/errors.ts";
import { decodeKey } from "../../base/key.ts";
import type { Column, ColumnType, DescribedQuery, SourceQuery, Table } from "../connector.ts";
import type { RawRow, RawValue, RowDigest } from "../digest.ts";
import { anyOf } from "../keyset.ts";
import type { LinkPool } from "../link-pool.ts";
import { fillTemplate } from "../parameters.ts";
import { digested, keyPart, type Layout } from "../row-batch.ts";
import { type ChildTemplate, childTemplates, columnIndex, selectSource } from "../source-select.ts";
import { concat, join, type Statement, sql } from "../statement.ts";
import { keyBound, rowBound } from "./bound.ts";
import { describeTables, nativeOf } from "./describe.ts";
import { type DescribedColumn, describeResult } from "./described-result.ts";
import type { Asked, Link } from "./link.ts";
import { mostParameters, mssqlSyntax } from "./sql.ts";
import type { ContinuedSelect } from "./stream.ts";
import { bareColumn, columnType, isComparable, type NativeType, readingOf, readType } from "./types.ts";
import { decoderOf, type ResultColumn } from "./values.ts";

/** A source query whose result columns the server has described. */
export interface PreparedSource {
  source: SourceQuery;
  columns: readonly DescribedColumn[];
  /** Positions of the key's columns within the row. */
  key: readonly number[];
  layout: Layout;
  select: ContinuedSelect;
  children: readonly PreparedChild[];
  table: Table | undefined;
}

interface PreparedChild {
  template: ChildTemplate;
  columns: readonly DescribedColumn[];
}

/** Child queries that go to the server in one text. */
const parentsPerRound = 50;

/** Asks the server for the result columns: nothing is read. @throws FuserError config for missing tables or columns, or a key that can't be compared */
export async function prepareSource(
  link: Link,
  source: SourceQuery,
  { digest, signal }: { digest: RowDigest; signal: AbortSignal },
): Promise<PreparedSource> {
  const asked = { signal, operation: `describe the source ${source.source}` };
  const templates = childTemplates(mssqlSyntax, source);
  const columns = (await describeResult(link, selectSource(mssqlSyntax, source), asked)).slice(0, source.columns.length);
  const children: PreparedChild[] = [];
  for (const template of templates) {
    const described = await describeResult(
      link,
      fillChild(template, source, () => sql("NULL")),
      asked,
    );
    children.push({ template, columns: described });
  }
  const [table] = "table" in source.from ? await describeTables(link, [source.from.table], signal) : [];
  const key = source.key.map((column) => columnIndex(source, column));
  for (const position of key) requireComparable(source, columns[position] as DescribedColumn);
  const layout: Layout = {
    key,
    columns: columns.map(({ type }) => decoderOf(columnType(type))),
    children: children.map((child) => child.columns.map(({ type }) => decoderOf(columnType(type)))),
  };
  const list = source.columns.map((column, index) =>
    readingOf(mssqlSyntax.quote(column), (columns[index] as DescribedColumn).type),
  );
  const expected = columns.map(({ type }) => readType(type));
  return {
    source,
    columns,
    key,
    layout,
    children,
    table,
    select: {
      order: key.map((position) => ({
        column: mssqlSyntax.quote(source.columns[position] as string),
        position,
        bound: (raw) => continued(raw, (columns[position] as DescribedColumn).type),
      })),
      unique: table !== undefined && isUnique(source, table),
      statement: (options) => selectSource(mssqlSyntax, source, { ...options, columns: list }),
      verify: (seen) => requireSameTypes(source, expected, seen),
      digested: (rows) => digested(rows, digest, layout),
    },
  };
}

/** The value that a page stopped at, as a value of the column's own type. */
export function continued(raw: Exclude<RawValue, null>, type: NativeType): Statement {
  const part = keyPart(decoderOf(columnType(type))(raw) as Exclude<RawValue, null>);
  return keyBound(part, type) ?? rowBound(part, type);
}

function isUnique({ key }: SourceQuery, { uniqueIndexes, columns }: Table): boolean {
  const names = new Set(key.map((name) => name.toLowerCase()));
  const filled = new Set(columns.filter(({ nullable }) => !nullable).map(({ name }) => name.toLowerCase()));
  return uniqueIndexes.some((index) => index.every((name) => names.has(name.toLowerCase()) && filled.has(name.toLowerCase())));
}

function requireComparable(source: SourceQuery, { name, type }: DescribedColumn): void {
  if (isComparable(type)) return;
  throw new FuserError("config", `The key column ${name} has the type ${type.declared}, which SQL Server does not compare`, {
    code: "erp-key-unusable",
    operation: `describe the source ${source.source}`,
    place: source.source,
    hint: "Name other key columns, or CAST it in a `query:` to a type of limited length.",
  });
}

/** @throws FuserError transient when the server now types the columns in another way: the values would be read wrongly */
function requireSameTypes(source: SourceQuery, expected: readonly ColumnType[], seen: readonly ResultColumn[]): void {
  if (expected.every((type, index) => seen[index]?.type === type)) return;
  throw new FuserError("transient", "The columns of the source were changed in the ERP meanwhile", {
    code: "erp-schema-changed",
    operation: `read the source ${source.source}`,
    place: source.source,
    hint: "It is described again and tried again by itself.",
  });
}

function fillChild(
  { template, sources, parameters }: ChildTemplate,
  source: SourceQuery,
  column: (position: number) => Statement,
): Statement {
  const pieces: (Statement | string)[] = [template.text[0] as string];
  for (const [index, from] of sources.entries()) {
    if ("column" in from) pieces.push(column(from.column));
    else {
      const value = (name: string) => (Object.hasOwn(parameters, name) ? parameters[name] : undefined);
      pieces.push(fillTemplate({ text: ["", ""], names: [from.name] }, value, source.source));
    }
    pieces.push(template.text[index + 1] as string);
  }
  return concat(...pieces);
}

/** Child rows of each row; those of many rows come in one round trip. Undefined for a source without child queries. */
export async function childrenOf(
  prepared: PreparedSource,
  rows: readonly (readonly RawValue[])[],
  { pool, signal }: { pool: LinkPool<Link>; signal: AbortSignal },
): Promise<RawRow["children"][] | undefined> {
  const { children, source } = prepared;
  if (children.length === 0) return undefined;
  const bound = children.reduce((sum, { template }) => sum + template.sources.length, 0);
  const parents = Math.max(1, Math.min(parentsPerRound, Math.floor(mostParameters / Math.max(1, bound))));
  const lists: RawRow["children"][] = [];
  const asked = { signal, operation: `read child rows of the source ${source.source}` };
  for (let start = 0; start < rows.length; start += parents) {
    const some = rows.slice(start, start + parents);
    lists.push(...(await pool.use(signal, (link) => childLists(link, prepared, some, asked))));
  }
  return lists;
}

async function childLists(
  link: Link,
  { children, source, columns }: PreparedSource,
  rows: readonly (readonly RawValue[])[],
  asked: Asked,
): Promise<RawRow["children"][]> {
  const texts = rows.flatMap((row) =>
    children.map(({ template }) =>
      fillChild(template, source, (position) => {
        const { type } = columns[position] as DescribedColumn;
        const raw = row[position] as RawValue;
        return raw === null ? sql("NULL") : rowBound(decoderOf(columnType(type))(raw), type);
      }),
    ),
  );
  // A line break ends a comment that a text may end with.
  const results = await link.query(join(texts, "\n;"), asked);
  for (const [index, child] of children.entries()) {
    const expected = child.columns.map(({ type }) => columnType(type));
    requireSameTypes(source, expected, results[index]?.columns ?? []);
  }
  return rows.map((_, index) =>
    results.slice(index * children.length, (index + 1) * children.length).map((result) => result.rows),
  );
}

/** SELECT of the rows of these keys, and whether every key is one that a row can have; the statement is undefined when none is. */
export function selectKeys(
  { source, columns, key, select }: PreparedSource,
  keys: readonly string[],
): { statement: Statement | undefined; everyKeyFits: boolean } {
  const names = key.map((position) => mssqlSyntax.quote(source.columns[position] as string));
  const forms = keys.flatMap((text) => {
    const parts = decodeKey(text);
    if (parts?.length !== names.length) return [];
    const bound = parts.map((part, index) => keyBound(part, (columns[key[index] as number] as DescribedColumn).type));
    return bound.every((value) => value !== undefined) ? [bound.map((value) => [value])] : [];
  });
  const statement = forms.length === 0 ? undefined : select.statement({ condition: anyOf(names, forms) });
  return { statement, everyKeyFits: forms.length === keys.length };
}

/** The columns of a source and its children; those of a table with what the table's own description adds. */
export function describedQuery({ source, columns, children, table }: PreparedSource): DescribedQuery {
  return {
    columns: columns.map(({ type, nullable }, index) => {
      const name = source.columns[index] as string;
      const known = table?.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
      const column: Column = known && nativeOf(known).name === type.name ? known : bareColumn(name, type, nullable);
      return { ...column, name };
    }),
    children: children.map((child) => child.columns.map(({ name, type, nullable }) => bareColumn(name, type, nullable))),
    rows: table?.rows,
  };
}
