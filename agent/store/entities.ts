/**
 * What the portal holds of each entity, as digests: the one last put into the outbox. It is written in the same transaction as the outbox, so that an
 * equal digest means that there is nothing to send. Digests are unsigned outside and SQLite's signed 64-bit integers inside.
 */
import type { SQLInputValue } from "node:sqlite";
import type { Database } from "./database.ts";
import type { Names } from "./names.ts";
import type { EntityPlace, EntityState, EntityStore, NewEntityState } from "./store.ts";

interface EntityRow {
  no: bigint;
  row_digest: bigint | null;
  entity_digest: bigint | null;
}

interface PlaceRow {
  source: number;
  key: string;
}

const unseenBatch = 2_000;

export const toSigned = (digest: bigint | undefined): SQLInputValue => (digest === undefined ? null : BigInt.asIntN(64, digest));
export const toDigest = (value: bigint | null): bigint | undefined => (value === null ? undefined : BigInt.asUintN(64, value));

export function createEntities(database: Database, names: Names): EntityStore {
  const statements = prepareAll(database);
  const find = (source: number, key: string): EntityRow | undefined => statements.get.get<EntityRow>(source, key);
  const toState = (row: EntityRow): EntityState => ({
    no: Number(row.no),
    rowDigest: toDigest(row.row_digest),
    entityDigest: toDigest(row.entity_digest),
  });
  const toPlace = (row: PlaceRow): EntityPlace => ({ source: names.name(row.source), key: row.key });
  const get = (source: string, key: string): EntityState | undefined => {
    const row = find(names.no(source), key);
    return row && toState(row);
  };

  /** Writes only what differs: most changes of an entity leave its parents as they are. */
  const setParents = (no: number, parents: NonNullable<NewEntityState["parents"]>, isNew: boolean): void => {
    const wanted = new Set<number>();
    for (const parent of parents) {
      const found = parent.no ?? find(names.no(parent.source), parent.key)?.no;
      if (found !== undefined) wanted.add(Number(found));
    }
    const had = isNew ? [] : statements.parents.all<{ parent: number }>(no);
    for (const { parent } of had) if (!wanted.delete(parent)) statements.removeParent.run(no, parent);
    for (const parent of wanted) statements.addParent.run(no, parent);
  };

  return {
    get,
    getMany(source, keys) {
      const no = names.no(source);
      return keys.map((key) => {
        const row = key === undefined ? undefined : find(no, key);
        return row && toState(row);
      });
    },
    put(source, key, { rowDigest, entityDigest, parents, before }) {
      return database.transaction(() => {
        const sourceNo = names.no(source);
        const known = before === undefined ? find(sourceNo, key) : before === "none" ? undefined : before;
        const digests = [toSigned(rowDigest), toSigned(entityDigest)] as const;
        const no = known ? Number(known.no) : statements.insert.insert(sourceNo, key, ...digests);
        if (known) statements.update.run(...digests, no);
        if (parents !== undefined) setParents(no, parents, known === undefined);
        return no;
      });
    },
    remove(source, key) {
      database.transaction(() => statements.remove.run(names.no(source), key));
    },
    known: (source, key) => get(source, key)?.entityDigest !== undefined,
    count: (source) => (statements.count.get<{ count: number }>(names.no(source)) as { count: number }).count,
    highestNo: () => statements.highest.get<{ no: number | null }>()?.no ?? 0,
    *unseen(source, seen, upToNo) {
      const sourceNo = names.no(source);
      let after = "";
      for (;;) {
        const rows = statements.page.all<{ no: number; key: string }>(sourceNo, after, unseenBatch);
        const keys = rows.filter(({ no }) => no <= upToNo && !((seen[no >> 3] ?? 0) & (1 << (no & 7)))).map(({ key }) => key);
        if (keys.length > 0) yield keys;
        if (rows.length < unseenBatch) return;
        after = (rows.at(-1) as { key: string }).key;
      }
    },
    dependentsOf: (source, key, limit) => statements.dependents.all<PlaceRow>(names.no(source), key, limit).map(toPlace),
    hasStrangers: (source, which) =>
      (which === "any" ? statements.strangers : statements.pendingStrangers).get(names.no(source)) !== undefined,
    parentsOf: (source, key) => statements.parentPlaces.all<PlaceRow>(names.no(source), key).map(toPlace),
    awaiting: (source, key) => statements.awaiting.all<PlaceRow>(names.no(source), key).map(toPlace),
    setAwaited(source, key, parents) {
      database.transaction(() => {
        const no = names.no(source);
        statements.forgetAwaited.run(no, key);
        for (const parent of parents) statements.addAwaited.run(no, key, names.no(parent.source), parent.key);
      });
    },
    voidRowDigests(source, key) {
      database.transaction(() => {
        if (key === undefined) statements.voidAll.run(names.no(source));
        else statements.voidOne.run(names.no(source), key);
      });
    },
    beginInventory(source) {
      database.transaction(() => statements.forget.run(names.no(source)));
    },
    addInventory(source, held) {
      database.transaction(() => {
        const no = names.no(source);
        for (const { key, entityDigest } of held) {
          const digest = toSigned(entityDigest);
          // It holds another state than the one whose references are noted here: what that refers to nobody knows.
          statements.loosen.run(no, key, digest);
          statements.adopt.run(no, key, digest);
        }
      });
    },
    endInventory(source) {
      database.transaction(() => {
        const no = names.no(source);
        statements.dropForgotten.run(no);
        statements.reconciled.run(no);
      });
    },
  };
}

