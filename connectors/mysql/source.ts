import { FuserError } from "../../base/errors.ts";
import { decodeKey } from "../../base/key.ts";
import type { Column, DescribedQuery, SourceQuery, Value } from "../connector.ts";
import { anyOf } from "../keyset.ts";
import type { LinkPool } from "../link-pool.ts";
import { fillTemplate } from "../parameters.ts";
import { type ChildTemplate, childTemplates, columnIndex, selectSource } from "../source-select.ts";
import { concat, type Statement } from "../statement.ts";
import type { RowDecoding, SentChildren } from "./batch.ts";
import { decoderOf } from "./decode.ts";
import { KeyReader } from "./keys.ts";
import type { Link, ResultSet } from "./link.ts";
import { type PackedRows, type SentValue, sentValues } from "./packed-rows.ts";
import { mysqlSyntax, withLiterals } from "./sql.ts";
import type { ContinuedSelect } from "./stream.ts";
import { columnOfField, type Field, fieldType, keyLiteral, sentLiteral, sortsByNumber } from "./values.ts";
import { writtenColumns } from "./written.ts";

/** A source query whose result columns the server has described. */
export interface PreparedSource {
  source: SourceQuery;
  fields: readonly Field[];
  /** Positions of the key's columns within the row. */
  key: readonly number[];
  decoding: RowDecoding;
  select: ContinuedSelect;
  children: readonly PreparedChild[];
}

interface PreparedChild {
  template: ChildTemplate;
  fields: readonly Field[];
}

/** Child queries that go to the server in one text. */
const parentsPerRound = 100;

/** Asks the server for the result columns: nothing is read. @throws FuserError config for missing tables or columns */
export async function prepareSource(link: Link, source: SourceQuery, signal: AbortSignal): Promise<PreparedSource> {
  const operation = `describe the source ${source.source}`;
  const templates = childTemplates(mysqlSyntax, source);
  const [result] = await link.query(withLiterals(selectSource(mysqlSyntax, source, { limit: 0 })), signal, operation);
  const fields = (result as ResultSet).fields.slice(0, source.columns.length);
  const children: PreparedChild[] = [];
  for (const template of templates)
    children.push({ template, fields: await childFields(link, template, { source, signal, operation }) });
  const key = source.key.map((column) => columnIndex(source, column));
  const decoders = fields.map(decoderOf);
  const flags = source.flags.length;
  const decoding: RowDecoding = {
    keys: new KeyReader(fields, key),
    columns: decoders,
    flags,
    written: writtenColumns(fields, { decoders, flags, key }),
    children: children.map((child) => child.fields.map(decoderOf)),
  };
  const order = key.map((position) => {
    const field = fields[position] as Field;
    const column = mysqlSyntax.quote(source.columns[position] as string);
    return { expression: sortsByNumber(field) ? `CAST(${column} AS CHAR)` : column, position, field };
  });
  return {
    source,
    fields,
    key,
    decoding,
    select: {
      order,
      statement: (options) => selectSource(mysqlSyntax, source, options),
      keys: decoding.keys,
      verify: (seen) => requireSameFields(source, fields, seen),
    },
    children,
  };
}

/** @throws FuserError transient when the server now types the columns in another way: the values would be read wrongly */
function requireSameFields(source: SourceQuery, known: readonly Field[], seen: readonly Field[]): void {
  const same = known.every((field, index) => {
    const now = seen[index];
    return now !== undefined && now.columnType === field.columnType && fieldType(now) === fieldType(field);
  });
  if (same) return;
  throw new FuserError("transient", "The columns of the source were changed in the ERP meanwhile", {
    code: "erp-schema-changed",
    operation: `read the source ${source.source}`,
    place: source.source,
    hint: "It is described again and tried again by itself.",
  });
}

/** Result columns of a child query: run with NULL for every parameter of the row, and stopped by the server before its first row. */
async function childFields(
  link: Link,
  child: ChildTemplate,
  { source, signal, operation }: { source: SourceQuery; signal: AbortSignal; operation: string },
): Promise<readonly Field[]> {
  const statement = fillChild(child, source, () => null);
  try {
    await link.query("SET SESSION sql_select_limit = 0", signal, operation);
    const [result] = await link.query(withLiterals(statement), signal, operation);
    return (result as ResultSet).fields;
  } finally {
    // A connection that kept this limit would read every table as empty: it is given up rather than trusted.
    await link.query("SET SESSION sql_select_limit = DEFAULT", signal, operation).catch(() => link.cancel());
  }
}

