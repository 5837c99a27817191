import { deepEqual, equal } from "node:assert/strict";
import { keyDigest } from "../../../base/key-digest.ts";
import type { Log } from "../../../base/log.ts";
import { silentLog } from "../../../base/log.ts";
import { type Clock, systemClock } from "../../../base/time.ts";
import type {
  ColumnType,
  Connector,
  ConnectorContext,
  ConnectorLimits,
  RowBatch,
  SourceQuery,
  Value,
} from "../../../connectors/connector.ts";
import { wrongInWritten } from "../../support/written-rows.ts";

/** A database under the contract suite: made, changed and looked at beside the connector, through the plain driver. */
export interface Subject extends AsyncDisposable {
  readonly name: string;
  /** Opens a connector to it; the suite closes it. */
  open(options?: OpenOptions): Promise<Connector>;
  /** Runs statements as the ERP would. `?` marks a value. */
  run(sql: string, values?: readonly (string | number | null | Uint8Array)[]): Promise<void>;
  /** Rows as text, NULL as null: what the ERP itself sees. */
  rows(sql: string): Promise<(string | null)[][]>;
  literal(text: string): string;
  /** Statement that makes a trigger `fuser_swallow`, which empties the column of every new row without an error. */
  swallow(table: string, column: string): string;
  /** Takes it away again. */
  unswallow(table: string): string;
  /** How procedures of connector-call.test.ts are made here; absent where the database has none. */
  procedures?: Procedures;
  /** Column type by a name that every dialect understands; `words`: 40 characters of any script. */
  type(name: "key" | "germanKey" | "autoKey" | "stamp" | "words"): string;
  /** An empty text is NULL here. */
  readonly emptyIsNull?: boolean;
  /** A whole number that a query computed, as it arrives: Oracle does not tell that it is whole. Default: as a number. */
  computed?(whole: number): { value: Value; type: ColumnType };
  /** A name as the database's catalogue writes it; default: as it was given. */
  catalogued?(name: string): string;
}

/** Statements per procedure; they begin without it. None where the database has no such thing (a procedure that commits within a transaction). */
export interface Procedures {
  /**
   * `next`: (circle text IN, step integer INOUT, nr integer OUT, stamp datetime OUT, amount decimal OUT, words text OUT): raises fusertest_counters.value of
   * the circle by step and gives it as nr, doubles step, stamp 2026-10-25 02:30:00.5, amount 1234567890.1234, words `Größe 🏠`.
   * `list`: (circle text IN): result set name, value of fusertest_counters, the circle's first; in the end it adds a row `listed`.
   * `twice`: function (n integer) that returns n + n. `refuse`: (words text IN): adds a row `refused` and raises an error with the words.
   * `commits`: (circle text IN): adds the circle, commits, and begins a transaction anew. `commitsAndFails`: the same, and then an error.
   */
  make: Readonly<Record<ProcedureName, readonly string[]>>;
  drop: readonly string[];
}

export type ProcedureName = "next" | "list" | "twice" | "refuse" | "commits" | "commitsAndFails";

export interface OpenOptions {
  limits?: Partial<ConnectorLimits>;
  sessionName?: string;
  log?: Log;
  clock?: Clock;
}

const usualLimits: ConnectorLimits = {
  statementTimeoutMs: 20_000,
  lockTimeoutMs: 1_000,
  batchRows: 500,
  batchBytes: 1_000_000,
  snapshotMs: 60_000,
};

export function contextOf(options: OpenOptions = {}): ConnectorContext {
  return {
    clock: options.clock ?? systemClock,
    log: options.log ?? silentLog,
    limits: { ...usualLimits, ...options.limits },
    sessionName: options.sessionName ?? "fuser-contract",
  };
}

/** A source over a table with nothing but what is given. */
export function sourceOf(
  table: string,
  key: readonly string[],
  columns: readonly string[],
  more: Partial<SourceQuery> = {},
): SourceQuery {
  return { source: table, from: { table }, key, columns, where: [], scope: [], flags: [], children: [], ...more };
}

export const never = new AbortController().signal;

/** The key of every row of a batch. */
export function keysOf(batch: RowBatch): (string | undefined)[] {
  return Array.from({ length: batch.length }, (_, index) => batch.key(index));
}

/** Every row of the batches: key, digest and decoded row. Each key's digest is the one that its text has, and the bytes of a row say what it says. */
export async function collect(
  batches: AsyncIterable<RowBatch>,
): Promise<{ key: string | undefined; digest: bigint; row: ReturnType<RowBatch["row"]> }[]> {
  const all = [];
  for await (const batch of batches) {
    const keys = keysOf(batch);
    deepEqual(
      [...batch.keyDigests],
      keys.map((key) => (key === undefined ? 0n : keyDigest(key))),
    );
    for (const [index, key] of keys.entries()) {
      equal(wrongInWritten(batch, index), undefined);
      all.push({ key, digest: batch.digests[index] as bigint, row: batch.row(index) });
    }
  }
  return all;
}
