import type { Writable } from "node:stream";

/** Kinds of packets ([MS-TDS] 2.2.3.1.1). */
export const packetType = { batch: 1, rpc: 3, response: 4, attention: 6, login: 16, sspi: 17, prelogin: 18 } as const;

export const packetSize = 4_096;
const headerSize = 8;

/** Puts the packets of a stream together to messages. */
export function messagesOf(onMessage: (type: number, body: Buffer) => void): (chunk: Buffer) => void {
  let left: Buffer = Buffer.alloc(0);
  let parts: Buffer[] = [];
  return (chunk) => {
    left = Buffer.concat([left, chunk]);
    while (left.length >= headerSize) {
      const length = left.readUInt16BE(2);
      if (left.length < length) return;
      const type = left.readUInt8(0);
      const isLast = (left.readUInt8(1) & 1) === 1;
      parts.push(Buffer.from(left.subarray(headerSize, length)));
      left = left.subarray(length);
      if (!isLast) continue;
      const body = Buffer.concat(parts);
      parts = [];
      onMessage(type, body);
    }
  };
}

/** One message in packets; what does not fill one waits for more until `end`. */
export class PacketWriter {
  readonly #to: Writable;
  readonly #type: number;
  #waiting: Buffer = Buffer.alloc(0);
  #number = 1;

  constructor(to: Writable, type: number = packetType.response) {
    this.#to = to;
    this.#type = type;
  }

  /** Writes what fills packets. Answers when the other side has room for more. */
  async write(bytes: Buffer): Promise<void> {
    this.#waiting = Buffer.concat([this.#waiting, bytes]);
    let hasRoom = true;
    while (this.#waiting.length > packetSize - headerSize) {
      hasRoom = this.#packet(this.#waiting.subarray(0, packetSize - headerSize), false);
      this.#waiting = this.#waiting.subarray(packetSize - headerSize);
    }
    if (hasRoom || this.#to.destroyed) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.#to.removeListener("drain", go);
        this.#to.removeListener("close", go);
        resolve();
      };
      this.#to.on("drain", go);
      this.#to.on("close", go);
    });
  }

  end(): void {
    this.#packet(this.#waiting, true);
  }

  #packet(body: Buffer, isLast: boolean): boolean {
    const header = Buffer.alloc(headerSize);
    header.writeUInt8(this.#type, 0);
    header.writeUInt8(isLast ? 1 : 0, 1);
    header.writeUInt16BE(body.length + headerSize, 2);
    header.writeUInt8(this.#number++ & 0xff, 6);
    return this.#to.write(Buffer.concat([header, body]));
  }
}
