/**
 * The independent judge of frames and entities: validators from the generated documents by ajv, and the rules of asyncapi.json that no schema says. Nothing of
 * protocol/ is imported here, so that a fault there can't hide itself.
 */
import { zstdDecompressSync } from "node:zlib";
import { Ajv2020 } from "ajv/dist/2020.js";
import { documents } from "../support/schema-only.ts";
import type { Schema } from "./from-schema.ts";
import type { RawStep } from "./raw-steps.ts";

export type Side = "fromAgent" | "fromPortal";
export type Json = unknown;
export type Message = { type: string; [field: string]: Json };

export const messages = documents.messages as Schema;
export const model = documents.model as Schema;
export const typeNames = Object.keys(model.$defs ?? {});

// Formats repeat the patterns beside them.
const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false });
ajv.addSchema(documents.messages, "messages");
ajv.addSchema(documents.model, "model");
const validators = new Map<string, (value: unknown) => boolean>();

function fits(reference: string, value: unknown): boolean {
  let validate = validators.get(reference);
  if (validate === undefined) {
    validate = ajv.getSchema(reference) as ((value: unknown) => boolean) | undefined;
    if (validate === undefined) throw new Error(`No schema ${reference}`);
    validators.set(reference, validate);
  }
  return validate(value);
}

export const fitsMessage = (from: Side, value: unknown): boolean =>
  fits(`messages#/$defs/${from}`, value) && keepsTableRules(value);
export const fitsModel = (type: string, fields: unknown): boolean =>
  Object.hasOwn(model.$defs ?? {}, type) && fits(`model#/$defs/${type}`, fields);
/** The same of a type that a configuration declares: what a field may be besides its declared form, and what its formats mean. */
export function fitsOwn(declared: Schema, fields: unknown): boolean {
  const text = JSON.stringify(declared);
  let validate = ofOwn.get(text);
  if (validate === undefined) {
    const whole = ownObject(declared);
    const common = { number: textOrNull, updatedAt: textOrNull };
    // An ajv of its own, which goes with its schema: it never forgets one.
    const alone = new Ajv2020({ strict: false, validateFormats: false, logger: false });
    validate = alone.compile({ ...whole, properties: { ...common, ...whole.properties } });
    if (ofOwn.size === mostOwn) ofOwn.clear();
    ofOwn.set(text, validate);
  }
  return validate(fields);
}

const ofOwn = new Map<string, (value: unknown) => boolean>();
const mostOwn = 20;

const textOrNull = { type: ["string", "null"] };
const formats: Readonly<Record<string, Schema>> = {
  date: { pattern: "^\\d{4}-\\d\\d-\\d\\d$" },
  "date-time": { pattern: "^\\d{4}-\\d\\d-\\d\\dT.*Z$" },
  decimal: { pattern: "^-?\\d{1,24}(\\.\\d{1,12})?$" },
  email: { pattern: "@", maxLength: 254 },
  money: {
    required: ["amount", "currency"],
    additionalProperties: false,
    properties: { amount: { pattern: "^-?\\d{1,24}(\\.\\d{1,12})?$" }, currency: { pattern: "^[A-Z]{3}$" } },
  },
};

function ownObject({ properties = {}, required = [] }: Schema): Schema {
  const fields = Object.entries(properties).map(([name, field]) => {
    const form = ownForm(field);
    return [name, required.includes(name) ? form : { anyOf: [form, { type: "null" }] }];
  });
  return { type: "object", additionalProperties: false, required, properties: Object.fromEntries(fields) };
}

function ownForm(field: Schema): Schema {
  const { format, ...form } = field as Schema & { format?: string };
  if (form.properties !== undefined) return ownObject(form);
  const items = form.items === undefined ? {} : { items: ownForm(form.items as Schema), maxItems: form.maxItems ?? 200 };
  const text = form.type === "string" ? { minLength: 1, maxLength: 2_000 } : {};
  return { ...text, ...form, ...items, ...(format === undefined ? {} : formats[format]) };
}

export const isEntityId = (id: unknown): id is string => typeof id === "string" && /^[A-Za-z0-9_.%:-]{1,300}$/.test(id);

/** What a step says to whoever reads it by the book. */
export type Reading =
  | { kind: "message"; message: Message; bytes: number }
  /** To be refused: 4400, or 4413 where it is too large. */
  | { kind: "refuse" }
  /** Says nothing. */
  | { kind: "nothing" }
  /** Below the protocol: the socket's own affair; it ends the link, now or when more should come. */
  | { kind: "wire" };

