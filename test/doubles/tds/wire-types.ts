import type { ByteWriter } from "./bytes.ts";
import { encode1252 } from "./cp1252.ts";
import type { DeclaredType } from "./declared-type.ts";
import { dayNumber, decimalUnits, guidBytes, momentParts, timeUnits, unitsLength } from "./wire-values.ts";

/** A value as the engine keeps it. */
export type Cell = string | number | bigint | Uint8Array | null;

/** How a type stands in COLMETADATA, and a value of it in a row ([MS-TDS] 2.2.5.4 to 2.2.5.5). */
export interface WireType {
  describe(into: ByteWriter): void;
  write(into: ByteWriter, value: Exclude<Cell, null>): void;
  writeNull(into: ByteWriter): void;
}

/** Latin1_General_CI_AS in code page 1252. */
export const collation = Buffer.from([0x09, 0x04, 0xd0, 0x00, 0x34]);

export function wireType(type: DeclaredType): WireType {
  switch (type.name) {
    case "tinyint":
      return whole(1);
    case "smallint":
      return whole(2);
    case "int":
      return whole(4);
    case "bigint":
      return whole(8);
    case "bit":
      return sized(0x68, 1, (into, value) => into.u8(Number(value) === 0 ? 0 : 1));
    case "float":
      return sized(0x6d, 8, (into, value) => into.raw(float(Number(value), 8)));
    case "real":
      return sized(0x6d, 4, (into, value) => into.raw(float(Number(value), 4)));
    case "money":
      return sized(0x6e, 8, (into, value) => {
        const units = BigInt.asUintN(64, decimalUnits(String(value), 4));
        into.u32(Number(units >> 32n)).u32(Number(units & 0xffff_ffffn));
      });
    case "smallmoney":
      return sized(0x6e, 4, (into, value) => into.i32(Number(decimalUnits(String(value), 4))));
    case "decimal":
      return exact(Number(type.size), type.scale ?? 0);
    case "uniqueidentifier":
      return sized(0x24, 16, (into, value) => into.raw(guidBytes(String(value))));
    case "date":
    case "time":
    case "datetime2":
    case "datetimeoffset":
      return temporal(type);
    case "datetime":
      return sized(0x6f, 8, (into, value) => {
        const { day, ticks } = momentParts(String(value));
        into.i32(day - dayNumber("1900-01-01")).u32(Math.round((Number(ticks) * 300) / 1e7));
      });
    case "smalldatetime":
      return sized(0x6f, 4, (into, value) => {
        const { day, ticks } = momentParts(String(value));
        into.u16(day - dayNumber("1900-01-01")).u16(Number(ticks / 600_000_000n));
      });
    case "text":
      return pointed(0x23, true, (value) => encode1252(String(value)));
    case "ntext":
      return pointed(0x63, true, (value) => Buffer.from(String(value), "utf16le"));
    case "image":
      return pointed(0x22, false, (value) => Buffer.from(value as Uint8Array));
    case "xml":
      return inPieces(
        (into) => into.u8(0xf1).u8(0),
        (value) => Buffer.from(String(value), "utf16le"),
      );
    default:
      return variable(type);
  }
}

function sized(code: number, size: number, write: (into: ByteWriter, value: Exclude<Cell, null>) => void): WireType {
  return {
    describe: (into) => into.u8(code).u8(size),
    write: (into, value) => {
      into.u8(size);
      write(into, value);
    },
    writeNull: (into) => into.u8(0),
  };
}

const whole = (size: number): WireType =>
  sized(0x26, size, (into, value) =>
    size === 4 ? into.i32(Number(value)) : into.bytesOf(BigInt.asUintN(64, BigInt(value as bigint)), size),
  );

function exact(precision: number, scale: number): WireType {
  const size = precision <= 9 ? 5 : precision <= 19 ? 9 : precision <= 28 ? 13 : 17;
  return {
    describe: (into) => into.u8(0x6a).u8(size).u8(precision).u8(scale),
    write: (into, value) => {
      const units = decimalUnits(String(value), scale);
      into
        .u8(size)
        .u8(units < 0n ? 0 : 1)
        .bytesOf(units < 0n ? -units : units, size - 1);
    },
    writeNull: (into) => into.u8(0),
  };
}

