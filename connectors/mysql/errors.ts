import { type ErrorKind, FuserError, isAbort } from "../../base/errors.ts";
import { feedGap, otherHistory } from "./feed-position.ts";

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
    hint: "Check user and password: `erpfuser secret set`.",
    plain: true,
  },
  expired: {
    kind: "config",
    code: "erp-login-refused",
    text: "The password of the ERP's account has run out",
    hint: "Let the DBA give it a new one (ALTER USER … IDENTIFIED BY …; PASSWORD EXPIRE NEVER keeps it), then `erpfuser secret set`.",
  },
  accountLocked: {
    kind: "config",
    code: "erp-login-refused",
    text: "The ERP's account is locked",
    hint: "Ask the DBA why; ALTER USER … ACCOUNT UNLOCK lets it in again.",
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
    hint: "Ask the DBA for the server's max_connections.",
    plain: true,
  },
  diskFull: {
    kind: "transient",
    code: "erp-disk-full",
    text: "The ERP's server has no space left",
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
  notNull: {
    kind: "rejected",
    code: "erp-not-null",
    text: "A required column of the ERP's table was left empty",
    hint: correctValue,
    plain: true,
  },
  tooLong: {
    kind: "rejected",
    code: "erp-value-too-long",
    text: "A value is longer than its column",
    hint: correctValue,
    plain: true,
  },
  range: {
    kind: "rejected",
    code: "erp-value-out-of-range",
    text: "A number is beyond the range of its column",
    hint: correctValue,
    plain: true,
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
    hint: "If it stays, look it up by its number in the database's manual.",
  },
} as const satisfies Record<string, Meaning>;

type Name = keyof typeof meanings;

/** Server error numbers (mariadb.com/kb, "MariaDB Error Codes"; dev.mysql.com, "Server Error Message Reference"). */
const byNumber: Readonly<Record<number, Name>> = {
  1020: "deadlock",
  1021: "diskFull",
  1040: "crowded",
  1044: "rights",
  1045: "login",
  1048: "notNull",
  1049: "databaseMissing",
  1051: "missing",
  1053: "lost",
  1054: "missing",
  1062: "duplicate",
  1064: "sql",
  1109: "missing",
  1114: "diskFull",
  1129: "login",
  1130: "login",
  1138: "notNull",
  1142: "rights",
  1143: "rights",
  1146: "missing",
  1152: "lost",
  1153: "tooLong",
  1158: "lost",
  1159: "lost",
  1160: "lost",
  1161: "lost",
  1184: "lost",
  1203: "crowded",
  1205: "locked",
  1213: "deadlock",
  1216: "foreignKey",
  1217: "foreignKey",
  1226: "crowded",
  1227: "rights",
  1251: "login",
  1264: "range",
  1265: "valueType",
  1275: "login",
  1290: "readOnly",
  1292: "valueType",
  1305: "missing",
  1317: "killed",
  1364: "notNull",
  1366: "valueType",
  1370: "rights",
  1406: "tooLong",
  1411: "valueType",
  1451: "foreignKey",
  1452: "foreignKey",
  1644: "refused",
  1690: "range",
  1698: "login",
  1792: "readOnly",
  1820: "expired",
  1836: "readOnly",
  1862: "expired",
  1927: "lost",
  1969: "timeout",
  2002: "unreachable",
  2006: "lost",
  2013: "lost",
  3024: "timeout",
  3118: "accountLocked",
  3819: "check",
  3948: "rights",
  3955: "accountLocked",
  4025: "check",
  4151: "accountLocked",
};

/** Codes of Node, of TLS and of the driver. */
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
  PROTOCOL_CONNECTION_LOST: "lost",
  PROTOCOL_SEQUENCE_TIMEOUT: "lost",
  HANDSHAKE_NO_SSL_SUPPORT: "tls",
  HANDSHAKE_SSL_ERROR: "tls",
  DEPTH_ZERO_SELF_SIGNED_CERT: "tls",
  SELF_SIGNED_CERT_IN_CHAIN: "tls",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "tls",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "tls",
  UNABLE_TO_GET_ISSUER_CERT: "tls",
  CERT_HAS_EXPIRED: "tls",
  CERT_NOT_YET_VALID: "tls",
  ERR_TLS_CERT_ALTNAME_INVALID: "tls",
  AUTH_SWITCH_PLUGIN_ERROR: "login",
  ENOSPC: "diskFull",
};

interface DriverError extends Error {
  code?: string;
  errno?: number;
  sqlState?: string;
}

