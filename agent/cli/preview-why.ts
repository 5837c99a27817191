/** Why an entity is what it is: for each of its fields the columns that it comes from with what they hold in this row, and what is done with them. */
import type { Config, Expression, KeyPart, Read, Source } from "../../config/config.ts";
import type { Row, SourceQuery, Value } from "../../connectors/connector.ts";
import type { Fields, Json } from "../../protocol/model.ts";
import { cleanSteps } from "../map/clean-steps.ts";
import { namesIn } from "../map/language.ts";
import type { Mapped } from "../map/mapped.ts";
import { plain } from "./shown-plan.ts";

/** One value of a field: a field that is an object or a list has several. */
export interface Reason {
  /** From the field down: `address.street`, `participants[0].personId`. */
  path: string;
  /** Columns as the row has them. */
  from: Readonly<Record<string, unknown>>;
  /** What is done, in order, in the configuration's words. */
  steps: readonly string[];
}

export interface WhyField {
  field: string;
  reasons: readonly Reason[];
  /** What comes out; undefined where the field is left out, or where the row gives no entity. */
  gives?: Json;
  /** What is wrong or odd with it. */
  trouble: readonly string[];
}

export interface WhyParts {
  config: Config;
  source: Source;
  query: SourceQuery;
  row: Row;
  mapped: Mapped;
  /** Of an entity. */
  fields: Fields | undefined;
}

/** In the order of the configuration. */
export function whyOf(parts: WhyParts): WhyField[] {
  const { source, mapped, fields } = parts;
  return Object.entries(source.fields).map(([field, { read, when }]) => ({
    field,
    reasons: [...conditionOf(parts, field, when), ...reasonsOf(parts, field, read)],
    ...(fields?.[field] === undefined ? {} : { gives: fields[field] as Json }),
    trouble: troubleOf(mapped, field),
  }));
}

