import { to1252 } from "../cp1252.ts";
import { type DeclaredType, typeText } from "../declared-type.ts";
import type { Cell } from "../wire-types.ts";
import { SqlError } from "./sql-error.ts";

/**
 * Converts a value to a declared type, as an assignment or a CAST does. What the engine keeps: whole numbers as integers, decimals as text with all places,
 * moments as `YYYY-MM-DDTHH:mm:ss[.f]` with all places of their type, CHAR without its padding, bytes as bytes.
 */
export function converted(value: Cell, type: DeclaredType, way: "assign" | "cast"): Cell {
  if (value === null) return null;
  switch (type.name) {
    case "tinyint":
    case "smallint":
    case "int":
    case "bigint":
      return wholeNumber(value, type);
    case "bit":
      return /^(true|[1-9]\d*)$/i.test(String(value)) ? 1n : /^(false|0)$/i.test(String(value)) ? 0n : notConverted(value, type);
    case "decimal":
      return decimal(value, Number(type.size), type.scale ?? 0);
    case "money":
    case "smallmoney":
      return decimal(value, type.name === "money" ? 19 : 10, 4);
    case "float":
    case "real": {
      const number = Number(value);
      return Number.isNaN(number) ? notConverted(value, type) : type.name === "real" ? Math.fround(number) : number;
    }
    case "date":
    case "time":
    case "datetime":
    case "datetime2":
    case "smalldatetime":
    case "datetimeoffset":
      return moment(String(value), type);
    case "uniqueidentifier": {
      const text = String(value).toUpperCase();
      if (/^[0-9A-F]{8}-([0-9A-F]{4}-){3}[0-9A-F]{12}$/.test(text)) return text;
      throw new SqlError(8169, "Conversion failed when converting from a character string to uniqueidentifier.");
    }
    case "binary":
    case "varbinary":
    case "image":
    case "timestamp":
      return bytes(value, type, way);
    default:
      return text(value, type, way);
  }
}

function notConverted(value: Cell, type: DeclaredType): never {
  throw new SqlError(245, `Conversion failed when converting the nvarchar value '${String(value)}' to data type ${type.name}.`);
}

