/** What the rules of quality found, and what the ERP's schema lacks. A finding keeps its time while the same is found again, and closes by itself when it no longer is. */
import type { FindingName, Raised } from "../quality/judged.ts";
import type { Database } from "./database.ts";
import type { Names } from "./names.ts";

export interface Finding extends Raised {
  id: number;
  /** First found, epoch ms. */
  since: number;
  closedAt: number | undefined;
  /** Also where its time is over, and it counts as open again. */
  accepted: Acceptance | undefined;
}

export interface Acceptance {
  /** Epoch ms, as `until`; undefined: it holds as long as the finding stands. */
  at: number;
  until: number | undefined;
  reason: string;
}

export interface FindingFilter {
  source?: string;
  rule?: FindingName;
  key?: string;
  /** Those that are accepted at this time, epoch ms, or those that are not. */
  accepted?: { is: boolean; at: number };
}

export interface FindingStore {
  /**
   * What is found of a group, or of an entity by itself (`group`: its `self`), is now this: what is new is raised, what is missing is closed. Returns whether
   * anything changed.
   */
  replace(group: bigint, raised: readonly Raised[], now: number): boolean;
  /** What is open of a group. */
  ofGroup(group: bigint): readonly Raised[];
  /** Open ones, by source and key. */
  list(filter?: FindingFilter & { limit?: number; offset?: number }): readonly Finding[];
  count(filter?: FindingFilter): number;
  /** Open ones that nobody has accepted, by source; sources without any are left out. */
  open(now: number): ReadonlyMap<string, number>;
  /** A person says that it may stay as it is. Returns what it is; undefined where there is no such open finding. */
  accept(id: number, acceptance: Acceptance): Finding | undefined;
  /** Drops what the rules found of all other sources. */
  keepOnly(sources: readonly string[]): void;
  /** Forgets what was closed long ago. */
  purge(now: number): void;
}

interface FindingRow {
  id: number;
  rule: FindingName;
  source: number;
  key: string;
  field: string;
  other: string;
  params: string;
  since: number;
  closed_at: number | null;
  accepted_at: number | null;
  accepted_until: number | null;
  accepted_reason: string | null;
}

/** But the group, which no number of JavaScript holds. */
const columns = "id, rule, source, key, field, other, params, since, closed_at, accepted_at, accepted_until, accepted_reason";
const keepClosedMs = 90 * 86_400_000;

