/**
 * The full compare of a source. It only suspects: a row is taken directly only if its key is not pending and no state of it was written since the scan
 * began; every other difference, and every key not seen, becomes pending, and the read by key decides. A scan that fails, is aborted or comes back
 * empty infers no delete.
 */
import { FuserError } from "../../base/errors.ts";
import type { RowBatch } from "../../connectors/connector.ts";
import { createDoorbell } from "./doorbell.ts";
import type { Drain } from "./drain.ts";
import { createHeldReadings } from "./held-readings.ts";
import { lostHistory, noteCompared } from "./lost-history.ts";
import { payable, payOwed } from "./owed-compares.ts";
import { partsOf } from "./part-batch.ts";
import type { Room } from "./parts.ts";
import { mostAtOnce, type Scan, type ScanResult, settleHeld, takeBatch } from "./scan-batch.ts";
import type { CapturedSource } from "./source.ts";
import { isOfValues } from "./suspects.ts";
import { createTakeNew } from "./take-new.ts";
import type { Turn } from "./turn.ts";

/** While the outbox is full the scan waits so long; then it goes on without taking rows, for its statement must not stay open. */
const longestWaitMs = 20_000;
const roomCheckMs = 250;
/** Keys written during the scan that are remembered; beyond, no row is taken directly any more. */
const mostWritten = 200_000;
/** No row at all where more were known is not believed. */
const emptyIsSuspectFrom = 10;
const progressEveryMs = 500;

/** Compares a source in full. @throws what the connector throws; then nothing was inferred from what is missing */
export async function scanSource(
  room: Room,
  source: CapturedSource,
  joint: { drain: Drain; turn: Turn; signal: AbortSignal },
): Promise<ScanResult> {
  const { store, clock } = room;
  const { drain, turn, signal } = joint;
  const name = source.mapping.source;
  using walk = store.entities.walk(name);
  const scan: Scan = {
    source,
    walk,
    written: new Set(),
    suspectOnly: false,
    held: createHeldReadings(),
    takeNew: createTakeNew(room, source),
    bell: createDoorbell(clock),
    ground: groundOf(room, source),
    groundSeenAt: undefined,
    startedAt: clock.monotonic(),
    beganAt: clock.now(),
    pays: payable(room, name),
    result: { rows: 0, sent: 0, suspects: 0, unseen: 0, keyless: 0 },
  };
  requireGround(room, scan);
  const stopListening = drain.onSettled((settled, keys) => {
    if (settled !== name) return;
    for (const key of keys) scan.written.add(key);
    if (scan.written.size > mostWritten) scan.suspectOnly = true;
  });
  try {
    const kind = store.sources.get(name).comparedAt === undefined ? "sync" : "compare";
    const tell = progressTeller(room, scan, kind);
    let readAt = clock.now();
    let started = clock.monotonic();
    for await (const batch of room.connector.scan(source.mapping.query, signal)) {
      // The ERP's time alone: what we make of the rows says nothing of its load.
      const durationMs = clock.monotonic() - started;
      await waitForRoom(room, scan, { drain, signal });
      requireGround(room, scan);
      if (takeBatch(room, scan, batch, readAt) === "in-parts") await takeParts(room, scan, { batch, readAt, drain, signal });
      scan.result.rows += batch.length;
      tell(false);
      await room.pace.rest({ rows: batch.length, durationMs }, signal);
      readAt = clock.now();
      started = clock.monotonic();
    }
    signal.throwIfAborted();
    requireGround(room, scan);
    settleHeld(room, scan);
    // In turn with the drain: a guard counts all that is missing before the first delete goes.
    await turn(async () => complete(room, scan));
    tell(true);
    return scan.result;
  } finally {
    stopListening();
  }
}

/** A batch of which too much must be thought at once: others have their turns in between. */
async function takeParts(
  room: Room,
  scan: Scan,
  { batch, readAt, drain, signal }: { batch: RowBatch; readAt: number; drain: Drain; signal: AbortSignal },
): Promise<void> {
  for (const part of partsOf(batch, mostAtOnce)) {
    await room.clock.sleep(0, signal);
    await waitForRoom(room, scan, { drain, signal });
    requireGround(room, scan);
    takeBatch(room, scan, part, readAt);
  }
}

function mayTake({ store }: Room, drain: Drain): boolean {
  return drain.mayRead() && store.outbox.hasRoom(true);
}