function float(value: number, size: 4 | 8): Buffer {
  const bytes = Buffer.alloc(size);
  if (size === 8) bytes.writeDoubleLE(value);
  else bytes.writeFloatLE(value);
  return bytes;
}

function temporal({ name, scale = 7 }: DeclaredType): WireType {
  const code = { date: 0x28, time: 0x29, datetime2: 0x2a, datetimeoffset: 0x2b }[name] as number;
  const withTime = name !== "date";
  const withDay = name !== "time";
  return {
    describe: (into) => (withTime ? into.u8(code).u8(scale) : into.u8(code)),
    write: (into, value) => {
      const { day, ticks, offsetMinutes } = momentParts(withDay ? String(value) : `1900-01-01T${String(value)}`);
      const zoned = name === "datetimeoffset";
      into.u8((withTime ? unitsLength(scale) : 0) + (withDay ? 3 : 0) + (zoned ? 2 : 0));
      if (withTime) into.bytesOf(timeUnits(ticks, scale), unitsLength(scale));
      if (withDay) into.bytesOf(BigInt(day), 3);
      if (zoned) into.u16(offsetMinutes);
    },
    writeNull: (into) => into.u8(0),
  };
}

/** Texts and bytes: with their length in two bytes, or in pieces where the type is `max`. */
function variable({ name, size }: DeclaredType): WireType {
  const code = { char: 0xaf, varchar: 0xa7, nchar: 0xef, nvarchar: 0xe7, binary: 0xad, timestamp: 0xad, varbinary: 0xa5 }[name];
  if (code === undefined) throw new Error(`The double does not send the type ${name}`);
  const isText = name.includes("char");
  const isWide = name.startsWith("n");
  const length = name === "timestamp" ? 8 : size;
  const most = length === "max" ? 0xffff : Number(length) * (isWide ? 2 : 1);
  const bytesOf = (value: Exclude<Cell, null>): Buffer => {
    if (!isText) return Buffer.from(value as Uint8Array);
    const text = /^n?char$/.test(name) ? String(value).padEnd(Number(length)) : String(value);
    return isWide ? Buffer.from(text, "utf16le") : encode1252(text);
  };
  const describe = (into: ByteWriter): void => {
    into.u8(code).u16(most);
    if (isText) into.raw(collation);
  };
  if (length === "max") return inPieces(describe, bytesOf);
  return {
    describe,
    write: (into, value) => {
      const bytes = bytesOf(value);
      into.u16(bytes.length).raw(bytes);
    },
    writeNull: (into) => into.u16(0xffff),
  };
}

/** PLP: the whole length, then pieces, then an empty one. */
function inPieces(describe: (into: ByteWriter) => void, bytesOf: (value: Exclude<Cell, null>) => Buffer): WireType {
  return {
    describe,
    write: (into, value) => {
      const bytes = bytesOf(value);
      into.u64(BigInt(bytes.length));
      if (bytes.length > 0) into.u32(bytes.length).raw(bytes);
      into.u32(0);
    },
    writeNull: (into) => into.u64(0xffff_ffff_ffff_ffffn),
  };
}

/** The old large types: a pointer and a stamp come before the value; their column names its table. */
function pointed(code: number, collated: boolean, bytesOf: (value: Exclude<Cell, null>) => Buffer): WireType {
  return {
    describe: (into) => {
      into.u8(code).u32(0x7fff_ffff);
      if (collated) into.raw(collation);
      into.u8(1).text("t");
    },
    write: (into, value) => {
      const bytes = bytesOf(value);
      into.u8(16).raw(Buffer.alloc(24, 0x64)).u32(bytes.length).raw(bytes);
    },
    writeNull: (into) => into.u8(0),
  };
}
