/** Entities that do not take part, each with the one because of which. */
import type { Database } from "./database.ts";
import type { Names } from "./names.ts";
import type { EntityPlace } from "./store.ts";

export interface OutOfScopeStore {
  has(place: EntityPlace): boolean;
  /** Whether there is any at all. */
  any(): boolean;
  /** `parent`: because of which it is out; undefined for one that is out by itself. Returns whether it was not yet. */
  put(place: EntityPlace, parent: EntityPlace | undefined): boolean;
  /** Returns whether it was there. */
  remove(place: EntityPlace): boolean;
  /** Those that are out because of this one. */
  because(parent: EntityPlace): readonly EntityPlace[];
}

export function createOutOfScope(database: Database, names: Names): OutOfScopeStore {
  const get = database.prepare("SELECT 1 FROM out_of_scope WHERE source = ? AND key = ?");
  const any = database.prepare("SELECT 1 FROM out_of_scope LIMIT 1");
  const put = database.prepare(
    "INSERT OR REPLACE INTO out_of_scope (source, key, parent_source, parent_key) VALUES (?, ?, ?, ?)",
  );
  const remove = database.prepare("DELETE FROM out_of_scope WHERE source = ? AND key = ?");
  const because = database.prepare("SELECT source, key FROM out_of_scope WHERE parent_source = ? AND parent_key = ?");
  const has = ({ source, key }: EntityPlace): boolean => get.get(names.no(source), key) !== undefined;
  return {
    has,
    any: () => any.get() !== undefined,
    put(place, parent) {
      const isNew = !has(place);
      const because = parent === undefined ? ([null, null] as const) : ([names.no(parent.source), parent.key] as const);
      database.transaction(() => put.run(names.no(place.source), place.key, ...because));
      return isNew;
    },
    remove(place) {
      if (!has(place)) return false;
      database.transaction(() => remove.run(names.no(place.source), place.key));
      return true;
    },
    because: ({ source, key }) =>
      because
        .all<{ source: number; key: string }>(names.no(source), key)
        .map((row) => ({ source: names.name(row.source), key: row.key })),
  };
}
