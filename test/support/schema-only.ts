/**
 * What a developer has who knows nothing but protocol/generated/*.json: validators made from the JSON Schemas, the frame codec and the digests as
 * the documents describe them. Nothing here may import from protocol/: that is the point.
 */
import { readFileSync } from "node:fs";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { Ajv2020 } from "ajv/dist/2020.js";
import createXxhash from "xxhash-wasm";

export type Message = { type: string; [field: string]: unknown };
export type EntityFields = { [field: string]: unknown };

const read = (file: string) => JSON.parse(readFileSync(new URL(`../../protocol/generated/${file}`, import.meta.url), "utf8"));

export const documents = {
  model: read("model.schema.json"),
  messages: read("messages.schema.json"),
  asyncapi: read("asyncapi.json"),
  openapi: read("openapi.json"),
};

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: false });
ajv.addSchema(documents.model, "model");
ajv.addSchema(documents.messages, "messages");
ajv.addSchema({ $id: "openapi", components: documents.openapi.components }, "openapi");

function check(reference: string, value: unknown): string | undefined {
  const validate = ajv.getSchema(reference);
  if (validate === undefined) return `no schema ${reference}`;
  return validate(value) ? undefined : ajv.errorsText(validate.errors);
}

/** What is wrong with a message of one side, or undefined. */
export const messageFault = (from: "fromAgent" | "fromPortal", message: unknown): string | undefined =>
  check(`messages#/$defs/${from}`, message);
/** What is wrong with an entity's fields, or undefined. */
export const entityFault = (type: string, fields: EntityFields): string | undefined =>
  Object.hasOwn(documents.model.$defs, type) ? check(`model#/$defs/${type}`, fields) : "unknown type";
/** What is wrong with a body of the enrolment, or undefined. */
export const bodyFault = (name: string, body: unknown): string | undefined => check(`openapi#/components/schemas/${name}`, body);

/** asyncapi.json, "Frames". */
export function toFrame(message: Message): string | Buffer {
  const json = Buffer.from(JSON.stringify(message));
  return json.length <= 4_096 ? json.toString() : Buffer.concat([Buffer.of(1), zstdCompressSync(json)]);
}

export function fromFrame(data: Buffer, isBinary: boolean): Message {
  if (!isBinary) return JSON.parse(data.toString());
  if (data[0] !== 1) throw new Error("unknown codec");
  return JSON.parse(zstdDecompressSync(data.subarray(1), { maxOutputLength: 16_000_000 }).toString());
}

/** asyncapi.json, "Inventory and digests". */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalText(inner)}`).join(",")}}`;
}

const { h64, h64ToString } = await createXxhash();
export function entityDigest(fields: EntityFields): string {
  const names = Object.keys(fields).sort();
  return h64ToString(names.map((name) => canonicalText(fields[name])).join(), h64(canonicalText(names)));
}
export const shareOf = (id: string, digest: string): string => h64ToString(`${id}:${digest}`);
export function rangeDigest(entities: readonly (readonly [id: string, digest: string])[]): string {
  const sum = entities.reduce((total, [id, digest]) => total + BigInt(`0x${shareOf(id, digest)}`), 0n);
  return BigInt.asUintN(64, sum).toString(16).padStart(16, "0");
}

export interface Item {
  seq: number;
  type: string;
  id: string;
  op: "upsert" | "delete";
  fields: EntityFields;
  cause: string | undefined;
}

interface Table {
  type: string;
  op: "upsert" | "delete";
  fields: string[];
  rows: unknown[][];
  cause?: Record<string, string>;
}

/** asyncapi.json, "Changes and acks". */
export function itemsOf(changes: Message): Item[] {
  const items: Item[] = [];
  let seq = changes.from as number;
  for (const table of changes.tables as Table[]) {
    for (const [index, [id, , ...values]] of table.rows.entries()) {
      if (values.length !== table.fields.length) throw new Error("a row of another length");
      const fields = Object.fromEntries(table.fields.map((field, column) => [field, values[column]]));
      items.push({ seq: seq++, type: table.type, id: id as string, op: table.op, fields, cause: table.cause?.[index] });
    }
  }
  return items;
}
