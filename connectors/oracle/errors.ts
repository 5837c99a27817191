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
    hint: "Check user and password: `erpfuser secret set`. A locked account or an expired password is the DBA's to mend: ALTER USER … ACCOUNT UNLOCK, or IDENTIFIED BY a new password.",
    plain: true,
  },
  databaseMissing: {
    kind: "config",
    code: "erp-database-missing",
    text: "The ERP's server has no such service",
    hint: "Check `erp: service:` or `sid:`: `lsnrctl services` shows what the server offers.",
    plain: true,
  },
  tooOld: {
    kind: "config",
    code: "erp-version",
    text: "The server is too old for the driver's own protocol, or wants what only Oracle's client has",
    hint: "Servers before 12.1, native network encryption and old password verifiers need Oracle Instant Client: set `thick: { libDir: FOLDER }`.",
    plain: true,
  },
  client: {
    kind: "config",
    code: "erp-client-missing",
    text: "Oracle Instant Client can't be loaded",
    hint: "Install Oracle Instant Client and name its folder under `thick: libDir:`, or leave `thick` out for servers from 12.1 on.",
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
    text: "The ERP has no such table, column or procedure, or the account has no right on it",
    hint: "Correct the name in the configuration, or let the DBA grant the account its right. Was the ERP upgraded?",
    plain: true,
  },
  readOnly: {
    kind: "config",
    code: "erp-read-only",
    text: "The ERP's database can only be read",
    hint: "Connect to the primary database, or ask the DBA why it is read-only.",
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
    hint: "Check `erp: tls:` or the wallet: the `ca` file must be the one that signed the server's certificate.",
    plain: true,
  },
  locked: {
    kind: "transient",
    code: "erp-locked",
    text: "A row or table of the ERP stays locked by another session",
    hint: again,
  },
  deadlock: { kind: "transient", code: "erp-deadlock", text: "The ERP ended the statement to resolve a deadlock", hint: again },
  timeout: {
    kind: "transient",
    code: "erp-statement-timeout",
    text: "A statement took longer than it may",
    hint: "Look for a missing index, or raise `erp: courtesy: statementTimeout`.",
  },
  snapshot: {
    kind: "transient",
    code: "erp-snapshot-old",
    text: "The server no longer has what a long read began with",
    hint: "It is read anew. If it stays, ask the DBA for a longer UNDO_RETENTION.",
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
    hint: "Check `erp: server:` and `port:`, whether database and listener run, and the firewall.",
    plain: true,
  },
  crowded: {
    kind: "transient",
    code: "erp-too-many-connections",
    text: "The ERP's server takes no more sessions",
    hint: "Ask the DBA for PROCESSES, SESSIONS and the profile's SESSIONS_PER_USER.",
    plain: true,
  },
  diskFull: {
    kind: "transient",
    code: "erp-disk-full",
    text: "The ERP's database has no space left",
    hint: "Tell the DBA: a tablespace, the undo or the archive log's place is full.",
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
    text: "A required column of the ERP's table was left empty (an empty text is NULL in Oracle)",
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
  check: { kind: "rejected", code: "erp-check", text: "A rule (CHECK) of the ERP's table refuses the row", hint: correctValue },
  refused: { kind: "rejected", code: "erp-refused", text: "A rule of the ERP refuses the row", hint: correctValue, plain: true },
  failed: {
    kind: "transient",
    code: "erp-failed",
    text: "The ERP's database reports an error",
    hint: "If it stays, look it up by its number at docs.oracle.com/error-help.",
  },
} as const satisfies Record<string, Meaning>;

type Name = keyof typeof meanings;

/** Numbers of ORA errors by what they mean (docs.oracle.com, "Database Error Messages"). */
const numbers: readonly [Name, readonly number[]][] = [
  ["login", [1004, 1005, 1017, 1045, 28000, 28001, 28002, 28003, 28011]],
  ["databaseMissing", [12154, 12505, 12514]],
  ["crowded", [18, 20, 2391, 12516, 12518, 12519, 12520]],
  ["unreachable", [1014, 1033, 1034, 1089, 1109, 12170, 12526, 12527, 12528, 12535, 12541, 12543, 12545, 12560, 27101]],
  [
    "lost",
    [
      28, 600, 602, 603, 1012, 1041, 1090, 1092, 2396, 2399, 3113, 3114, 3135, 7445, 12152, 12537, 12547, 12570, 12571, 25401,
      25402, 25405, 25408, 25409,
    ],
  ],
  ["killed", [1013]],
  ["tooOld", [28040, 3134]],
  ["tls", [28759, 28860, 29002, 29003, 29019, 29024]],
  ["rights", [1031, 1720, 1749, 1939, 41900]],
  ["missing", [904, 942, 980, 2289, 4043, 6564, 1775]],
  [
    "sql",
    [
      900, 903, 905, 906, 907, 909, 911, 917, 918, 920, 921, 923, 927, 932, 933, 936, 937, 938, 939, 947, 960, 979, 1008, 1789,
      1790, 6550,
    ],
  ],
  ["readOnly", [1456, 16000, 12081]],
  ["locked", [54, 2049, 4021, 30006]],
  ["deadlock", [60, 4020, 8177]],
  ["snapshot", [1466, 1555, 8180, 8181, 22924, 30052]],
  ["diskFull", [257, 1536, 1652, 1653, 1654, 1658, 1688, 1691, 30036, 1628, 19809]],
  ["duplicate", [1]],
  ["foreignKey", [2291, 2292]],
  ["notNull", [1400, 1407]],
  ["tooLong", [1401, 1461, 12899, 910]],
  ["range", [1426, 1438, 1455]],
  ["valueType", [1722, 1830, 1839, 1840, 1841, 1843, 1847, 1850, 1858, 1861, 1465, 6502]],
  ["check", [2290, 1402]],
  // What a procedure or trigger of the ERP did not catch, or may not do: it would fail each time.
  ["refused", [1403, 1422, 1476, 4088, 4091, 4092, 6503, 6510, 6511, 6512, 6531, 6532, 6533, 6592, 14551, 14552]],
];
const byNumber = new Map<number, Name>(numbers.flatMap(([name, list]) => list.map((number): [number, Name] => [number, name])));

