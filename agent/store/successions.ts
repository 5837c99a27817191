/**
 * Which entities continue others under another key: announced by a person or found out, and kept for a while after the portal was told, since what hangs on the old
 * one follows it. It is no map of aliases: without it the entities stand at the portal all the same, as new ones.
 */
import type { Database } from "./database.ts";
import type { Names } from "./names.ts";
import type { EntityPlace } from "./store.ts";

export interface Succession {
  source: string;
  old: string;
  /** Key of the entity that goes on. */
  next: string;
  reason: "renumbered" | "merged";
  /** The new entity lies in the outbox, or was sent, with `replaces`. */
  told: boolean;
  /** When it is forgotten, epoch ms. */
  until: number;
}

export interface SuccessionStore {
  /** To be told with the next state of `next`. What was said of the old key before is void; the same said again changes nothing but its time. */
  put(succession: Omit<Succession, "told">): void;
  /** What one of the old keys became. */
  of(source: string, old: string): Succession | undefined;
  /** What an entity continues; several where some were merged. */
  before(source: string, next: string): readonly Succession[];
  told(source: string, old: string, until: number): void;
  /** The portal may not have taken it: all that this entity continues is to be told once more; without one all of everything. */
  owe(entity?: EntityPlace): void;
  remove(source: string, old: string): void;
  /** Whether there is any of these sources. Cheap where there is none at all. */
  any(sources: readonly string[]): boolean;
  /** How many of the keys that count as vanished (`PendingStore.countVanished`) go on under another one, of which the portal was told. */
  countVanished(source: string): number;
  purge(now: number): void;
}

interface SuccessionRow {
  source: number;
  old: string;
  next: string;
  reason: Succession["reason"];
  told: number;
  until: number;
}

export function createSuccessions(database: Database, names: Names): SuccessionStore {
  const statements = prepareAll(database);
  /** Sources of which there is something; asked anew once some of it may have gone. */
  let sources: readonly number[] | undefined;
  const changed = (): void => {
    sources = undefined;
  };
  database.on("rolled-back", changed);
  const toSuccession = (row: SuccessionRow): Succession => ({ ...row, source: names.name(row.source), told: row.told === 1 });
  return {
    put({ source, old, next, reason, until }) {
      database.transaction(() => {
        const no = names.no(source);
        // Each of thousands that are renumbered together is put, and asked for: none of them may look through all.
        if (sources?.includes(no) === false) sources = [...sources, no];
        statements.put.run(no, old, next, reason, until);
      });
    },
    of(source, old) {
      const row = statements.of.get<SuccessionRow>(names.no(source), old);
      return row && toSuccession(row);
    },
    before: (source, next) => statements.before.all<SuccessionRow>(names.no(source), next).map(toSuccession),
    told(source, old, until) {
      database.transaction(() => statements.told.run(until, names.no(source), old));
    },
    owe(entity) {
      database.transaction(() =>
        entity === undefined ? statements.oweAll.run() : statements.owe.run(names.no(entity.source), entity.key),
      );
    },
    remove(source, old) {
      database.transaction(() => {
        changed();
        statements.remove.run(names.no(source), old);
      });
    },
    any(asked) {
      sources ??= statements.sources.all<{ source: number }>().map(({ source }) => source);
      const known = sources;
      return known.length > 0 && asked.some((source) => known.includes(names.no(source)));
    },
    countVanished: (source) => (statements.vanished.get<{ count: number }>(names.no(source)) as { count: number }).count,
    purge(now) {
      database.transaction(() => {
        changed();
        statements.purge.run(now);
      });
    },
  };
}

const columns = "source, old, next, reason, told, until";

function prepareAll(database: Database) {
  return {
    put: database.prepare(`INSERT INTO succession (${columns}) VALUES (?, ?, ?, ?, 0, ?)
      ON CONFLICT DO UPDATE SET told = CASE WHEN next = excluded.next THEN told ELSE 0 END, next = excluded.next, reason = excluded.reason,
        until = max(until, excluded.until)`),
    of: database.prepare(`SELECT ${columns} FROM succession WHERE source = ? AND old = ?`),
    before: database.prepare(`SELECT ${columns} FROM succession WHERE source = ? AND next = ? ORDER BY old`),
    told: database.prepare("UPDATE succession SET told = 1, until = max(until, ?) WHERE source = ? AND old = ?"),
    owe: database.prepare("UPDATE succession SET told = 0 WHERE source = ? AND next = ?"),
    oweAll: database.prepare("UPDATE succession SET told = 0"),
    remove: database.prepare("DELETE FROM succession WHERE source = ? AND old = ?"),
    sources: database.prepare("SELECT DISTINCT source FROM succession"),
    // As `countVanished` of the pending keys has it.
    vanished: database.prepare(`SELECT count(*) AS count FROM pending p JOIN succession s ON s.source = p.source AND s.old = p.key
      WHERE p.source = ? AND s.told = 1 AND (p.stage = 'grace' OR (p.stage = 'confirm' AND p.owes_confirm = 0) OR
        (p.stage = 'suspect' AND p.why = 'flag') OR (p.stage = 'held' AND (p.why IS NULL OR p.why = 'flag')))`),
    purge: database.prepare("DELETE FROM succession WHERE until < ?"),
  };
}
