import type { ErrorKind } from "../../base/errors.ts";

/** What an error of SQL Server comes down to. */
export interface Meaning {
  kind: ErrorKind;
  code: string;
  text: string;
  hint: string;
  /** The server's own words may be shown: they name objects, never values. */
  plain?: boolean;
}

const again = "It is tried again by itself.";
const correctValue = "Correct the value or the mapping; the ERP's rule stays as it is.";

export const meanings = {
  login: {
    kind: "config",
    code: "erp-login-refused",
    text: "The ERP's database refuses the login",
    hint: "Check user and password (`erpfuser secret set`); the reason stands in the server's own error log, under the state.",
    plain: true,
  },
  expired: {
    kind: "config",
    code: "erp-login-refused",
    text: "The password of the ERP's account has expired or must be changed",
    hint: "Let the DBA set a new one with CHECK_EXPIRATION = OFF, then `erpfuser secret set`.",
    plain: true,
  },
  domain: {
    kind: "config",
    code: "erp-login-refused",
    text: "The ERP's server does not take this Windows account",
    hint: "It wants a SQL login, or NTLM with `erp: domain:`. Kerberos and group managed service accounts do not work.",
    plain: true,
  },
  databaseMissing: {
    kind: "config",
    code: "erp-database-missing",
    text: "The ERP's server has no such database, or the account may not open it",
    hint: "Check `erp: database:`, and that the login has a user in it.",
    plain: true,
  },
  rights: {
    kind: "config",
    code: "erp-rights",
    text: "The account lacks a right",
    hint: "Let the DBA run the script that `erpfuser grants` prints.",
    plain: true,
  },
  missing: {
    kind: "config",
    code: "erp-object-missing",
    text: "The ERP has no such table, column or procedure",
    hint: "Correct the name in the configuration, or ask whether the ERP was upgraded.",
    plain: true,
  },
  readOnly: {
    kind: "config",
    code: "erp-read-only",
    text: "The ERP's database can only be read",
    hint: "Connect to the primary server, or ask the DBA why it is read-only.",
    plain: true,
  },
  sql: {
    kind: "config",
    code: "erp-sql-invalid",
    text: "The ERP can't carry out the SQL text",
    hint: "Correct the SQL text in the configuration.",
  },
  parameter: {
    kind: "config",
    code: "erp-parameter-unknown",
    text: "The ERP's procedure wants other parameters",
    hint: "Correct the arguments in the configuration, or ask whether the ERP was upgraded.",
    plain: true,
  },
  tls: {
    kind: "config",
    code: "erp-tls-refused",
    text: "No trusted encrypted connection to the ERP's server",
    hint: "Check `erp: tls:`: `ca` must be what signed the server's certificate; old servers need `legacy: true`.",
    plain: true,
  },
  locked: {
    kind: "transient",
    code: "erp-locked",
    text: "A row or table of the ERP stays locked by another session",
    hint: again,
  },
  deadlock: { kind: "transient", code: "erp-deadlock", text: "The ERP ended the transaction to resolve a deadlock", hint: again },
  conflict: {
    kind: "transient",
    code: "erp-deadlock",
    text: "Another session of the ERP changed the same at the same time",
    hint: again,
  },
  snapshot: {
    kind: "transient",
    code: "erp-failed",
    text: "A database that a statement reads has no snapshot isolation",
    hint: "It is read without snapshots from now on, by itself.",
    plain: true,
  },
  killed: { kind: "transient", code: "erp-interrupted", text: "Somebody ended the session in the ERP's server", hint: again },
  lost: {
    kind: "transient",
    code: "erp-connection-lost",
    text: "The connection to the ERP's database broke",
    hint: again,
    plain: true,
  },
  away: {
    kind: "transient",
    code: "erp-unreachable",
    text: "The ERP's database is away: restarted, restored, or moved to another server",
    hint: "It is tried again by itself. Behind an availability group name the listener under `erp: server:`.",
    plain: true,
  },
  unreachable: {
    kind: "transient",
    code: "erp-unreachable",
    text: "The ERP's database can't be reached",
    hint: "Check `erp: server:` and `port:`, whether TCP is switched on in the server, and the firewall.",
    plain: true,
  },
  instance: {
    kind: "transient",
    code: "erp-unreachable",
    text: "The port of the named instance can't be found",
    hint: "Check `erp: instance:`, whether the service SQL Server Browser runs, and UDP 1434; or name its `port:`.",
    plain: true,
  },
  crowded: {
    kind: "transient",
    code: "erp-too-many-connections",
    text: "The ERP's server takes no more connections",
    hint: "Ask the DBA for the server's `user connections`.",
    plain: true,
  },
  diskFull: {
    kind: "transient",
    code: "erp-disk-full",
    text: "The ERP's database or its log has no space left",
    hint: "Tell the DBA.",
    plain: true,
  },
  duplicate: {
    kind: "rejected",
    code: "erp-duplicate",
    text: "A row with these unique values exists already",
    hint: correctValue,
  },
  foreignKey: {
    kind: "rejected",
    code: "erp-foreign-key",
    text: "The ERP's table refers to a row that does not exist, or is still referred to",
    hint: correctValue,
  },
  check: { kind: "rejected", code: "erp-check", text: "A rule (CHECK) of the ERP's table refuses the row", hint: correctValue },
  constraint: {
    kind: "rejected",
    code: "erp-constraint",
    text: "A rule of the ERP's database refuses the row",
    hint: correctValue,
  },
  notNull: {
    kind: "rejected",
    code: "erp-not-null",
    text: "A required column of the ERP's table was left empty",
    hint: correctValue,
    plain: true,
  },
  tooLong: { kind: "rejected", code: "erp-value-too-long", text: "A value is longer than its column", hint: correctValue },
  range: {
    kind: "rejected",
    code: "erp-value-out-of-range",
    text: "A number is beyond the range of its column",
    hint: correctValue,
  },
  valueType: {
    kind: "rejected",
    code: "erp-value-type",
    text: "A value does not fit the type of its column",
    hint: correctValue,
  },
  refused: { kind: "rejected", code: "erp-refused", text: "A rule of the ERP refuses the row", hint: correctValue, plain: true },
  failed: {
    kind: "transient",
    code: "erp-failed",
    text: "The ERP's database reports an error",
    hint: "If it stays, look it up by its number in the server's manual.",
  },
} as const satisfies Record<string, Meaning>;

export type MeaningName = keyof typeof meanings;
