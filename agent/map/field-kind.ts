/** What a field of the model takes, read off its schema once: what a mapping can be checked against before the first row. */
import * as z from "zod";

export interface FieldKind {
  kind: "text" | "date" | "instant" | "decimal" | "money" | "number" | "boolean" | "list" | "object" | "record" | "choice";
  schema: z.ZodType;
  nullable: boolean;
  optional: boolean;
  /** An empty text is not accepted: it counts as null. */
  emptyIsNull: boolean;
  /** Types that the field's id may point at. */
  references: readonly string[] | undefined;
  /** Of a list or a record. */
  item: FieldKind | undefined;
  fields: Readonly<Record<string, FieldKind>> | undefined;
  /** The kinds that a `choice` is between. */
  options: readonly FieldKind[] | undefined;
}

const known = new WeakMap<z.ZodType, FieldKind>();

/** Kind of a schema of protocol/model.ts. */
export function fieldKindOf(schema: z.ZodType): FieldKind {
  const seen = known.get(schema);
  if (seen !== undefined) return seen;
  const kind = read(schema);
  known.set(schema, kind);
  return kind;
}

function read(schema: z.ZodType): FieldKind {
  if (schema instanceof z.ZodOptional) return { ...fieldKindOf(schema.unwrap() as z.ZodType), schema, optional: true };
  if (schema instanceof z.ZodNullable) return { ...fieldKindOf(schema.unwrap() as z.ZodType), schema, nullable: true };
  const base = {
    schema,
    nullable: false,
    optional: false,
    emptyIsNull: false,
    references: schema.meta()?.references as string[] | undefined,
    item: undefined,
    fields: undefined,
    options: undefined,
  };
  if (schema instanceof z.ZodArray) return { ...base, kind: "list", item: fieldKindOf(schema.element as z.ZodType) };
  if (schema instanceof z.ZodObject) return objectKind(base, schema);
  if (schema instanceof z.ZodRecord) return { ...base, kind: "record", item: fieldKindOf(schema.valueType as z.ZodType) };
  if (schema instanceof z.ZodUnion)
    return { ...base, kind: "choice", options: schema.options.map((option) => fieldKindOf(option as z.ZodType)) };
  if (schema instanceof z.ZodBoolean) return { ...base, kind: "boolean" };
  if (schema instanceof z.ZodNumber) return { ...base, kind: "number" };
  if (schema instanceof z.ZodISODate) return { ...base, kind: "date" };
  if (schema instanceof z.ZodISODateTime) return { ...base, kind: "instant" };
  const accepts = (text: string): boolean => schema.safeParse(text).success;
  // A decimal is a text with a pattern; no other text of the model takes the first and refuses the second.
  if (accepts("-1234567890.25") && !accepts("x")) return { ...base, kind: "decimal" };
  return { ...base, kind: "text", emptyIsNull: !accepts("") };
}

function objectKind(base: Omit<FieldKind, "kind">, schema: z.ZodObject): FieldKind {
  const fields = Object.fromEntries(Object.entries(schema.shape).map(([name, field]) => [name, fieldKindOf(field as z.ZodType)]));
  const isMoney = Object.keys(fields).sort().join() === "amount,currency" && fields.amount?.kind === "decimal";
  return { ...base, kind: isMoney ? "money" : "object", fields };
}

/** The kind in words, for faults. */
export function kindText(kind: FieldKind): string {
  if (kind.references) return `the id of a ${kind.references.join(" or ")}`;
  if (kind.kind === "choice") return (kind.options ?? []).map(kindText).join(" or ");
  return {
    text: "a text",
    date: "a date",
    instant: "an instant",
    decimal: "a decimal",
    money: "money",
    number: "a number",
    boolean: "true or false",
    list: "a list",
    object: "an object",
    record: "an object",
  }[kind.kind];
}
