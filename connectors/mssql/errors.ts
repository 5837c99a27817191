import { FuserError, isAbort } from "../../base/errors.ts";
import { type Meaning, type MeaningName, meanings } from "./meanings.ts";

/** Server error numbers (learn.microsoft.com, "Database engine events and errors"; `sys.messages`). */
const byNumber: Readonly<Record<number, MeaningName>> = {
  102: "sql",
  105: "sql",
  109: "sql",
  110: "sql",
  137: "sql",
  156: "sql",
  170: "sql",
  201: "parameter",
  206: "valueType",
  207: "missing",
  208: "missing",
  220: "range",
  229: "rights",
  230: "rights",
  232: "range",
  235: "valueType",
  241: "valueType",
  242: "valueType",
  244: "range",
  245: "valueType",
  248: "range",
  257: "valueType",
  262: "rights",
  273: "valueType",
  295: "valueType",
  296: "valueType",
  297: "rights",
  300: "rights",
  305: "sql",
  306: "sql",
  319: "sql",
  402: "sql",
  515: "notNull",
  544: "valueType",
  547: "constraint",
  596: "killed",
  911: "databaseMissing",
  916: "databaseMissing",
  921: "away",
  922: "away",
  923: "away",
  924: "away",
  927: "away",
  942: "away",
  945: "away",
  952: "away",
  954: "away",
  955: "away",
  976: "away",
  978: "readOnly",
  979: "away",
  982: "away",
  983: "away",
  1088: "missing",
  1101: "diskFull",
  1105: "diskFull",
  1204: "failed",
  1205: "deadlock",
  1222: "locked",
  1934: "sql",
  2601: "duplicate",
  2627: "duplicate",
  2628: "tooLong",
  2812: "missing",
  3609: "refused",
  3616: "refused",
  3906: "readOnly",
  3908: "readOnly",
  3930: "refused",
  3931: "refused",
  3952: "snapshot",
  3957: "snapshot",
  3960: "conflict",
  3961: "conflict",
  3998: "refused",
  4014: "lost",
  4060: "databaseMissing",
  4064: "databaseMissing",
  4104: "missing",
  4221: "away",
  6005: "lost",
  8114: "valueType",
  8115: "range",
  8144: "parameter",
  8145: "parameter",
  8146: "sql",
  8152: "tooLong",
  8162: "parameter",
  8169: "valueType",
  9002: "diskFull",
  9402: "valueType",
  9420: "valueType",
  10054: "lost",
  10928: "crowded",
  10929: "crowded",
  11501: "sql",
  15247: "rights",
  17142: "away",
  17187: "away",
  17197: "away",
  17809: "crowded",
  18401: "away",
  18451: "away",
  18452: "domain",
  18456: "login",
  18461: "crowded",
  18470: "login",
  18486: "login",
  18487: "expired",
  18488: "expired",
  40143: "away",
  40197: "away",
  40501: "crowded",
  40613: "away",
  49918: "crowded",
};

/** Codes of Node, of TLS and of the driver. */
const byCode: Readonly<Record<string, MeaningName>> = {
  ECONNREFUSED: "unreachable",
  ENOTFOUND: "unreachable",
  EAI_AGAIN: "unreachable",
  ETIMEDOUT: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EHOSTDOWN: "unreachable",
  EINSTLOOKUP: "instance",
  ECONNRESET: "lost",
  EPIPE: "lost",
  ECLOSE: "lost",
  EINVALIDSTATE: "lost",
  EENCRYPT: "tls",
  EPROTO: "tls",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "tls",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "tls",
  DEPTH_ZERO_SELF_SIGNED_CERT: "tls",
  SELF_SIGNED_CERT_IN_CHAIN: "tls",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "tls",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "tls",
  UNABLE_TO_GET_ISSUER_CERT: "tls",
  CERT_HAS_EXPIRED: "tls",
  CERT_NOT_YET_VALID: "tls",
  ERR_TLS_CERT_ALTNAME_INVALID: "tls",
  ELOGIN: "login",
};

interface DriverError extends Error {
  code?: string;
  number?: number;
  state?: number;
}

/** Numbers from here on are the ERP's own: RAISERROR and THROW of its triggers and procedures. */
const ownNumbers = 50_000;

/** Gives an error of the driver its kind, code and hint; errors that have them already, aborts and bugs pass unchanged. */
export function mssqlError(error: unknown, operation: string, place: string): unknown {
  if (error instanceof FuserError || isAbort(error) || !(error instanceof Error)) return error;
  const { told, meaning } = understood(error);
  if (!meaning) return error;
  return new FuserError(meaning.kind, `${meaning.text}${wordsOf(told, meaning)}`, {
    code: meaning.code,
    operation,
    place,
    hint: meaning.hint,
    cause: error,
  });
}

/** The first of several errors is the cause of the others; the driver wraps what the network says. */
function understood(error: Error): { told: DriverError; meaning: Meaning | undefined } {
  const several = error instanceof AggregateError ? (error.errors as DriverError[]) : [];
  const chain = [...several, ...causes(error)];
  const told = chain.find((candidate) => meaningOf(candidate) !== undefined) ?? (error as DriverError);
  return { told, meaning: meaningOf(told) };
}

/** Innermost first, for it says most; one level of AggregateError for addresses that were tried one after the other. */
function causes(error: unknown): DriverError[] {
  if (!(error instanceof Error)) return [];
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return [...causes(inner), error as DriverError];
}

function meaningOf(error: DriverError): Meaning | undefined {
  const { number, code, message } = error;
  if (number !== undefined && number >= ownNumbers) return meanings.refused;
  if (number === 547) return /\bCHECK constraint\b/.test(message) ? meanings.check : meanings.foreignKey;
  if (number !== undefined) return meanings[byNumber[number] ?? "failed"];
  if (code === "ETIMEOUT") return meanings[/cancel/i.test(message) ? "lost" : "unreachable"];
  if (code !== undefined && byCode[code] !== undefined) return meanings[byCode[code]];
  if (code === "ESOCKET") return meanings[/Could not connect|Failed to connect/i.test(message) ? "unreachable" : "lost"];
  return /Connection (closed|lost)|socket hang up|Final state/i.test(message) ? meanings.lost : undefined;
}

/** What of the server's words may be shown: they hold values of rows where they tell of a key or of a text that was too long. */
function wordsOf({ message, number, state }: DriverError, { plain }: Meaning): string {
  if (plain === true) return `: ${message}${number === 18456 && state !== undefined ? ` (state ${state})` : ""}`;
  const named =
    /constraint [''"]([^'"]+)['"]/i.exec(message)?.[1] ??
    /unique index '([^']+)'/.exec(message)?.[1] ??
    /in table '([^']+)', column '([^']+)'/.exec(message)?.slice(1, 3).join(".");
  return `${named === undefined ? "" : ` (${named})`}${number === undefined ? "" : `, error ${number}`}`;
}

/** Whether the connection is gone with this error. */
export function isLost(error: unknown): boolean {
  return error instanceof FuserError && ["erp-connection-lost", "erp-unreachable"].includes(error.code);
}

/** Whether what was asked for wants the primary, and this is none. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof FuserError && error.code === "erp-read-only";
}

/** Whether the session reads by snapshots that the database, or another one that its views read, does not keep or keeps no longer. */
export function isWithoutSnapshots(error: unknown): boolean {
  return error instanceof FuserError && error.cause instanceof Error && understood(error.cause).meaning === meanings.snapshot;
}
