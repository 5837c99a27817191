// Oracle's functions that the connector's statements use, for SQLite. Numbers are kept as integers where they are whole and small enough, else as the text of
// their digits; dates as `YYYY-MM-DD HH:MI:SS`, timestamps with nine digits behind, those with a zone in UTC.
import type { DatabaseSync } from "node:sqlite";

type Cell = string | number | bigint | Uint8Array | null;

/** What a session tells of itself. */
export interface SessionFacts {
  scn: () => bigint;
  /** The server's time, as dates are kept. */
  now: () => string;
  context: (name: string) => string | null;
}

export function addFunctions(database: DatabaseSync, facts: SessionFacts): void {
  const define = (name: string, work: (...given: Cell[]) => Cell): void => {
    database.function(name, { deterministic: true, useBigIntArguments: true, varargs: true }, work);
  };
  define("ora_pad", (text, length) => (typeof text === "string" ? padded(text, Number(length)) : (text ?? null)));
  define("ora_number", (value, scale) => keptNumber(value ?? null, scale ?? null));
  define("ora_is_number", (value) => (value === null || decimalText(value ?? null) !== undefined ? 1n : 0n));
  define("ora_fits", (value, precision, scale) => (fits(value ?? null, Number(precision), Number(scale)) ? 1n : 0n));
  define("ora_moment", (value, digits) => keptMoment(value ?? null, Number(digits)));
  define("ora_timestamp", (value) => keptMoment(value ?? null, 9));
  define("to_char", (value, mask) => toChar(value ?? null, mask as string | undefined));
  define("to_date", (value, mask) => parsed(value ?? null, String(mask), 0));
  define("to_timestamp", (value, mask) => parsed(value ?? null, String(mask), 9));
  define("from_tz", (value, zone) => {
    if (zone !== "+00:00") throw new Error(`The double does not know the zone ${String(zone)}`);
    return value ?? null;
  });
  define("sys_extract_utc", (value) => value ?? null);
  define("regexp_substr", (value, pattern) =>
    typeof value === "string" ? (new RegExp(String(pattern)).exec(value)?.[0] ?? null) : (value ?? null),
  );
  define("to_number", (value, mask) => toNumber(value ?? null, mask as string | undefined));
  define(
    "dump",
    (value) =>
      `${typeof value} ${value instanceof Uint8Array ? Buffer.from(value).toString("hex") : JSON.stringify(String(value))}`,
  );
  define("ora_lob_length", (value) => {
    if (value === null || value === undefined) return null;
    return BigInt(value instanceof Uint8Array ? value.byteLength : [...String(value)].length);
  });
  define("unistr", (value) =>
    typeof value === "string"
      ? value.replace(/\\(\\|[0-9a-f]{4})/gi, (_, code: string) =>
          code === "\\" ? code : String.fromCharCode(Number.parseInt(code, 16)),
        )
      : (value ?? null),
  );
  define("chartorowid", (value) => (typeof value === "string" ? BigInt(`0x${value.slice(4)}`) : null));
  define("sys_context", (_, name) => facts.context(String(name)));
  database.function("ora_now", () => facts.now());
  database.function("ora_scn", { useBigIntArguments: true }, () => facts.scn());
}

export const rowidText = (rowid: bigint): string => `AAAB${rowid.toString(16).toUpperCase().padStart(14, "0")}`;

/** CHAR is padded with blanks to its characters. */
function padded(text: string, length: number): string {
  const characters = [...text].length;
  return characters < length ? text + " ".repeat(length - characters) : text;
}

/** The digits of any value that is a number; undefined for others. */
function decimalText(value: Cell): string | undefined {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const text = String(value).trim();
  return /^-?(\d+\.?\d*|\.\d+)$/.test(text) ? text : undefined;
}

const smallest = -(2n ** 63n);
const largest = 2n ** 63n - 1n;

