/** The full compare of a child table: a child that was deleted or moved touches its parent before and after. What a child says is the parent's compare. */
import { payable, payOwed } from "./owed-compares.ts";
import type { Room } from "./parts.ts";
import { type CapturedSource, type ChildTable, splitChildKey } from "./source.ts";

/** Returns how many parents it touched. @throws what the connector throws; then nothing was inferred from what is missing */
export async function compareChildren(
  room: Room,
  source: CapturedSource,
  table: ChildTable,
  signal: AbortSignal,
): Promise<number> {
  const { store, clock, connector } = room;
  const name = source.mapping.source;
  const pays = payable(room, table.name);
  const first = store.sources.get(table.name).comparedAt === undefined;
  const upToNo = store.sources.highestChildNo();
  const seen = new Uint8Array((upToNo >> 3) + 1);
  let touched = 0;
  const touch = (parents: ReadonlySet<string>, moved: readonly { own: string; parent: string }[]): void => {
    touched += parents.size;
    store.transaction(() => {
      // The first time there is no before: what stands in the rows is the parents' own compare.
      if (!first) store.pending.mark(name, [...parents], { now: clock.now(), confirm: false });
      store.sources.setParents(table.name, moved);
    }, "children");
  };
  let started = clock.monotonic();
  for await (const batch of connector.scan(table.query, signal)) {
    const parents = new Set<string>();
    const moved: { own: string; parent: string }[] = [];
    const doubted: string[] = [];
    for (let index = 0; index < batch.length; index++) {
      const key = batch.key(index);
      if (key === undefined) continue;
      const { own, parent } = splitChildKey(table, key);
      const known = store.sources.child(table.name, own);
      if (known !== undefined && known.no <= upToNo)
        seen[known.no >> 3] = (seen[known.no >> 3] as number) | (1 << (known.no & 7));
      const before = known?.parent;
      if (before === parent) continue;
      // Where a feed tells of it meanwhile, the row may be the older one: a read by its own key says whose it is.
      if (before !== undefined && table.feed !== undefined) {
        doubted.push(own);
        continue;
      }
      parents.add(parent);
      if (before !== undefined) parents.add(before);
      moved.push({ own, parent });
    }
    if (moved.length > 0) touch(parents, moved);
    store.pending.mark(table.name, doubted, { now: clock.now(), confirm: false });
    await room.pace.rest({ rows: batch.length, durationMs: clock.monotonic() - started }, signal);
    started = clock.monotonic();
  }
  signal.throwIfAborted();
  for (const gone of store.sources.unseenChildren(table.name, seen, upToNo)) {
    touched += gone.length;
    store.transaction(() => {
      store.pending.mark(name, [...new Set(gone.map(({ parent }) => parent))], { now: clock.now(), confirm: false });
      for (const { own } of gone) store.sources.removeChild(table.name, own);
    }, "children");
  }
  store.transaction(() => {
    store.sources.update(table.name, { comparedAt: clock.now() });
    payOwed(store, table.name, pays);
  }, "children");
  return touched;
}
