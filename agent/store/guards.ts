import type { Database } from "./database.ts";
import type { Names } from "./names.ts";
import type { Guard, GuardStore } from "./store.ts";

type GuardRow = Omit<Guard, "source" | "fields"> & { source: number; fields: string };

/** Guards that hold deletes until a person decides; at most one open guard per source and kind. */
export function createGuards(database: Database, names: Names): GuardStore {
  const held = "(SELECT count(*) FROM pending WHERE pending.guard = guard.id AND pending.stage = 'held')";
  // An open guard counts what it holds now: a row that returns is held no longer.
  const columns = `id, source, kind, iif(state = 'open', ${held}, count) AS count, "of", since, state, fields`;
  const insert = database.prepare(
    `INSERT INTO guard (source, kind, count, "of", since, state) VALUES (?, ?, 0, 0, ?, 'open') ON CONFLICT DO NOTHING`,
  );
  const findOpen = database.prepare(`SELECT ${columns} FROM guard WHERE source = ? AND kind = ? AND state = 'open'`);
  const get = database.prepare(`SELECT ${columns} FROM guard WHERE id = ?`);
  const list = database.prepare(`SELECT ${columns} FROM guard ORDER BY state <> 'open', id DESC LIMIT 1000`);
  const setOf = database.prepare('UPDATE guard SET "of" = ? WHERE id = ?');
  const setFields = database.prepare("UPDATE guard SET fields = ? WHERE id = ?");
  const close = database.prepare(`UPDATE guard SET count = ${held}, state = ?, closed_at = ? WHERE id = ? AND state = 'open'`);
  const remove = database.prepare(
    "DELETE FROM guard WHERE id = ? AND state = 'open' AND NOT EXISTS (SELECT 1 FROM pending WHERE guard = ?)",
  );
  const toGuard = (row: GuardRow): Guard => ({
    ...row,
    source: names.name(row.source),
    fields: JSON.parse(row.fields) as string[],
  });
  return {
    open(source, kind, now) {
      return database.transaction(() => {
        const no = names.no(source);
        insert.run(no, kind, now);
        return toGuard(findOpen.get<GuardRow>(no, kind) as GuardRow);
      });
    },
    get(id) {
      const row = get.get<GuardRow>(id);
      return row && toGuard(row);
    },
    list: () => list.all<GuardRow>().map(toGuard),
    addFields(id, fields) {
      const row = get.get<GuardRow>(id);
      const known = row === undefined ? [] : toGuard(row).fields;
      const all = [...new Set([...known, ...fields])].sort();
      if (all.length > known.length) database.transaction(() => setFields.run(JSON.stringify(all), id));
    },
    outOf(id, known) {
      database.transaction(() => setOf.run(known, id));
    },
    remove(id) {
      database.transaction(() => remove.run(id, id));
    },
    close(id, state, now) {
      database.transaction(() => close.run(state, now, id));
    },
  };
}
