/** Version 7: entities that do not take part, each with the one that it belongs to and that does not take part either (docs/decisions/0057). */
export const outOfScope = `
CREATE TABLE out_of_scope (
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  parent_source INTEGER,
  parent_key TEXT,
  PRIMARY KEY (source, key)
) WITHOUT ROWID, STRICT;
CREATE INDEX out_of_scope_parent ON out_of_scope (parent_source, parent_key) WHERE parent_source IS NOT NULL;
`;
