/**
 * Reads pending keys afresh by key, parents first, and lets the result take effect. All reads by key take turns, so reads of one key never overlap.
 * Offline or with a full outbox nothing is read: keys gather, at most one per entity.
 */
import { FuserError, isAbort, kindOf } from "../../base/errors.ts";
import { isStoreTrouble } from "../store/sqlite-errors.ts";
import type { PendingKey } from "../store/store.ts";
import { requireHistory } from "./history-signs.ts";
import { checkIdentity } from "./identity.ts";
import { lostHistory } from "./lost-history.ts";
import type { Room } from "./parts.ts";
import { type Reading, type ReadRow, readRow } from "./reading.ts";
import { inWindow } from "./schedule.ts";
import { settle } from "./settle.ts";
import type { Settled } from "./settled.ts";
import { rowsShown, type Shown } from "./shown.ts";
import type { CapturedSource } from "./source.ts";
import type { Turn } from "./turn.ts";
import { createWatches, type Watch } from "./watch.ts";

/** Most keys of one read and commit: a commit of more would hold up the heartbeat. */
const keysPerRead = 500;
/** A key that could not be read (locked, timed out) is tried again after this. */
const unreadRetryMs = 30_000;
/** The same for one that the ERP refuses to read. */
const refusedRetryMs = 300_000;
/** So many keys that can't be read, one after the other, end the try. */
const mostInVain = 5;
/** Confirming reads are in no hurry: those that come due within so long are made together, ms. */
const confirmTogetherMs = 250;
/** A backlog of more keys is bulk work: it leaves room for single changes. */
const bulkFrom = 5_000;

export interface Drain {
  /** Reads what is due now of one source. Returns false when it had to stop because nothing may be read. */
  source(source: CapturedSource, signal: AbortSignal): Promise<boolean>;
  /** Reads one key at once; returns the number under which its state travels, undefined when nothing of it is on its way. */
  readBack(source: CapturedSource, key: string, asked: ReadBack): Promise<number | undefined>;
  /**
   * Reads keys that were signalled just now; `note` notes the signal, in the transaction that takes what was read. Where nothing may be read, or these keys
   * can't, or the ERP is to rest, it is noted alone, and the keys are read in their turn.
   */
  readSignalled(source: CapturedSource, keys: readonly string[], signalled: Signalled): Promise<void>;
  mayRead(): boolean;
  /** Begins to note what is read of a source, so that rows which a poll brings along are not taken for newer than what was read meanwhile. */
  watch(source: string): Watch;
  /** Called with the keys of each commit before the next read, or before they are read: a running scan must not take other rows of them. */
  onSettled(listener: (source: string, keys: readonly string[]) => void): () => void;
}

