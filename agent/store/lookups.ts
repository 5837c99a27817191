/** Tables that the portal pushes, as they came last, and which entities asked for which of their rows. */
import type { Json } from "../../protocol/model.ts";
import type { LookupUse } from "../map/mapped.ts";
import type { Database } from "./database.ts";
import type { Names } from "./names.ts";
import type { EntityPlace } from "./store.ts";

export interface StoredLookup {
  name: string;
  /** The portal's word for what stands in it. */
  version: string;
  fields: readonly string[];
  rows: readonly (readonly Json[])[];
}

export interface LookupStore {
  all(): readonly StoredLookup[];
  put(lookup: StoredLookup): void;
  /** Forgets all other tables, and who used them. */
  keepOnly(names: readonly string[]): void;
  /** What an entity asked for when it was last mapped; replaces what was noted before. */
  setUses(place: EntityPlace, uses: readonly LookupUse[]): void;
  /** Who asked for this row, whether it was there or not; without a row who asked for any. In an order of their own, from the first one after `after` on. */
  users(
    use: { lookup: string; row: string | undefined },
    page: { after: EntityPlace | undefined; most: number },
  ): readonly EntityPlace[];
}

interface Row {
  name: string;
  version: string;
  fields: string;
  rows: string;
}

interface Place {
  source: number;
  key: string;
}

export function createLookups(database: Database, names: Names): LookupStore {
  const list = database.prepare("SELECT name, version, fields, rows FROM lookup ORDER BY name");
  const put = database.prepare("INSERT OR REPLACE INTO lookup (name, version, fields, rows) VALUES (?, ?, ?, ?)");
  const remove = database.prepare("DELETE FROM lookup WHERE name NOT IN (SELECT value FROM json_each(?))");
  const removeUses = database.prepare("DELETE FROM lookup_use WHERE lookup NOT IN (SELECT value FROM json_each(?))");
  const usesOf = database.prepare("SELECT lookup, row FROM lookup_use WHERE source = ? AND key = ?");
  const addUse = database.prepare("INSERT OR IGNORE INTO lookup_use (source, key, lookup, row) VALUES (?, ?, ?, ?)");
  const dropUses = database.prepare("DELETE FROM lookup_use WHERE source = ? AND key = ?");
  const users = database.prepare(
    "SELECT source, key FROM lookup_use WHERE lookup = ? AND row = ? AND (source, key) > (?, ?) ORDER BY source, key LIMIT ?",
  );
  const allUsers = database.prepare(
    "SELECT DISTINCT source, key FROM lookup_use WHERE lookup = ? AND (source, key) > (?, ?) ORDER BY source, key LIMIT ?",
  );
  return {
    all: () =>
      list.all<Row>().map(({ fields, rows, ...row }) => ({ ...row, fields: JSON.parse(fields), rows: JSON.parse(rows) })),
    put({ name, version, fields, rows }) {
      database.transaction(() => put.run(name, version, JSON.stringify(fields), JSON.stringify(rows)));
    },
    keepOnly(kept) {
      database.transaction(() => {
        remove.run(JSON.stringify(kept));
        removeUses.run(JSON.stringify(kept));
      });
    },
    setUses({ source, key }, uses) {
      const no = names.no(source);
      const before = usesOf.all<LookupUse>(no, key);
      const isNoted = (use: LookupUse): boolean => before.some(({ lookup, row }) => lookup === use.lookup && row === use.row);
      if (before.length === new Set(uses.map(({ lookup, row }) => `${lookup} ${row}`)).size && uses.every(isNoted)) return;
      database.transaction(() => {
        dropUses.run(no, key);
        for (const { lookup, row } of uses) addUse.run(no, key, lookup, row);
      });
    },
    users({ lookup, row }, { after, most }) {
      const from = after === undefined ? ([-1, ""] as const) : ([names.no(after.source), after.key] as const);
      const found = row === undefined ? allUsers.all<Place>(lookup, ...from, most) : users.all<Place>(lookup, row, ...from, most);
      return found.map(({ source, key }) => ({ source: names.name(source), key }));
    },
  };
}
