/** Version 2: the mailbox from the CLI to the running agent. */
export const asks = `
CREATE TABLE ask (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  body TEXT NOT NULL,
  asked_at INTEGER NOT NULL,
  answered_at INTEGER,
  answer TEXT
) STRICT;
CREATE INDEX ask_open ON ask (id) WHERE answered_at IS NULL;
`;