function troubleOf(mapped: Mapped, field: string): string[] {
  const concerns = (one: { field: string }): boolean =>
    one.field === field || (/^[.[]/.test(one.field.slice(field.length)) && one.field.startsWith(field));
  if (mapped.kind === "faulty")
    return mapped.faults.filter(concerns).map(({ message, code }) => `holds the row: ${message} [${code}]`);
  return mapped.kind === "entity" ? mapped.notes.filter(concerns).map(({ code }) => `reported: ${code}`) : [];
}

const conditionOf = (parts: WhyParts, path: string, when: Expression | undefined): Reason[] =>
  when === undefined ? [] : [{ path, from: namedIn(parts, when), steps: [`when \${${when.cel}}`] }];

function reasonsOf(parts: WhyParts, path: string, read: Read): Reason[] {
  switch (read.kind) {
    case "column":
      return [{ path, from: valuesOf(parts, [read.column]), steps: [] }];
    case "from":
      return [
        {
          path,
          from: valuesOf(parts, [read.column, ...(read.sign === undefined ? [] : expressionNames(read.sign))]),
          steps: stepsOf(parts, read),
        },
      ];
    case "constant":
      return [{ path, from: {}, steps: [`always ${JSON.stringify(read.value)}`] }];
    case "expression":
      return [{ path, from: namedIn(parts, read.expression), steps: [`\${${read.expression.cel}}`] }];
    case "ref":
      return [
        {
          path,
          from: valuesOf(parts, read.key.flatMap(partNames)),
          steps: [`id of ${read.source} by ${read.key.map(partText).join(", ")}`],
        },
      ];
    case "dateTime":
      return [
        {
          path,
          from: valuesOf(parts, [read.date, read.time]),
          steps: [`as ${read.as.map((name) => formText(parts, name)).join(" and ")}`],
        },
      ];
    case "rows":
      return [
        {
          path,
          from: {},
          steps: [rowsText(parts, read), read.join === undefined ? "an item of each" : `joined by ${JSON.stringify(read.join)}`],
        },
      ];
    case "list":
    case "oneOf":
      return read.items.flatMap((item, index) => [
        ...conditionOf(parts, `${path}[${index}]`, item.when),
        ...reasonsOf(parts, `${path}[${index}]`, item.read),
      ]);
    case "object":
      return Object.entries(read.fields).flatMap(([name, inner]) => reasonsOf(parts, `${path}.${name}`, inner));
  }
}

/** The options in the order in which they are applied; cleaning steps with what they make of the text, where they change it. */
function stepsOf(parts: WhyParts, read: Read & { kind: "from" }): string[] {
  const steps: string[] = [];
  let text: unknown = columnValue(parts, read.column);
  for (const name of read.do) {
    const cleaned: Json | undefined = typeof text === "string" ? cleanSteps[name]?.clean(text, () => undefined) : undefined;
    const changed = cleaned !== undefined && JSON.stringify(cleaned) !== JSON.stringify(text);
    steps.push(changed ? `${name} makes ${JSON.stringify(cleaned)}` : name);
    if (cleaned !== undefined) text = cleaned;
  }
  if (read.as !== undefined) steps.push(`as ${formText(parts, read.as)}`);
  if (read.shiftDays !== 0) steps.push(`shift ${read.shiftDays}d`);
  if (read.sign !== undefined) steps.push(`negated where ${read.sign.cel}`);
  if (read.round !== undefined) steps.push(`rounded to ${read.round} digits`);
  if (read.map !== undefined) steps.push(`map ${read.map}`);
  if (read.lookup !== undefined) steps.push(`lookup ${read.lookup.name}`);
  if (read.currency !== undefined) steps.push(`in ${read.currency}`);
  if (read.default !== undefined) steps.push(`default ${JSON.stringify(read.default)}`);
  return steps;
}

function formText({ config }: WhyParts, name: string): string {
  const form = config.types[name]?.form;
  return form === undefined || form.kind === "native" ? name : `${name} (${form.kind} ${form.pattern})`;
}

function rowsText({ query, row }: WhyParts, read: Read & { kind: "rows" }): string {
  const at = query.children.findIndex((child) => child.sql === read.query.sql);
  const count = row.children[at]?.length ?? 0;
  return `${count} child ${count === 1 ? "row" : "rows"} of ${read.query.sql.replace(/\s+/g, " ").trim()}`;
}

const expressionNames = ({ cel }: Expression): string[] => namesIn(cel) ?? [];
const partNames = (part: KeyPart): string[] =>
  part.kind === "constant" ? [] : part.kind === "expression" ? expressionNames(part.expression) : [part.column];
const partText = (part: KeyPart): string =>
  part.kind === "column"
    ? part.column
    : part.kind === "lookup"
      ? `${part.column} through ${part.lookup.name}`
      : part.kind === "expression"
        ? `\${${part.expression.cel}}`
        : JSON.stringify(part.value);

const namedIn = (parts: WhyParts, expression: Expression): Readonly<Record<string, unknown>> =>
  valuesOf(parts, expressionNames(expression));

/** Names that are no column of the row, such as `vars`, are left out. */
function valuesOf(parts: WhyParts, names: readonly string[]): Readonly<Record<string, unknown>> {
  const known = names.filter((name) => indexOf(parts, name) >= 0);
  return Object.fromEntries(known.map((name) => [name, plain(columnValue(parts, name))]));
}

const indexOf = ({ query }: WhyParts, name: string): number =>
  query.columns.findIndex((column) => column.toLowerCase() === name.toLowerCase());
const columnValue = (parts: WhyParts, name: string): Value => parts.row.values[indexOf(parts, name)] ?? null;

/** The lines of one field for people. */
export function whyLines({ field, reasons, gives, trouble }: WhyField, isEntity: boolean): string[] {
  const told = reasons.map(({ path, from, steps }) => {
    const columns = Object.entries(from).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
    const where = path === field ? "" : `${path.slice(field.length).replace(/^\./, "")}: `;
    return `      ${where}${[columns.join(", "), ...steps].filter((text) => text !== "").join("; ")}`;
  });
  const made = gives === undefined ? (isEntity ? " left out" : "") : ` ${JSON.stringify(gives)}`;
  return [`    ${field}:${made}`, ...told, ...trouble.map((text) => `      ${text}`)];
}
