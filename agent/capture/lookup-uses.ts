/**
 * Entities that are mapped through tables of the portal (docs/decisions/0057): who asked for which row is noted in the transaction that takes a read, and a row
 * that changes has exactly those read again.
 */
import type { Mapped } from "../map/mapped.ts";
import type { EntityPlace } from "../store/store.ts";
import type { Room } from "./parts.ts";
import type { Reading } from "./reading.ts";
import type { CapturedSource } from "./source.ts";

/** More entities in one commit would hold up the heartbeat. */
const markedAtOnce = 500;

/** Notes what a row asked for. */
export function noteLookups({ store }: Pick<Room, "store">, { mapping }: CapturedSource, key: string, mapped: Mapped): void {
  if (mapping.lookups === undefined) return;
  store.lookups.setUses({ source: mapping.source, key }, mapped.lookups ?? []);
}

/** The entity is gone. */
export function forgetLookups({ store }: Pick<Room, "store">, { mapping }: CapturedSource, key: string): void {
  if (mapping.lookups !== undefined) store.lookups.setUses({ source: mapping.source, key }, []);
}

/** Rows that were mapped before a table changed, or a key was reused, are mapped once more: nobody could tell yet that they had asked for it. */
export function asOfNow({ mapping }: CapturedSource, readings: readonly Reading[]): readonly Reading[] {
  const generation = mapping.asOf?.();
  if (readings.every(({ row }) => row === undefined || row.generation === generation)) return readings;
  return readings.map((reading) => {
    const { row } = reading;
    return row === undefined ? reading : { ...reading, row: { ...row, generation, mapped: row.remap(() => false) } };
  });
}

/**
 * The ERP's row is as it was, and what is mapped through a lookup is not: nobody blanked or moved anything in the ERP. An entity in quarantine does not count: it was
 * not sent as its row stands.
 */
export function isByLookup({ store }: Pick<Room, "store">, { mapping }: CapturedSource, { key, row }: Reading): boolean {
  if (mapping.lookups === undefined || row === undefined) return false;
  const { source } = mapping;
  return store.entities.get(source, key)?.rowDigest === row.digest && store.quarantine.get(source, key) === undefined;
}

/**
 * Rows of a lookup have changed, come or gone: whoever asked for them is marked. What is read from now on must be mapped by the new table already. Returns how
 * many entities are read again.
 */
export async function remapUsers(
  room: Room,
  { lookup, rows }: { lookup: string; rows: readonly string[] | "all" },
  signal: AbortSignal,
): Promise<number> {
  const { store, clock } = room;
  let found: EntityPlace[] = [];
  let marked = 0;
  const mark = async (): Promise<void> => {
    store.transaction(() => {
      for (const user of found) readAnew(room, user);
    }, "lookup");
    marked += found.length;
    found = [];
    await clock.sleep(0, signal);
  };
  for (const [index, row] of (rows === "all" ? [undefined] : rows).entries()) {
    for (let after: EntityPlace | undefined; ; ) {
      const users = store.lookups.users({ lookup, row }, { after, most: markedAtOnce });
      found.push(...users);
      if (found.length >= markedAtOnce) await mark();
      after = users.at(-1);
      if (users.length < markedAtOnce) break;
    }
    if (index % markedAtOnce === markedAtOnce - 1) await clock.sleep(0, signal);
  }
  await mark();
  return marked;
}

/** As a signal does. Its row digest stays: that the row is as it was says that the ERP changed nothing. */
function readAnew({ store, clock, byName }: Room, { source, key }: EntityPlace): void {
  if (byName.has(source)) store.pending.mark(source, [key], { now: clock.now(), confirm: false });
}
