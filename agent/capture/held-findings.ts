/** What waits in quarantine, and what was sent without a reference, as findings: raised and closed where those are written, in the same transaction. */
import type { Quality } from "../quality/judged.ts";
import type { EntityPlace, Store } from "../store/store.ts";

export interface HeldFindings {
  /** All of it, where it was not watched until now. */
  catchUp(): void;
}

export interface HeldParts {
  store: Store;
  now: () => number;
  quality: Quality;
}

const entriesAtOnce = 1_000;
const watchedName = "quality-held-watched";

/** From now on until somebody else watches the store. */
export function watchHeld({ store, now, quality }: HeldParts): HeldFindings {
  const { facts, findings, quarantine, entities, meta } = store;
  const numberOf = (kind: "held" | "awaiting", { source, key }: EntityPlace): bigint =>
    facts.hash(kind, String(facts.selfOf(source, key)));
  const isHeld = ({ source, key }: EntityPlace): boolean => quarantine.get(source, key) !== undefined;
  const judgeHeld = (place: EntityPlace): void => {
    const entry = quarantine.get(place.source, place.key);
    findings.replace(numberOf("held", place), entry === undefined ? [] : quality.judgeHeld(entry, isHeld), now());
  };
  const judgeAwaiting = (child: EntityPlace): void => {
    findings.replace(numberOf("awaiting", child), quality.judgeAwaiting(child, entities.awaitedBy(child), isHeld), now());
  };
  quarantine.watch((place) => {
    judgeHeld(place);
    // Those that wait for it had no fault of their own, or have one now.
    for (const child of quarantine.dependents(place.source, place.key)) judgeHeld(child);
    for (const child of entities.awaiting(place.source, place.key)) judgeAwaiting(child);
  });
  entities.watchAwaited(judgeAwaiting);
  return {
    catchUp() {
      if (meta.get(watchedName) === quality.fingerprint) return;
      for (let offset = 0, count = entriesAtOnce; count === entriesAtOnce; offset += count) {
        const entries = quarantine.list({ limit: entriesAtOnce, offset });
        count = entries.length;
        for (const entry of entries) judgeHeld(entry);
      }
      for (const child of entities.allAwaiting()) judgeAwaiting(child);
      meta.set(watchedName, quality.fingerprint);
    },
  };
}

/** Without rules nobody is told. */
export function unwatchHeld({ quarantine, entities, meta }: Store): void {
  quarantine.watch(undefined);
  entities.watchAwaited(undefined);
  if (meta.get(watchedName) !== undefined) meta.set(watchedName, undefined);
}
