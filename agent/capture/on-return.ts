/**
 * An ERP that was away may have been restored. Its own position tells that as a rule; what no position tells is a second backup, loaded soon after the first: it puts
 * the ERP further on than the first one had left it.
 */
import { lostHistory } from "./lost-history.ts";
import { oweCompare } from "./owed-compares.ts";
import type { Room } from "./parts.ts";

/** Sources whose history counts as lost, for an hour at the least, are compared once more. */
export function compareOnReturn(room: Room): void {
  const { store, sources } = room;
  const names = sources.map(({ mapping }) => mapping.source).filter((name) => lostHistory(store.meta, name) !== undefined);
  if (names.length === 0) return;
  store.transaction(() => {
    for (const name of names) oweCompare(room, name, "begun");
  }, "identity");
}
