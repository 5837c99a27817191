/** Version 8: which entities continue others (docs/decisions/0056). */
export const successions = `
CREATE TABLE succession (
  source INTEGER NOT NULL REFERENCES name (no),
  old TEXT NOT NULL,
  next TEXT NOT NULL,
  reason TEXT NOT NULL,
  told INTEGER NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (source, old)
) WITHOUT ROWID, STRICT;
CREATE INDEX succession_next ON succession (source, next);
`;
