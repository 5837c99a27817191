/**
 * Keys that the ERP gave to somebody new: which generation of each id stands, whose record it is (a keyed hash, no value of the row), and what the ended ones
 * were at the portal. A lost store learns the generations from the portal's inventory again.
 */
import type { Database } from "./database.ts";
import type { Names } from "./names.ts";
import type { EntityPlace } from "./store.ts";

export interface Bearer {
  /** Undefined: not known yet, or no longer. */
  hash: string | undefined;
  /** What was sent of it last, for types whose end can be said; undefined for others, and where it is not known. */
  state: string | undefined;
}

/** An earlier generation, as the portal holds it. */
export interface Ended {
  key: string;
  generation: number;
  digest: bigint;
  state: string | undefined;
}

export interface ReuseStore {
  /** Another number after each change of a generation. */
  readonly version: number;
  /** Which generation of its id stands; 1 unless it was reused. */
  generationOf(source: string, key: string): number;
  /** Whether any key of the source was reused. */
  any(source: string): boolean;
  /** The generation of a parent that this child belongs to: what hung on an ended one stays there. */
  ofParent(child: EntityPlace, parent: EntityPlace): number;
  bearer(source: string, key: string): Bearer | undefined;
  /** What is undefined stays as it was. */
  note(source: string, key: string, bearer: Bearer): void;
  /** The next generation begins. `ended`: what the portal holds of the one before, and what hangs on it, which stays with it. */
  begin(place: EntityPlace, ended: (Omit<Ended, "key" | "generation"> & { children: readonly EntityPlace[] }) | undefined): void;
  /** The entity is gone: what was sent of it, and to which generations it belonged, is forgotten; whose it was is not. */
  gone(source: string, key: string): void;
  /** The child belongs to this generation of the parent, until it is gone or `unkeep`. */
  keep(child: EntityPlace, parent: EntityPlace, generation: number): void;
  unkeep(child: EntityPlace): void;
  /** Ended ones of a key that the portal is to be told once more. */
  owed(source: string, key: string): readonly Ended[];
  /** An ended one is to be told again; false where it is not known how it was. */
  owe(source: string, key: string, generation: number): boolean;
  told(source: string, key: string, generation: number): void;
  /** All ended ones of a source, as the portal should hold them. */
  ended(source: string): readonly Ended[];
  /** The portal is about to say what it holds of a source: what it does not name of the ended ones is to be told again. */
  beginInventory(source: string): void;
  /** The portal holds this generation of a key. `lower`: what it holds of the one that counted as the latest so far, if that is ended with it. */
  inventoried(place: EntityPlace, held: { generation: number; digest: bigint; lower: bigint | undefined }): void;
}

interface EndedRow {
  key: string;
  generation: number;
  digest: string;
  state: string | null;
}

