/**
 * The catalog that the configuration itself publishes (`maps: … publish:`): a source like any other, whose rows the agent answers in the ERP's place. So it
 * is compared, sent, kept in step and deleted by the same ways as all others, and a change of the file is a changed mapping.
 */
import { createHash } from "node:crypto";
import { encodeKey, entityIdOf, splitId } from "../base/key.ts";
import { keyDigest } from "../base/key-digest.ts";
import type { Config, PublishedCode } from "../config/config.ts";
import { publishedPrefix } from "../config/resolve-published.ts";
import type { Connector, Row, RowBatch, SourceQuery } from "../connectors/connector.ts";
import { entityText } from "../protocol/entity-text.ts";
import { type Fields, model } from "../protocol/model.ts";
import type { CapturedSource } from "./capture/source.ts";
import { fieldBits } from "./map/filled-bits.ts";
import type { Mapping, RowFault } from "./map/mapped.ts";

const type = "catalogEntry";
/** No source of a file can have this name. */
export const publishedSource = "maps.publish";

const query: SourceQuery = {
  source: publishedSource,
  from: { query: "", parameters: {} },
  key: ["CATALOG", "CODE"],
  columns: ["CATALOG", "CODE", "LABEL"],
  where: [],
  scope: [],
  flags: [],
  children: [],
};

const notPublished: RowFault = {
  code: "value-invalid",
  field: "code",
  column: "CODE",
  message: "the file publishes no such code",
};

const keyOf = ({ catalog, code }: PublishedCode): string => encodeKey([catalog, code]);
const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** What the configuration publishes as a source; undefined where it publishes nothing. */
export function publishedBy({ published }: Config): CapturedSource | undefined {
  if (published === undefined) return undefined;
  return {
    mapping: mappingOf(published),
    cursor: undefined,
    feed: undefined,
    // It costs nothing, and brings back what a person has deleted from the store.
    compare: { kind: "cron", cron: "0 3 * * *" },
    children: [],
  };
}

function mappingOf(published: readonly PublishedCode[]): Mapping {
  const byKey = new Map(published.map((one) => [keyOf(one), one]));
  const bitOf = fieldBits(model[type]);
  const fields = ["active", "catalog", "code", "label"].map((name) => ({ name, owner: "erp" as const, bit: bitOf(name) }));
  const filled = fields.reduce((bits, { bit }) => (bits | bit) >>> 0, 0);
  const idOf = (key: string): string => entityIdOf(publishedPrefix, key);
  return {
    ...{ source: publishedSource, type, rank: model[type].rank, query, append: false, graceMs: 0, fields, lineage: [], idOf },
    fingerprint: digestOf(JSON.stringify(published)),
    saidByFile: true,
    keyOf(id) {
      const { prefix, key } = splitId(id);
      return prefix === publishedPrefix ? key : undefined;
    },
    map(_row, key) {
      const found = byKey.get(key);
      if (found === undefined) return { kind: "faulty", id: idOf(key), faults: [notPublished] };
      const { catalog, code, label } = found;
      const text = entityText({ catalog, code, label, active: true } satisfies Fields);
      return { kind: "entity", id: idOf(key), text, filled, parents: [], cause: undefined, notes: [] };
    },
    writerFor: () => undefined,
  };
}

/** The connector, which answers for that source without asking the ERP. */
export function withPublished(connector: Connector, { published = [] }: Config): Connector {
  const isOurs = (source: SourceQuery): boolean => source.source === publishedSource;
  return {
    ...connector,
    async *scan(source, signal) {
      if (!isOurs(source)) yield* connector.scan(source, signal);
      else if (published.length > 0) yield batchOf(published);
    },
    async *readKeys(source, keys, signal) {
      if (!isOurs(source)) return yield* connector.readKeys(source, keys, signal);
      const asked = new Set(keys);
      const found = published.filter((one) => asked.has(keyOf(one)));
      if (found.length > 0) yield batchOf(found);
    },
  };
}

function batchOf(codes: readonly PublishedCode[]): RowBatch {
  const keys = codes.map(keyOf);
  const valuesOf = ({ catalog, code, label }: PublishedCode): Row["values"] => [catalog, code, JSON.stringify(label)];
  return {
    length: codes.length,
    key: (index) => keys[index],
    keyDigests: BigUint64Array.from(keys, keyDigest),
    digests: BigUint64Array.from(codes, (one) => BigInt(`0x${digestOf(JSON.stringify(valuesOf(one))).slice(0, 16)}`)),
    row: (index) => ({ values: valuesOf(codes[index] as PublishedCode), flags: [], children: [] }),
    written: undefined,
  };
}

/** A file that publishes nothing any more takes back what it has published before. */
export function stillPublished(config: Config, known: number): Config {
  return config.published === undefined && known > 0 ? { ...config, published: [] } : config;
}