/** Gives an error of the driver its kind, code and hint; errors that have them already, aborts and bugs pass unchanged. */
export function mysqlError(error: unknown, operation: string, place: string): unknown {
  if (error instanceof FuserError || isAbort(error) || !(error instanceof Error)) return error;
  const meaning = meaningOf(error);
  if (!meaning) return error;
  const { errno } = error as DriverError;
  const said = meaning.plain ? `: ${error.message}` : wordsOf(error, errno);
  return new FuserError(meaning.kind, `${meaning.text}${said}`, {
    code: meaning.code,
    operation,
    place,
    hint: meaning.hint,
    cause: error,
  });
}

function meaningOf(error: DriverError): Meaning | undefined {
  const name = byNumber[error.errno ?? 0] ?? byCode[error.code ?? ""] ?? byMessage(error.message);
  if (name) return meanings[name];
  switch (error.sqlState?.slice(0, 2)) {
    case "08":
      return meanings.lost;
    case "22":
      return meanings.valueType;
    case "23":
      return meanings.constraint;
    case "40":
      return meanings.deadlock;
    case "42":
      return meanings.sql;
    case "45":
      return meanings.refused;
    case undefined:
      return undefined;
    default:
      return meanings.failed;
  }
}

/** The driver has no code for these. */
function byMessage(message: string): Name | undefined {
  const lost =
    /closed state|connection lost|Connection closed|write after end|has been destroyed|Control connection unavailable/i;
  if (lost.test(message)) return "lost";
  return /connect ETIMEDOUT|handshake.*timeout/i.test(message) ? "unreachable" : undefined;
}

/** What of the server's words holds no value of a row: the key or column they name. */
function wordsOf(error: Error, errno: number | undefined): string {
  const key =
    /for key '([^']+)'/.exec(error.message)?.[1] ?? /for column [^ ]*?'?`?([\w.`]+)`?'? at row/.exec(error.message)?.[1];
  const constraint = /CONSTRAINT `([^`]+)`/.exec(error.message)?.[1];
  const named = key ?? constraint;
  return `${named === undefined ? "" : ` (${named})`}${errno === undefined ? "" : `, error ${errno}`}`;
}

/** What the server says of a binlog that it can't give (error 1236 and its like), by its words: it has no numbers for them. */
const binlogWords: readonly [RegExp, (why: string, place: string, cause: unknown) => FuserError][] = [
  // The file that comes next is gone: purged, or all of them by RESET MASTER. What the stored position is worth shows when it is gone back to.
  [/could not find next log|with the same server_(id|uuid)/i, (why, place, cause) => feedBroken(why, place, cause)],
  [
    /not in the master's binlog|more GTIDs than|impossible position|position > file size|diverged/i,
    (why, place) => otherHistory(`The server does not have what was last read of its binlog: ${why}`, place),
  ],
  [/binary log is not open/i, (_, place, cause) => feedOff("The server keeps no binlog", "log_bin", place, cause)],
  [
    /TRANSACTION_PAYLOAD/,
    (_, place, cause) =>
      feedOff(
        "The server compresses whole transactions, which can't be read",
        "SET GLOBAL binlog_transaction_compression = OFF",
        place,
        cause,
      ),
  ],
  [
    /PARTIAL_UPDATE_ROWS/,
    (_, place, cause) =>
      feedOff(
        "The server writes parts of JSON values, which can't be read",
        "SET GLOBAL binlog_row_value_options = ''",
        place,
        cause,
      ),
  ],
];

/** Errors of the binlog's stream: as all others, and those that say what the server no longer has or can't tell. */
export function binlogError(error: unknown, operation: string, place: string): unknown {
  if (error instanceof FuserError || isAbort(error) || !(error instanceof Error)) return error;
  const { errno, code } = error as DriverError;
  const known = binlogWords.find(([words]) => words.test(error.message));
  if (known) return known[1](error.message, place, error);
  if (errno === 1236 || errno === 1789) return feedGap(`The server no longer has what follows: ${error.message}`, place, error);
  const described = mysqlError(error, operation, place);
  // The library's own words: an entry that it can't make sense of. It would stand in the way for good.
  const unreadable = described === error && code === undefined && !(error instanceof TypeError);
  return unreadable ? feedGap(`An entry of the binlog can't be read: ${error.message}`, place, error) : described;
}

function feedBroken(why: string, place: string, cause: unknown): FuserError {
  return new FuserError("transient", `The server ended the stream of its binlog: ${why}`, {
    code: "erp-connection-lost",
    operation: "read the binlog",
    place,
    hint: again,
    cause,
  });
}

/** A setting of the server keeps its binlog from being read. */
export function feedOff(why: string, statement: string, place: string, cause?: unknown): FuserError {
  return new FuserError("config", why, {
    code: "erp-feed-settings",
    operation: "read the binlog",
    place,
    hint: `Let the DBA change it (${statement}), or take another method for \`changes:\`.`,
    cause,
  });
}

/** Whether the connection is gone with this error. */
export function isLost(error: unknown): boolean {
  return error instanceof FuserError && ["erp-connection-lost", "erp-unreachable"].includes(error.code);
}
