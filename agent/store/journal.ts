import type { Database } from "./database.ts";
import type { JournalEntry, JournalStore } from "./store.ts";

interface JournalRow {
  id: number;
  at: number;
  kind: string;
  source: string | null;
  status: JournalEntry["status"];
  duration_ms: number | null;
  detail: string;
}

export interface JournalLimits {
  keepDays: number;
  /** Bytes of all details together; the oldest go first. */
  maxBytes: number;
}

const dayMs = 86_400_000;

/** Whether this part of the detail, words with blanks between, has the word `?5` among it. */
const names = (part: string): string => `instr(' ' || (detail ->> '${part}') || ' ', ' ' || ?5 || ' ') > 0`;

/** What happened, for people: every sync and command with status and duration. Bounded in age and size. */
export function createJournal(database: Database, limits: JournalLimits): JournalStore {
  const add = database.prepare("INSERT INTO journal (at, kind, source, status, duration_ms, detail) VALUES (?, ?, ?, ?, ?, ?)");
  const list = database.prepare(`SELECT * FROM journal WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR source = ?2)
    AND (?3 IS NULL OR status = ?3) AND at >= ?4
    AND (?5 IS NULL OR (instr(detail, ?5) > 0 AND (detail ->> 'id' = ?5 OR ${names("keys")} OR ${names("gone")})))
    ORDER BY id DESC LIMIT ?6`);
  const purgeOld = database.prepare("DELETE FROM journal WHERE at < ?");
  // Each entry costs its detail and about 64 bytes beside it.
  const purgeLarge = database.prepare(`DELETE FROM journal WHERE id <= coalesce((SELECT max(id) FROM
    (SELECT id, sum(length(detail) + 64) OVER (ORDER BY id DESC) AS bytes FROM journal) WHERE bytes > ?), -1)`);
  return {
    add({ at, kind, source, status, durationMs, detail }) {
      const duration = durationMs === undefined ? null : Math.round(durationMs);
      database.transaction(() => add.run(at, kind, source ?? null, status, duration, JSON.stringify(detail)));
    },
    list({ kind, source, status, since, about, limit }) {
      const rows = list.all<JournalRow>(kind ?? null, source ?? null, status ?? null, since ?? 0, about ?? null, limit);
      return rows.map(({ duration_ms, detail, ...row }) => ({
        ...row,
        source: row.source ?? undefined,
        durationMs: duration_ms ?? undefined,
        detail: JSON.parse(detail) as JournalEntry["detail"],
      }));
    },
    purge(now) {
      database.transaction(() => {
        purgeOld.run(now - limits.keepDays * dayMs);
        purgeLarge.run(limits.maxBytes);
      });
    },
  };
}