/** @param scale digits behind the point that are kept, rounded half up; null: all */
export function keptNumber(value: Cell, scale: Cell): Cell {
  const text = decimalText(value);
  if (text === undefined) return value;
  const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d*)\.?(\d*)$/.exec(text) ?? [];
  const digits = scale === null ? fraction : rounded(whole, fraction, Number(scale));
  const [left, right = ""] = digits.includes(".") ? digits.split(".") : [whole, digits];
  const behind = right.replace(/0+$/, "");
  const front = (left ?? "").replace(/^0+(?=\d)/, "") || "0";
  if (behind === "") {
    const integer = BigInt(sign + front);
    return integer >= smallest && integer <= largest ? integer : String(integer);
  }
  return `${sign}${front}.${behind}`;
}

function rounded(whole: string, fraction: string, scale: number): string {
  if (fraction.length <= scale) return `${whole}.${fraction}`;
  const unscaled = BigInt(`${whole}${fraction.slice(0, scale)}` || "0") + (Number(fraction[scale]) >= 5 ? 1n : 0n);
  const text = String(unscaled).padStart(scale + 1, "0");
  return scale === 0 ? `${text}.` : `${text.slice(0, -scale)}.${text.slice(-scale)}`;
}

function fits(value: Cell, precision: number, scale: number): boolean {
  const kept = value === null ? null : keptNumber(value, BigInt(scale));
  const text = kept === null ? undefined : decimalText(kept);
  if (text === undefined) return true;
  return (text.replace("-", "").split(".")[0]?.replace(/^0+/, "").length as number) <= precision - scale;
}

const momentPattern = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?)?Z?$/;

function keptMoment(value: Cell, digits: number): Cell {
  if (value === null) return null;
  const match = momentPattern.exec(String(value));
  if (!match) throw new Error("ORA-01861");
  const [, date, time = "00:00:00", fraction = ""] = match;
  return `${date} ${time}${digits === 0 ? "" : `.${fraction.padEnd(digits, "0").slice(0, digits)}`}`;
}

const masks: Readonly<Record<string, { pattern: RegExp; write: (date: string, time: string, fraction: string) => string }>> = {
  "YYYY-MM-DD": { pattern: /^(\d{4}-\d\d-\d\d)$/, write: (date) => date },
  "YYYY-MM-DD HH24:MI:SS": { pattern: /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)$/, write: (date, time) => `${date} ${time}` },
  "YYYY-MM-DD HH24:MI:SS.FF": {
    pattern: /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?$/,
    write: (date, time, fraction) => `${date} ${time}.${fraction}`,
  },
  'YYYY-MM-DD"T"HH24:MI:SS': { pattern: /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)$/, write: (date, time) => `${date}T${time}` },
  'YYYY-MM-DD"T"HH24:MI:SS.FF9': {
    pattern: /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.(\d{1,9})$/,
    write: (date, time, fraction) => `${date}T${time}.${fraction.padEnd(9, "0")}`,
  },
};

function maskOf(mask: string): (typeof masks)[string] {
  const known = masks[mask];
  if (known === undefined) throw new Error(`The double does not know the format ${mask}`);
  return known;
}

function toChar(value: Cell, mask: string | undefined): Cell {
  if (value === null) return null;
  if (mask === undefined || mask === "TM9") return String(value);
  const [, date = "", time = "00:00:00", fraction = ""] = momentPattern.exec(String(value)) ?? [];
  return maskOf(mask).write(date, time, fraction);
}

function parsed(value: Cell, mask: string, digits: number): Cell {
  if (value === null) return null;
  const match = maskOf(mask).pattern.exec(String(value));
  if (!match) throw new Error("ORA-01861");
  return keptMoment(`${match[1]} ${match[2] ?? "00:00:00"}${match[3] === undefined ? "" : `.${match[3]}`}`, digits);
}

function toNumber(value: Cell, mask: string | undefined): Cell {
  if (value === null) return null;
  const text = decimalText(value);
  const [whole = "", fraction = ""] = (text ?? "").replace("-", "").split(".");
  const [left = "", right = ""] = (mask ?? "").split(".");
  if (text === undefined || (mask !== undefined && (whole.length > left.length || fraction.length > right.length))) {
    throw new Error("ORA-01722");
  }
  return keptNumber(text, null);
}
