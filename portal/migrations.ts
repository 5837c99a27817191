/** The store's schema, one step per version; `user_version` counts the steps taken. A step that was released is never edited. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE enrolment_code (
    code_hash TEXT PRIMARY KEY,
    stage TEXT NOT NULL,
    agent_id TEXT,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
  ) WITHOUT ROWID;

  CREATE TABLE agent (
    id TEXT PRIMARY KEY,
    name TEXT,
    stage TEXT NOT NULL,
    public_key TEXT NOT NULL,
    previous_key TEXT,
    enrolled_at INTEGER NOT NULL,
    revoked_at INTEGER,
    host TEXT,
    connection INTEGER NOT NULL DEFAULT 0,
    epoch TEXT,
    last INTEGER,
    offers TEXT,
    status TEXT,
    seen_at INTEGER
  ) WITHOUT ROWID;

  CREATE TABLE token_seen (agent_id TEXT NOT NULL, jti TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (agent_id, jti)) WITHOUT ROWID;
  CREATE INDEX token_seen_at ON token_seen (at);

  CREATE TABLE entity (
    agent_id TEXT NOT NULL,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    fields TEXT NOT NULL,
    digest TEXT,
    cause TEXT,
    withheld TEXT,
    seq INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    time INTEGER NOT NULL,
    deleted_at INTEGER,
    delete_reason TEXT,
    replaces TEXT,
    replaced_by TEXT,
    PRIMARY KEY (agent_id, type, id)
  ) WITHOUT ROWID;
  CREATE INDEX entity_live ON entity (agent_id, type) WHERE deleted_at IS NULL;
  CREATE INDEX entity_building ON entity (agent_id, json_extract(fields, '$.propertyId')) WHERE type = 'building';
  CREATE INDEX entity_unit ON entity (agent_id, json_extract(fields, '$.buildingId')) WHERE type = 'unit';
  CREATE INDEX entity_period ON entity (agent_id, json_extract(fields, '$.unitId')) WHERE type = 'utilisationPeriod';
  CREATE INDEX entity_message ON entity (agent_id, json_extract(fields, '$.ticketId')) WHERE type = 'message';
  CREATE INDEX entity_ticket ON entity (agent_id, time) WHERE type = 'ticket';

  CREATE TABLE refusal (
    agent_id TEXT NOT NULL,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    retry_after_ms INTEGER,
    at INTEGER NOT NULL,
    PRIMARY KEY (agent_id, type, id)
  ) WITHOUT ROWID;
  CREATE INDEX refusal_seq ON refusal (agent_id, epoch, seq);

  CREATE TABLE command (
    n INTEGER PRIMARY KEY,
    agent_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    entity TEXT,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT,
    revision INTEGER,
    result TEXT,
    received_epoch TEXT,
    result_epoch TEXT,
    issued_at INTEGER NOT NULL,
    result_at INTEGER
  );
  CREATE INDEX command_open ON command (agent_id, n) WHERE state <> 'settled';

  CREATE TABLE unknown_result (
    agent_id TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    result TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (agent_id, id)
  ) WITHOUT ROWID;

  CREATE TABLE event (n INTEGER PRIMARY KEY, agent_id TEXT NOT NULL, at INTEGER NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL);
  `,
  `
  CREATE TABLE journal (
    n INTEGER PRIMARY KEY,
    agent_id TEXT NOT NULL,
    epoch TEXT NOT NULL,
    first INTEGER NOT NULL,
    refused TEXT,
    at INTEGER NOT NULL,
    frame NOT NULL
  );
  `,
  // From an id to those that it has replaced: few entities ever are.
  "CREATE INDEX entity_replaced ON entity (agent_id, type, replaced_by) WHERE replaced_by IS NOT NULL",
  // Persons whom somebody has added by hand.
  `
  CREATE TABLE own_person (
    id TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL,
    fields TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX own_person_agent ON own_person (agent_id, created_at);
  CREATE INDEX command_person ON command (json_extract(body, '$.values.portalId'), type, n) WHERE type IN ('person.match', 'link');
  `,
  `
  CREATE TABLE lookup (
    agent_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    fields TEXT NOT NULL,
    rows TEXT NOT NULL,
    PRIMARY KEY (agent_id, name)
  ) WITHOUT ROWID;
  `,
  // Bytes of documents that somebody has wanted, in pieces as they came.
  `
  CREATE TABLE document (
    agent_id TEXT NOT NULL,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    version TEXT,
    size_bytes INTEGER,
    sha256 TEXT,
    received INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (agent_id, id)
  ) WITHOUT ROWID;
  CREATE INDEX document_wanted ON document (agent_id, at) WHERE state = 'wanted';
  CREATE TABLE document_piece (
    agent_id TEXT NOT NULL,
    id TEXT NOT NULL,
    offset INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (agent_id, id, offset)
  );
  `,
];
