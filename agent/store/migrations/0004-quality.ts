/** Version 4: facts and spans, which the rules of quality compare entities by, and their findings (docs/decisions/0048). */
export const quality = `
CREATE TABLE fact (
  self INTEGER NOT NULL,
  kind TEXT NOT NULL,
  hash INTEGER NOT NULL,
  detail INTEGER NOT NULL,
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  held INTEGER,
  PRIMARY KEY (self, kind, hash)
) WITHOUT ROWID, STRICT;
CREATE INDEX fact_group ON fact (kind, hash, held);

CREATE TABLE span (
  no INTEGER PRIMARY KEY,
  self INTEGER NOT NULL,
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  kind TEXT NOT NULL,
  unit INTEGER NOT NULL,
  person INTEGER,
  role TEXT NOT NULL,
  from_day INTEGER,
  until_day INTEGER
) STRICT;
CREATE INDEX span_self ON span (self);
CREATE INDEX span_unit ON span (unit);
CREATE INDEX span_person ON span (person) WHERE person IS NOT NULL;

CREATE TABLE finding (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  rule TEXT NOT NULL,
  grp INTEGER NOT NULL,
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  field TEXT NOT NULL,
  other TEXT NOT NULL,
  params TEXT NOT NULL,
  team TEXT,
  since INTEGER NOT NULL,
  closed_at INTEGER,
  accepted_at INTEGER,
  accepted_until INTEGER,
  accepted_reason TEXT
) STRICT;
CREATE UNIQUE INDEX finding_open ON finding (grp, rule, source, key, field, other) WHERE closed_at IS NULL;
CREATE INDEX finding_place ON finding (source, key);
CREATE INDEX finding_closed ON finding (closed_at) WHERE closed_at IS NOT NULL;

ALTER TABLE source ADD COLUMN facts TEXT;
ALTER TABLE source ADD COLUMN facts_swept INTEGER NOT NULL DEFAULT 0;
`;
