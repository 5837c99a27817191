/**
 * Pending keys: signalled, not yet read to the end. A key leaves only by `clear` with the mark it was read under, so that no signal is lost while
 * it is being read. At most one row per entity, however many signals.
 */
import { createCommitBell } from "./commit-bell.ts";
import type { Database } from "./database.ts";
import { toDigest, toSigned } from "./digest-columns.ts";
import type { Names } from "./names.ts";
import { createPendingFilter } from "./pending-filter.ts";
import type { PendingKey, PendingStage, PendingStore, Why } from "./store.ts";

interface PendingRow {
  source: bigint;
  key: string;
  stage: PendingStage;
  mark: bigint;
  since: bigint;
  not_before: bigint;
  guard: bigint | null;
  owes_confirm: bigint;
  suspected: bigint | null;
  why: Why | null;
  row_digest: bigint | null;
  entity_digest: bigint | null;
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
    source: names.name(Number(row.source)),
    key: row.key,
    stage: row.stage,
    mark: Number(row.mark),
    since: Number(row.since),
    notBefore: Number(row.not_before),
    guard: row.guard === null ? undefined : Number(row.guard),
    owesConfirm: row.owes_confirm === 1n,
    suspectedAt: row.suspected === null ? undefined : Number(row.suspected),
    suspicion: suspicionOf(row),
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
      const { stage, notBefore, guard = null, suspectedAt = null, suspicion } = to;
      return database.transaction(() => {
        const no = names.no(source);
        if (statements.advance.run(stage, notBefore, guard, owes, suspectedAt, no, key, mark) === 0) return false;
        if (suspicion === "none") statements.suspicion.run(null, null, null, no, key);
        else if (suspicion !== undefined) {
          const { why, rowDigest, entityDigest } = suspicion;
          statements.suspicion.run(why, toSigned(rowDigest), toSigned(entityDigest), no, key);
        }
        return true;
      });
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
    countSuspected: (source, why) =>
      (statements.suspected.get<{ count: number }>(names.no(source), why) as { count: number }).count,
    lastArrival(source, { now, until }) {
      const row = statements.lastArrival.get<{ due: number | null }>(names.no(source), now, until);
      return row?.due ?? undefined;
    },
    wakeSuspects(source, now) {
      database.transaction(() => {
        statements.wake.run(now, names.no(source), now);
        bell.touch();
      });
    },
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

const columns = "source, key, stage, mark, since, not_before, guard, owes_confirm, suspected, why, row_digest, entity_digest";

function suspicionOf({ why, row_digest, entity_digest }: PendingRow): PendingKey["suspicion"] {
  if (why === null) return undefined;
  return { why, rowDigest: toDigest(row_digest) as bigint, entityDigest: toDigest(entity_digest) };
}

function prepareAll(database: Database) {
  const prepare = (sql: string) => database.prepare(sql);
  const rows = (sql: string) => database.prepare(`SELECT ${columns} FROM pending ${sql}`, { bigints: true });
  return {
    lastMark: prepare("SELECT max(mark) AS mark FROM pending"),
    // A signal brings a key back to `marked` from any stage, the held one included: the next read decides anew. An owed confirmation stays owed,
    // and what was suspected of it is still known.
    mark: prepare(`INSERT INTO pending (source, key, stage, mark, since, not_before, owes_confirm) VALUES (?, ?, 'marked', ?, ?, ?, ?)
      ON CONFLICT (source, key) DO UPDATE SET stage = 'marked', mark = excluded.mark, guard = NULL, not_before = min(not_before, excluded.not_before), owes_confirm = max(owes_confirm & 1, excluded.owes_confirm)`),
    // The same for a key that waits to be read as it is, five times as fast because no index changes: the lot of each key while nothing may be read.
    markAgain: prepare(`UPDATE pending SET mark = ?, owes_confirm = max(owes_confirm & 1, ?)
      WHERE source = ? AND key = ? AND stage = 'marked' AND guard IS NULL AND not_before <= ?`),
    owe: prepare(`INSERT INTO pending (source, key, stage, mark, since, not_before, owes_confirm) VALUES (?, ?, 'confirm', ?, ?, ?, 1)
      ON CONFLICT (source, key) DO UPDATE SET stage = 'confirm', mark = excluded.mark, guard = NULL,
        not_before = excluded.not_before, owes_confirm = 1`),
    due: rows("WHERE source = ? AND stage <> 'held' AND not_before <= ? ORDER BY not_before LIMIT ?"),
    get: rows("WHERE source = ? AND key = ?"),
    clear: prepare("DELETE FROM pending WHERE source = ? AND key = ? AND mark = ?"),
    advance: prepare(`UPDATE pending SET stage = ?, not_before = ?, guard = ?, owes_confirm = coalesce(?, owes_confirm),
      suspected = coalesce(suspected, ?) WHERE source = ? AND key = ? AND mark = ?`),
    suspicion: prepare("UPDATE pending SET why = ?, row_digest = ?, entity_digest = ? WHERE source = ? AND key = ?"),
    // One index seek per source, however many keys wait.
    nextDue: prepare(`SELECT min(due) AS due FROM
      (SELECT (SELECT min(not_before) FROM pending WHERE source = name.no AND stage <> 'held') AS due FROM name)`),
    nextDueOf: prepare("SELECT min(not_before) AS due FROM pending WHERE source = ? AND stage <> 'held'"),
    oldest: prepare("SELECT min(since) AS since FROM pending WHERE source = ? AND stage IN ('marked', 'confirm')"),
    count: prepare("SELECT count(*) AS count FROM pending"),
    countOf: prepare("SELECT count(*) AS count FROM pending WHERE source = ?"),
    // A `confirm` without an owed confirmation is one whose first read came back empty.
    vanished: prepare(`SELECT count(*) AS count FROM pending WHERE source = ? AND
      (stage = 'grace' OR (stage = 'confirm' AND owes_confirm = 0) OR (stage = 'suspect' AND why = 'flag') OR
       (stage = 'held' AND (why IS NULL OR why = 'flag')))`),
    suspected: prepare(
      "SELECT count(*) AS count FROM pending WHERE source = ? AND stage IN ('suspect', 'held') AND why IN (?, 'both')",
    ),
    // That none is held goes without saying, but not for the index: each commit asks this, however many keys wait.
    lastArrival:
      prepare(`SELECT max(not_before) AS due FROM pending WHERE source = ? AND not_before > ? AND not_before <= ? AND stage <> 'held' AND
      (stage = 'suspect' OR (stage = 'confirm' AND owes_confirm = 0))`),
    wake: prepare("UPDATE pending SET not_before = ? WHERE source = ? AND stage = 'suspect' AND not_before > ?"),
    ahead: prepare("SELECT 1 FROM pending WHERE since > ? LIMIT 1"),
    setBack: prepare("UPDATE pending SET not_before = not_before - (since - ?), since = ? WHERE since > ?"),
    held: rows("WHERE guard = ? AND stage = 'held' ORDER BY source, key"),
    approve: prepare("UPDATE pending SET stage = 'approved', not_before = ? WHERE guard = ? AND stage = 'held'"),
    drop: prepare("DELETE FROM pending WHERE guard = ? AND stage = 'held'"),
  };
}
