/** Entities that were sent without a reference because its target was not there (mapping.md, `missing: omit`). Mostly there are none. */
import type { Database } from "../database.ts";
import type { Names } from "../names.ts";
import type { EntityPlace } from "../store.ts";

export interface Awaited {
  /** False: certainly none of the source is waited for. */
  mayAwait(source: string): boolean;
  /** Those that wait for this one. */
  of(source: string, key: string): readonly EntityPlace[];
  /** What an entity was sent without; replaces what was noted before. */
  set(source: string, key: string, parents: readonly EntityPlace[]): void;
  /** What an entity was sent without. */
  by(child: EntityPlace): readonly EntityPlace[];
  /** Entities that were sent without something. */
  all(): readonly EntityPlace[];
  /** Who is told of each change of what an entity was sent without. */
  watch(listener: ((child: EntityPlace) => void) | undefined): void;
  forget(): void;
}

export function createAwaited(database: Database, names: Names): Awaited {
  const waiting = database.prepare("SELECT source, key FROM awaited WHERE parent_source = ? AND parent_key = ?");
  const add = database.prepare("INSERT OR IGNORE INTO awaited VALUES (?, ?, ?, ?)");
  const remove = database.prepare("DELETE FROM awaited WHERE source = ? AND key = ?");
  const missing = database.prepare("SELECT parent_source AS source, parent_key AS key FROM awaited WHERE source = ? AND key = ?");
  const children = database.prepare("SELECT DISTINCT source, key FROM awaited");
  let watcher: ((child: EntityPlace) => void) | undefined;
  const toPlace = (row: { source: number; key: string }): EntityPlace => ({ source: names.name(row.source), key: row.key });
  const sources = database.prepare("SELECT DISTINCT source, parent_source AS parent FROM awaited");
  /** Sources that ever waited or were waited for: of all others nothing need be asked. */
  let involved: { children: Set<number>; parents: Set<number> } | undefined;
  const load = () => {
    const pairs = sources.all<{ source: number; parent: number }>();
    return { children: new Set(pairs.map(({ source }) => source)), parents: new Set(pairs.map(({ parent }) => parent)) };
  };
  const now = () => {
    involved ??= load();
    return involved;
  };
  return {
    mayAwait: (source) => now().parents.has(names.no(source)),
    of(source, key) {
      const no = names.no(source);
      if (!now().parents.has(no)) return [];
      return waiting.all<{ source: number; key: string }>(no, key).map(toPlace);
    },
    set(source, key, parents) {
      const no = names.no(source);
      const { children: waitingOnes, parents: waitedFor } = now();
      if (!waitingOnes.has(no) && parents.length === 0) return;
      database.transaction(() => {
        const isOther = remove.run(no, key) > 0 || parents.length > 0;
        for (const parent of parents) {
          const parentNo = names.no(parent.source);
          add.run(no, key, parentNo, parent.key);
          waitingOnes.add(no);
          waitedFor.add(parentNo);
        }
        if (isOther) watcher?.({ source, key });
      });
    },
    by: ({ source, key }) => missing.all<{ source: number; key: string }>(names.no(source), key).map(toPlace),
    all: () => children.all<{ source: number; key: string }>().map(toPlace),
    watch(listener) {
      watcher = listener;
    },
    forget() {
      involved = undefined;
    },
  };
}
