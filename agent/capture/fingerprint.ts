/** A changed mapping may make other entities of the same rows: what was concluded from the old one is void. */
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

/** Call it once at each start, before anything of the source is read. Returns whether the mapping changed. */
export function takeFingerprint(room: Room, source: CapturedSource): boolean {
  const { store } = room;
  const { source: name, fingerprint } = source.mapping;
  const before = store.sources.get(name).fingerprint;
  if (before === fingerprint) return false;
  store.transaction(() => {
    store.entities.voidRowDigests(name);
    for (const entry of store.quarantine.list({ source: name, limit: store.quarantine.count(name) })) {
      if (entry.digest !== undefined) store.quarantine.put({ ...entry, digest: undefined });
    }
    store.sources.update(name, { fingerprint, comparedAt: undefined });
  }, "fingerprint");
  if (before !== undefined) room.log.info("The mapping changed: the source is compared in full", { source: name });
  return before !== undefined;
}
