/**
 * Pending keys: signalled, not yet read to the end. A key leaves only by `clear` with the mark it was read under, so that no signal is lost while
 * it is being read. At most one row per entity, however many signals.
 */
import { createCommitBell } from "./commit-bell.ts";
import type { Database } from "./database.ts";
import type { Names } from "./names.ts";
import { createPendingFilter } from "./pending-filter.ts";
import type { PendingKey, PendingStage, PendingStore } from "./store.ts";

interface PendingRow {
  source: number;
  key: string;
  stage: PendingStage;
  mark: number;
  since: number;
  not_before: number;
  guard: number | null;
  owes_confirm: number;
}

/** In place of 0: the key owes no confirmation, and was found absent while the portal held nothing of it. */
const unheld = 2;

export function createPending(database: Database, names: Names): PendingStore {
  const statements = prepareAll(database);
  const bell = createCommitBell(database);
  const filter = createPendingFilter(database);
  // Above every mark in use, over all keys: a mark once cleared never comes back, so an old read can't clear a new signal.
  let lastMark = statements.lastMark.get<{ mark: number }>()?.mark ?? 0;
  const toKey = (row: PendingRow): PendingKey => ({
    source: names.name(row.source),
    key: row.key,
    stage: row.stage,
    mark: row.mark,
    since: row.since,
    notBefore: row.not_before,
    guard: row.guard ?? undefined,
    owesConfirm: row.owes_confirm === 1,
  });

  return {
    mark(source, keys, { now, confirm }) {
      if (keys.length === 0) return;
      database.transaction(() => {
        const no = names.no(source);
        const owes = Number(confirm);
        for (const key of keys) {
          filter.add(no, key);
          if (statements.markAgain.run(++lastMark, owes, no, key, now) === 0)
            statements.mark.run(no, key, lastMark, now, now, owes);
        }
        bell.touch();
      });
    },
    owe(source, keys, { now, notBefore }) {
      if (keys.length === 0) return;
      database.transaction(() => {
        const no = names.no(source);
        for (const key of keys) {
          filter.add(no, key);
          statements.owe.run(no, key, ++lastMark, now, notBefore);
        }
        bell.touch();
      });
    },
    due: (source, now, limit) => statements.due.all<PendingRow>(names.no(source), now, limit).map(toKey),
    get(source, key) {
      const row = statements.get.get<PendingRow>(names.no(source), key);
      return row && toKey(row);
    },
    mayWait: (source, keyDigests) => filter.which(names.no(source), keyDigests),
    clear: (source, key, mark) => database.transaction(() => statements.clear.run(names.no(source), key, mark) > 0),
    advance(source, key, mark, to) {
      const owes = to.owesConfirm === undefined ? null : to.unheld === true ? unheld : Number(to.owesConfirm);
      return database.transaction(
        () => statements.advance.run(to.stage, to.notBefore, to.guard ?? null, owes, names.no(source), key, mark) > 0,
      );
    },
    nextDue(source) {
      const row = source === undefined ? statements.nextDue.get() : statements.nextDueOf.get(names.no(source));
      return (row as { due: number | null }).due ?? undefined;
    },
    oldestSince: (source) => statements.oldest.get<{ since: number | null }>(names.no(source))?.since ?? undefined,
    count(source) {
      const row = source === undefined ? statements.count.get() : statements.countOf.get(names.no(source));
      return (row as { count: number }).count;
    },
    countVanished: (source) => (statements.vanished.get<{ count: number }>(names.no(source)) as { count: number }).count,
    setBack(now) {
      if (statements.ahead.get(now) === undefined) return;
      database.transaction(() => {
        statements.setBack.run(now, now, now);
        bell.touch();
      });
    },
    heldBy: (guard) => statements.held.all<PendingRow>(guard).map(toKey),
    releaseGuard(guard, to, now) {
      return database.transaction(() => {
        bell.touch();
        return to === "approved" ? statements.approve.run(now, guard) : statements.drop.run(guard);
      });
    },
    onMark: (listener) => bell.listen(listener),
  };
}

const columns = "source, key, stage, mark, since, not_before, guard, owes_confirm";

function prepareAll(database: Database) {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    lastMark: prepare("SELECT max(mark) AS mark FROM pending"),
    // A signal brings a key back to `marked` from any stage, the held one included: the next read decides anew. An owed confirmation stays owed.
    mark: prepare(`INSERT INTO pending (source, key, stage, mark, since, not_before, owes_confirm) VALUES (?, ?, 'marked', ?, ?, ?, ?)
      ON CONFLICT (source, key) DO UPDATE SET stage = 'marked', mark = excluded.mark, guard = NULL,
        not_before = min(not_before, excluded.not_before), owes_confirm = max(owes_confirm & 1, excluded.owes_confirm)`),
    // The same for a key that waits to be read as it is, five times as fast because no index changes: the lot of each key while nothing may be read.
    markAgain: prepare(`UPDATE pending SET mark = ?, owes_confirm = max(owes_confirm & 1, ?)
      WHERE source = ? AND key = ? AND stage = 'marked' AND guard IS NULL AND not_before <= ?`),
    owe: prepare(`INSERT INTO pending (source, key, stage, mark, since, not_before, owes_confirm) VALUES (?, ?, 'confirm', ?, ?, ?, 1)
      ON CONFLICT (source, key) DO UPDATE SET stage = 'confirm', mark = excluded.mark, guard = NULL,
        not_before = excluded.not_before, owes_confirm = 1`),
    due: prepare(
      `SELECT ${columns} FROM pending WHERE source = ? AND stage <> 'held' AND not_before <= ? ORDER BY not_before LIMIT ?`,
    ),
    get: prepare(`SELECT ${columns} FROM pending WHERE source = ? AND key = ?`),
    clear: prepare("DELETE FROM pending WHERE source = ? AND key = ? AND mark = ?"),
    advance: prepare(`UPDATE pending SET stage = ?, not_before = ?, guard = ?, owes_confirm = coalesce(?, owes_confirm)
      WHERE source = ? AND key = ? AND mark = ?`),
    // One index seek per source, however many keys wait.
    nextDue: prepare(`SELECT min(due) AS due FROM
      (SELECT (SELECT min(not_before) FROM pending WHERE source = name.no AND stage <> 'held') AS due FROM name)`),
    nextDueOf: prepare("SELECT min(not_before) AS due FROM pending WHERE source = ? AND stage <> 'held'"),
    oldest: prepare("SELECT min(since) AS since FROM pending WHERE source = ? AND stage IN ('marked', 'confirm')"),
    count: prepare("SELECT count(*) AS count FROM pending"),
    countOf: prepare("SELECT count(*) AS count FROM pending WHERE source = ?"),
    // A `confirm` without an owed confirmation is one whose first read came back empty.
    vanished: prepare(`SELECT count(*) AS count FROM pending WHERE source = ? AND
      (stage IN ('grace', 'held') OR (stage = 'confirm' AND owes_confirm = 0))`),
    ahead: prepare("SELECT 1 FROM pending WHERE since > ? LIMIT 1"),
    setBack: prepare("UPDATE pending SET not_before = not_before - (since - ?), since = ? WHERE since > ?"),
    held: prepare(`SELECT ${columns} FROM pending WHERE guard = ? AND stage = 'held' ORDER BY source, key`),
    approve: prepare("UPDATE pending SET stage = 'approved', not_before = ? WHERE guard = ? AND stage = 'held'"),
    drop: prepare("DELETE FROM pending WHERE guard = ? AND stage = 'held'"),
  };
}