async function waitForRoom(room: Room, scan: Scan, { drain, signal }: { drain: Drain; signal: AbortSignal }): Promise<void> {
  const until = room.clock.monotonic() + longestWaitMs;
  if (!scan.suspectOnly && !mayTake(room, drain)) {
    requireGround(room, scan);
    settleHeld(room, scan);
  }
  while (!scan.suspectOnly && !mayTake(room, drain)) {
    if (room.clock.monotonic() >= until) scan.suspectOnly = true;
    else await scan.bell.sleep(roomCheckMs, signal);
  }
}

/** Epoch and history: under a new one what was compared so far says nothing. */
function groundOf({ store }: Room, { mapping }: CapturedSource): string {
  return JSON.stringify([store.meta.get("epoch"), lostHistory(store.meta, mapping.source)]);
}

/** Nothing is compared either before it is known what the portal holds. */
function requireGround(room: Room, scan: Scan): void {
  const { source, ground } = scan;
  if (scan.groundSeenAt === room.store.commits) return;
  scan.groundSeenAt = room.store.commits;
  if (room.store.sources.get(source.mapping.source).reconciled && groundOf(room, source) === ground) return;
  throw new FuserError("transient", "The compare was overtaken by a new epoch or a loss of history", {
    code: "compare-overtaken",
    operation: "compare in full",
    place: source.mapping.source,
    hint: "It begins anew by itself",
  });
}

/** The scan is through: what it did not see becomes pending, and the source counts as compared. */
function complete(room: Room, scan: Scan): void {
  const { store, clock } = room;
  const { mapping } = scan.source;
  requireGround(room, scan);
  const name = mapping.source;
  const now = clock.now();
  const known = store.entities.count(name);
  const suspectEmpty = mapping.saidByFile === undefined && scan.result.rows === 0 && known > emptyIsSuspectFrom;
  store.transaction(() => {
    // Rows that are only ever added do not go, unless the ERP itself went back.
    if (!mapping.append || lostHistory(store.meta, name) !== undefined) {
      for (const keys of scan.walk.unseen()) {
        const waits = (key: string): boolean => {
          const pending = store.pending.get(name, key);
          // One that is held for its values is gone all the same.
          return pending !== undefined && !isOfValues(pending);
        };
        const news = keys.filter((key) => !scan.written.has(key) && !waits(key));
        scan.result.unseen += news.length;
        store.pending.mark(name, news, { now, confirm: false });
        if (suspectEmpty) holdAll(room, name, news, now);
      }
    }
    // All of what it suspects is known now.
    store.pending.wakeSuspects(name, now);
    store.sources.update(name, { comparedAt: now, lastSuccessAt: now, rows: scan.result.rows });
    noteCompared(store.meta, name, scan.beganAt);
    payOwed(store, name, scan.pays);
    const durationMs = clock.monotonic() - scan.startedAt;
    const detail = { ...scan.result, historyLost: lostHistory(store.meta, name) !== undefined };
    store.journal.add({ at: now, kind: "compare", source: name, status: suspectEmpty ? "held" : "ok", durationMs, detail });
  }, "scan-complete");
  if (!suspectEmpty) return;
  const code = "compare-empty";
  room.log.warn("The ERP shows no row of this source, although rows were known: nothing is deleted without approval", {
    source: name,
    code,
    known,
  });
}

/** Nothing that the portal holds of it is read before a person has said that the source may really be empty. */
function holdAll(room: Room, source: string, keys: readonly string[], now: number): void {
  const { pending, guards, entities } = room.store;
  const guard = guards.open(source, "deletes", now);
  for (const key of keys) {
    // A row that was never sent (cancelled from the first, or in quarantine) is nobody's to delete: a person is not asked about it.
    if (!entities.known(source, key)) continue;
    const waiting = pending.get(source, key);
    if (waiting !== undefined) pending.advance(source, key, waiting.mark, { stage: "held", notBefore: now, guard: guard.id });
  }
  guards.outOf(guard.id, entities.count(source));
}

function progressTeller(room: Room, scan: Scan, kind: "sync" | "compare"): (done: boolean) => void {
  const { clock, onProgress, estimateRows } = room;
  if (onProgress === undefined) return () => {};
  const { source } = scan.source.mapping;
  const total = estimateRows?.(source);
  let toldAt = Number.NEGATIVE_INFINITY;
  return (done) => {
    const now = clock.monotonic();
    if (!done && now - toldAt < progressEveryMs) return;
    toldAt = now;
    const { rows } = scan.result;
    const rowsPerSecond = Math.round((rows / Math.max(1, now - scan.startedAt)) * 1_000);
    onProgress({ source, kind, rows, total: done ? rows : total, rowsPerSecond, done });
  };
}
