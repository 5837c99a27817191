/**
 * Which entities continue others under another key: announced by a person or found out, and kept for a while after the portal was told, since what hangs on the old
 * one follows it. It is no map of aliases: without it the entities stand at the portal all the same, as new ones.
 */
import type { Database } from "./database.ts";
import type { Names } from "./names.ts";

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
  /** The portal may not have taken it: all that this entity continues is to be told once more; without a key all of everything. */
  owe(source?: string, next?: string): void;
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
  /** Sources of which there is something; asked anew after each change. */
  let sources: readonly number[] | undefined;
  const changed = (): void => {
    sources = undefined;
  };
  database.on("rolled-back", changed);
  const toSuccession = (row: SuccessionRow): Succession => ({ ...row, source: names.name(row.source), told: row.told === 1 });
  return {
    put({ source, old, next, reason, until }) {
      database.transaction(() => {
        changed();
        statements.put.run(names.no(source), old, next, reason, until);
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
    owe(source, next) {
      const no = source === undefined ? null : names.no(source);
      database.transaction(() => statements.owe.run(no, no, next ?? null, next ?? null));
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
    owe: database.prepare("UPDATE succession SET told = 0 WHERE (? IS NULL OR source = ?) AND (? IS NULL OR next = ?)"),
    remove: database.prepare("DELETE FROM succession WHERE source = ? AND old = ?"),
    sources: database.prepare("SELECT DISTINCT source FROM succession"),
    // As `countVanished` of the pending keys has it.
    vanished: database.prepare(`SELECT count(*) AS count FROM pending p JOIN succession s ON s.source = p.source AND s.old = p.key
      WHERE p.source = ? AND s.told = 1 AND (p.stage = 'grace' OR (p.stage = 'confirm' AND p.owes_confirm = 0) OR
        (p.stage = 'suspect' AND p.why = 'flag') OR (p.stage = 'held' AND (p.why IS NULL OR p.why = 'flag')))`),
    purge: database.prepare("DELETE FROM succession WHERE until < ?"),
  };
}
