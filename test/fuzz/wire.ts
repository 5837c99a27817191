/**
 * WebSocket (RFC 6455) by hand, over a bare socket: an end that can break every rule of it. The frames of the other end, which keeps them, are read back.
 */
import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameShape {
  opcode: number;
  fin: boolean;
  /** The three reserved bits. */
  reserved: number;
  masked: boolean;
  /** The length that the header names, where it lies. */
  length?: number | bigint;
}

/** One frame as it travels. */
export function frameBytes(payload: Buffer, shape: FrameShape): Buffer {
  const told = BigInt(shape.length ?? payload.length);
  const long = told > 0xffffn;
  const middle = told > 125n;
  const head = Buffer.alloc(2 + (long ? 8 : middle ? 2 : 0));
  head[0] = (shape.fin ? 0x80 : 0) | ((shape.reserved & 7) << 4) | (shape.opcode & 15);
  head[1] = (shape.masked ? 0x80 : 0) | (long ? 127 : middle ? 126 : Number(told));
  if (long) head.writeBigUInt64BE(BigInt.asUintN(64, told), 2);
  else if (middle) head.writeUInt16BE(Number(told), 2);
  if (!shape.masked) return Buffer.concat([head, payload]);
  const mask = Buffer.of(1, 2, 3, 4);
  const body = Buffer.from(payload);
  for (let at = 0; at < body.length; at++) body[at] = (body[at] as number) ^ (mask[at % 4] as number);
  return Buffer.concat([head, mask, body]);
}

export interface HeardFrame {
  opcode: number;
  payload: Buffer;
}

/** Reads the frames of an end that keeps the rules and does not fragment, masked or not. */
export class FrameReader {
  #buffer: Buffer = Buffer.alloc(0);

  /** Whole frames so far. */
  push(bytes: Buffer): HeardFrame[] {
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
    const frames: HeardFrame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): HeardFrame | undefined {
    const buffer = this.#buffer;
    if (buffer.length < 2) return undefined;
    const short = (buffer[1] as number) & 127;
    const head = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (buffer.length < head) return undefined;
    const length = short === 127 ? Number(buffer.readBigUInt64BE(2)) : short === 126 ? buffer.readUInt16BE(2) : short;
    const masked = ((buffer[1] as number) & 0x80) !== 0;
    const start = head + (masked ? 4 : 0);
    if (buffer.length < start + length) return undefined;
    const payload = Buffer.from(buffer.subarray(start, start + length));
    if (masked) for (let at = 0; at < length; at++) payload[at] = (payload[at] as number) ^ (buffer[head + (at % 4)] as number);
    this.#buffer = buffer.subarray(start + length);
    return { opcode: (buffer[0] as number) & 15, payload };
  }
}

/** The client's half of the opening handshake. */
export function upgradeRequest(told: { path: string; host: string; token: string }): string {
  return [
    `GET ${told.path} HTTP/1.1`,
    `Host: ${told.host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: fuser.v1",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    `Authorization: Bearer ${told.token}`,
    "\r\n",
  ].join("\r\n");
}

/** The server's half, in answer to a client's request. */
export function upgradeAnswer(request: string): string {
  const key = /^sec-websocket-key: *(\S+)/im.exec(request)?.[1] ?? "";
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  return [
    "HTTP/1.1 101 Switching Protocols",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Protocol: fuser.v1",
    `Sec-WebSocket-Accept: ${accept}`,
    "\r\n",
  ].join("\r\n");
}

/** Resolves with what was read up to the empty line that ends HTTP's head, and what came behind it. */
export function readHead(socket: Socket): Promise<{ head: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let gathered: Buffer = Buffer.alloc(0);
    const end = (settle: () => void): void => {
      socket.off("data", onData).off("error", onEnd).off("close", onEnd);
      settle();
    };
    const onEnd = (): void => end(() => reject(new Error(`The socket ended within HTTP's head: ${gathered.toString()}`)));
    const onData = (bytes: Buffer): void => {
      gathered = Buffer.concat([gathered, bytes]);
      const at = gathered.indexOf("\r\n\r\n");
      if (at >= 0) end(() => resolve({ head: gathered.subarray(0, at).toString(), rest: gathered.subarray(at + 4) }));
    };
    socket.on("data", onData).on("error", onEnd).on("close", onEnd);
  });
}
