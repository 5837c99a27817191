/**
 * Children of which a feed told no more than their own key: a read says whose they are. The parent before, from the store, and the parent now are marked;
 * of a child that is gone only the one before is left.
 */
import { isAbort, kindOf } from "../../base/errors.ts";
import { encodeKey } from "../../base/key.ts";
import { isStoreTrouble } from "../store/sqlite-errors.ts";
import type { PendingKey } from "../store/store.ts";
import { oweCompare } from "./owed-compares.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource, ChildTable } from "./source.ts";
import type { Turn } from "./turn.ts";
import { absentVerdict, presentVerdict } from "./verdict.ts";

const keysPerRead = 500;
/** A child that could not be read is tried again after this. */
const unreadRetryMs = 30_000;
/** So many that can't be read, one after the other, end the try. */
const mostInVain = 5;

/** Reads what is due now. Returns false when it had to stop because nothing may be read. */
export async function readChildren(
  room: Room,
  at: { source: CapturedSource; child: ChildTable },
  { turn, mayRead, signal }: { turn: Turn; mayRead: () => boolean; signal: AbortSignal },
): Promise<boolean> {
  const { store, clock, connector } = room;
  const until = clock.now();
  const most = Math.min(keysPerRead, connector.dialect.maxKeysPerRead);
  let size = most;
  let inVain = 0;
  for (;;) {
    if (!mayRead()) return false;
    const left = await turn(async () => {
      const due = store.pending.due(at.child.name, until, size);
      if (due.length === 0) return false;
      try {
        await readSome(room, at, { due, signal });
        size = most;
        inVain = 0;
      } catch (error) {
        if (isAbort(error) || isStoreTrouble(error) || !["transient", "rejected"].includes(kindOf(error))) throw error;
        // One that can't be read must not hold up the others.
        if (due.length > 1) size = Math.ceil(due.length / 2);
        else if (++inVain >= mostInVain) throw error;
        else putOff(room, at.child, due[0] as PendingKey);
      }
      return true;
    });
    if (!left) return true;
  }
}

function putOff({ store, clock }: Room, { name }: ChildTable, { key, mark, stage }: PendingKey): void {
  store.pending.advance(name, key, mark, { stage, notBefore: clock.now() + unreadRetryMs });
}

async function readSome(
  room: Room,
  { source, child }: { source: CapturedSource; child: ChildTable },
  { due, signal }: { due: readonly PendingKey[]; signal: AbortSignal },
): Promise<void> {
  const { store, clock, connector, pace } = room;
  const started = clock.monotonic();
  const parents = new Map<string, string | undefined>();
  const keys = due.map(({ key }) => key);
  for await (const batch of connector.readKeys(child.byOwn, keys, signal)) {
    for (let index = 0; index < batch.length; index++) {
      const key = batch.key(index);
      if (key !== undefined) parents.set(key, parentOf(child, batch.row(index).values));
    }
  }
  await pace.rest({ rows: keys.length, durationMs: clock.monotonic() - started }, signal);
  store.transaction(() => {
    for (const one of due) {
      if (parents.has(one.key)) takeFound(room, { source, child }, { one, parent: parents.get(one.key) });
      else takeAbsent(room, { source, child }, one);
    }
  }, "children");
}

/** Undefined where a part of the parent's key is null: the child has none. */
function parentOf({ parentColumns }: ChildTable, values: readonly unknown[]): string | undefined {
  const parts = parentColumns.map((index) => values[index]);
  if (parts.some((part) => part === null || part === undefined)) return undefined;
  return encodeKey(parts.map((part) => (part instanceof Uint8Array ? Buffer.from(part).toString("hex") : String(part))));
}

interface FoundChild {
  one: PendingKey;
  parent: string | undefined;
}

function takeFound(
  { store, clock, confirmAfterMs }: Room,
  { source, child }: { source: CapturedSource; child: ChildTable },
  { one, parent }: FoundChild,
): void {
  const { key, mark } = one;
  const now = clock.now();
  // A signal came while it was read: what was read may be older, and it is read again.
  if (store.pending.get(child.name, key)?.mark !== mark) return;
  const before = store.sources.child(child.name, key)?.parent;
  // The second read only looks whether the first one came too early.
  if (one.stage === "marked" || parent !== before) {
    const touched = new Set([before, parent].filter((each) => each !== undefined));
    store.pending.mark(source.mapping.source, [...touched], { now, confirm: true });
  }
  if (parent === undefined) store.sources.removeChild(child.name, key);
  else if (parent !== before) store.sources.setParents(child.name, [{ own: key, parent }]);
  if (presentVerdict(one) === "clear") store.pending.clear(child.name, key, mark);
  else store.pending.advance(child.name, key, mark, { stage: "confirm", notBefore: now + confirmAfterMs });
}

function takeAbsent(room: Room, { source, child }: { source: CapturedSource; child: ChildTable }, one: PendingKey): void {
  const { store, clock, confirmAfterMs } = room;
  const { key, mark } = one;
  const now = clock.now();
  if (store.pending.get(child.name, key)?.mark !== mark) return;
  const before = store.sources.child(child.name, key)?.parent;
  if (before !== undefined) store.pending.mark(source.mapping.source, [before], { now, confirm: true });
  if (absentVerdict(one, { known: false, graceMs: 0 }) === "confirm") {
    store.pending.advance(child.name, key, mark, { stage: "confirm", notBefore: now + confirmAfterMs, owesConfirm: false });
    return;
  }
  // It came and went before anybody saw whose it was; meanwhile its parent may have been read with it.
  if (before === undefined) oweCompare(room, source.mapping.source, "orphan");
  store.sources.removeChild(child.name, key);
  store.pending.clear(child.name, key, mark);
}
