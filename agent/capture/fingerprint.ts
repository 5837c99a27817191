/** A changed mapping may make other entities of the same rows: what was concluded from the old one is void. */
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

/** Call it once at each start, before anything of the source is read. Returns whether the mapping changed. */
export function takeFingerprint(room: Room, source: CapturedSource): boolean {
  const { store } = room;
  takeCursors(room, source);
  const { source: name } = source.mapping;
  const fingerprint = fingerprintOf(room, source);
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

/** That of the mapping, and of the rules where what is sent depends on them. */
function fingerprintOf({ quality }: Room, { mapping }: CapturedSource): string {
  return quality?.roleOf(mapping.source) === "protects" ? `${mapping.fingerprint} ${quality.fingerprint}` : mapping.fingerprint;
}

/** A position says nothing of another column: where one was changed it is taken anew, and a full compare brings what came in between. */
function takeCursors({ store, log }: Room, source: CapturedSource): void {
  const { meta, sources } = store;
  for (const signal of [source.cursor, ...source.children.map(({ cursor }) => cursor)]) {
    if (signal === undefined) continue;
    const { table, column, kind, key, own } = signal.query;
    const [name, now] = [`cursor.${signal.name}`, JSON.stringify([table, column, kind, key, own])];
    const before = meta.get(name);
    if (before === now) continue;
    store.transaction(() => {
      meta.set(name, now);
      if (before === undefined) return;
      sources.setPosition(signal.name, undefined);
      sources.setSamples(signal.name, []);
      sources.update(source.mapping.source, { comparedAt: undefined });
      if (signal !== source.cursor) sources.update(signal.name, { comparedAt: undefined });
    }, "fingerprint");
    if (before !== undefined)
      log.info("The cursor column changed: the source is compared in full", { source: source.mapping.source });
  }
}
