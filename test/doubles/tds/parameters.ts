import type { ByteReader } from "./bytes.ts";
import { decode1252 } from "./cp1252.ts";
import { type DeclaredType, declaredType } from "./declared-type.ts";
import type { Cell } from "./wire-types.ts";

/** A parameter of a request. */
export interface Parameter {
  /** With its @; empty for the ones of system procedures that go by position. */
  name: string;
  type: DeclaredType;
  value: Cell;
}

/** Reads one parameter of an RPC ([MS-TDS] 2.2.6.6); only the types that the connector sends. */
export function readParameter(from: ByteReader): Parameter {
  const name = from.text(from.u8());
  from.u8();
  const [type, value] = readTyped(from);
  return { name, type: declaredType(type), value };
}

function readTyped(from: ByteReader): [type: string, value: Cell] {
  const code = from.u8();
  switch (code) {
    case 0x26: {
      const size = from.u8();
      return [{ 1: "tinyint", 2: "smallint", 4: "int", 8: "bigint" }[size] ?? "bigint", signed(from.raw(from.u8()))];
    }
    case 0x68: {
      from.u8();
      return ["bit", signed(from.raw(from.u8()))];
    }
    case 0x6d: {
      from.u8();
      const bytes = from.raw(from.u8());
      return ["float", bytes.length === 0 ? null : bytes.length === 8 ? bytes.readDoubleLE() : bytes.readFloatLE()];
    }
    case 0xe7:
      return readSized(from, true, (bytes) => bytes.toString("utf16le"), "nvarchar");
    case 0xa7:
      return readSized(from, true, decode1252, "varchar");
    case 0xa5:
      return readSized(from, false, (bytes) => Buffer.from(bytes), "varbinary");
    default:
      throw new Error(`The double reads no parameter of the type 0x${code.toString(16)}`);
  }
}

function signed(bytes: Buffer): bigint | null {
  if (bytes.length === 0) return null;
  let value = 0n;
  for (const byte of [...bytes].reverse()) value = (value << 8n) | BigInt(byte);
  return bytes.length === 1 ? value : BigInt.asIntN(bytes.length * 8, value);
}

function readSized(
  from: ByteReader,
  collated: boolean,
  decode: (bytes: Buffer) => Cell,
  name: string,
): [type: string, value: Cell] {
  const most = from.u16();
  if (collated) from.raw(5);
  if (most === 0xffff) {
    const bytes = readPieces(from);
    return [`${name}(max)`, bytes && decode(bytes)];
  }
  const length = from.u16();
  return [`${name}(${Math.max(1, name.startsWith("n") ? most / 2 : most)})`, length === 0xffff ? null : decode(from.raw(length))];
}

function readPieces(from: ByteReader): Buffer | null {
  if (from.u64() === 0xffff_ffff_ffff_ffffn) return null;
  const pieces: Buffer[] = [];
  for (let length = from.u32(); length > 0; length = from.u32()) pieces.push(from.raw(length));
  return Buffer.concat(pieces);
}
