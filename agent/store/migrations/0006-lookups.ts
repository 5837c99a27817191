/** Version 6: tables that the portal pushes, and which entities asked for which of their rows (docs/decisions/0057). */
export const lookups = `
CREATE TABLE lookup (
  name TEXT PRIMARY KEY,
  version TEXT NOT NULL,
  fields TEXT NOT NULL,
  rows TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE lookup_use (
  source INTEGER NOT NULL REFERENCES name (no),
  key TEXT NOT NULL,
  lookup TEXT NOT NULL,
  row TEXT NOT NULL,
  PRIMARY KEY (source, key, lookup, row)
) WITHOUT ROWID, STRICT;
CREATE INDEX lookup_use_row ON lookup_use (lookup, row);
`;