export function createFindings(database: Database, names: Names): FindingStore {
  const statements = prepareAll(database);
  /** Counting reads all that is open, and is asked for all the time: done anew once something has changed, or an acceptance is over. */
  let counted: { counts: ReadonlyMap<string, number>; from: number; until: number } | undefined;
  const changed = (): void => {
    counted = undefined;
  };
  database.on("rolled-back", changed);
  const toFinding = (row: FindingRow): Finding => ({
    id: row.id,
    rule: row.rule,
    source: names.name(row.source),
    key: row.key,
    field: row.field,
    other: row.other,
    params: JSON.parse(row.params) as Finding["params"],
    since: row.since,
    closedAt: row.closed_at ?? undefined,
    accepted:
      row.accepted_at === null
        ? undefined
        : { at: row.accepted_at, until: row.accepted_until ?? undefined, reason: row.accepted_reason ?? "" },
  });
  const raise = (group: bigint, raised: Raised, now: number): boolean => {
    const { rule, source, key, field, other } = raised;
    return statements.raise.run(rule, group, names.no(source), key, field, other, JSON.stringify(raised.params), now) > 0;
  };
  const wanted = ({ source, rule, key, accepted }: FindingFilter) => {
    const no = source === undefined ? null : names.no(source);
    const is = accepted === undefined ? null : Number(accepted.is);
    const named = [no, no, rule ?? null, rule ?? null, key ?? null, key ?? null] as const;
    return [...named, is, accepted?.at ?? 0, is] as const;
  };
  return {
    replace(group, raised, now) {
      const before = statements.openOf.all<FindingRow>(group);
      if (before.length === 0 && raised.length === 0) return false;
      return database.transaction(() => {
        let isNews = false;
        for (const row of before) {
          if (raised.some((one) => isSame(one, row, names))) continue;
          statements.close.run(now, row.id);
          isNews = true;
        }
        for (const one of raised) if (raise(group, one, now)) isNews = true;
        if (isNews) changed();
        return isNews;
      });
    },
    ofGroup: (group) => statements.openOf.all<FindingRow>(group).map(toFinding),
    list({ limit = 1_000, offset = 0, ...filter } = {}) {
      return statements.list.all<FindingRow>(...wanted(filter), limit, offset).map(toFinding);
    },
    count(filter = {}) {
      return (statements.count.get<{ count: number }>(...wanted(filter)) as { count: number }).count;
    },
    open(now) {
      // Another process writes what a reader sees.
      if (counted !== undefined && !database.readOnly && counted.from <= now && now < counted.until) return counted.counts;
      const rows = statements.open.all<{ source: number; count: number }>(now);
      const counts = new Map(rows.map(({ source, count }) => [names.name(source), count]));
      const next = statements.nextEnd.get<{ until: number | null }>(now)?.until;
      counted = { counts, from: now, until: next ?? Number.POSITIVE_INFINITY };
      return counts;
    },
    accept(id, { at, until, reason }) {
      return database.transaction(() => {
        changed();
        const row = statements.accept.get<FindingRow>(at, until ?? null, reason, id);
        return row && toFinding(row);
      }, "accept");
    },
    keepOnly(sources) {
      const kept = JSON.stringify(sources.map((source) => names.no(source)));
      database.transaction(() => {
        changed();
        statements.keepOnly.run(kept);
      });
    },
    purge(now) {
      database.transaction(() => statements.purge.run(now - keepClosedMs));
    },
  };
}

function isSame(one: Raised, row: FindingRow, names: Names): boolean {
  return (
    one.rule === row.rule &&
    one.key === row.key &&
    one.field === row.field &&
    one.other === row.other &&
    names.no(one.source) === row.source
  );
}

/** At a time. */
const isAccepted = "(accepted_at IS NOT NULL AND (accepted_until IS NULL OR accepted_until > ?))";
const isWanted = `closed_at IS NULL AND (? IS NULL OR source = ?) AND (? IS NULL OR rule = ?) AND (? IS NULL OR key = ?)
  AND (? IS NULL OR ${isAccepted} = ?)`;

function prepareAll(database: Database) {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    openOf: prepare(`SELECT ${columns} FROM finding WHERE grp = ? AND closed_at IS NULL`),
    // The same finding stays the one that it was; only what it says in particular may be new.
    raise: prepare(`INSERT INTO finding (rule, grp, source, key, field, other, params, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (grp, rule, source, key, field, other) WHERE closed_at IS NULL
      DO UPDATE SET params = excluded.params WHERE params <> excluded.params`),
    close: prepare("UPDATE finding SET closed_at = ? WHERE id = ?"),
    accept: prepare(
      `UPDATE finding SET accepted_at = ?, accepted_until = ?, accepted_reason = ? WHERE id = ? AND closed_at IS NULL RETURNING ${columns}`,
    ),
    open: prepare(`SELECT source, count(*) AS count FROM finding WHERE closed_at IS NULL AND NOT ${isAccepted} GROUP BY source`),
    nextEnd: prepare("SELECT min(accepted_until) AS until FROM finding WHERE closed_at IS NULL AND accepted_until > ?"),
    list: prepare(`SELECT ${columns} FROM finding
      WHERE ${isWanted} ORDER BY source, key, rule, id LIMIT ? OFFSET ?`),
    count: prepare(`SELECT count(*) AS count FROM finding WHERE ${isWanted}`),
    keepOnly: prepare(
      "DELETE FROM finding WHERE rule NOT IN ('schema-missing', 'field-conflict', 'person-maybe-known') AND rule NOT LIKE 'document-%' AND source NOT IN (SELECT value FROM json_each(?))",
    ),
    purge: prepare("DELETE FROM finding WHERE closed_at < ?"),
  };
}
