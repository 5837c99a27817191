import type { Column, ColumnType } from "../connector.ts";

/** A column's type as SQL Server names it (`system_type_name`): `varchar(60)`, `decimal(10,2)`, `datetime2(7)`, `nvarchar(max)`, `timestamp`. */
export interface NativeType {
  /** Without its size, lower case. */
  name: string;
  /** As it is written in a CAST. */
  declared: string;
  /** Characters or bytes; undefined for `max` and for types without a size. */
  length: number | undefined;
  precision: number | undefined;
  scale: number | undefined;
  /** Of texts: decides on order, equality and code page. */
  collation: string | undefined;
  /** Of texts that are not Unicode: their code page; undefined where it is not known. */
  codePage: number | undefined;
}

const pattern = /^([a-z_][\w]*)(?:\((max|\d+)(?:,\s*(\d+))?\))?$/i;

/** Reads a type's name; of one that is nobody knows (a CLR type of the ERP's own) the name is all there is. */
export function nativeType(declared: string, collation?: string | null, codePage?: string | null): NativeType {
  const match = pattern.exec(declared.trim());
  const name = (match?.[1] ?? declared).toLowerCase();
  const first = match?.[2] === undefined || match[2] === "max" ? undefined : Number(match[2]);
  const exact = name === "decimal" || name === "numeric";
  return {
    name,
    declared: name === "timestamp" ? "binary(8)" : declared.trim().toLowerCase(),
    length: /char|binary/.test(name) ? first : undefined,
    precision: exact ? (first ?? 18) : name === "money" ? 19 : name === "smallmoney" ? 10 : undefined,
    scale: exact ? Number(match?.[3] ?? 0) : /money/.test(name) ? 4 : undefined,
    collation: collation ?? undefined,
    codePage: /^(char|varchar|text)$/.test(name) && codePage ? Number(codePage) : undefined,
  };
}

/** Which value of the contract a type's values are. */
export function columnType({ name }: NativeType): ColumnType {
  switch (name) {
    case "tinyint":
    case "smallint":
    case "int":
    case "bigint":
      return "integer";
    case "bit":
      return "boolean";
    case "decimal":
    case "numeric":
    case "money":
    case "smallmoney":
      return "decimal";
    case "float":
    case "real":
      return "float";
    case "date":
    case "time":
      return name;
    case "datetime":
    case "datetime2":
    case "smalldatetime":
      return "datetime";
    case "datetimeoffset":
      return "instant";
    case "binary":
    case "varbinary":
    case "image":
    case "timestamp":
    case "rowversion":
    case "geometry":
    case "geography":
      return "bytes";
    default:
      return "text";
  }
}

/** Types that the server neither sorts nor compares: they can be no key. */
export function isComparable({ name }: NativeType): boolean {
  return !/^(text|ntext|image|xml|geometry|geography|sql_variant|hierarchyid)$/.test(name);
}

/**
 * Expression that reads a column where the driver would lose something of it: it makes binary floats of decimals and money, exact up to 15 digits;
 * of a sql_variant it does not tell what it holds.
 */
export function readingOf(quoted: string, type: NativeType): string {
  if (type.name === "money") return `CONVERT(varchar(24), ${quoted}, 2)`;
  if (columnType(type) === "decimal" && (type.precision ?? 38) > 15) return `CONVERT(varchar(41), ${quoted})`;
  if (type.name === "sql_variant") return `CONVERT(nvarchar(4000), ${quoted}, 126)`;
  if (type.name === "hierarchyid") return `CONVERT(nvarchar(4000), ${quoted})`;
  return quoted;
}

/** What the driver gives for the expression of `readingOf`. */
export function readType(type: NativeType): ColumnType {
  return readingOf("", type) === "" ? columnType(type) : "text";
}

/** A result column of which nothing is known but its type. */
export function bareColumn(name: string, type: NativeType, nullable = true): Column {
  const kind = columnType(type);
  return {
    name,
    type: kind,
    nullable,
    length: kind === "text" || kind === "bytes" ? type.length : undefined,
    hasDefault: false,
    autoIncrement: false,
    ...(kind === "decimal" ? { precision: type.precision ?? 38, scale: type.scale ?? 0 } : {}),
  };
}
