/** What a scan makes of a batch of rows: which of them it takes directly, and of which keys it only suspects something. */
import type { RowBatch } from "../../connectors/connector.ts";
import type { Differing, EntityPlace, EntityWalk } from "../store/store.ts";
import type { Doorbell } from "./doorbell.ts";
import { standsAsSent } from "./fingerprint.ts";
import type { HeldReadings } from "./held-readings.ts";
import { createParentStates, type ParentStates } from "./parent-states.ts";
import type { Room } from "./parts.ts";
import { type Reading, readRow } from "./reading.ts";
import { settle } from "./settle.ts";
import type { CapturedSource } from "./source.ts";
import { mayContinue } from "./successions.ts";
import type { TakeNew } from "./take-new.ts";

export interface ScanResult {
  rows: number;
  sent: number;
  suspects: number;
  unseen: number;
  /** Rows whose key holds a null. */
  keyless: number;
}

export interface Scan {
  source: CapturedSource;
  walk: EntityWalk;
  written: Set<string>;
  /** Rows are no longer taken directly. */
  suspectOnly: boolean;
  /** Read, and not settled yet. */
  held: HeldReadings;
  takeNew: TakeNew;
  bell: Doorbell;
  /** What the compare stands on: it must not change while it runs. */
  ground: string;
  /** Commits of the store when that was looked at last. */
  groundSeenAt: number | undefined;
  /** Of the clock that nobody sets, and epoch ms. */
  startedAt: number;
  beganAt: number;
  /** What is paid of owed compares when it is through. */
  pays: string | undefined;
  result: ScanResult;
}

/** New rows mostly come many at a time. From so many on in a batch they are not held, but taken at once. */
const manyNew = 4;

/** Of so many rows settling may have to think in one turn of the event loop. */
export const mostAtOnce = 1_000;

/**
 * Takes what differs of a batch. `in-parts`: that would be too much at once, so that it is to be given again in parts of `mostAtOnce` rows.
 * @param readAt from before the batch was asked for: the items' time
 */
export function takeBatch(room: Room, scan: Scan, batch: RowBatch, readAt: number): "taken" | "in-parts" {
  const { source, held, walk } = scan;
  let differing = walk.differing(batch.keyDigests, batch.digests);
  const isBulk = !scan.suspectOnly && isManyNew(differing) && !mayContinue(room, source) && !asksParents(room, source);
  const isLarge = batch.length > mostAtOnce;
  if (isLarge && differing.indexes.length > mostAtOnce && !(isBulk && scan.takeNew.takesBytes(batch))) return "in-parts";
  if (isBulk && !held.isEmpty()) {
    settleHeld(room, scan);
    differing = walk.differing(batch.keyDigests, batch.digests);
  }
  const waiting = new Set(room.store.pending.mayWait(source.mapping.source, batch.keyDigests));
  const found = { differing, waiting, readAt };
  if (isBulk) {
    return room.store.transaction(() => {
      const rest = takeNewRows(scan, batch, found);
      // What was taken stands as it is when the parts come.
      if (isLarge && rest.length > mostAtOnce) return "in-parts";
      lookInto(room, scan, batch, { ...found, indexes: rest });
      settleHeld(room, scan);
      return "taken";
    }, "scan");
  }
  const { indexes } = differing;
  const all = waiting.size === 0 ? indexes : inOrder([...indexes, ...waiting]);
  if (all.length > 0) lookInto(room, scan, batch, { ...found, indexes: all });
  if (held.isDue(room.clock.monotonic())) settleHeld(room, scan);
  return "taken";
}

function isManyNew({ isNew }: Differing): boolean {
  let count = 0;
  for (const one of isNew) if (one && ++count >= manyNew) return true;
  return false;
}

const inOrder = (indexes: readonly number[]): number[] => [...new Set(indexes)].sort((one, other) => one - other);

/** What was found of a batch. */
interface Found {
  differing: Differing;
  /** Rows whose keys may be pending. */
  waiting: ReadonlySet<number>;
  readAt: number;
}

/** Returns the rows that are still to be looked into. */
function takeNewRows({ takeNew, held, result, written }: Scan, batch: RowBatch, found: Found): readonly number[] {
  const { differing, waiting, readAt } = found;
  const news: number[] = [];
  const known: number[] = [];
  for (let at = 0; at < differing.indexes.length; at++) {
    const index = differing.indexes[at] as number;
    if (!differing.isNew[at]) known.push(index);
    else if (!waiting.has(index)) news.push(index);
  }
  const { sent, left, repeated } = takeNew.take({ batch, indexes: news, written, readAt });
  result.sent += sent;
  for (const key of repeated) held.suspect(key);
  return inOrder([...left, ...known, ...waiting]);
}