export function createDrain(room: Room, turn: Turn): Drain {
  const { connector, store, clock, log } = room;
  const listeners = new Set<(source: string, keys: readonly string[]) => void>();
  const watches = createWatches();

  const mayRead = (): boolean =>
    room.mayRead() && store.outbox.hasRoom(false) && !inWindow(room.blackout, clock.now(), room.timezone);

  const readRows = async (source: CapturedSource, keys: readonly string[], signal: AbortSignal) => {
    const rows = new Map<string, ReadRow>();
    const started = clock.monotonic();
    for await (const batch of connector.readKeys(source.mapping.query, keys, signal)) {
      for (let index = 0; index < batch.length; index++) {
        const key = batch.key(index);
        if (key !== undefined) rows.set(key, readRow(source, batch, { index, key }));
      }
    }
    await room.pace.rest({ rows: keys.length, durationMs: clock.monotonic() - started }, signal);
    return rows;
  };

  /** Rows that a poll has brought along are paid for as well. */
  const takeShown = async (source: CapturedSource, keys: readonly string[], { shown, signal }: ShownReading) => {
    const rows = rowsShown(source, keys, shown.rows);
    await room.pace.rest({ rows: rows.size, durationMs: shown.durationMs }, signal);
    return rows;
  };

  /** A parked parent is read when something of it changes, a pending one when its time has come. */
  const isDue = (source: string, key: string): boolean => {
    const waiting = store.pending.get(source, key);
    if (waiting === undefined) return store.quarantine.get(source, key) === undefined;
    return waiting.notBefore <= clock.now() && waiting.stage !== "held";
  };

  /** Parents that the rows name and the portal does not hold are read first; whichever is still missing then parks its child. */
  const readParents = async (
    rows: ReadonlyMap<string, ReadRow>,
    name: string,
    { inFlight, signal }: Pick<ReadOptions, "signal"> & { inFlight: Set<string> },
  ) => {
    const wanted = new Map<string, Set<string>>();
    for (const [child, { mapped }] of rows) {
      if (mapped.kind !== "entity") continue;
      for (const { source, key } of mapped.parents) {
        // What is new may belong to somebody to whom a known parent's key was just given.
        const isEnough = room.byName.get(source)?.mapping.isReused !== true || store.entities.known(name, child);
        if (inFlight.has(placeOf(source, key)) || (isEnough && store.entities.known(source, key))) continue;
        if (store.outOfScope.has({ source, key })) continue;
        if (!isDue(source, key)) continue;
        const keys = wanted.get(source) ?? new Set();
        wanted.set(source, keys.add(key));
      }
    }
    for (const [of, keys] of wanted) {
      const parent = room.byName.get(of);
      if (parent === undefined) continue;
      const unmarked = [...keys].filter((key) => store.pending.get(of, key) === undefined);
      store.pending.mark(of, unmarked, { now: clock.now(), confirm: false });
      const pending = [...keys].map((key) => store.pending.get(of, key) as PendingKey);
      try {
        for (const chunk of chunks(pending, keysPerRead)) await drainKeys(parent, chunk, { inFlight, bulk: false, signal });
      } catch (error) {
        // The parents' own drain meets the same failure and reports it; their children must not fail with it, only wait.
        if (isAbort(error) || kindOf(error) === "bug") throw error;
      }
    }
  };

  /** Whether rows that are gone may be believed to be: no sign of a restore, and each place where one would show could be looked at. */
  const mayBelieve = async ({ mapping }: CapturedSource, gone: readonly Waiting[], signal: AbortSignal): Promise<boolean> => {
    await checkIdentity(room, signal);
    // Noted already, a loss needs no other sign.
    if (lostHistory(store.meta, mapping.source) !== undefined) return true;
    try {
      await requireHistory(room, { source: mapping.source, absent: new Set(gone.map(({ key }) => key)) }, signal);
      return true;
    } catch (error) {
      if (isAbort(error) || kindOf(error) === "history-lost" || kindOf(error) === "bug") throw error;
      // A table that is locked or missing may be just about to be restored. Its own source says so; here only the deletes wait.
      return false;
    }
  };

  const putOff = (source: string, { key, mark, stage, guard }: PendingKey, ms: number): void => {
    store.pending.advance(source, key, mark, { stage, notBefore: clock.now() + ms, ...(guard === undefined ? {} : { guard }) });
  };

  const readKeys = async (source: CapturedSource, waiting: readonly Waiting[], options: ReadOptions): Promise<Read> => {
    const { signal, bulk } = options;
    const name = source.mapping.source;
    const keys = waiting.map(({ key }) => key);
    const at = options.shown?.at ?? clock.now();
    const rows = await (options.shown === undefined
      ? readRows(source, keys, signal)
      : takeShown(source, keys, { shown: options.shown, signal }));
    // It may be missing because the ERP was set back a moment ago: then its delete is a person's decision, and it must be known before it is made.
    const gone = waiting.filter(({ key, by, pending }) => by === "drain" && pending?.stage !== "marked" && !rows.has(key));
    const doubted =
      gone.length > 0 && !(await mayBelieve(source, gone, signal)) ? new Set(gone.map(({ key }) => key)) : undefined;
    const inFlight = new Set([...options.inFlight, ...keys.map((key) => placeOf(name, key))]);
    await readParents(rows, name, { inFlight, signal });
    // Out of turn nothing is said of an absence: only the drain's waits tell it from a row that is not visible yet.
    const unread = waiting.filter(({ key, by }) => by === "command" && !rows.has(key)).map(({ key }) => key);
    const readings = (): Reading[] =>
      waiting
        .filter(({ key }) => !unread.includes(key) && !doubted?.has(key))
        .map(({ key, pending, by }) => {
          const row = rows.get(key);
          // A signalled key without a row was marked in this transaction.
          const waits = by === "signal" && row === undefined ? store.pending.get(name, key) : pending;
          return { key, pending: waits, row, own: by === "command" };
        });
    // The database may compare keys more loosely than we do, and answers with its own spelling.
    const otherwise = [...rows.keys()].filter((key) => !keys.includes(key));
    const found: ReadonlySet<string> = new Set(keys.filter((key) => rows.has(key)));
    const take = (): Settled =>
      store.transaction(() => {
        const { reconciled } = store.sources.get(name);
        const toRead = reconciled
          ? [...otherwise, ...unread]
          : waiting.filter(({ by }) => by === "command").map(({ key }) => key);
        if (toRead.length > 0) store.pending.mark(name, toRead, { now: clock.now(), confirm: false });
        // A new epoch began while we read: before its inventory is taken nobody knows what the portal holds. The keys stay.
        if (!reconciled) return nothing;
        if (doubted !== undefined) for (const { pending } of gone) putOff(name, pending as PendingKey, unreadRetryMs);
        return settle(room, source, readings(), { at, now: clock.now(), bulk, name: "drain" });
      }, "drain");
    return { take, found };
  };

  /** The transaction that took the result is committed. */
  const told = (source: string, keys: readonly string[], settled: Settled): void => {
    for (const listener of listeners) listener(source, keys);
    watches.settled(source, keys);
    if (settled.newlyHeld > 0)
      log.info("Entities are held in quarantine", { source, code: "quarantined", count: settled.newlyHeld });
  };

  const drainKeys = async (source: CapturedSource, pending: readonly PendingKey[], options: ReadOptions): Promise<void> => {
    const { take } = await readKeys(
      source,
      pending.map((one) => ({ key: one.key, pending: one, by: "drain" })),
      options,
    );
    const keys = pending.map(({ key }) => key);
    const confirms = pending.every(({ stage, owesConfirm }) => stage === "confirm" && owesConfirm);
    told(source.mapping.source, keys, confirms ? confirmed(take, keys.length) : take());
  };

  /** A second read hardly ever finds anything new: then it only clears its keys, and keys that come back are read once more. */
  const confirmed = (take: () => Settled, count: number): Settled => {
    try {
      return store.repeatable(() => {
        const settled = take();
        if (settled.unchanged < count) throw new SomethingNew();
        return settled;
      }, "drain");
    } catch (error) {
      if (error instanceof SomethingNew) return take();
      throw error;
    }
  };

  /** A key that can't be read alone is tried again later; what the ERP refuses for good is named as well. */
  const postpone = ({ mapping }: CapturedSource, waiting: PendingKey, error: unknown): void => {
    const { source, type } = mapping;
    const { key } = waiting;
    const now = clock.now();
    const rejected = kindOf(error) === "rejected";
    store.transaction(() => {
      if (!rejected)
        log.warn("An entity can't be read now: it is tried again", { source, code: codeOf(error), id: mapping.idOf(key) });
      putOff(source, waiting, rejected ? refusedRetryMs : unreadRetryMs);
      if (!rejected) return;
      const reason = { code: "row-unreadable", field: undefined, message: "The ERP refuses to read this row", digest: undefined };
      store.quarantine.put({ source, key, type, id: mapping.idOf(key), since: now, waitsFor: undefined, ...reason });
    }, "drain");
  };

  return {
    mayRead,
    watch: watches.begin,
    onSettled(listener) {
      listeners.add(listener);
      const endCompare = watches.compareBegins();
      return () => {
        listeners.delete(listener);
        endCompare();
      };
    },
    async source(source, signal) {
      const name = source.mapping.source;
      const until = clock.now();
      const bulk = store.pending.count(name) > bulkFrom;
      const most = Math.min(keysPerRead, connector.dialect.maxKeysPerRead);
      let size = most;
      let aloneInVain = 0;
      for (;;) {
        if (!mayRead() || (bulk && !store.outbox.hasRoom(true)) || !store.sources.get(name).reconciled) return false;
        const read = await turn(async () => {
          const due = store.pending.due(name, until, size);
          try {
            if (due.length > 0) await drainKeys(source, due, { inFlight: new Set(), bulk, signal });
            return { keys: due.length, failed: false };
          } catch (error) {
            // One key that can't be read must not hold up the others: ever fewer are read together until it is alone.
            if (!isOfTheKeys(error)) throw error;
            if (due.length > 1) return { keys: due.length, failed: true };
            postpone(source, due[0] as PendingKey, error);
            // One after the other: then it is not the keys, but the ERP.
            if (kindOf(error) === "transient" && ++aloneInVain >= mostInVain) throw error;
            return { keys: 1, failed: true };
          }
        });
        if (read.keys === 0) return true;
        if (!read.failed) aloneInVain = 0;
        size = read.failed ? Math.ceil(read.keys / 2) : Math.min(most, size * 2);
      }
    },
    async readSignalled(source, keys, { note, signal, shown }) {
      // A busy ERP answers many keys at once with less work than a few at a time.
      if (room.pace.isResting()) return store.transaction(() => note(keys), "signal");
      return turn(async () => {
        const name = source.mapping.source;
        const few = keys.length <= Math.min(keysPerRead, connector.dialect.maxKeysPerRead);
        let read: Read | undefined;
        if (few && mayRead() && store.sources.get(name).reconciled) {
          for (const listener of listeners) listener(name, keys);
          // What was read since the rows were shown is noted, and read in its turn.
          const fresh = shown === undefined ? keys : keys.filter((key) => shown.watch.isFresh(key));
          const waiting = fresh.map((key): Waiting => ({ key, by: "signal" }));
          try {
            read = await readKeys(source, waiting, { inFlight: new Set(), bulk: false, signal, shown });
          } catch (error) {
            // The drain finds out which of them can't be read, and says so.
            if (!isOfTheKeys(error)) throw error;
          }
        }
        const settled = store.transaction(() => {
          if (read === undefined || !store.sources.get(name).reconciled) return void note(keys);
          const { take, found } = read;
          // A compare began while parents were read: what it shows is newer.
          if (shown !== undefined && ![...found].every((key) => shown.watch.isFresh(key))) return void note(keys);
          // Whatever signals came during the read, the one that a signal owes comes after them.
          const now = clock.now();
          const notBefore = Math.ceil((now + room.confirmAfterMs) / confirmTogetherMs) * confirmTogetherMs;
          store.pending.owe(name, [...found], { now, notBefore });
          note(keys.filter((key) => !found.has(key)));
          return take();
        }, "signal");
        if (settled !== undefined) told(name, keys, settled);
      });
    },
    readBack(source, key, { signal, within = async (take) => take() }) {
      return turn(async () => {
        const { mapping } = source;
        const name = mapping.source;
        if (!mayRead() || !store.sources.get(name).reconciled) {
          store.pending.mark(name, [key], { now: clock.now(), confirm: false });
          return undefined;
        }
        for (const listener of listeners) listener(name, [key]);
        const before = store.pending.get(name, key);
        const waiting: Waiting = { key, pending: before, by: "command" };
        const { take } = await readKeys(source, [waiting], { inFlight: new Set(), bulk: false, signal });
        let settled: Settled | undefined;
        const seq = await within(() => {
          settled = take();
          if (!store.sources.get(name).reconciled) return undefined;
          return settled.seqs.get(key) ?? store.outbox.seqOf(mapping.type, mapping.idOf(key));
        });
        if (settled !== undefined) told(name, [key], settled);
        return seq;
      });
    },
  };
}