export function createReuses(database: Database, names: Names): ReuseStore {
  const statements = prepareAll(database);
  /** Generations beyond the first, by source and key; asked anew after each change. */
  let later: Map<number, Map<string, number>> | undefined;
  let version = 0;
  const changed = (): void => {
    later = undefined;
    version += 1;
  };
  database.on("rolled-back", changed);
  const load = (): Map<number, Map<string, number>> => {
    const loaded = new Map<number, Map<string, number>>();
    for (const { source, key, generation } of statements.later.all<{ source: number; key: string; generation: number }>()) {
      const keys = loaded.get(source) ?? new Map<string, number>();
      loaded.set(source, keys.set(key, generation));
    }
    return loaded;
  };
  const ofSource = (source: string): ReadonlyMap<string, number> | undefined => {
    later ??= load();
    return later.size === 0 ? undefined : later.get(names.no(source));
  };
  const generationOf = (source: string, key: string): number => ofSource(source)?.get(key) ?? 1;
  const endedOf = ({ key, generation, digest, state }: EndedRow): Ended => ({
    ...{ key, generation, digest: BigInt(digest) },
    state: state ?? undefined,
  });
  return {
    get version() {
      return version;
    },
    generationOf,
    any: (source) => ofSource(source) !== undefined,
    ofParent(child, parent) {
      const now = generationOf(parent.source, parent.key);
      if (now === 1) return 1;
      const place = [names.no(child.source), child.key, names.no(parent.source), parent.key] as const;
      return statements.keptBy.get<{ generation: number }>(...place)?.generation ?? now;
    },
    bearer(source, key) {
      const row = statements.bearer.get<{ hash: string | null; state: string | null }>(names.no(source), key);
      return row && { hash: row.hash ?? undefined, state: row.state ?? undefined };
    },
    note(source, key, { hash, state }) {
      database.transaction(() => statements.note.run(names.no(source), key, hash ?? null, state ?? null));
    },
    begin({ source, key }, ended) {
      database.transaction(() => {
        const [no, before] = [names.no(source), generationOf(source, key)];
        changed();
        statements.unkeep.run(no, key);
        statements.begin.run(no, key, before + 1);
        if (ended === undefined) return;
        statements.end.run(no, key, before, String(ended.digest), ended.state ?? null);
        // What hangs on a still earlier one stays there.
        for (const child of ended.children) statements.keepAlso.run(names.no(child.source), child.key, no, key, before);
      });
    },
    gone(source, key) {
      database.transaction(() => {
        statements.unkeep.run(names.no(source), key);
        statements.forgetState.run(names.no(source), key);
      });
    },
    keep(child, parent, generation) {
      const place = [names.no(child.source), child.key, names.no(parent.source), parent.key] as const;
      database.transaction(() => statements.keep.run(...place, generation));
    },
    unkeep({ source, key }) {
      database.transaction(() => statements.unkeep.run(names.no(source), key));
    },
    owed: (source, key) => statements.owed.all<EndedRow>(names.no(source), key).map(endedOf),
    owe: (source, key, generation) => database.transaction(() => statements.owe.run(names.no(source), key, generation) > 0),
    told(source, key, generation) {
      database.transaction(() => statements.told.run(names.no(source), key, generation));
    },
    ended: (source) => statements.ended.all<EndedRow>(names.no(source)).map(endedOf),
    beginInventory(source) {
      database.transaction(() => statements.oweAll.run(names.no(source)));
    },
    inventoried({ source, key }, { generation, digest, lower }) {
      database.transaction(() => {
        const [no, before] = [names.no(source), generationOf(source, key)];
        if (generation < before) statements.held.run(no, key, generation, String(digest));
        if (generation <= before) return;
        changed();
        statements.begin.run(no, key, generation);
        if (lower !== undefined) statements.held.run(no, key, before, String(lower));
      });
    },
  };
}

function prepareAll(database: Database) {
  const ended = "SELECT key, generation, digest, state FROM ended";
  return {
    later: database.prepare("SELECT source, key, generation FROM bearer INDEXED BY bearer_later WHERE generation > 1"),
    bearer: database.prepare("SELECT hash, state FROM bearer WHERE source = ? AND key = ?"),
    note: database.prepare(`INSERT INTO bearer (source, key, hash, state) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET hash = coalesce(excluded.hash, hash), state = coalesce(excluded.state, state)
      WHERE hash IS NOT coalesce(excluded.hash, hash) OR state IS NOT coalesce(excluded.state, state)`),
    begin: database.prepare(`INSERT INTO bearer (source, key, generation) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET generation = excluded.generation, hash = NULL, state = NULL`),
    forgetState: database.prepare("UPDATE bearer SET state = NULL WHERE source = ? AND key = ?"),
    end: database.prepare("INSERT OR REPLACE INTO ended (source, key, generation, digest, state) VALUES (?, ?, ?, ?, ?)"),
    ended: database.prepare(`${ended} WHERE source = ?`),
    owed: database.prepare(`${ended} WHERE source = ? AND key = ? AND owed = 1 ORDER BY generation`),
    owe: database.prepare("UPDATE ended SET owed = 1 WHERE source = ? AND key = ? AND generation = ? AND state IS NOT NULL"),
    told: database.prepare("UPDATE ended SET owed = 0 WHERE source = ? AND key = ? AND generation = ?"),
    // As we know it to be, if it is known here: what the portal holds instead is to be mended.
    held: database.prepare(`INSERT INTO ended (source, key, generation, digest) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET owed = (digest <> excluded.digest AND state IS NOT NULL),
        digest = CASE WHEN state IS NULL THEN excluded.digest ELSE digest END`),
    oweAll: database.prepare("UPDATE ended SET owed = 1 WHERE source = ? AND state IS NOT NULL"),
    keep: database.prepare(
      "INSERT OR REPLACE INTO kept_parent (source, key, parent_source, parent_key, generation) VALUES (?, ?, ?, ?, ?)",
    ),
    keepAlso: database.prepare(
      "INSERT OR IGNORE INTO kept_parent (source, key, parent_source, parent_key, generation) VALUES (?, ?, ?, ?, ?)",
    ),
    keptBy: database.prepare(
      "SELECT generation FROM kept_parent WHERE source = ? AND key = ? AND parent_source = ? AND parent_key = ?",
    ),
    unkeep: database.prepare("DELETE FROM kept_parent WHERE source = ? AND key = ?"),
  };
}
