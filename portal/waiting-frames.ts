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

export class WaitingFrames {
  readonly #socket: Pick<WebSocket, "pause" | "resume">;
  #frames: RawFrame[] = [];
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
    const next = this.#frames.shift();
    if (next === undefined) return undefined;
    this.#bytes -= next.data.length + frameBytes;
    if (this.#paused && this.#bytes < mostBytes / 2) {
      this.#paused = false;
      this.#socket.resume();
    }
    return next;
  }

  clear(): void {
    this.#frames = [];
  }
}
