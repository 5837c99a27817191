/**
 * A customer's own types (`x-…`): declared in the configuration, told to the portal in `hello`, and made into schemas of the same make as the model's by both.
 * What may be declared is a small part of JSON Schema, without patterns and without nesting of its own, so that nobody's declaration costs the other end much.
 */
import * as z from "zod";
import { canonicalJson } from "./canonical-json.ts";
import {
  date,
  decimal,
  empty,
  entity,
  instant,
  type Json,
  list,
  type ModelType,
  model,
  money,
  ref,
  type Types,
  typeNamed,
} from "./model.ts";
import { record } from "./records.ts";

/** Of the declarations of one agent; they travel in `hello`. */
export const mostOwnTypes = 30;
/** Characters of JSON of all of them, so that any portal takes the frame. */
export const mostOwnText = 65_536;
const [mostFields, mostInner, mostOptions, mostTargets] = [60, 20, 200, 20];
export const longestOwnText = 20_000;
export const longestOwnList = 1_000;

export const ownTypeName = z.string().regex(/^x-[a-z][a-z0-9-]{0,47}$/);
const fieldName = z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,59}$/);
/** What every type has, and what stands beside the fields in expressions of commands. */
export const takenNames: readonly string[] = [
  "id",
  "type",
  "number",
  "updatedAt",
  "command",
  "vars",
  "now",
  "line",
  "row",
  "key",
];

const bound = z.number().min(-1e15).max(1e15);
const fields = <S extends z.ZodType>(value: S, most: number) =>
  record(fieldName, value).refine((all) => Object.keys(all).length <= most, `holds more than ${most} fields`);
const required = (most: number) => z.array(fieldName).max(most);

const textSchema = z.strictObject({
  type: z.literal("string"),
  maxLength: z.int().min(1).max(longestOwnText).optional(),
  format: z.enum(["date", "date-time", "decimal", "email"]).optional(),
  enum: z.array(z.string().min(1).max(100)).min(1).max(mostOptions).optional(),
  "x-references": z
    .array(z.string().min(1).max(50))
    .min(1)
    .max(mostTargets)
    .optional()
    .describe("The field holds the id of an entity of one of these types."),
});
const numberSchema = z.strictObject({
  type: z.enum(["integer", "number"]),
  minimum: bound.optional(),
  maximum: bound.optional(),
});
const booleanSchema = z.strictObject({ type: z.literal("boolean") });
const moneySchema = z.strictObject({ type: z.literal("object"), format: z.literal("money") });
const single = [textSchema, numberSchema, booleanSchema, moneySchema] as const;
const objectSchema = z.strictObject({
  type: z.literal("object"),
  properties: fields(z.union(single), mostInner),
  required: required(mostInner).optional(),
});
const listSchema = z.strictObject({
  type: z.literal("array"),
  items: z.union([...single, objectSchema]),
  maxItems: z.int().min(1).max(longestOwnList).optional(),
});

/** A declaration: JSON Schema of the fields, of which those that are not `required` may be absent or null; others are refused. */
export const ownTypeSchema = z.strictObject({
  title: z.string().min(1).max(200),
  type: z.literal("object"),
  properties: fields(z.union([...single, objectSchema, listSchema]), mostFields),
  required: required(mostFields).optional(),
});

export type OwnType = z.output<typeof ownTypeSchema>;
export type OwnTypes = Readonly<Record<string, OwnType>>;
type Field = OwnType["properties"][string];
type ObjectField = z.output<typeof objectSchema>;

/** What a declaration says amiss beyond its form. */
export interface OwnFault {
  type: string;
  /** Names from the type's top. */
  path: readonly string[];
  message: string;
}

/** Faults of the declarations among each other: names that are taken, required fields that are not there, targets that do not exist. */
export function ownTypeFaults(own: OwnTypes): OwnFault[] {
  return Object.entries(own).flatMap(([type, declared]) => {
    const fault = (path: readonly string[], message: string): OwnFault => ({ type, path, message });
    const isKnown = (target: string): boolean => Object.hasOwn(model, target) || Object.hasOwn(own, target);
    const inObject = ({ properties, required: wanted = [] }: ObjectField | OwnType, path: readonly string[]): OwnFault[] => [
      ...wanted
        .filter((name) => !Object.hasOwn(properties, name))
        .map((name) => fault([...path, "required"], `names \`${name}\`, which is not among the properties`)),
      ...Object.entries(properties).flatMap(([name, field]) => inField(field, [...path, "properties", name])),
    ];
    const inField = (field: Field, path: readonly string[]): OwnFault[] => {
      if (field.type === "array") return inField(field.items, [...path, "items"]);
      if ("properties" in field) return inObject(field, path);
      if (field.type === "integer" || field.type === "number")
        return (field.minimum ?? -1e15) > (field.maximum ?? 1e15) ? [fault(path, "has a minimum above its maximum")] : [];
      if (field.type !== "string") return [];
      const forms = [field.format, field.enum, field["x-references"]].filter((form) => form !== undefined);
      if (forms.length > 1) return [fault(path, "takes one of `format`, `enum` and `x-references`")];
      return (field["x-references"] ?? [])
        .filter((target) => !isKnown(target))
        .map((target) => fault(path, `refers to \`${target}\`, which is no type`));
    };
    const taken = Object.keys(declared.properties).filter((name) => takenNames.includes(name));
    return [
      ...taken.map((name) => fault(["properties", name], "is a name that every type has, or that means something else")),
      ...inObject(declared, []),
    ];
  });
}

