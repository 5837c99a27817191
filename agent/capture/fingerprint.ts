/** A changed mapping may make other entities of the same rows: what was concluded from the old one is void. */
import type { EntityState } from "../store/store.ts";
import { unwatchHeld } from "./held-findings.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

/** Call it once at each start, before anything of the source is read. Returns whether the mapping changed. */
export function takeFingerprint(room: Room, source: CapturedSource): boolean {
  const { store } = room;
  takeCursors(room, source);
  const { source: name, lacks = [] } = source.mapping;
  if (lacks.length > 0) return takeLacking(room, source);
  const fingerprint = fingerprintOf(room, source);
  const before = store.sources.get(name).fingerprint;
  const lacked = store.meta.get(lackingName(name)) !== undefined;
  if (before === fingerprint && !lacked) return false;
  store.transaction(() => {
    store.entities.voidRowDigests(name);
    for (const entry of store.quarantine.list({ source: name, limit: store.quarantine.count(name) })) {
      if (entry.digest !== undefined) store.quarantine.put({ ...entry, digest: undefined });
    }
    store.sources.update(name, { fingerprint, comparedAt: undefined });
    store.meta.set(lackingName(name), undefined);
  }, "fingerprint");
  if (before !== undefined) room.log.info("The mapping changed: the source is compared in full", { source: name });
  return before !== undefined;
}

/** Facts of sources that no rule looks at any more are left: without them nothing would be missed, and everything would be compared with them. */
export function leaveFacts({ store, sources, judging }: Room): void {
  const judged = sources.filter((source) => judging?.roleOf(source) !== undefined).map(({ mapping }) => mapping.source);
  store.transaction(() => {
    for (const source of store.facts.keepOnly(judged)) store.sources.update(source, { facts: undefined });
    for (const { mapping } of sources)
      if (!judged.includes(mapping.source) && store.sources.get(mapping.source).facts !== undefined)
        store.sources.update(mapping.source, { facts: undefined });
    store.findings.keepOnly(judged);
    if (judging === undefined) unwatchHeld(store);
    else judging.held.catchUp();
  }, "quality");
}

/** That of the mapping, and of the rules where what is sent depends on them. */
function fingerprintOf({ quality }: Room, { mapping }: CapturedSource): string {
  return quality?.roleOf(mapping.source) === "protects" ? `${mapping.fingerprint} ${quality.fingerprint}` : mapping.fingerprint;
}

const lackingName = (source: string): string => `lacking.${source}`;

/**
 * The ERP's schema lacks what some fields are read from. What was sent with them stays as it is: the fingerprint is kept, and with its row digests void each row that
 * the portal knows is taken as it stands by the compare that follows, without being sent (`standsAsSent`). What changes from then on goes without those fields. Once
 * nothing lacks any more, everything is mapped anew.
 */
function takeLacking(room: Room, source: CapturedSource): boolean {
  const { store } = room;
  const { source: name, fingerprint } = source.mapping;
  if (store.meta.get(lackingName(name)) === fingerprint) return false;
  store.transaction(() => {
    store.entities.voidRowDigests(name);
    store.sources.update(name, { comparedAt: undefined });
    store.meta.set(lackingName(name), fingerprint);
  }, "fingerprint");
  return true;
}

/**
 * While the ERP lacks what some fields are read from, a row cannot tell whether anything else of it changed since it was sent whole. One that stands as it was taken
 * stays as it was sent, and so does each that the first compare shows; only what a signal tells of, or a later compare, is sent without those fields.
 */
export function standsAsSent({ mapping }: CapturedSource, state: EntityState | undefined, shown?: bigint): boolean {
  if ((mapping.lacks ?? []).length === 0 || state?.entityDigest === undefined) return false;
  return state.rowDigest === shown;
}

/** Whether that first compare is still to come. */
export function isToStand({ store }: Room, { mapping }: CapturedSource): boolean {
  return (mapping.lacks ?? []).length > 0 && store.sources.get(mapping.source).comparedAt === undefined;
}

const cursorName = (signal: string): string => `cursor.${signal}`;
/** In place of a column that the ERP no longer has: whatever comes back in its place is another one. */
const lost = "lost";

/** A position says nothing of another column: where one was changed it is taken anew, and a full compare brings what came in between. */
function takeCursors({ store, log }: Room, source: CapturedSource): void {
  const { meta, sources } = store;
  for (const name of source.lostSignals ?? []) {
    if (meta.get(cursorName(name)) === lost) continue;
    store.transaction(() => {
      meta.set(cursorName(name), lost);
      sources.update(source.mapping.source, { comparedAt: undefined });
    }, "fingerprint");
  }
  for (const signal of [source.cursor, ...source.children.map(({ cursor }) => cursor)]) {
    if (signal === undefined) continue;
    const { table, column, kind, key, own } = signal.query;
    const [name, now] = [cursorName(signal.name), JSON.stringify([table, column, kind, key, own])];
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
