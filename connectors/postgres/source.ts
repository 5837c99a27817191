import { FuserError } from "../../base/errors.ts";
import { decodeKey } from "../../base/key.ts";
import type { Column, DescribedQuery, SourceQuery, Value } from "../connector.ts";
import type { RawRow, RowDigest } from "../digest.ts";
import { anyOf } from "../keyset.ts";
import { fillTemplate } from "../parameters.ts";
import { digested, type Layout } from "../row-batch.ts";
import { type ChildTemplate, childTemplates, columnIndex, selectSource } from "../source-select.ts";
import { concat, type Statement } from "../statement.ts";
import type { Link, ResultSet, SentValue } from "./link.ts";
import { orderOf } from "./order.ts";
import { postgresSyntax, withLiterals } from "./sql.ts";
import type { ContinuedSelect } from "./stream.ts";
import { boundRaw, columnOfField, decoderOf, type Field, keyLiteral, matchExpression, typeOf } from "./values.ts";

/** A source query whose result columns the server has described. */
export interface PreparedSource {
  source: SourceQuery;
  fields: readonly Field[];
  /** Positions of the key's columns within the row. */
  key: readonly number[];
  layout: Layout;
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
export async function prepareSource(
  link: Link,
  source: SourceQuery,
  { digest, signal }: { digest: RowDigest; signal: AbortSignal },
): Promise<PreparedSource> {
  const operation = `describe the source ${source.source}`;
  const templates = childTemplates(postgresSyntax, source);
  const text = withLiterals(selectSource(postgresSyntax, source, { limit: 0 }));
  const fields = (await link.select(text, signal, operation)).fields.slice(0, source.columns.length);
  const children: PreparedChild[] = [];
  for (const template of templates) {
    const asked = concat(
      "SELECT * FROM (",
      fillChild(template, source, () => null),
      "\n) c LIMIT 0",
    );
    children.push({ template, fields: (await link.select(withLiterals(asked), signal, operation)).fields });
  }
  const key = source.key.map((column) => columnIndex(source, column));
  const layout: Layout = {
    key,
    columns: fields.map(decoderOf),
    children: children.map((child) => child.fields.map(decoderOf)),
  };
  const columns = key.map((position) => ({
    name: source.columns[position] as string,
    position,
    field: fields[position] as Field,
  }));
  const order = await orderOf(link, columns, { inTable: "table" in source.from, operation, signal });
  return {
    source,
    fields,
    key,
    layout,
    select: {
      order,
      statement: (options) => selectSource(postgresSyntax, source, options),
      digested: (rows) => digested(rows, digest, layout),
      verify: (seen) => requireSameFields(source, fields, seen),
    },
    children,
  };
}

/** @throws FuserError transient when the server now types the columns in another way: the values would be read wrongly */
function requireSameFields(source: SourceQuery, known: readonly Field[], seen: readonly Field[]): void {
  if (known.every((field, index) => field.oid === seen[index]?.oid)) return;
  throw new FuserError("transient", "The columns of the source were changed in the ERP meanwhile", {
    code: "erp-schema-changed",
    operation: `read the source ${source.source}`,
    place: source.source,
    hint: "It is described again and tried again by itself.",
  });
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
  link: Link,
  prepared: PreparedSource,
  rows: readonly SentValue[][],
  signal: AbortSignal,
): Promise<RawRow["children"][] | undefined> {
  const { source, children, fields } = prepared;
  if (children.length === 0) return undefined;
  const lists: RawRow["children"][] = [];
  for (let start = 0; start < rows.length; start += parentsPerRound) {
    const some = rows.slice(start, start + parentsPerRound);
    const texts = some.flatMap((row) =>
      children.map(({ template }) =>
        withLiterals(fillChild(template, source, (column) => boundRaw(row[column] ?? null, fields[column] as Field))),
      ),
    );
    // A line break ends a comment that a text may end with.
    const results = await link.query(texts.join("\n;"), signal, `read child rows of the source ${source.source}`);
    for (const [index, child] of children.entries()) requireSameFields(source, child.fields, results[index]?.fields ?? []);
    for (const index of some.keys()) {
      const own = results.slice(index * children.length, (index + 1) * children.length);
      lists.push(own.map((result: ResultSet) => result.rows));
    }
  }
  return lists;
}

/** SELECT of the rows of these keys, and whether every key is one that a row can have; the statement is undefined when none is. */
export function selectKeys(
  prepared: PreparedSource,
  keys: readonly string[],
): { statement: Statement | undefined; everyKeyFits: boolean } {
  const { source, fields, key: positions } = prepared;
  const columns = positions.map((position) =>
    matchExpression(postgresSyntax.quote(source.columns[position] as string), (fields[position] as Field).oid),
  );
  const forms = keys.flatMap((key) => {
    const parts = decodeKey(key);
    if (parts?.length !== columns.length) return [];
    const literals = parts.map((part, index) => keyLiteral(part, (fields[positions[index] as number] as Field).oid));
    return literals.every((literal) => literal !== undefined) ? [literals.map((literal) => [literal])] : [];
  });
  const statement = forms.length === 0 ? undefined : selectSource(postgresSyntax, source, { condition: anyOf(columns, forms) });
  return { statement, everyKeyFits: forms.length === keys.length };
}

/** The columns of a source and its children; those of a table with what the table's own description adds. */
export function describeSource(
  prepared: PreparedSource,
  table: { columns: readonly Column[]; rows: number | undefined } | undefined,
): DescribedQuery {
  const columns = prepared.fields.map((field, index) => {
    const name = prepared.source.columns[index] as string;
    const known = table?.columns.find((column) => column.name === name);
    return { ...(known ?? columnOfField(field)), name, type: typeOf(field.oid) };
  });
  return { columns, children: prepared.children.map((child) => child.fields.map(columnOfField)), rows: table?.rows };
}
