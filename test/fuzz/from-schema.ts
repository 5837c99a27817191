/** Values that a JSON Schema allows, made of chance: the structure that frames and configurations are mutated from. */
import type { Chance } from "./chance.ts";
import { someText } from "./texts.ts";

/** The part of JSON Schema (2020-12) that our generated documents use. */
export interface Schema {
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  $ref?: string;
  $defs?: Record<string, Schema>;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  propertyNames?: Schema;
  items?: Schema | boolean;
  prefixItems?: Schema[];
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  format?: string;
}

const digits = "0123456789";
const lower = "abcdefghijklmnopqrstuvwxyz";
const letters = lower + lower.toUpperCase();

function from(chance: Chance, alphabet: string, low: number, high: number): string {
  let text = "";
  for (let left = chance.between(low, high); left > 0; left--) text += alphabet[chance.below(alphabet.length)];
  return text;
}

const decimals = ["0", "-0.00", "12.5", "999999999999999999999999.999999999999", "-1", "000.10"];
const dates = ["2026-03-29", "2024-02-29", "0000-01-01", "9999-12-31", "1970-01-01"];
const instants = ["2026-03-29T01:30:00Z", "2024-02-29T23:59:59.999999999Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"];

/** How texts of each pattern are made; a pattern that is not here is a gap in this file, not in the product. */
const byPattern: readonly (readonly [RegExp, (chance: Chance) => string])[] = [
  [/^\^\(\?:\(\?:.*Z\)\)\$$/, (chance) => chance.pick(instants)],
  [/^\^\(\?:\(\?:.*\$$/, (chance) => chance.pick(dates)],
  [/@/, (chance) => `${from(chance, letters, 1, 8)}@${from(chance, lower, 1, 6)}.de`],
  [/^\^-\?\\d\{1,24\}/, (chance) => chance.pick(decimals)],
  [/^\^\[0-9a-f\]\{16\}\$$/, (chance) => chance.bytes(8).toString("hex")],
  [/^\^\[0-9a-f\]\{64\}\$$/, (chance) => chance.bytes(4).toString("hex").repeat(8)],
  [/^\^\[A-Z\]\{2\}\$$/, (chance) => chance.pick(["DE", "AT", "CH"])],
  [/^\^\[A-Z\]\{3\}\$$/, (chance) => chance.pick(["EUR", "CHF"])],
  [/\{8,64\}\$$/, (chance) => chance.pick(["COMMAND1", "COMMAND2", `C${from(chance, digits, 7, 63)}`])],
  [
    /^\^\[A-Za-z0-9_\.%:-\]\+\$$/,
    (chance) => chance.pick(["E.1", "E.2", "w:1%20.2", from(chance, `${letters}${digits}_.%:-`, 1, 12)]),
  ],
  [/^\^\[A-Za-z\]\[A-Za-z0-9\._-\]/, (chance) => from(chance, letters, 1, 8)],
  [/^\^\[A-Za-z\]\[A-Za-z0-9\]\{0,59\}\$$/, (chance) => from(chance, letters, 1, 8)],
  [/^\^\[A-Za-z_\]/, (chance) => from(chance, letters, 1, 8)],
  [/^\^\[a-z\]\{2\}/, (chance) => chance.pick(["de", "en", "de-CH"])],
  [/^\^\\d\+\$$/, (chance) => String(chance.below(4))],
  [/^\^\(\?!/, (chance) => chance.pick(["name", "title", "x", "toString"])],
];

/** A value that fits `schema`, whose `$ref`s are found in `root`. Depth is bounded: deep down optional parts are left out. */
export function fromSchema(chance: Chance, schema: Schema | boolean, root: Schema, depth = 0): unknown {
  if (typeof schema === "boolean") return someJson(chance, depth);
  if (schema.$ref !== undefined) return fromSchema(chance, resolve(schema.$ref, root), root, depth + 1);
  if ("const" in schema) return schema.const;
  if (schema.enum !== undefined) return chance.pick(schema.enum);
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined)
    return fromSchema(chance, depth > 6 ? (options[0] as Schema) : chance.pick(options), root, depth + 1);
  switch (Array.isArray(schema.type) ? chance.pick(schema.type) : schema.type) {
    case "string":
      return textOf(chance, schema);
    case "integer":
      return wholeOf(chance, schema);
    case "number":
      return chance.pick([0, 1.5, -0.1, 89.25, schema.minimum ?? -1e300, schema.maximum ?? 1e300]);
    case "boolean":
      return chance.oneIn(2);
    case "null":
      return null;
    case "array":
      return listOf(chance, schema, root, depth);
    case "object":
      return objectOf(chance, schema, root, depth);
    default:
      return someJson(chance, depth);
  }
}

function resolve(reference: string, root: Schema): Schema {
  const found = root.$defs?.[reference.replace(/^#\/\$defs\//, "")];
  if (found === undefined) throw new Error(`No schema ${reference}`);
  return found;
}

function textOf(chance: Chance, schema: Schema): string {
  if (schema.pattern !== undefined) {
    const maker = byPattern.find(([pattern]) => pattern.test(schema.pattern as string))?.[1];
    if (maker === undefined) throw new Error(`No texts are known for the pattern ${schema.pattern}`);
    return maker(chance);
  }
  const { minLength = 0, maxLength = 40 } = schema;
  const text = chance.oneIn(12) ? "x".repeat(chance.pick([maxLength, maxLength - 1, minLength])) : someText(chance);
  return text.slice(0, maxLength).padEnd(minLength, "x");
}

function wholeOf(chance: Chance, { minimum = -10, maximum = Number.MAX_SAFE_INTEGER }: Schema): number {
  const near = Math.max(minimum, 0);
  return chance.oneIn(8) ? chance.pick([minimum, maximum, maximum - 1]) : near + chance.below(Math.min(30, maximum - near + 1));
}

function listOf(chance: Chance, schema: Schema, root: Schema, depth: number): unknown[] {
  const fixed = (schema.prefixItems ?? []).map((item) => fromSchema(chance, item, root, depth + 1));
  if (fixed.length > 0) return fixed;
  const { minItems = 0, maxItems = 50 } = schema;
  const count = Math.min(maxItems, minItems + (depth > 5 ? 0 : chance.below(4)));
  return Array.from({ length: count }, () => fromSchema(chance, schema.items ?? true, root, depth + 1));
}

function objectOf(chance: Chance, schema: Schema, root: Schema, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  const required = new Set(schema.required ?? []);
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    if (required.has(name) || (depth < 6 && chance.oneIn(3))) out[name] = fromSchema(chance, inner, root, depth + 1);
  }
  const { additionalProperties: more } = schema;
  if (typeof more !== "object" && more !== true) return out;
  for (let left = depth > 5 ? 0 : chance.below(3); left > 0; left--) {
    const name = schema.propertyNames === undefined ? someText(chance) : textOf(chance, schema.propertyNames);
    if (name !== "__proto__") out[name] = fromSchema(chance, more, root, depth + 1);
  }
  return out;
}

/** Any JSON value. */
export function someJson(chance: Chance, depth = 0): unknown {
  switch (chance.below(depth > 3 ? 5 : 7)) {
    case 0:
      return null;
    case 1:
      return someText(chance);
    case 2:
      return chance.pick([0, -0, 1, -1, 1.5, 2 ** 31, 2 ** 53, 1e308, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 5e-324]);
    case 3:
      return chance.oneIn(2);
    case 4:
      return "x".repeat(2 ** chance.below(13));
    case 5:
      return Array.from({ length: chance.below(4) }, () => someJson(chance, depth + 1));
    default:
      return Object.fromEntries(Array.from({ length: chance.below(4) }, () => [someText(chance), someJson(chance, depth + 1)]));
  }
}
