/** One end of a link, by hand: writes whatever it is told to and keeps what it hears. The other end is the product. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { zstdDecompressSync } from "node:zlib";
import { fitsMessage, type Message, type Side } from "./documents.ts";
import { patienceMs } from "./limits.ts";
import { bytesOf, type RawStep } from "./raw-steps.ts";
import { Broken } from "./target.ts";
import { FrameReader, frameBytes, opcode } from "./wire.ts";

const largestHeard = 64 * 1_048_576;

export class RawLink {
  readonly heard: Message[] = [];
  /** Code of the close frame that was heard; 1006 where the socket just ended. Undefined while it is open. */
  closedWith: number | undefined;
  readonly #socket: Socket;
  readonly #from: Side;
  readonly #masked: boolean;
  readonly #reader = new FrameReader();
  readonly #waiters = new Set<() => void>();
  #closeHeard: number | undefined;
  #fault: Broken | undefined;

  /** `from`: which side the product is, whose messages are heard here. */
  constructor(socket: Socket, from: Side, rest: Buffer) {
    this.#socket = socket;
    this.#from = from;
    // Only a client masks.
    this.#masked = from === "fromPortal";
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closedWith = this.#closeHeard ?? 1006;
      this.#wake();
    });
    if (rest.length > 0) this.#read(rest);
  }

  get open(): boolean {
    return this.closedWith === undefined && this.#closeHeard === undefined;
  }

  do(step: RawStep): void {
    if (this.open && this.#socket.writable) this.#socket.write(bytesOf(step, this.#masked));
  }

  /** The first message heard from number `after` on that `wanted` takes; undefined when the link ended before it came. */
  async next(wanted: (message: Message) => boolean, after = 0): Promise<Message | undefined> {
    let found: Message | undefined;
    await this.#until("an answer comes or the link ends, in bounded time", () => {
      found = this.heard.slice(after).find(wanted);
      return found !== undefined || this.closedWith !== undefined;
    });
    return found;
  }

  /** Waits for the end that the other side must make. */
  async ended(): Promise<number> {
    await this.#until("a refused link ends in bounded time", () => this.closedWith !== undefined);
    return this.closedWith as number;
  }

  /** Says no more; the other side may finish what it was told. */
  async finish(): Promise<void> {
    if (this.#socket.writable) this.#socket.end();
    await this.ended();
  }

  /** Cuts it. */
  async cut(): Promise<void> {
    this.#socket.destroy();
    if (this.closedWith === undefined && !this.#socket.closed) await once(this.#socket, "close");
  }

  async #until(promise: string, reached: () => boolean): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault;
    if (reached()) return;
    const waiting = Promise.withResolvers<void>();
    const look = (): void => {
      if (this.#fault !== undefined) waiting.reject(this.#fault);
      else if (reached()) waiting.resolve();
    };
    const timer = setTimeout(() => waiting.reject(new Broken(promise, `nothing within ${patienceMs} ms`)), patienceMs);
    this.#waiters.add(look);
    try {
      await waiting.promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(look);
    }
  }

  #wake(): void {
    for (const look of [...this.#waiters]) look();
  }

  #read(bytes: Buffer): void {
    for (const { opcode: code, payload } of this.#reader.push(bytes)) {
      if (code === opcode.close) this.#answerClose(payload);
      else if (code === opcode.ping) this.do({ send: "pong", hex: payload.toString("hex") });
      else if (code === opcode.text || code === opcode.binary) this.#take(payload, code === opcode.binary);
    }
    this.#wake();
  }

  #answerClose(payload: Buffer): void {
    this.#closeHeard = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    if (payload.length > 125 || !isUtf8(payload.subarray(2)))
      this.#blame("a close frame keeps the rules of WebSocket", payload.toString("hex"));
    const answer = { opcode: opcode.close, fin: true, reserved: 0, masked: this.#masked };
    if (this.#socket.writable) this.#socket.end(frameBytes(payload.subarray(0, 2), answer));
  }

  #take(payload: Buffer, binary: boolean): void {
    try {
      const text = binary ? zstdDecompressSync(payload.subarray(1), { maxOutputLength: largestHeard }) : payload;
      const message = JSON.parse(text.toString()) as Message;
      if (fitsMessage(this.#from, message)) this.heard.push(message);
      else this.#blame("the product says only what the documents allow", text.toString().slice(0, 2_000));
    } catch (error) {
      this.#blame("the product's frames can be read", `${(error as Error).message}: ${payload.toString("hex").slice(0, 500)}`);
    }
  }

  #blame(promise: string, seen: string): void {
    this.#fault ??= new Broken(promise, seen);
  }
}

function isUtf8(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString("utf8")).equals(bytes);
}