/** The ERP could not read these keys: fewer of them, or the same later, may well be read. A store that is full or locked is no fault of theirs. */
const isOfTheKeys = (error: unknown): boolean =>
  !isAbort(error) && !isStoreTrouble(error) && (kindOf(error) === "transient" || kindOf(error) === "rejected");

/** What was taken must be durable before anybody hears of it. */
class SomethingNew extends Error {}

const nothing: Settled = { sent: 0, deleted: 0, quarantined: 0, newlyHeld: 0, unchanged: 0, seqs: new Map() };

interface Read {
  /** Takes the result into the store, in one transaction; to be called before anything else is read. */
  take: () => Settled;
  /** Keys that have a row. */
  found: ReadonlySet<string>;
}

/** A key to be read. */
interface Waiting {
  key: string;
  /** The pending key that the read satisfies. */
  pending?: PendingKey | undefined;
  /** Who wants it read: the drain, to which it was due; a signal, noted together with the result; or a command, of which nobody has noted it. */
  by: "drain" | "signal" | "command";
}

export interface Signalled {
  /** Marks keys, and notes all else that the signal told; within the transaction. */
  note: (keys: readonly string[]) => void;
  signal: AbortSignal;
  shown?: Shown | undefined;
}

/** A read out of turn. */
export interface ReadBack {
  signal: AbortSignal;
  /**
   * Calls `take` within a transaction of its own, once and without waiting: it puts the state as read into the outbox, or marks the key where that can't
   * be, and returns the number. By default `take` is called alone. Not called where nothing may be read: then the key is marked.
   */
  within?: ((take: () => number | undefined) => Promise<number | undefined>) | undefined;
}

interface ReadOptions {
  /** Keys whose rows are read and not yet settled: never read again within. */
  inFlight: ReadonlySet<string>;
  bulk: boolean;
  signal: AbortSignal;
  shown?: Shown | undefined;
}

interface ShownReading {
  shown: Shown;
  signal: AbortSignal;
}

const codeOf = (error: unknown): string => (error instanceof FuserError ? error.code : "bug");
const placeOf = (source: string, key: string): string => `${source}\n${key}`;

function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