/** Codes of the driver (NJS) and of its client library (DPI). */
const byCode: Readonly<Record<string, Name>> = {
  "NJS-040": "crowded",
  "NJS-116": "tooOld",
  "NJS-123": "timeout",
  "NJS-138": "tooOld",
  "NJS-500": "lost",
  "NJS-501": "lost",
  "NJS-503": "unreachable",
  "NJS-505": "tls",
  "NJS-506": "tls",
  "NJS-507": "tls",
  "NJS-508": "tls",
  "NJS-510": "unreachable",
  "NJS-511": "unreachable",
  "NJS-516": "databaseMissing",
  "NJS-517": "databaseMissing",
  "NJS-518": "databaseMissing",
  "NJS-520": "databaseMissing",
  "NJS-521": "lost",
  "NJS-533": "tooOld",
  "NJS-003": "lost",
  "NJS-045": "client",
  "NJS-067": "client",
  "DPI-1047": "client",
  "DPI-1050": "client",
  "DPI-1067": "timeout",
  "DPI-1010": "lost",
  "DPI-1080": "lost",
  ECONNREFUSED: "unreachable",
  ENOTFOUND: "unreachable",
  EAI_AGAIN: "unreachable",
  ETIMEDOUT: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  ECONNRESET: "lost",
  EPIPE: "lost",
};

interface DriverError extends Error {
  errorNum?: number;
  code?: string;
}

/** A rule of the ERP speaks by RAISE_APPLICATION_ERROR with a number of these. */
const raisedFrom = 20_000;
const raisedTo = 20_999;

/** Gives an error of the driver its kind, code and hint; errors that have them already, aborts and bugs pass unchanged. */
export function oracleError(error: unknown, operation: string, place: string): unknown {
  if (error instanceof FuserError || isAbort(error) || !(error instanceof Error)) return error;
  const { errorNum, code } = error as DriverError;
  const meaning = meaningOf(error);
  if (meaning === undefined) return error;
  const told = /(?:ORA|NJS|DPI)-\d+/.exec(error.message)?.[0] ?? code ?? (errorNum === undefined ? "" : `ORA-${errorNum}`);
  const said = meaning.plain ? `: ${firstLine(error.message)}` : wordsOf(error.message, told);
  return new FuserError(meaning.kind, `${meaning.text}${said}`, {
    code: meaning.code,
    operation,
    place,
    hint: meaning.hint,
    cause: error,
  });
}

function meaningOf(error: DriverError): Meaning | undefined {
  const { code = "", message } = error;
  const byDriver = byCode[code] ?? byCode[/^(NJS|DPI)-\d+/.exec(message)?.[0] ?? ""];
  if (byDriver !== undefined) return meanings[byDriver];
  const number = error.errorNum || Number(/ORA-0*(\d+)/.exec(message)?.[1] ?? 0);
  if (number === 0) return undefined;
  if (number >= raisedFrom && number <= raisedTo) return meanings.refused;
  // PL/SQL that does not compile: what it names is not there, or it is no PL/SQL.
  if (number === 6550) return /PLS-00201|PLS-00302|PLS-00306/.test(message) ? meanings.missing : meanings.sql;
  // A commit that rolled back, and what the server itself does for a statement, tell their cause behind them.
  if (number === 2091 || number === 604) {
    const cause = [...message.matchAll(/ORA-0*(\d+)/g)].map(([, found]) => Number(found)).find((found) => found !== number);
    if (cause !== undefined) return meaningOf({ name: "", message: `ORA-${cause}` });
    if (number === 2091) return meanings.refused;
  }
  return meanings[byNumber.get(number) ?? "failed"];
}

/**
 * What of the past the server can't tell any more: `definition`: the table's was changed since; `undo`: this table's rows as they were; `moment`: anything as of that number.
 * Undefined for other errors.
 */
export function lostPast(error: unknown): "definition" | "undo" | "moment" | undefined {
  const { cause } = error instanceof FuserError ? error : {};
  if (!(cause instanceof Error)) return undefined;
  switch ((cause as DriverError).errorNum || Number(/ORA-0*(\d+)/.exec(cause.message)?.[1] ?? 0)) {
    case 1466:
      return "definition";
    case 1555:
    case 22924:
      return "undo";
    case 8180:
    case 8181:
    case 30052:
      return "moment";
    default:
      return undefined;
  }
}

/** The first line: what follows names places within the ERP's PL/SQL. */
function firstLine(message: string): string {
  return (message.split("\n")[0] ?? message).trim();
}

/** What of the server's words holds no value of a row: the object that it names. */
function wordsOf(message: string, told: string): string {
  const named = /\(([A-Z][\w$#]*\.[\w$#]+)\)/.exec(message)?.[1] ?? /column ("[^"]+"(?:\."[^"]+")*)/.exec(message)?.[1];
  return `${named === undefined ? "" : ` (${named})`}${told === "" ? "" : `, ${told}`}`;
}

/** Whether the connection is gone with this error. */
export function isLost(error: unknown): boolean {
  return error instanceof FuserError && ["erp-connection-lost", "erp-unreachable"].includes(error.code);
}
