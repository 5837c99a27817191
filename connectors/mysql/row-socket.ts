/**
 * A socket that reads rows into the same few buffers again and again. Node's own gives each read new memory outside of the heap: a million rows are 190 MB of
 * it, and a major collection of garbage for every few. Only while rows are taken as packets (row-packets.ts): then nothing but the beginning of a row that is
 * not complete is looked at after a read; everything else the driver may keep.
 */
import { connect, type Socket } from "node:net";

/** Largest read while rows come. */
const rowBytes = 65_536;
/** Reads of anything else are small, unless the last one filled its buffer. */
const otherBytes = 4_096;
/** Kept for the rows to come. */
const mostFree = 4;

/** What a statement whose rows are taken tells its socket. */
export interface RowMemory {
  /** @param afterRead called when a read was worked off: its bytes may be overwritten by the next */
  start(afterRead: () => void): void;
  /** A row was taken: what was read before it is not looked at any more. */
  rowTaken(): void;
  /** Its rows have ended, well or not. */
  stop(): void;
}

const memories = new WeakMap<Socket, RowMemory>();

/** The memory of a socket that was opened here. */
export function rowMemoryOf(socket: Socket): RowMemory | undefined {
  return memories.get(socket);
}

/** Opens a socket for a connection of the driver. */
export function openRowSocket(server: { host: string; port: number } | { path: string }): Socket {
  const free: Buffer[] = [];
  /** Buffers with bytes of a row that is not complete. */
  let held: Buffer[] = [];
  let afterRead: (() => void) | undefined;
  let rows = 0;
  let isTaking = false;
  let filled = false;
  const nextBuffer = (): Buffer =>
    isTaking ? (free.pop() ?? Buffer.allocUnsafeSlow(rowBytes)) : Buffer.allocUnsafeSlow(filled ? rowBytes : otherBytes);
  const onRead = (length: number, buffer: Buffer): boolean => {
    const rowsBefore = rows;
    const wasTaking = isTaking;
    filled = length === buffer.length;
    socket.emit("data", buffer.subarray(0, length));
    afterRead?.();
    if (rows > rowsBefore) {
      for (const released of held) if (free.length < mostFree) free.push(released);
      held = [];
    }
    // What was read before the first row holds the description of the columns, which the driver keeps.
    if (wasTaking && isTaking) held.push(buffer);
    return true;
  };
  const socket = connect({
    ...server,
    noDelay: true,
    keepAlive: true,
    onread: { buffer: nextBuffer, callback: onRead as never },
  });
  memories.set(socket, {
    start(whenRead) {
      afterRead = whenRead;
    },
    rowTaken() {
      rows += 1;
      isTaking = true;
    },
    stop() {
      afterRead = undefined;
      isTaking = false;
      held = [];
    },
  });
  return socket;
}