const ranges: Readonly<Record<string, [bigint, bigint]>> = {
  tinyint: [0n, 255n],
  smallint: [-(2n ** 15n), 2n ** 15n - 1n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  bigint: [-(2n ** 63n), 2n ** 63n - 1n],
};

function wholeNumber(value: Exclude<Cell, null>, type: DeclaredType): bigint {
  if (value instanceof Uint8Array) return BigInt.asIntN(64, BigInt(`0x${Buffer.from(value).toString("hex") || "0"}`));
  const text = String(value).trim();
  const match = /^([+-]?\d+)(?:\.(\d+))?$/.exec(text === "" ? "0" : text);
  if (!match || (typeof value === "string" && match[2] !== undefined && !/^0+$/.test(match[2]))) return notConverted(value, type);
  const number = BigInt(match[1] as string);
  const [least, most] = ranges[type.name] as [bigint, bigint];
  if (number >= least && number <= most) return number;
  throw new SqlError(
    type.name === "int" ? 248 : 8115,
    `Arithmetic overflow error converting expression to data type ${type.name}.`,
  );
}

function decimal(value: Exclude<Cell, null>, precision: number, scale: number): string {
  const written = typeof value === "number" ? value.toFixed(Math.min(scale + 2, 20)) : String(value).trim();
  const match = /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(written);
  if (!match || written === "") throw new SqlError(8114, "Error converting data type nvarchar to numeric.");
  const [, sign, before = "", after = ""] = match;
  let units = BigInt(`${before || "0"}${after.padEnd(scale, "0").slice(0, scale)}`);
  if (Number(after[scale] ?? 0) >= 5) units += 1n;
  const digits = String(units).padStart(scale + 1, "0");
  if (String(units).length > precision)
    throw new SqlError(8115, "Arithmetic overflow error converting nvarchar to data type numeric.");
  const number = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return sign === "-" && units !== 0n ? `-${number}` : number;
}

const momentForm = /^(?:(\d{4})-(\d\d)-(\d\d))?[T ]?(?:(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?)?(Z|[+-]\d\d:\d\d)?$/;

function moment(value: string, type: DeclaredType): string {
  const match = momentForm.exec(value);
  if (!match || value === "")
    throw new SqlError(241, "Conversion failed when converting date and/or time from character string.");
  const [, year = "1900", month = "01", date = "01", hours = "00", minutes = "00", seconds = "00", fraction = "", zone = ""] =
    match;
  const day = `${year}-${month}-${date}`;
  const least = type.name === "datetime" ? 1753 : type.name === "smalldatetime" ? 1900 : 1;
  if (Number(year) < least || new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10) !== day) {
    throw new SqlError(
      242,
      `The conversion of a nvarchar data type to a ${type.name} data type resulted in an out-of-range value.`,
    );
  }
  if (type.name === "datetime" && fraction.length > 3) {
    throw new SqlError(241, "Conversion failed when converting date and/or time from character string.");
  }
  const places = (count: number): string => (count === 0 ? "" : `.${fraction.padEnd(7, "0").slice(0, count)}`);
  const time = `${hours}:${minutes}:${seconds}`;
  switch (type.name) {
    case "date":
      return day;
    case "time":
      return `${time}${places(type.scale ?? 7)}`;
    case "datetime":
      return roundedToTicks(`${day}T${time}${places(3)}`);
    case "smalldatetime":
      return `${day}T${hours}:${minutes}:00`;
    case "datetimeoffset":
      return inUtc(`${day}T${time}`, zone || "Z", places(type.scale ?? 7));
    default:
      return `${day}T${time}${places(type.scale ?? 7)}`;
  }
}

/** Kept in UTC, for two that are the same moment are equal. */
function inUtc(local: string, zone: string, fraction: string): string {
  return `${new Date(`${local}${zone}`).toISOString().slice(0, 19)}${fraction}+00:00`;
}

/** DATETIME counts 1/300 s, which its text shows as .000, .003 and .007. */
function roundedToTicks(text: string): string {
  const at = new Date(`${text}Z`);
  const ticks = Math.round((at.getUTCMilliseconds() * 3) / 10);
  at.setUTCMilliseconds(Math.round((ticks * 10) / 3));
  return at.toISOString().slice(0, -1);
}

function bytes(value: Exclude<Cell, null>, type: DeclaredType, way: "assign" | "cast"): Uint8Array {
  if (!(value instanceof Uint8Array)) {
    throw new SqlError(
      257,
      `Implicit conversion from data type nvarchar to ${type.name} is not allowed. Use the CONVERT function.`,
    );
  }
  const size = type.name === "timestamp" ? 8 : type.size;
  if (typeof size !== "number") return value;
  if (value.byteLength > size && way === "assign") throw tooLong(type);
  if (type.name !== "binary" && type.name !== "timestamp") return value.subarray(0, size);
  const padded = Buffer.alloc(size);
  padded.set(value.subarray(0, size));
  return padded;
}

function text(value: Exclude<Cell, null>, type: DeclaredType, way: "assign" | "cast"): string {
  const written = value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value);
  const narrow = type.name === "char" || type.name === "varchar" || type.name === "text";
  const kept = narrow ? to1252(written) : written;
  const padded = type.name === "char" || type.name === "nchar";
  if (typeof type.size !== "number" || kept.length <= type.size) return padded ? kept.replace(/ +$/, "") : kept;
  if (way === "assign" && kept.replace(/ +$/, "").length > type.size) throw tooLong(type);
  const cut = kept.slice(0, type.size);
  return padded ? cut.replace(/ +$/, "") : cut;
}

function tooLong(type: DeclaredType): SqlError {
  return new SqlError(
    2628,
    `String or binary data would be truncated in table 'dbo.t', column 'c' (${typeText(type)}). Truncated value: 'secret'.`,
  );
}