/** Holds what is to be taken of a batch, mapped. Of rows that stand as they did not even the key is asked. */
function lookInto(
  room: Room,
  scan: Scan,
  batch: RowBatch,
  { indexes, waiting, differing, readAt }: Found & { indexes: readonly number[] },
): void {
  if (indexes.length === 0) return;
  const { entities, pending } = room.store;
  const name = scan.source.mapping.source;
  const news = new Set(differing.indexes.filter((_, at) => differing.isNew[at]));
  const keys = indexes.map((index) => batch.key(index));
  const keyDigests = indexes.map((index) => batch.keyDigests[index] as bigint);
  const known = keys.map((key, at) => (news.has(indexes[at] as number) ? undefined : key));
  const states = entities.getMany(name, known, keyDigests);
  const { commits } = room.store;
  for (const [at, index] of indexes.entries()) {
    const key = keys[at];
    if (key === undefined) {
      scan.result.keyless += 1;
      continue;
    }
    const state = states[at];
    if (state !== undefined) scan.walk.see(state);
    const waits = waiting.has(index) ? pending.get(name, key) : undefined;
    if (waits !== undefined) {
      // Its row is there: what was waiting to be deleted is looked at anew. Of a row that is suspected or held as it stands nothing is new.
      if (waits.stage !== "marked" && waits.suspicion?.rowDigest !== batch.digests[index]) scan.held.suspect(key);
      continue;
    }
    if (state?.rowDigest === batch.digests[index]) continue;
    if (scan.suspectOnly || scan.written.has(key)) {
      // Read by its key it would be sent: the next compare takes it as it stands.
      if (!standsAsSent(scan.source, state)) scan.held.suspect(key);
      continue;
    }
    const row = readRow(scan.source, batch, { index, key });
    scan.held.add(
      { key, keyDigest: keyDigests[at] as bigint, pending: undefined, row, state: state ?? "none", commits },
      { readAt, now: room.clock.monotonic() },
    );
  }
}

/** What is held takes effect, in one commit. */
export function settleHeld(room: Room, scan: Scan): void {
  const { store, clock } = room;
  const { held, result, source } = scan;
  const name = source.mapping.source;
  const { readings: all, suspects, readAt } = held.take();
  if (all.length === 0 && suspects.length === 0) return;
  const parents = createParentStates(store.entities);
  const readings: Reading[] = [];
  const taken = new Set<string>();
  const asks = asksParents(room, source);
  const isUnknown = unknownParents(room, all, { name, parents });
  const waiting = new Set(
    store.pending.mayWait(
      name,
      BigUint64Array.from(all, ({ keyDigest }) => keyDigest),
    ),
  );
  for (const [at, reading] of all.entries()) {
    const { key, row } = reading;
    const stage = waiting.has(at) ? store.pending.get(name, key)?.stage : undefined;
    // Signalled since: it is about to be read anew.
    if (stage === "marked") continue;
    const isWritten = stage !== undefined || scan.written.has(key);
    // An unknown parent is first read by key, and so is a key that the query brings twice: both are the drain's work.
    const isOdd =
      taken.has(key) ||
      (row.mapped.kind === "entity" && row.mapped.parents.some(isUnknown)) ||
      (asks && !store.entities.known(name, key));
    if (scan.suspectOnly || isWritten || isOdd) suspects.push(key);
    // With another commit in between it may have another state.
    else
      readings.push(reading.commits === store.commits ? reading : { key, keyDigest: reading.keyDigest, pending: undefined, row });
    taken.add(key);
  }
  result.suspects += suspects.length;
  store.transaction(() => {
    store.pending.mark(name, suspects, { now: clock.now(), confirm: false });
    if (readings.length === 0) return;
    const settled = settle(room, source, readings, { at: readAt, now: clock.now(), bulk: true, name: "scan", parents });
    result.sent += settled.sent + settled.deleted;
  }, "scan");
}

/** Whether what is new of the source is read by its key, as its parents then are: their keys may have been given to somebody new. In a first compare all is new. */
function asksParents({ store, byName }: Room, { mapping }: CapturedSource): boolean {
  const { source, refersTo = [] } = mapping;
  return refersTo.some((name) => byName.get(name)?.mapping.isReused) && store.sources.get(source).comparedAt !== undefined;
}

/** Whether a parent is unknown and must be read before its child can be sent. */
function unknownParents(
  { store }: Room,
  readings: readonly Reading[],
  { name, parents }: { name: string; parents: ParentStates },
): (parent: EntityPlace) => boolean {
  let own: Set<string> | undefined;
  const isBeside = (key: string): boolean => {
    own ??= new Set(readings.map((reading) => reading.key));
    return own.has(key);
  };
  return ({ source, key }) => {
    if (parents.of(source, key)?.entityDigest !== undefined) return false;
    // What is taken together comes in any order: settling sorts it out. A parked parent parks its child.
    if (source === name && isBeside(key)) return false;
    if (store.outOfScope.has({ source, key })) return false;
    return store.quarantine.get(source, key) === undefined;
  };
}