function fillChild(child: ChildTemplate, source: SourceQuery, columnValue: (column: number) => Value): Statement {
  let next = 0;
  return fillTemplate(
    child.template,
    () => {
      const from = child.sources[next++] as (typeof child.sources)[number];
      if ("column" in from) return columnValue(from.column);
      return Object.hasOwn(child.parameters, from.name) ? child.parameters[from.name] : undefined;
    },
    source.source,
  );
}

/** Child rows of each row; a hundred rows' come in one round trip. Undefined for a source without child queries. */
export async function childrenOf(
  prepared: PreparedSource,
  rows: PackedRows,
  batch: LinkPool<Link>,
  signal: AbortSignal,
): Promise<SentChildren[][] | undefined> {
  if (prepared.children.length === 0) return undefined;
  const lists: SentChildren[][] = [];
  for (let start = 0; start < rows.length; start += parentsPerRound) {
    const some: SentValue[][] = [];
    for (let index = start; index < Math.min(rows.length, start + parentsPerRound); index++) some.push(sentValues(rows, index));
    lists.push(...(await childLists(prepared, some, batch, signal)));
  }
  return lists;
}

async function childLists(
  prepared: PreparedSource,
  rows: readonly SentValue[][],
  batch: LinkPool<Link>,
  signal: AbortSignal,
): Promise<SentChildren[][]> {
  const texts = rows.flatMap((row) => prepared.children.map((child) => withLiterals(childOf(prepared, child, row))));
  // A line break ends a comment that a text may end with.
  const results = await batch.use(signal, (link) =>
    link.query(texts.join("\n;"), signal, `read child rows of the source ${prepared.source.source}`),
  );
  const count = prepared.children.length;
  for (const [index, child] of prepared.children.entries())
    requireSameFields(prepared.source, child.fields, results[index]?.fields ?? []);
  return rows.map((_, index) => results.slice(index * count, (index + 1) * count).map((result) => result.rows));
}

/** A child query for one row; its values are literals of the row's own types, so that an index of the child's table serves. */
function childOf(prepared: PreparedSource, { template }: PreparedChild, row: readonly SentValue[]): Statement {
  const { source, fields } = prepared;
  const pieces: (Statement | string)[] = [template.template.text[0] as string];
  for (const [index, from] of template.sources.entries()) {
    if ("column" in from) pieces.push(sentLiteral(row[from.column] ?? null, fields[from.column] as Field));
    else {
      const one = { text: ["", ""], names: [from.name] };
      pieces.push(
        fillTemplate(
          one,
          (name) => (Object.hasOwn(template.parameters, name) ? template.parameters[name] : undefined),
          source.source,
        ),
      );
    }
    pieces.push(template.template.text[index + 1] as string);
  }
  return concat(...pieces);
}

/** SELECT of the rows of these keys, and whether every key is one that a row can have; the statement is undefined when none is. */
export function selectKeys(
  prepared: PreparedSource,
  keys: readonly string[],
): { statement: Statement | undefined; everyKeyFits: boolean } {
  const { source, fields } = prepared;
  const columns = source.key.map((column) => mysqlSyntax.quote(source.columns[columnIndex(source, column)] as string));
  const forms = keys.flatMap((key) => {
    const parts = decodeKey(key);
    if (parts?.length !== columns.length) return [];
    const literals = parts.map((part, index) => keyLiteral(part, fieldType(fields[prepared.key[index] as number] as Field)));
    return literals.every((literal) => literal !== undefined) ? [literals.map((literal) => [literal])] : [];
  });
  const statement = forms.length === 0 ? undefined : selectSource(mysqlSyntax, source, { condition: anyOf(columns, forms) });
  return { statement, everyKeyFits: forms.length === keys.length };
}

/** The columns of a source and its children; those of a table with what the table's own description adds. */
export function describeSource(
  prepared: PreparedSource,
  table: { columns: readonly Column[]; rows: number | undefined } | undefined,
): DescribedQuery {
  const columns = prepared.fields.map((field, index) => {
    const name = prepared.source.columns[index] as string;
    const known = table?.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
    return { ...(known ?? columnOfField(field)), name, type: fieldType(field) };
  });
  return { columns, children: prepared.children.map((child) => child.fields.map(columnOfField)), rows: table?.rows };
}
