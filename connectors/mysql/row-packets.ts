/**
 * Takes rows out of the driver before it parses them (docs/decisions/0014). This is the only place that knows the driver's inside: a text query's
 * command hands each packet to its `row`, which gives back the function for the next packet. What that rests upon is proven on a live connection
 * before it is used (`packetsAreRows`), and the version of the driver is pinned.
 */
import { type PackedRows, type RowPacker, rowDigests, type SentValue } from "./packed-rows.ts";

import type { RowMemory } from "./row-socket.ts";

/** How rows come from the driver: as the packets of the protocol, or parsed into values (the portable way). */
export type RowWay = "packets" | "values";

/** A row within the bytes of the socket, from its first value up to its end. */
type TakePacket = (bytes: Buffer, start: number, end: number) => void;

export interface PacketReceiver {
  take: TakePacket;
  /** The bytes of the rows taken so far are about to be overwritten. */
  afterRead: () => void;
}

/** What we use of the driver's packet and query command (mysql2, lib/packets/packet.js and lib/commands/query.js). */
interface Packet {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  isEOF(): boolean;
}
type OnPacket = (this: unknown, packet: Packet, connection: unknown) => OnPacket | null;

/** Makes a query's command, before its first row, hand over rows as packets; its `result` events stop. The end of the rows stays the driver's work. */
export function receivePackets(command: unknown, { take, afterRead }: PacketReceiver, memory: RowMemory | undefined): void {
  const query = command as { row: OnPacket; on(event: "end", listener: () => void): void };
  const inDriver = query.row;
  const row: OnPacket = function (packet, connection) {
    if (packet.isEOF()) return inDriver.call(this, packet, connection);
    memory?.rowTaken();
    take(packet.buffer, packet.offset, packet.end);
    return row;
  };
  query.row = row;
  if (memory === undefined) return;
  memory.start(afterRead);
  query.on("end", () => memory.stop());
}

/** What puts the rows of a statement into the packer, the one way or the other. */
export function packing(packer: RowPacker, by: RowWay): { onRow: (row: SentValue[]) => void; packets?: PacketReceiver } {
  if (by === "values") return { onRow: (row) => packer.addValues(row) };
  const take: TakePacket = (bytes, start, end) => packer.addPacket(bytes, start, end);
  return { onRow: unexpectedRow, packets: { take, afterRead: () => packer.settle() } };
}

/** Ends the connection: a row that came past us would be missing. */
export function unexpectedRow(): never {
  throw new Error("The driver parsed a row that was to be taken as a packet");
}

/** Every form of a length, a value over several reads of the socket, and more rows than one read brings. */
const trial =
  "SELECT n, CASE WHEN n % 2 = 0 THEN NULL ELSE '' END, 'Übergabe – 🏠', X'00FF27', REPEAT('x', 249 + n), REPEAT('y', 65534 + n), REPEAT('z', 40 * n) FROM (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) AS numbers";

/**
 * Whether the driver's packets are the rows that it parses out of them.
 * @param select reads a text by packets or by values @throws what it throws by values
 */
export async function packetsAreRows(
  select: (text: string, by: RowWay) => Promise<PackedRows>,
  signal: AbortSignal,
): Promise<boolean> {
  const parsed = await select(trial, "values");
  try {
    return sameRows(parsed, await select(trial, "packets"));
  } catch (error) {
    if (signal.aborted) throw error;
    // The driver's inside or the server? A server that is gone fails here as well.
    await select(trial, "values");
    return false;
  }
}

function sameRows(one: PackedRows, other: PackedRows): boolean {
  const digests = rowDigests(other);
  return one.length === other.length && rowDigests(one).every((digest, index) => digest === digests[index]);
}
