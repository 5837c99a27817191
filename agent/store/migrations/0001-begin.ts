/** Version 1 of the store. Once released a migration is never changed. */
export const begin = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;

CREATE TABLE name (no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE source (
  no INTEGER PRIMARY KEY REFERENCES name (no),
  fingerprint TEXT,
  compared_at INTEGER,
  last_success_at INTEGER,
  rows INTEGER NOT NULL DEFAULT 0,
  sent INTEGER NOT NULL DEFAULT 0,
  reconciled INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE signal (
  no INTEGER PRIMARY KEY REFERENCES name (no),
  position TEXT,
  samples TEXT NOT NULL DEFAULT '[]'
) STRICT;

CREATE TABLE child (
  no INTEGER PRIMARY KEY,
  signal INTEGER NOT NULL REFERENCES name (no),
  own TEXT NOT NULL,
  parent TEXT NOT NULL,
  UNIQUE (signal, own)
) STRICT;

CREATE TABLE guard (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source INTEGER NOT NULL REFERENCES name (no),
  kind TEXT NOT NULL CHECK (kind IN ('deletes', 'history')),
  count INTEGER NOT NULL,
  "of" INTEGER NOT NULL,
  since INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'approved', 'rejected')),
  closed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX guard_open ON guard (source, kind) WHERE state = 'open';

CREATE TABLE pending (
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  stage TEXT NOT NULL CHECK (stage IN ('marked', 'confirm', 'grace', 'held', 'approved')),
  mark INTEGER NOT NULL,
  since INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  guard INTEGER REFERENCES guard (id),
  owes_confirm INTEGER NOT NULL,
  PRIMARY KEY (source, key),
  CHECK (stage <> 'held' OR guard IS NOT NULL)
) WITHOUT ROWID, STRICT;
CREATE INDEX pending_due ON pending (source, not_before) WHERE stage <> 'held';
CREATE INDEX pending_held ON pending (guard) WHERE guard IS NOT NULL;

CREATE TABLE entity (
  no INTEGER PRIMARY KEY,
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  row_digest INTEGER,
  entity_digest INTEGER,
  UNIQUE (source, key)
) STRICT;

CREATE TABLE reference (
  child INTEGER NOT NULL REFERENCES entity (no) ON DELETE CASCADE,
  parent INTEGER NOT NULL REFERENCES entity (no) ON DELETE CASCADE,
  PRIMARY KEY (child, parent)
) WITHOUT ROWID, STRICT;
CREATE INDEX reference_parent ON reference (parent);

CREATE TABLE awaited (
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  parent_source INTEGER NOT NULL REFERENCES name (no),
  parent_key TEXT NOT NULL,
  PRIMARY KEY (source, key, parent_source, parent_key)
) WITHOUT ROWID, STRICT;
CREATE INDEX awaited_parent ON awaited (parent_source, parent_key);

CREATE TABLE frame (
  first INTEGER PRIMARY KEY,
  last INTEGER NOT NULL,
  text INTEGER NOT NULL,
  bulk INTEGER NOT NULL,
  size INTEGER NOT NULL,
  json_size INTEGER NOT NULL,
  ids BLOB NOT NULL,
  bytes BLOB NOT NULL
) STRICT;

CREATE TABLE command (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('received', 'executing', 'waiting', 'uncertain', 'finished', 'settled')),
  message TEXT,
  lane TEXT NOT NULL,
  predecessor TEXT,
  may_be_repeated INTEGER NOT NULL,
  approved INTEGER NOT NULL DEFAULT 0,
  received_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  not_before INTEGER NOT NULL,
  revision INTEGER NOT NULL DEFAULT 0,
  settled_revision INTEGER NOT NULL DEFAULT 0,
  result TEXT,
  source TEXT,
  key TEXT,
  settled_at INTEGER
) STRICT;
CREATE INDEX command_state ON command (state, not_before);
CREATE INDEX command_lane ON command (lane, no);
CREATE INDEX command_entity ON command (source, key) WHERE source IS NOT NULL;

CREATE TABLE quarantine (
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  code TEXT NOT NULL,
  field TEXT,
  message TEXT NOT NULL,
  digest INTEGER,
  since INTEGER NOT NULL,
  waits_source INTEGER REFERENCES name (no),
  waits_key TEXT,
  PRIMARY KEY (source, key)
) WITHOUT ROWID, STRICT;
CREATE INDEX quarantine_waits ON quarantine (waits_source, waits_key) WHERE waits_source IS NOT NULL;

CREATE TABLE journal (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  source TEXT,
  status TEXT NOT NULL,
  duration_ms INTEGER,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX journal_at ON journal (at);
`;
