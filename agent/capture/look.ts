/**
 * Looks into the ERP, a few records of a source at a time, in idle hours: does it say what was last read of them? Cursor columns and feeds should have told of
 * whatever changed since; where they did not, the record is read anew and the failure counted. It only suspects: what is sent is decided by the read by key.
 */
import { isAbort, kindOf } from "../../base/errors.ts";
import { checkedOf, noteChecked, noteMended } from "./checked.ts";
import type { Drain } from "./drain.ts";
import { createWitness, type Witness } from "./mending.ts";
import { oweCompare } from "./owed-compares.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

/** Most keys of one read. */
const keysPerRead = 500;

/** Keys that the ERP shows otherwise than last read, by source: what tells of changes may only be late. They are looked at once more the next time. */
export type Suspects = Map<string, readonly string[]>;

export interface LookJoint {
  drain: Drain;
  suspects: Suspects;
  /** About how many records. */
  records: number;
  signal: AbortSignal;
}

/** What was found: rows of which nothing had told that they changed, and that they are gone. */
interface Untold {
  changed: string[];
  gone: string[];
}

/** @throws FuserError transient where the ERP can't be read, or something is on its way: it is to be tried again later */
export async function lookIntoErp(room: Room, source: CapturedSource, joint: LookJoint): Promise<void> {
  const { store, clock } = room;
  const { suspects, signal, drain } = joint;
  const name = source.mapping.source;
  using witness = createWitness(room, [source], drain);
  const before = checkedOf(store.meta, name);
  const now = clock.now();
  const roundAt = before.next === undefined ? now : (before.roundAt ?? now);
  const { keys, next } = someOf(room, name, { from: before.next ?? 0, records: joint.records });
  const doubted = suspects.get(name) ?? [];
  const found = await untoldOf(room, source, { keys: [...new Set([...doubted, ...keys])], witness, signal });
  const again = new Set(doubted);
  const late = isTold(source);
  // Only what stands out twice, with the time in between in which it should have been told.
  const sure = (key: string): boolean => !late || again.has(key);
  const changed = found.changed.filter(sure);
  const gone = found.gone.filter(sure);
  store.transaction(() => {
    witness.requireGround();
    store.pending.mark(name, changed, { now, confirm: false });
    // The compare's guards see all that is missing at once.
    if (gone.length > 0) oweCompare(room, name, "untold-gone");
    noteChecked(store.meta, name, { lookedAt: now, roundAt, next });
    // What lives on compares is told by them: nothing failed.
    const mended = late ? changed.length + gone.length : 0;
    noteMended(store.meta, name, { count: mended, now });
    if (mended > 0) noteUntold(room, name, { keys: keys.length, changed: changed.length, gone: gone.length });
  }, "look");
  suspects.set(name, late ? [...found.changed, ...found.gone].filter((key) => !again.has(key)) : []);
}

/** Something tells of each change: of rows that go, a feed alone. */
const isTold = ({ cursor, feed }: CapturedSource): boolean => cursor !== undefined || feed !== undefined;
const tellsDeletes = ({ feed, mapping }: CapturedSource): boolean => feed !== undefined && !mapping.append;

/** The next records that the portal holds of a source. */
function someOf(
  { store }: Room,
  source: string,
  { from, records }: { from: number; records: number },
): { keys: string[]; next: number | undefined } {
  const keys: string[] = [];
  for (const { entities, next } of store.entities.held(source, from)) {
    for (const { key } of entities) keys.push(key);
    if (keys.length >= records) return { keys, next };
  }
  return { keys, next: undefined };
}

async function untoldOf(
  room: Room,
  source: CapturedSource,
  { keys, witness, signal }: { keys: readonly string[]; witness: Witness; signal: AbortSignal },
): Promise<Untold> {
  const untold: Untold = { changed: [], gone: [] };
  const name = source.mapping.source;
  const most = Math.min(keysPerRead, room.connector.dialect.maxKeysPerRead);
  for (let start = 0; start < keys.length; start += most) {
    const chunk = keys.slice(start, start + most);
    const shown = await digestsOf(room, source, chunk, signal);
    if (shown === undefined) continue;
    const states = room.store.entities.getMany(name, chunk);
    for (const [at, key] of chunk.entries()) {
      const known = states[at]?.rowDigest;
      // A void one is looked at by the compare that voided it.
      if (known === undefined || shown.get(key) === known || !witness.stands(source, key)) continue;
      if (shown.has(key)) untold.changed.push(key);
      else if (tellsDeletes(source)) untold.gone.push(key);
    }
  }
  return untold;
}

/** Digests of the rows that the ERP shows; undefined where it refuses to read one of them, which is the drain's to tell. */
async function digestsOf(
  room: Room,
  { mapping }: CapturedSource,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, bigint> | undefined> {
  const { connector, clock, pace } = room;
  const shown = new Map<string, bigint>();
  const started = clock.monotonic();
  try {
    for await (const batch of connector.readKeys(mapping.query, keys, signal)) {
      for (let index = 0; index < batch.length; index++) {
        const key = batch.key(index);
        if (key !== undefined) shown.set(key, batch.digests[index] as bigint);
      }
    }
  } catch (error) {
    if (isAbort(error) || kindOf(error) !== "rejected") throw error;
    return undefined;
  }
  await pace.rest({ rows: keys.length, durationMs: clock.monotonic() - started }, signal);
  return shown;
}

function noteUntold({ store, clock, log }: Room, source: string, found: { keys: number; changed: number; gone: number }): void {
  const entry = { at: clock.now(), kind: "check", source, status: "failed", durationMs: undefined } as const;
  store.journal.add({ ...entry, detail: { of: "erp", ...found } });
  log.warn("Rows changed in the ERP of which its column or feed told nothing: they are read anew", {
    source,
    code: "change-untold",
    ...found,
  });
}
