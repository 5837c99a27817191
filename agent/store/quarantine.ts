import type { Database } from "./database.ts";
import { toDigest, toSigned } from "./digest-columns.ts";
import { createKnownPlaces } from "./known-places.ts";
import type { Names } from "./names.ts";
import type { EntityPlace, QuarantineEntry, QuarantineStore } from "./store.ts";

interface QuarantineRow {
  source: bigint;
  key: string;
  type: QuarantineEntry["type"];
  id: string;
  code: string;
  field: string | null;
  message: string;
  digest: bigint | null;
  since: bigint;
  waits_source: bigint | null;
  waits_key: string | null;
}

/** Entities whose present state can't be sent, each with its reason. An entry keeps its `since` while its reason stays the same. */
export function createQuarantine(database: Database, names: Names): QuarantineStore {
  const statements = prepareAll(database);
  const places = createKnownPlaces(database);
  let watcher: ((place: EntityPlace) => void) | undefined;
  const toEntry = (row: QuarantineRow): QuarantineEntry => ({
    source: names.name(Number(row.source)),
    key: row.key,
    type: row.type,
    id: row.id,
    code: row.code,
    field: row.field ?? undefined,
    message: row.message,
    digest: toDigest(row.digest),
    since: Number(row.since),
    waitsFor:
      row.waits_source === null ? undefined : { source: names.name(Number(row.waits_source)), key: row.waits_key as string },
  });
  return {
    put(entry) {
      database.transaction(() => {
        const { source, key, type, id, code, field, message, digest, since, waitsFor } = entry;
        const waits = waitsFor ? [names.no(waitsFor.source), waitsFor.key] : [null, null];
        places.add("held", names.no(source), key);
        if (waitsFor) places.add("waited-for", names.no(waitsFor.source), waitsFor.key);
        const reason = [code, field ?? null, message, toSigned(digest), since] as const;
        statements.put.run(names.no(source), key, type, id, ...reason, ...waits);
        watcher?.(entry);
      });
    },
    remove(source, key) {
      if (!places.mayHave("held", names.no(source), key)) return false;
      return database.transaction(() => {
        const isRemoved = statements.remove.run(names.no(source), key) > 0;
        if (isRemoved) watcher?.({ source, key });
        return isRemoved;
      });
    },
    watch(listener) {
      watcher = listener;
    },
    get(source, key) {
      if (!places.mayHave("held", names.no(source), key)) return undefined;
      const row = statements.get.get<QuarantineRow>(names.no(source), key);
      return row && toEntry(row);
    },
    mayConcern(source) {
      const no = names.no(source);
      return places.mayHaveAny("held", no) || places.mayHaveAny("waited-for", no);
    },
    dependents(source, key) {
      if (!places.mayHave("waited-for", names.no(source), key)) return [];
      return statements.dependents.all<QuarantineRow>(names.no(source), key).map(toEntry);
    },
    list({ source, limit = 1_000, offset = 0 } = {}) {
      const rows =
        source === undefined ? statements.list.all(limit, offset) : statements.listOf.all(names.no(source), limit, offset);
      return (rows as QuarantineRow[]).map(toEntry);
    },
    count(source) {
      const row = source === undefined ? statements.count.get() : statements.countOf.get(names.no(source));
      return (row as { count: number }).count;
    },
  };
}

function prepareAll(database: Database) {
  const rows = (rest: string) => database.prepare(`SELECT * FROM quarantine ${rest}`, { bigints: true });
  return {
    put: database.prepare(`INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source, key) DO UPDATE SET
      type = excluded.type, id = excluded.id, message = excluded.message, digest = excluded.digest,
      waits_source = excluded.waits_source, waits_key = excluded.waits_key,
      since = iif(code = excluded.code AND field IS excluded.field, since, excluded.since), code = excluded.code, field = excluded.field`),
    remove: database.prepare("DELETE FROM quarantine WHERE source = ? AND key = ?"),
    get: rows("WHERE source = ? AND key = ?"),
    dependents: rows("WHERE waits_source = ? AND waits_key = ?"),
    list: rows("ORDER BY source, key LIMIT ? OFFSET ?"),
    listOf: rows("WHERE source = ? ORDER BY key LIMIT ? OFFSET ?"),
    count: database.prepare("SELECT count(*) AS count FROM quarantine"),
    countOf: database.prepare("SELECT count(*) AS count FROM quarantine WHERE source = ?"),
  };
}
