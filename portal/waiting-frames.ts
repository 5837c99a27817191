/**
 * Frames of one socket that wait for their turn, as they came: each is unpacked only when it is the first. What one that sends too fast has beyond half a
 * megabyte stays in the network, so that no link takes more memory than that.
 */
import type { WebSocket } from "ws";
import type { RawFrame } from "../protocol/frames.ts";

/** Bytes that may wait here. */
const mostBytes = 512 * 1_024;
/** What a frame that waits costs beside its bytes. */
const frameBytes = 256;

const mostTaken = 100;
/** Stands where a frame was, so that its bytes are free. */
const taken: RawFrame = { data: new Uint8Array(), isBinary: false };

export class WaitingFrames {
  readonly #socket: Pick<WebSocket, "pause" | "resume">;
  #frames: RawFrame[] = [];
  /** Index of the first that waits. Those before it were taken: they are removed together, for to remove each costs more than all else here. */
  #first = 0;
  #bytes = 0;
  #paused = false;

  constructor(socket: Pick<WebSocket, "pause" | "resume">) {
    this.#socket = socket;
  }

  /** True while nothing is read from the socket. */
  get paused(): boolean {
    return this.#paused;
  }

  push(data: Buffer, isBinary: boolean): void {
    this.#frames.push({ data, isBinary });
    this.#bytes += data.length + frameBytes;
    if (this.#paused || this.#bytes <= mostBytes) return;
    this.#paused = true;
    this.#socket.pause();
  }

  /** The first frame. */
  shift(): RawFrame | undefined {
    const next = this.#frames[this.#first];
    if (next === undefined) return undefined;
    this.#frames[this.#first] = taken;
    this.#first += 1;
    if (this.#first === mostTaken) this.#frames.splice(0, mostTaken);
    this.#first %= mostTaken;
    this.#bytes -= next.data.length + frameBytes;
    if (this.#paused && this.#bytes < mostBytes / 2) {
      this.#paused = false;
      this.#socket.resume();
    }
    return next;
  }

  clear(): void {
    this.#frames = [];
    this.#first = 0;
  }
}
