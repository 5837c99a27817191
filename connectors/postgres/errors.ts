import { type ErrorKind, FuserError, isAbort } from "../../base/errors.ts";

interface Meaning {
  kind: ErrorKind;
  code: string;
  text: string;
  hint: string;
  /** The server's own words may be shown: they name objects, never values. */
  plain?: boolean;
}

const again = "It is tried again by itself.";
const correctValue = "Correct the value or the mapping; the ERP's rule stays as it is.";

const meanings = {
  login: {
    kind: "config",
    code: "erp-login-refused",
    text: "The ERP's database refuses the login",
    hint: "Check user and password: `erpfuser secret set`. A password may have run out (VALID UNTIL), and pg_hba.conf must let the account in.",
    plain: true,
  },
  databaseMissing: {
    kind: "config",
    code: "erp-database-missing",
    text: "The ERP's server has no such database",
    hint: "Check `erp: database:`.",
    plain: true,
  },
  rights: {
    kind: "config",
    code: "erp-rights",
    text: "The account lacks a right",
    hint: "Let the DBA run the script that `erpfuser grants` prints.",
    plain: true,
  },
  rowSecurity: {
    kind: "config",
    code: "erp-row-security",
    text: "Row level security would hide rows of a table from the account",
    hint: "Let the DBA ALTER ROLE … BYPASSRLS: rows that are hidden from the account would be taken for deleted ones.",
    plain: true,
  },
  missing: {
    kind: "config",
    code: "erp-object-missing",
    text: "The ERP has no such table, column or procedure",
    hint: "Correct the name in the configuration (PostgreSQL keeps names in lower case unless they were created in quotes), or ask whether the ERP was upgraded.",
    plain: true,
  },
  readOnly: {
    kind: "config",
    code: "erp-read-only",
    text: "The ERP's server can only be read",
    hint: "Connect to the primary server, or ask the DBA why it is read-only.",
    plain: true,
  },
  sql: {
    kind: "config",
    code: "erp-sql-invalid",
    text: "The ERP can't carry out the SQL text",
    hint: "Correct the SQL text in the configuration.",
  },
  commits: {
    kind: "config",
    code: "erp-sql-forbidden",
    text: "A procedure of the ERP ends the transaction by itself, which it may not within ours",
    hint: "Ask the ERP's vendor for a procedure without COMMIT; nothing was written.",
  },
  tls: {
    kind: "config",
    code: "erp-tls-refused",
    text: "No trusted encrypted connection to the ERP's server",
    hint: "Check `erp: tls:`: the `ca` file must be the one that signed the server's certificate.",
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
    text: "The ERP ended the transaction, for another one was in its way",
    hint: `${again} On a standby server: hot_standby_feedback = on avoids it.`,
  },
  timeout: {
    kind: "transient",
    code: "erp-statement-timeout",
    text: "A statement took longer than it may",
    hint: "Look for a missing index, or raise `erp: courtesy: statementTimeout`.",
  },
  killed: { kind: "transient", code: "erp-interrupted", text: "Somebody ended the statement in the ERP's database", hint: again },
  lost: {
    kind: "transient",
    code: "erp-connection-lost",
    text: "The connection to the ERP's database broke",
    hint: again,
    plain: true,
  },
  unreachable: {
    kind: "transient",
    code: "erp-unreachable",
    text: "The ERP's database can't be reached",
    hint: "Check `erp: server:` and `port:`, whether the server runs, and the firewall.",
    plain: true,
  },
  crowded: {
    kind: "transient",
    code: "erp-too-many-connections",
    text: "The ERP's server takes no more connections",
    hint: "Ask the DBA for max_connections, and for the limits of database and role (CONNECTION LIMIT).",
    plain: true,
  },
  diskFull: {
    kind: "transient",
    code: "erp-disk-full",
    text: "The ERP's server has no space left",
    hint: "Tell the DBA.",
    plain: true,
  },
  disk: { kind: "transient", code: "erp-disk", text: "The disk of the ERP's server fails", hint: "Tell the DBA.", plain: true },
  corrupt: {
    kind: "config",
    code: "erp-corrupt",
    text: "Data of the ERP's database are damaged",
    hint: "Tell the DBA: a table or an index must be restored.",
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
  notNull: {
    kind: "rejected",
    code: "erp-not-null",
    text: "A required column of the ERP's table was left empty",
    hint: correctValue,
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
  check: { kind: "rejected", code: "erp-check", text: "A rule (CHECK) of the ERP's table refuses the row", hint: correctValue },
  refused: { kind: "rejected", code: "erp-refused", text: "A rule of the ERP refuses the row", hint: correctValue, plain: true },
  constraint: {
    kind: "rejected",
    code: "erp-constraint",
    text: "A rule of the ERP's database refuses the row",
    hint: correctValue,
  },
  failed: {
    kind: "transient",
    code: "erp-failed",
    text: "The ERP's database reports an error",
    hint: "If it stays, look it up by its SQLSTATE in the manual of PostgreSQL, appendix A.",
  },
} as const satisfies Record<string, Meaning>;

type Name = keyof typeof meanings;

/** SQLSTATEs (PostgreSQL manual, appendix A), or their first two characters where all of a class mean the same. */
const byState: Readonly<Record<string, Name>> = {
  "08": "lost",
  "0A": "sql",
  "22": "valueType",
  "22001": "tooLong",
  "22003": "range",
  "23": "constraint",
  "23001": "foreignKey",
  "23502": "notNull",
  "23503": "foreignKey",
  "23505": "duplicate",
  "23514": "check",
  "25006": "readOnly",
  "25P03": "lost",
  "25P04": "lost",
  "28": "login",
  "2D": "commits",
  "3D": "databaseMissing",
  "3F": "missing",
  "40": "conflict",
  "40P01": "deadlock",
  "42": "sql",
  "42501": "rights",
  "42703": "missing",
  "42704": "missing",
  "42883": "missing",
  "42P01": "missing",
  "44": "constraint",
  "53100": "diskFull",
  "53300": "crowded",
  "54000": "tooLong",
  "54001": "sql",
  "55006": "locked",
  "55P03": "locked",
  "57014": "timeout",
  "57P01": "lost",
  "57P02": "lost",
  "57P03": "unreachable",
  "57P04": "databaseMissing",
  "57P05": "lost",
  "58": "disk",
  P0: "refused",
  XX001: "corrupt",
  XX002: "corrupt",
};

/** Codes of Node and of TLS. */
const byCode: Readonly<Record<string, Name>> = {
  ECONNREFUSED: "unreachable",
  ENOTFOUND: "unreachable",
  EAI_AGAIN: "unreachable",
  ETIMEDOUT: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  ENOENT: "unreachable",
  EACCES: "unreachable",
  EHOSTDOWN: "unreachable",
  ECONNRESET: "lost",
  EPIPE: "lost",
  DEPTH_ZERO_SELF_SIGNED_CERT: "tls",
  SELF_SIGNED_CERT_IN_CHAIN: "tls",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "tls",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "tls",
  UNABLE_TO_GET_ISSUER_CERT: "tls",
  CERT_HAS_EXPIRED: "tls",
  CERT_NOT_YET_VALID: "tls",
  ERR_TLS_CERT_ALTNAME_INVALID: "tls",
};

/** What the driver tells of an error, of the server's or of its own. */
interface DriverError extends Error {
  code?: string;
  /** Place in the server's source, the same in every language of its messages. */
  routine?: string;
  constraint?: string;
  column?: string;
  table?: string;
  errors?: readonly Error[];
}

/** Gives an error of the driver its kind, code and hint; errors that have them already, aborts and bugs pass unchanged. */
export function postgresError(error: unknown, operation: string, place: string): unknown {
  if (error instanceof FuserError || isAbort(error) || !(error instanceof Error)) return error;
  const meaning = meaningOf(error);
  if (!meaning) return error;
  const said = meaning.plain ? `: ${spoken(error)}` : wordsOf(error);
  return new FuserError(meaning.kind, `${meaning.text}${said}`, {
    code: meaning.code,
    operation,
    place,
    hint: meaning.hint,
    cause: error,
  });
}

function meaningOf(error: DriverError): Meaning | undefined {
  const { code = "", routine } = error;
  const name = byCode[code] ?? (/^[0-9A-Z]{5}$/.test(code) ? byServer(error) : byMessage(error.message));
  if (name === "rights" && routine === "check_enable_rls") return meanings.rowSecurity;
  return name && meanings[name];
}

function byServer({ code = "", routine, message }: DriverError): Name {
  // An operator that is missing is a fault of the text; a function may be one of the ERP's that is gone.
  if (code === "42883" && routine === "op_error") return "sql";
  if (code === "57014" && /user request/.test(message)) return "killed";
  // RAISE may name any code of the ERP's own.
  if (routine === "exec_stmt_raise" && !/^(40|55|57)/.test(code)) return "refused";
  return byState[code] ?? byState[code.slice(0, 2)] ?? "failed";
}

/** The driver has no code for these. */
function byMessage(message: string): Name | undefined {
  if (/terminated|not queryable|Client was closed|has been destroyed|Connection closed/i.test(message)) return "lost";
  if (/SSL connection/i.test(message)) return "tls";
  if (/^(SASL|SCRAM|Password must)/i.test(message)) return "login";
  return undefined;
}

/** Several addresses of a name fail together, and then say nothing themselves. */
function spoken({ message, errors }: DriverError): string {
  return message || (errors?.[0]?.message ?? "");
}

/** What of the server's words holds no value of a row: the constraint or column they name. */
function wordsOf({ constraint, column, table, code }: DriverError): string {
  const named = constraint ?? (column === undefined ? undefined : table === undefined ? column : `${table}.${column}`);
  return `${named === undefined ? "" : ` (${named})`}${code === undefined ? "" : `, SQLSTATE ${code}`}`;
}

/** Whether the connection is gone with this error. */
export function isLost(error: unknown): boolean {
  return error instanceof FuserError && ["erp-connection-lost", "erp-unreachable"].includes(error.code);
}

/** Whether the server has no encryption at all. */
export function isWithoutTls(error: unknown): boolean {
  return error instanceof Error && /does not support SSL connections/.test(error.message);
}
