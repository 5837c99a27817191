import { FuserError } from "../../base/errors.ts";
import type { Column, Value } from "../connector.ts";
import { keyPart } from "../row-batch.ts";
import { bind, concat, type Statement, sql } from "../statement.ts";
import { lackingIn } from "./code-page.ts";
import { isLong } from "./request-values.ts";
import { mssqlSyntax } from "./sql.ts";
import { columnType, isComparable, type NativeType } from "./types.ts";

/**
 * Values as expressions of a column's own type. A parameter of another type would make the server convert the column instead: a text column would be read
 * whole, and a `datetime` never equals the `datetime2` that reads the same.
 */

const whole = /^-?\d{1,19}$/;
const decimal = /^-?(\d+)(?:\.(\d+))?$/;
const day = /^(\d{4})-\d\d-\d\d$/;
const moment = /^(\d{4})-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,7})?)?Z?$/;
const guid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** A key's part as an expression that can be compared with its column; undefined when no row can have it. */
export function keyBound(part: string, type: NativeType): Statement | undefined {
  if (!isComparable(type)) return undefined;
  const cast = (value: Value): Statement => concat("CAST(", bind(value), ` AS ${type.declared})`);
  switch (columnType(type)) {
    case "integer":
      return whole.test(part) && isLong(BigInt(part)) ? bind(BigInt(part)) : undefined;
    case "boolean":
      return part === "true" ? cast(true) : part === "false" ? cast(false) : undefined;
    case "decimal":
      return fits(part, type) ? cast(part) : undefined;
    case "float":
      return part !== "" && Number.isFinite(Number(part)) ? cast(Number(part)) : undefined;
    case "bytes":
      return /^([0-9a-f]{2})*$/.test(part) ? bind(Buffer.from(part, "hex")) : undefined;
    case "date":
      return day.test(part) ? cast(part) : undefined;
    case "time":
      return /^\d\d:\d\d:\d\d(\.\d{1,7})?$/.test(part) ? cast(part) : undefined;
    case "datetime":
    case "instant":
      return hasMoment(part, type) ? cast(part.replace(" ", "T")) : undefined;
    default:
      return textBound(part, type);
  }
}

function textBound(part: string, type: NativeType): Statement | undefined {
  if (type.name === "uniqueidentifier") return guid.test(part) ? concat("CAST(", bind(part), " AS uniqueidentifier)") : undefined;
  if (type.length !== undefined && part.length > type.length) return undefined;
  if (lackingIn(type.codePage, part) !== undefined) return undefined;
  if (/^n/.test(type.name) || type.name === "sysname") return bind(part);
  // The column's collation brings its code page: the database's own may lack a character of it.
  const collate = type.collation === undefined ? "" : ` COLLATE ${type.collation}`;
  return concat("CAST(", bind(part), `${collate} AS ${type.declared})`);
}

function fits(part: string, { precision = 38, scale = 0 }: NativeType): boolean {
  const match = decimal.exec(part);
  if (!match) return false;
  const [, before = "", after = ""] = match;
  return before.replace(/^0+/, "").length <= precision - scale && after.replace(/0+$/, "").length <= scale;
}

/** Earliest and latest year of a type, within which the server can convert a text. */
function hasMoment(part: string, { name }: NativeType): boolean {
  const year = Number((moment.exec(part) ?? day.exec(part))?.[1] ?? 0);
  if (name === "smalldatetime") return year >= 1900 && year < 2079;
  return year >= (name === "datetime" ? 1753 : 1);
}

/** A value of a row for a query of the configuration: of the column's own type, the collation left to what it is compared with. */
export function rowBound(value: Value, type: NativeType): Statement {
  if (value === null) return sql("NULL");
  return keyBound(keyPart(value), { ...type, collation: undefined }) ?? bind(value);
}

/**
 * What is bound to write a value into a column. Most conversions are the server's own, by the column's type.
 * @throws FuserError rejected `erp-value-type` for a text with a character that the column can't hold
 */
export function writtenBound(value: Value, type: NativeType): Statement {
  if (value === null) return sql("NULL");
  if (typeof value !== "string") return bind(value);
  requireCharacters(value, type);
  if (type.name === "money" || type.name === "smallmoney") return concat("CAST(", bind(value), ` AS ${type.name})`);
  switch (columnType(type)) {
    case "datetime": {
      // Without a time `datetime` would read the day by the session's language.
      const text = value.replace(/^(\d{4}-\d\d-\d\d) /, "$1T").replace(/Z$/, "");
      return bind(day.test(text) ? `${text}T00:00:00` : text);
    }
    default:
      return bind(value);
  }
}

function requireCharacters(value: string, { codePage, declared }: NativeType): void {
  const lacking = lackingIn(codePage, value);
  if (lacking === undefined) return;
  const point = (lacking.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  throw new FuserError(
    "rejected",
    `A text holds a character (U+${point}) that the ERP's ${declared} of code page ${codePage} lacks`,
    {
      code: "erp-value-type",
      operation: "write to the ERP",
      hint: "The server would write another one in its place. Leave the character out, or ask the ERP's vendor for an nvarchar column.",
    },
  );
}

/** Condition that a column holds the value, written so that an index can be used. */
export function matching(column: Column, value: Value, type: NativeType): Statement {
  const name = mssqlSyntax.quote(column.name);
  if (value === null) return concat(name, " IS NULL");
  if (columnType(type) === "text" && !isComparable(type))
    return concat(`CAST(${name} AS nvarchar(max)) = `, bind(keyPart(value)));
  const part = typeof value === "number" && column.type === "boolean" ? String(value !== 0) : keyPart(value);
  const bound = keyBound(part, type);
  return bound === undefined ? sql("1 = 0") : concat(name, " = ", bound);
}
