/**
 * Full compares that are owed: a feed could not tell what changed, or begins to tell only now. The note is durable, and only a compare that began after it
 * takes it back: so a kill in between loses none.
 */
import type { Store } from "../store/store.ts";
import type { Room } from "./parts.ts";

/** Why, and how long owed compares of one table rest from the beginning of one to the next: a table that owes one again and again must not be read all the time. */
const rests = {
  /** The feed begins, or begins anew: from its position on it tells everything. */
  begun: 60_000,
  /** Changes that named no rows. */
  untold: 60_000,
  /** The table changed, and the feed said nothing. */
  silent: 60_000,
  /** A child of which nobody knows whose it was. */
  orphan: 900_000,
  /** Rows are gone of which the feed told nothing. */
  "untold-gone": 3_600_000,
  /** Rows came of which the column told nothing. */
  "column-silent": 3_600_000,
} as const;

export type OweReason = keyof typeof rests;

interface Note {
  /** Tells a note from the one before it. */
  no: number;
  reason: OweReason;
  /** When the compare is due, epoch ms. */
  due: number;
  /** A compare that began earlier does not count: what it is owed for may not have been visible yet. */
  from: number;
  restMs: number;
}

const nameOf = (signal: string): string => `compare-owed.${signal}`;

function read({ meta }: Pick<Store, "meta">, signal: string): Note | undefined {
  const text = meta.get(nameOf(signal));
  return text === undefined ? undefined : (JSON.parse(text) as Note);
}

/** Notes that the table of a signal is to be compared in full; to be called in the transaction that stores why. */
export function oweCompare({ store, clock, confirmAfterMs }: Room, signal: string, reason: OweReason): void {
  const before = read(store, signal);
  const from = clock.now() + confirmAfterMs;
  const note: Note = {
    no: (before?.no ?? 0) + 1,
    reason,
    // One that waits is not put off by the next.
    due: Math.min(from, before?.due ?? from),
    from,
    restMs: Math.min(rests[reason], before?.restMs ?? Number.POSITIVE_INFINITY),
  };
  store.meta.set(nameOf(signal), JSON.stringify(note));
}

/** When the compare that is owed is due, epoch ms; undefined when none is. `began`: when the last one did. */
export function owedDue({ store, clock, confirmAfterMs }: Room, signal: string, began: number | undefined): number | undefined {
  const note = read(store, signal);
  if (note === undefined) return undefined;
  const now = clock.now();
  // A clock that was set back puts nothing off.
  const due = Math.min(note.due, now + confirmAfterMs);
  return began === undefined ? due : Math.max(due, Math.min(began, now) + note.restMs);
}

/** To be asked at the beginning of a compare: what it will have paid in the end, if anything. */
export function payable({ store, clock, confirmAfterMs }: Room, signal: string): string | undefined {
  const note = read(store, signal);
  if (note === undefined) return undefined;
  const now = clock.now();
  return now >= note.from || note.from > now + confirmAfterMs ? store.meta.get(nameOf(signal)) : undefined;
}

/** To be called in the transaction that completes the compare; what became owed meanwhile stays owed. */
export function payOwed({ meta }: Pick<Store, "meta">, signal: string, paid: string | undefined): void {
  if (paid !== undefined && meta.get(nameOf(signal)) === paid) meta.set(nameOf(signal), undefined);
}