const strange = `entity.row_digest IS NULL AND entity.entity_digest IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM reference WHERE reference.child = entity.no)`;

function prepareAll(database: Database) {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    get: database.prepare("SELECT no, row_digest, entity_digest FROM entity WHERE source = ? AND key = ?", { bigints: true }),
    insert: prepare("INSERT INTO entity (source, key, row_digest, entity_digest) VALUES (?, ?, ?, ?)"),
    update: prepare("UPDATE entity SET row_digest = ?, entity_digest = ? WHERE no = ?"),
    remove: prepare("DELETE FROM entity WHERE source = ? AND key = ?"),
    count: prepare("SELECT count(*) AS count FROM entity WHERE source = ? AND entity_digest IS NOT NULL"),
    highest: prepare("SELECT max(no) AS no FROM entity"),
    page: prepare("SELECT no, key FROM entity WHERE source = ? AND key > ? ORDER BY key LIMIT ?"),
    parents: prepare("SELECT parent FROM reference WHERE child = ?"),
    addParent: prepare("INSERT INTO reference (child, parent) VALUES (?, ?)"),
    removeParent: prepare("DELETE FROM reference WHERE child = ? AND parent = ?"),
    dependents: prepare(`SELECT child.source AS source, child.key AS key FROM entity AS parent
      JOIN reference ON reference.parent = parent.no JOIN entity AS child ON child.no = reference.child
      WHERE parent.source = ? AND parent.key = ? AND child.entity_digest IS NOT NULL AND child.no <> parent.no LIMIT ?`),
    strangers: prepare(`SELECT 1 FROM entity WHERE source = ? AND ${strange} LIMIT 1`),
    pendingStrangers: prepare(`SELECT 1 FROM pending JOIN entity ON entity.source = pending.source AND entity.key = pending.key
      WHERE pending.source = ? AND ${strange} LIMIT 1`),
    parentPlaces: prepare(`SELECT parent.source AS source, parent.key AS key FROM entity AS child
      JOIN reference ON reference.child = child.no JOIN entity AS parent ON parent.no = reference.parent
      WHERE child.source = ? AND child.key = ?`),
    awaiting: prepare("SELECT source, key FROM awaited WHERE parent_source = ? AND parent_key = ?"),
    addAwaited: prepare("INSERT OR IGNORE INTO awaited VALUES (?, ?, ?, ?)"),
    forgetAwaited: prepare("DELETE FROM awaited WHERE source = ? AND key = ?"),
    voidAll: prepare("UPDATE entity SET row_digest = NULL WHERE source = ? AND row_digest IS NOT NULL"),
    voidOne: prepare("UPDATE entity SET row_digest = NULL WHERE source = ? AND key = ?"),
    // What was last put stands in the place of the row's digest until the portal has named it, or the inventory begins anew.
    forget: prepare("UPDATE entity SET row_digest = entity_digest, entity_digest = NULL WHERE source = ?"),
    loosen: prepare(
      "DELETE FROM reference WHERE child = (SELECT no FROM entity WHERE source = ? AND key = ? AND row_digest IS NOT ?)",
    ),
    adopt: prepare(`INSERT INTO entity (source, key, entity_digest) VALUES (?, ?, ?)
      ON CONFLICT (source, key) DO UPDATE SET row_digest = NULL, entity_digest = excluded.entity_digest`),
    dropForgotten: prepare("DELETE FROM entity WHERE source = ? AND entity_digest IS NULL"),
    reconciled: prepare("INSERT INTO source (no, reconciled) VALUES (?, 1) ON CONFLICT (no) DO UPDATE SET reconciled = 1"),
  };
}
