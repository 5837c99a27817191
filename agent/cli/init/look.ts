/** Looks into the tables: one batch of rows each, codes with their counts, references followed by key. Everything is bounded by the statement's time-out. */
import { FuserError, isAbort } from "../../../base/errors.ts";
import { encodeKey } from "../../../base/key.ts";
import type { Connector, SourceQuery, Table, Value } from "../../../connectors/connector.ts";
import { codeText } from "../../map/code-maps.ts";
import {
  type CountedCodes,
  type Evidence,
  keyOf,
  type Proof,
  type Reference,
  referenceName,
  type Sample,
  sampledCodes,
} from "./evidence.ts";

/** More different codes than this are no code list. */
const mostCodes = 40;
const mostLooks = 50;
/** A larger table is not counted through for its codes. */
const countedRows = 2_000_000;

export interface Looking extends Evidence {
  /** Reads a batch of the table's rows, once. */
  take(table: Table): Promise<void>;
  /** Counts the codes of a column, once. */
  count(table: Table, column: string): Promise<void>;
  /** Follows some of the references of the sampled rows, once. */
  follow(reference: Reference): Promise<void>;
}

/** What the database refuses of a look is not seen: a draft without it is still worth having. */
export function openLooking(connector: Connector, signal: AbortSignal): Looking {
  const samples = new Map<string, Sample | undefined>();
  const counts = new Map<string, CountedCodes | undefined>();
  const proofs = new Map<string, Proof | undefined>();
  const place = (table: string, column: string): string => `${table}\n${column}`;
  return {
    sample: (table) => samples.get(table),
    codes: (table, column) => counts.get(place(table, column)),
    proof: (reference) => proofs.get(referenceName(reference)),
    async take(table) {
      const key = keyOf(table);
      if (key === undefined || samples.has(table.name)) return;
      samples.set(table.name, await tolerated(() => sampleOf({ connector, table, key, signal })));
    },
    async count(table, column) {
      if (counts.has(place(table.name, column))) return;
      const sample = samples.get(table.name);
      const seen = sample && sampledCodes(sample, column);
      const counted =
        seen === undefined || seen.codes.length > mostCodes || (table.rows ?? 0) > countedRows
          ? seen
          : ((await tolerated(() => countsOf({ connector, table, column, signal }))) ?? seen);
      counts.set(place(table.name, column), counted && counted.codes.length <= mostCodes ? counted : undefined);
    },
    async follow(reference) {
      const sample = samples.get(reference.from);
      if (sample === undefined || proofs.has(referenceName(reference))) return;
      proofs.set(referenceName(reference), await tolerated(() => proofOf({ connector, reference, sample, signal })));
    },
  };
}

async function tolerated<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (isAbort(error) || !(error instanceof FuserError)) throw error;
    return undefined;
  }
}

const plainQuery = (table: string, key: readonly string[], columns: readonly string[]): SourceQuery => ({
  ...{ source: table, from: { table }, key, columns },
  ...{ where: [], scope: [], flags: [], children: [] },
});

interface Look {
  connector: Connector;
  table: Table;
  signal: AbortSignal;
}

async function sampleOf({ connector, table, key, signal }: Look & { key: readonly string[] }): Promise<Sample> {
  const columns = table.columns.filter(({ name, type }) => type !== "bytes" || key.includes(name)).map(({ name }) => name);
  const rows: Record<string, Value>[] = [];
  for await (const batch of connector.scan(plainQuery(table.name, key, columns), signal)) {
    for (let index = 0; index < batch.length; index++) {
      const { values } = batch.row(index);
      rows.push(Object.fromEntries(columns.map((column, at) => [column, values[at] ?? null])));
    }
    break;
  }
  return { table, key, rows };
}

async function countsOf({ connector, table, column, signal }: Look & { column: string }): Promise<CountedCodes> {
  const { quote } = connector.dialect;
  const name = quote(column);
  const query = `SELECT ${name} AS ${quote("code")}, COUNT(*) AS ${quote("counted")} FROM ${quote(table.name)} WHERE ${name} IS NOT NULL GROUP BY ${name}`;
  const source: SourceQuery = {
    ...plainQuery(table.name, ["code"], ["code", "counted"]),
    from: { query, parameters: {} },
  };
  const codes = new Map<string, number>();
  for await (const batch of connector.scan(source, signal)) {
    for (let index = 0; index < batch.length; index++) {
      const [code = null, rows = 0] = batch.row(index).values;
      const text = code === null ? "" : codeText(code).trim();
      if (text !== "") codes.set(text, (codes.get(text) ?? 0) + Number(rows));
    }
    break;
  }
  return { of: "all", codes: [...codes].map(([code, rows]) => ({ code, rows })).sort((one, other) => other.rows - one.rows) };
}

async function proofOf(parts: {
  connector: Connector;
  reference: Reference;
  sample: Sample;
  signal: AbortSignal;
}): Promise<Proof> {
  const { connector, reference, sample, signal } = parts;
  const keys = new Set<string>();
  for (const row of sample.rows) {
    const texts = reference.columns.map((column) => {
      const value = row[column] ?? null;
      return value === null ? "" : codeText(value);
    });
    // From all of the sample, for its first rows are alike.
    if (!texts.some((text) => text.trim() === "")) keys.add(encodeKey(texts));
  }
  const step = Math.max(1, Math.floor(keys.size / mostLooks));
  const asked = [...keys].filter((_, index) => index % step === 0).slice(0, mostLooks);
  if (asked.length === 0) return { asked: 0, found: 0 };
  let found = 0;
  for await (const batch of connector.readKeys(plainQuery(reference.to, reference.key, reference.key), asked, signal))
    found += batch.length;
  return { asked: asked.length, found };
}
