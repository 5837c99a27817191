/**
 * Version 3: entities in pages instead of rows (docs/decisions/0021). What the rows said is not carried over: without an epoch the agent asks the portal for its
 * inventory and compares in full, as after the loss of its store; pending keys, commands and positions stay.
 */
export const pages = `
DROP TABLE reference;
DROP TABLE entity;
DELETE FROM meta WHERE name = 'epoch';
UPDATE source SET reconciled = 0;

CREATE TABLE page (
  no INTEGER PRIMARY KEY,
  source INTEGER NOT NULL REFERENCES name (no),
  used INTEGER NOT NULL,
  free INTEGER NOT NULL,
  known INTEGER NOT NULL,
  strangers INTEGER NOT NULL,
  row_generation INTEGER NOT NULL,
  entity_generation INTEGER NOT NULL
) STRICT;

CREATE TABLE generation (
  source INTEGER PRIMARY KEY REFERENCES name (no),
  row_generation INTEGER NOT NULL,
  entity_generation INTEGER NOT NULL
) STRICT;

CREATE TABLE digest_page (no INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE key_page (no INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE parent_page (no INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;

CREATE TABLE source_reference (
  child INTEGER NOT NULL REFERENCES name (no),
  parent INTEGER NOT NULL REFERENCES name (no),
  PRIMARY KEY (child, parent)
) WITHOUT ROWID, STRICT;

CREATE TABLE key_index (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  generation INTEGER NOT NULL,
  leaves INTEGER NOT NULL,
  next_leaves INTEGER NOT NULL,
  position INTEGER NOT NULL,
  fold_to INTEGER NOT NULL,
  entries INTEGER NOT NULL
) STRICT;
CREATE TABLE key_leaf (id INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT;
CREATE TABLE key_log (id INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT;
`;
