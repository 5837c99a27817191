/** The golden table: nasty values by logical type. Every database holds them unchanged in both directions, or says which it can't hold, and why. */
import type { Value } from "../../../connectors/connector.ts";

export type Kind =
  | "decimal38"
  | "decimal10"
  | "integer"
  | "float"
  | "boolean"
  | "date"
  | "datetime"
  | "instant"
  | "time"
  | "char"
  | "text"
  | "cp1252"
  | "longText"
  | "bytes";

const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index);
const longText = "Wohnung Nr. 3, Müllerstraße 🏠 „links“\r\n".repeat(7_500);

/** `decimal38`: 28 digits before the point and 10 behind; `decimal10`: 8 and 2; `datetime`, `instant` and `time` with six digits of a second; `char`: 10, `text`: 200 characters. */
export const golden: Readonly<Record<Kind, readonly Value[]>> = {
  decimal38: [
    "1234567890123456789012345678.1234567890",
    "-9999999999999999999999999999.9999999999",
    "9999999999999999999999999999.9999999999",
    "0.0000000001",
    "-0.0000000001",
    "9007199254740993.5",
    "0",
    null,
  ],
  decimal10: ["0.10", "-0.01", "0.30", "99999999.99", "-99999999.99", "0.00", "1000000.00", null],
  integer: [
    0,
    -1,
    2_147_483_647,
    2_147_483_648,
    // Beyond what 32 bits hold: row numbers of large tables.
    4_294_967_295,
    4_294_967_296,
    9_007_199_254_740_991,
    -9_007_199_254_740_991,
    9_007_199_254_740_992n,
    9_007_199_254_740_993n,
    -9_007_199_254_740_993n,
    9_223_372_036_854_775_807n,
    -9_223_372_036_854_775_808n,
    null,
  ],
  float: [0, 0.1, -1.5, 0.30000000000000004, 1e21, 1.7976931348623157e308, 2.2250738585072014e-308, null],
  boolean: [true, false, null],
  date: [
    "0001-01-01",
    "1582-10-15",
    "1753-01-01",
    "1899-12-30",
    "1900-02-28",
    "2000-02-29",
    "2024-02-29",
    "2026-03-29",
    "2026-10-25",
    "9999-12-31",
    null,
  ],
  datetime: [
    "0001-01-01T00:00:00",
    "1753-01-01T00:00:00",
    "1893-04-01T00:06:32",
    "2024-02-29T23:59:59.999999",
    "2026-03-29T02:30:00",
    "2026-10-25T02:30:00",
    "2026-10-25T02:30:00.000001",
    "2026-10-25T03:00:00.5",
    "9999-12-31T23:59:59.999999",
    null,
  ],
  instant: [
    "1970-01-01T00:00:01Z",
    "2026-03-29T00:59:59.999999Z",
    "2026-03-29T01:00:00Z",
    "2026-10-25T00:30:00Z",
    "2026-10-25T01:30:00Z",
    "2026-10-25T01:30:00.000001Z",
    "2038-01-19T03:14:07Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    null,
  ],
  time: ["00:00:00", "02:30:00", "12:30:00.5", "23:59:59", "23:59:59.999999", null],
  char: ["ab", "0123456789", "Größe", "a b", "0010", null],
  text: [
    "",
    " ",
    "ab ",
    " ab",
    "äöüÄÖÜßẞ",
    "\u00e9 composed",
    "e\u0301 decomposed",
    "🏠👨\u200d👩\u200d👧",
    "\ufeffbyte order mark",
    "hard\u00a0blank\u200b",
    "İıſﬀ Ω Ω",
    "שלום",
    "line\nline\r\nline\rline\ttab",
    "'\"\\`;--/* */ ? :x @y $1 %s",
    "%_[]^*",
    "NULL",
    "0010",
    "1e3",
    "0x41",
    "2026-03-29",
    "a\u0000b",
    "\u0001\u001a\u007f",
    "ü".repeat(200),
    null,
  ],
  cp1252: ["€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ", "ÄÖÜäöüß§°²³µ½¿ÿ", "Müßig – „€ 5“", "", null],
  longText: [longText, "", null],
  bytes: [everyByte, new Uint8Array([0]), new Uint8Array([]), new Uint8Array([255, 254, 39, 92, 0, 26]), null],
};

/** One value of a database's own types: its column's type, how the ERP stores it, how it must arrive. `write: false` where a plan can't write it; `byKey: false` where no text of it finds the stored form, `refused` where it can be no key. */
export interface OwnValue {
  type: string;
  stored: string;
  value: Value;
  write?: false;
  byKey?: false | "refused";
}

/** How a database holds the table. Values are named as `nameOf` does. */
export interface GoldenDialect {
  /** Its column type; `{ lacks }`: there is none, and why. */
  types: Readonly<Record<Kind, string | { lacks: string }>>;
  /** Value -> why the database can't hold it. A test shows that it can't. */
  lacks: Readonly<Record<string, string>>;
  /** Value -> why no text of a key finds it. */
  notByKey: Readonly<Record<string, string>>;
  /** What stands in an INSERT of the plain driver for a value; default `?`. */
  bound?(kind: Kind): string;
  /** Expression by which the plain driver reads column `v` exactly, as text. */
  plain(kind: Kind): string;
  own: readonly OwnValue[];
}

/** `text: "ab "`; long ones by their length. */
export function nameOf(kind: Kind, value: Value): string {
  if (value === null) return `${kind}: null`;
  if (value instanceof Uint8Array) return `${kind}: ${value.length} bytes`;
  const text = typeof value === "string" && value.length > 60 ? `${value.length} characters` : JSON.stringify(String(value));
  return `${kind}: ${text}`;
}

/** What the plain driver binds. */
export function plainly(kind: Kind, value: Value): string | number | null | Uint8Array {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string" && (kind === "datetime" || kind === "instant")) return value.replace("T", " ").replace("Z", "");
  return value;
}

/** Values as texts that compare exactly, but for zeros at the end of a fraction: some databases keep a column's scale, others do not. */
export function canonical(kind: Kind, value: Value | undefined): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  const fraction = kind === "decimal38" || kind === "decimal10" || kind === "datetime" || kind === "instant" || kind === "time";
  const text = String(value);
  return `${typeof value} ${fraction ? text.replace(/(\.\d*?)0+(Z?)$/, "$1$2").replace(/\.(Z?)$/, "$1") : text}`;
}
