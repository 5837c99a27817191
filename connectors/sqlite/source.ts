import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Column, DescribedQuery, SourceQuery, Value } from "../connector.ts";
import type { RawRow, RawValue, RowDigest } from "../digest.ts";
import { fillTemplate } from "../parameters.ts";
import { digested, type Layout } from "../row-batch.ts";
import { type ChildTemplate, childTemplates, columnIndex, fromSource, select, selectSource } from "../source-select.ts";
import { sql, withMarks } from "../statement.ts";
import { all, inputs, prepare } from "./database.ts";
import { describeTables } from "./describe.ts";
import type { ContinuedSelect } from "./read.ts";
import { sqliteSyntax } from "./sql.ts";
import { type DeclaredType, declaredType, decoderOf, plainType } from "./values.ts";

/** A source query prepared for one connection: its types, its children and how to page through it. */
export interface PreparedSource {
  types: readonly DeclaredType[];
  /** Types of the key's columns. */
  keyTypes: readonly DeclaredType[];
  layout: Layout;
  select: ContinuedSelect;
  /** Child rows of rows that `select` gave; undefined for a source without child queries. */
  childrenOf(rows: readonly (readonly RawValue[])[]): RawRow["children"][] | undefined;
}

/** Types of columns that nothing declares (expressions), by source, so that a column keeps its type while the connector lives. */
export type SampledTypes = Map<string, readonly (DeclaredType | undefined)[]>;

interface PreparedChild {
  template: ChildTemplate;
  statement: StatementSync;
  columns: readonly { name: string; type: DeclaredType }[];
}

/** @throws the driver's error for a missing table or column, FuserError config for a text that can't be used */
export function prepareSource(
  database: DatabaseSync,
  source: SourceQuery,
  { sampled, digest }: { sampled: SampledTypes; digest: RowDigest },
): PreparedSource {
  const types = columnTypes(database, source, sampled);
  const children = prepareChildren(database, source);
  const key = source.key.map((column) => columnIndex(source, column));
  const layout: Layout = {
    key,
    columns: types.map(decoderOf),
    children: children.map((child) => child.columns.map(({ type }) => decoderOf(type))),
  };
  return {
    types,
    keyTypes: key.map((index) => types[index] as DeclaredType),
    layout,
    select: {
      order: key.map((position) => ({ column: sqliteSyntax.quote(source.columns[position] as string), position })),
      statement: (options) => selectSource(sqliteSyntax, source, options),
      digested: (rows) => digested(rows, digest, layout),
    },
    childrenOf: (rows) =>
      children.length === 0 ? undefined : rows.map((row) => children.map((child) => childRows(child, row, source))),
  };
}

function prepareChildren(database: DatabaseSync, source: SourceQuery): PreparedChild[] {
  return childTemplates(sqliteSyntax, source).map((template) => {
    const statement = prepare(database, template.template.text.join("?"));
    const columns = statement
      .columns()
      .map((column) => ({ name: column.name, type: declaredType(column.type) ?? plainType("text") }));
    return { template, statement, columns };
  });
}

function childRows(child: PreparedChild, row: readonly RawValue[], source: SourceQuery): RawValue[][] {
  const { sources, parameters, template } = child.template;
  let next = 0;
  const statement = fillTemplate(
    template,
    () => {
      const from = sources[next++] as (typeof sources)[number];
      if ("column" in from) return row[from.column] as Value;
      return Object.hasOwn(parameters, from.name) ? parameters[from.name] : undefined;
    },
    source.source,
  );
  return child.statement.all(...inputs(statement)) as unknown as RawValue[][];
}

function columnTypes(database: DatabaseSync, source: SourceQuery, sampled: SampledTypes): DeclaredType[] {
  const statement = prepare(database, withMarks(selectSource(sqliteSyntax, source)));
  const declared = statement
    .columns()
    .slice(0, source.columns.length)
    .map((column) => declaredType(column.type));
  if (declared.every((type) => type !== undefined)) return declared;
  const id = JSON.stringify([source.from, source.columns]);
  const known = sampled.get(id) ?? sampleTypes(database, source);
  sampled.set(id, known);
  return declared.map((type, index) => type ?? known[index] ?? plainType("text"));
}

const storageTypes: Readonly<Record<string, DeclaredType>> = {
  integer: plainType("integer"),
  real: plainType("float"),
  text: plainType("text"),
  blob: plainType("bytes"),
};

/** What an expression gives in the first rows: the only thing SQLite can tell of its type. Undefined where they differ. */
function sampleTypes(database: DatabaseSync, source: SourceQuery): (DeclaredType | undefined)[] {
  const kinds = sql(source.columns.map((column) => `typeof(${sqliteSyntax.quote(column)})`).join(", "));
  const rows = all(database, select(sqliteSyntax, kinds, fromSource(sqliteSyntax, source), 200));
  return source.columns.map((_, index) => {
    const seen = new Set(rows.map((row) => row[index]).filter((kind) => kind !== "null"));
    if (seen.size === 2 && seen.has("integer") && seen.has("real")) return storageTypes.real;
    return seen.size === 1 ? storageTypes[String([...seen][0])] : undefined;
  });
}

/** The columns of a source query and its children as they will be decoded. */
export function describeSource(database: DatabaseSync, source: SourceQuery, sampled: SampledTypes): DescribedQuery {
  sampled.delete(JSON.stringify([source.from, source.columns]));
  const types = columnTypes(database, source, sampled);
  const [table] = "table" in source.from ? describeTables(database, [source.from.table]) : [];
  const columns = source.columns.map((name, index) => {
    const column = table?.columns.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
    return column ? { ...column, name } : bareColumn(name, types[index] as DeclaredType);
  });
  const children = prepareChildren(database, source).map((child) =>
    child.columns.map(({ name, type }) => bareColumn(name, type)),
  );
  return {
    columns: columns.map((column, index) => ({ ...column, type: (types[index] as DeclaredType).type })),
    children,
    rows: table?.rows,
  };
}

/** A result column: nothing is known of its limits but what its declared type says. */
function bareColumn(name: string, type: DeclaredType): Column {
  return {
    name,
    type: type.type,
    nullable: true,
    length: type.length,
    hasDefault: false,
    autoIncrement: false,
    ...(type.precision === undefined ? {} : { precision: type.precision }),
    ...(type.scale === undefined ? {} : { scale: type.scale }),
  };
}
