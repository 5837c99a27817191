/**
 * Version 5: values that went or changed are held like deletes (docs/decisions/0049). Which fields of an entity had a value when it was put lies in pages beside its
 * digests; of what was put before nothing is known until it is put again.
 */
export const guards = `
CREATE TABLE filled_page (no INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;

CREATE TABLE guard_next (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source INTEGER NOT NULL REFERENCES name (no),
  kind TEXT NOT NULL CHECK (kind IN ('deletes', 'history', 'emptied', 'moved')),
  count INTEGER NOT NULL,
  "of" INTEGER NOT NULL,
  since INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'approved', 'rejected')),
  closed_at INTEGER,
  fields TEXT NOT NULL DEFAULT '[]'
) STRICT;
INSERT INTO guard_next (id, source, kind, count, "of", since, state, closed_at)
  SELECT id, source, kind, count, "of", since, state, closed_at FROM guard;
DELETE FROM sqlite_sequence WHERE name = 'guard_next';
INSERT INTO sqlite_sequence (name, seq) SELECT 'guard_next', seq FROM sqlite_sequence WHERE name = 'guard';

CREATE TABLE pending_next (
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  stage TEXT NOT NULL CHECK (stage IN ('marked', 'confirm', 'suspect', 'grace', 'held', 'approved')),
  mark INTEGER NOT NULL,
  since INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  guard INTEGER REFERENCES guard_next (id),
  owes_confirm INTEGER NOT NULL,
  suspected INTEGER,
  why TEXT CHECK (why IN ('flag', 'emptied', 'moved', 'both')),
  row_digest INTEGER,
  entity_digest INTEGER,
  PRIMARY KEY (source, key),
  CHECK (stage <> 'held' OR guard IS NOT NULL)
) WITHOUT ROWID, STRICT;
INSERT INTO pending_next (source, key, stage, mark, since, not_before, guard, owes_confirm)
  SELECT source, key, stage, mark, since, not_before, guard, owes_confirm FROM pending;

DROP TABLE pending;
DROP TABLE guard;
ALTER TABLE guard_next RENAME TO guard;
ALTER TABLE pending_next RENAME TO pending;
CREATE UNIQUE INDEX guard_open ON guard (source, kind) WHERE state = 'open';
CREATE INDEX pending_due ON pending (source, not_before) WHERE stage <> 'held';
CREATE INDEX pending_held ON pending (guard) WHERE guard IS NOT NULL;
`;
