import type { ByteWriter } from "./bytes.ts";
import { ByteWriter as Writer } from "./bytes.ts";
import type { OutcomeColumn } from "./engine/session.ts";
import type { SqlError } from "./engine/sql-error.ts";
import { collation, wireType } from "./wire-types.ts";

/** Tokens of a response ([MS-TDS] 2.2.7). */

export const done = { batch: 0xfd, procedure: 0xfe, within: 0xff } as const;
export const status = { final: 0, more: 0x01, error: 0x02, count: 0x10, attention: 0x20 } as const;

export function writeDone(into: ByteWriter, token: number, flags: number, count = 0): void {
  into.u8(token).u16(flags).u16(0xc1).u64(BigInt(count));
}

export function writeColumns(into: ByteWriter, columns: readonly OutcomeColumn[]): void {
  into.u8(0x81).u16(columns.length);
  for (const { name, type } of columns) {
    into.u32(0).u16(0x09);
    wireType(type).describe(into);
    into.shortText(name);
  }
}

export function writeError(into: ByteWriter, { number, state, severity, message }: SqlError): void {
  const body = new Writer().i32(number).u8(state).u8(severity).text(message).shortText("DOUBLE").shortText("").u32(1).take();
  into.u8(0xaa).u16(body.length).raw(body);
}

/** SSPI: what a Windows login is answered with. */
export function writeSspi(into: ByteWriter, message: Buffer): void {
  into.u8(0xed).u16(message.length).raw(message);
}

function writeChange(into: ByteWriter, type: number, now: Uint8Array, before: Uint8Array): void {
  const body = new Writer().u8(type).raw(now).raw(before).take();
  into.u8(0xe3).u16(body.length).raw(body);
}

export function writeTransaction(into: ByteWriter, change: "begin" | "commit" | "rollback", id: bigint): void {
  const described = new Writer().u8(8).u64(id).take();
  const none = Buffer.from([0]);
  if (change === "begin") writeChange(into, 8, described, none);
  else writeChange(into, change === "commit" ? 9 : 10, none, described);
}

/** What a server says to a login that it takes. */
export function writeWelcome(into: ByteWriter, { database, packetSize }: { database: string; packetSize: number }): void {
  const short = (text: string): Buffer => new Writer().shortText(text).take();
  writeChange(into, 1, short(database), short("master"));
  writeChange(into, 7, Buffer.concat([Buffer.from([5]), collation]), Buffer.from([0]));
  const accepted = new Writer()
    .u8(1)
    .raw(Buffer.from([0x74, 0, 0, 4]))
    .shortText("Microsoft SQL Server")
    .raw(Buffer.from([16, 0, 0x10, 0]))
    .take();
  into.u8(0xad).u16(accepted.length).raw(accepted);
  writeChange(into, 4, short(String(packetSize)), short(String(packetSize)));
  writeDone(into, done.batch, status.final);
}
