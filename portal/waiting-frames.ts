/**
 * Frames of one socket that wait for their turn, as they came: each is unpacked only when it is the first. What one that sends too fast has beyond half a
 * megabyte stays in the network, so that no link takes more memory than that.
 */
import type { WebSocket } from "ws";

/** Bytes that may wait here. */
const mostBytes = 512 * 1_024;
/** What a frame that waits costs beside its bytes. */
const frameBytes = 256;

interface Waiting {
  data: Buffer;
  isBinary: boolean;
}

export class WaitingFrames {
  readonly #socket: Pick<WebSocket, "pause" | "resume">;
  #frames: Waiting[] = [];
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

  /** The first frame, a text frame as string, and its size on the wire. */
  shift(): { raw: string | Uint8Array; bytes: number } | undefined {
    const next = this.#frames.shift();
    if (next === undefined) return undefined;
    const { data, isBinary } = next;
    this.#bytes -= data.length + frameBytes;
    if (this.#paused && this.#bytes < mostBytes / 2) {
      this.#paused = false;
      this.#socket.resume();
    }
    return { raw: isBinary ? data : data.toString("utf8"), bytes: data.length };
  }

  clear(): void {
    this.#frames = [];
  }
}