export function readStep(step: RawStep, from: Side, maxBytes: number): Reading {
  switch (step.send) {
    case "ping":
    case "pong":
      return { kind: "nothing" };
    case "wire":
      return { kind: "wire" };
    case "text":
    case "fragments":
      return readText(Buffer.from(step.text), from, { maxBytes, travelled: Buffer.byteLength(step.text) });
    case "binary": {
      const frame = Buffer.from(step.hex, "hex");
      if (frame[0] !== 1) return { kind: "refuse" };
      let text: Buffer;
      try {
        text = zstdDecompressSync(frame.subarray(1), { maxOutputLength: maxBytes });
      } catch {
        return { kind: "refuse" };
      }
      return readText(text, from, { maxBytes, travelled: frame.length });
    }
  }
}

function readText(bytes: Buffer, from: Side, { maxBytes, travelled }: { maxBytes: number; travelled: number }): Reading {
  if (bytes.length > maxBytes) return { kind: "refuse" };
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return { kind: "refuse" };
  }
  return fitsMessage(from, message) ? { kind: "message", message: message as Message, bytes: travelled } : { kind: "refuse" };
}

interface Table {
  type: string;
  op: "upsert" | "delete";
  fields: string[];
  rows: Json[][];
  cause?: Record<string, string>;
  replaces?: Record<string, string>;
  withheld?: Record<string, string[]>;
}

/** asyncapi.json, "Changes and acks": what makes a frame malformed beside its schema. */
function keepsTableRules(value: unknown): boolean {
  const message = value as Message;
  if (message.type !== "changes") return true;
  return (message.tables as Table[]).every((table) => {
    const names = new Set(table.fields);
    if (names.size !== table.fields.length || names.has("__proto__")) return false;
    if (table.op === "delete" && (table.fields.length !== 1 || table.fields[0] !== "reason")) return false;
    const rows = table.rows.every(
      (row) => row.length === table.fields.length + 2 && typeof row[0] === "string" && Number.isSafeInteger(row[1]),
    );
    return rows && [table.cause, table.replaces, table.withheld].every((notes) => belong(notes, table.rows.length));
  });
}

const belong = (notes: object | undefined, rows: number): boolean =>
  Object.keys(notes ?? {}).every((index) => Number(index) < rows);

export interface Item {
  seq: number;
  type: string;
  id: string;
  op: "upsert" | "delete";
  fields: Record<string, Json>;
  withheld: string[];
  replaces: string | undefined;
}

/** The items of a frame that fits, numbered. */
export function itemsOf(changes: Message): Item[] {
  const items: Item[] = [];
  let seq = changes.from as number;
  for (const table of changes.tables as Table[]) {
    for (const [index, [id, , ...values]] of table.rows.entries()) {
      const fields = Object.fromEntries(table.fields.map((field, column) => [field, values[column]]));
      const { type, op } = table;
      items.push({
        seq: seq++,
        type,
        id: id as string,
        op,
        fields,
        withheld: noteAt(table.withheld, index) ?? [],
        replaces: noteAt(table.replaces, index),
      });
    }
  }
  return items;
}

function noteAt<T>(notes: Record<string, T> | undefined, index: number): T | undefined {
  return notes !== undefined && Object.hasOwn(notes, index) ? notes[index] : undefined;
}

interface Reference {
  path: string[];
  types: string[];
}

const references = new Map(typeNames.map((type) => [type, parentsIn(type)]));

/** References to types of the same or an earlier rank (`x-references`, `x-rank`). */
function parentsIn(type: string): Reference[] {
  const all = model.$defs as Record<string, Schema & { "x-rank": number }>;
  const own = all[type] as Schema & { "x-rank": number };
  const found: Reference[] = [];
  const walk = (schema: Schema & { "x-references"?: string[] }, path: string[]): void => {
    const types = schema["x-references"];
    if (types?.every((target) => (all[target]?.["x-rank"] ?? Number.POSITIVE_INFINITY) <= own["x-rank"]))
      found.push({ path, types });
    for (const option of schema.anyOf ?? []) walk(option, path);
    if (typeof schema.items === "object") walk(schema.items, path);
    for (const [name, inner] of Object.entries(schema.properties ?? {})) walk(inner, [...path, name]);
  };
  walk(own, []);
  return found;
}

/** The ids that an entity refers to, each with the types that it may be of. */
export function parentsOf(type: string, fields: Record<string, Json>): { id: string; types: string[] }[] {
  return (references.get(type) ?? []).flatMap(({ path, types }) => valuesAt(fields, path).map((id) => ({ id, types })));
}

function valuesAt(value: Json, path: readonly string[]): string[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, path));
  const [name, ...rest] = path;
  if (name === undefined) return [value as string];
  return valuesAt((value as Record<string, Json>)[name], rest);
}