const made = new Map<string, Types>();
/** Sets of declarations that are kept: a check becomes fast by being used often, and agents of one landlord or vendor declare the same. */
const mostMade = 50;
const bySet = new WeakMap<OwnTypes, Types>();

/** The model's types with these beside them, whose faults have been seen to; the same object for the same declarations. */
export function typesWith(own: OwnTypes | undefined): Types {
  if (own === undefined || Object.keys(own).length === 0) return model;
  let types = bySet.get(own);
  if (types === undefined) {
    const name = canonicalJson(own as Json);
    types = made.get(name);
    if (types === undefined) {
      if (made.size === mostMade) made.clear();
      types = compile(own);
      made.set(name, types);
    }
    bySet.set(own, types);
  }
  return types;
}

function compile(own: OwnTypes): Types {
  const ranks = ranksOf(own);
  const types = Object.entries(own).map(([name, { title, properties, required: wanted }]): [string, ModelType] => {
    const schema = entity(shapeOf(properties, wanted)).meta({ title });
    return [name, { rank: ranks.get(name) as number, title, schema }];
  });
  return { ...Object.fromEntries(types), ...model };
}

function shapeOf(properties: Readonly<Record<string, Field>>, wanted: readonly string[] = []): z.ZodRawShape {
  const named = new Set(wanted);
  return Object.fromEntries(
    Object.entries(properties).map(([name, field]) => {
      const schema = schemaOf(field);
      return [name, named.has(name) ? schema : empty(schema)];
    }),
  );
}

const usualText = 2_000;

function schemaOf(field: Field): z.ZodType {
  switch (field.type) {
    case "boolean":
      return z.boolean();
    case "integer":
    case "number": {
      const number = field.type === "integer" ? z.int() : z.number();
      return number.min(field.minimum ?? -1e15).max(field.maximum ?? 1e15);
    }
    case "array":
      return list(schemaOf(field.items), field.maxItems);
    case "object":
      return "properties" in field ? z.strictObject(shapeOf(field.properties, field.required)) : money;
    case "string":
      return textOf(field);
  }
}

function textOf({ format, maxLength, enum: options, "x-references": targets }: z.output<typeof textSchema>): z.ZodType {
  if (targets !== undefined) return ref(...targets);
  if (options !== undefined) return z.enum(options as [string, ...string[]]);
  if (format === "date") return date;
  if (format === "date-time") return instant;
  if (format === "decimal") return decimal;
  if (format === "email") return z.email().max(Math.min(254, maxLength ?? 254));
  return z
    .string()
    .min(1)
    .max(maxLength ?? usualText);
}

/** Lowest rank of an own type: beside persons and catalogs. */
const firstRank = 3;

/** One above all that a type refers to; types that refer to each other in a circle stand side by side. */
function ranksOf(own: OwnTypes): ReadonlyMap<string, number> {
  const targets = new Map(Object.entries(own).map(([name, { properties }]) => [name, targetsIn(properties)]));
  const ranks = new Map(Object.keys(own).map((name) => [name, firstRank]));
  const rankOf = (target: string): number => typeNamed(model, target)?.rank ?? ranks.get(target) ?? 0;
  const reaches = (from: string, to: string, seen: Set<string>): boolean =>
    [...(targets.get(from) ?? [])].some((target) => {
      if (target === to) return true;
      if (seen.has(target)) return false;
      seen.add(target);
      return reaches(target, to, seen);
    });
  const step = (name: string, target: string): number => rankOf(target) + (reaches(target, name, new Set()) ? 0 : 1);
  // No chain is longer than there are types.
  for (let round = 0; round < ranks.size; round++)
    for (const [name, all] of targets) ranks.set(name, Math.max(firstRank, ...[...all].map((target) => step(name, target))));
  return ranks;
}

function targetsIn(properties: Readonly<Record<string, Field>>): Set<string> {
  return new Set(
    Object.values(properties).flatMap((field) => {
      const inner = field.type === "array" ? field.items : field;
      if ("properties" in inner) return [...targetsIn(inner.properties)];
      return inner.type === "string" ? (inner["x-references"] ?? []) : [];
    }),
  );
}
