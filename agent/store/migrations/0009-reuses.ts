/** Version 9: whose record a key is, and what it was before its key was given to somebody new (docs/decisions/0061). */
export const reuses = `
CREATE TABLE bearer (
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  generation INTEGER NOT NULL DEFAULT 1,
  hash TEXT,
  state TEXT,
  PRIMARY KEY (source, key)
) WITHOUT ROWID, STRICT;
CREATE INDEX bearer_later ON bearer (source) WHERE generation > 1;

CREATE TABLE ended (
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  generation INTEGER NOT NULL,
  digest TEXT NOT NULL,
  state TEXT,
  owed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (source, key, generation)
) WITHOUT ROWID, STRICT;

CREATE TABLE kept_parent (
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  parent_source INTEGER NOT NULL REFERENCES name (no),
  parent_key TEXT NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (source, key, parent_source, parent_key)
) WITHOUT ROWID, STRICT;
`;
