import type pg from "pg";
import { FuserError } from "../../base/errors.ts";
import type { FeedServer } from "./feed-server.ts";
import { answered, endSession, inside } from "./feed-session.ts";

const operation = "read the feed of the ERP's database";
/** More waits in the socket, and then with the server. One message can be as long as a row. */
const mostWaitingBytes = 512 * 1024;
/** Longest time between two words of ours, and how often a position that was confirmed since is told. */
const statusMs = 10_000;
const confirmMs = 1_000;
/** How long nobody takes what waits before the server is asked whether it still serves others. */
const standstillMs = 5_000;
/**
 * Silence of a server that was asked for an answer: the connection is dead. While it decodes a large transaction it answers late, and it allows us a minute
 * itself (wal_sender_timeout); whoever gave up sooner would begin the same transaction again and again.
 */
const silenceMs = 9 * statusMs;

/** Behind the kind's byte: where its log stands, or the message. */
export type Heard = { kind: "message"; bytes: Buffer } | { kind: "standing"; lsn: bigint; asked: boolean };

/**
 * One logical replication from a slot (postgresql.org, "Streaming Replication Protocol"). What arrives waits in a short queue; while nobody takes from it the
 * socket is paused, and the server still hears that we live.
 */
export class FeedStream implements AsyncDisposable {
  readonly #server: FeedServer;
  readonly client: pg.Client;
  readonly #waiting: Heard[] = [];
  #waitingBytes = 0;
  #paused = false;
  #failure: unknown;
  #wake: (() => void) | undefined;
  #received = 0n;
  #confirmed: bigint;
  #told: bigint;
  #lastTold: number;
  #lastHeard: number;
  #lastTaken: number;
  #statusMs = statusMs;
  #cancelTimer: () => void = () => {};
  #closed = false;

  constructor(server: FeedServer, client: pg.Client, from: bigint) {
    this.#server = server;
    this.client = client;
    this.#confirmed = from;
    this.#told = from;
    const now = server.context.clock.monotonic();
    this.#lastTold = now;
    this.#lastHeard = now;
    this.#lastTaken = now;
  }

  /**
   * Starts it behind the confirmed position.
   * @param text START_REPLICATION …
   * @param timeoutMs after which the server gives us up; 0 for never
   * @throws the driver's error; FuserError transient where no answer comes; the signal's reason
   */
  async start(text: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (timeoutMs > 0) this.#statusMs = Math.max(100, Math.min(statusMs, timeoutMs / 3));
    const { connection } = inside(this.client);
    connection.on("copyData", ({ chunk }: { chunk: Buffer }) => this.#hear(chunk));
    const started = new Promise<void>((resolve) => connection.once("replicationStart", () => resolve()));
    const ended = this.client.query(text).then(
      () => this.#fail(broken("The server ended the replication")),
      (error: unknown) => this.#fail(error),
    );
    await answered(this.#server, { client: this.client, answer: Promise.race([started, ended]) }, signal);
    if (this.#failure !== undefined) throw this.#failure;
    this.#tick();
  }

  /** What was heard next; undefined where nothing waits. @throws the driver's error once the connection broke, behind what came before */
  take(): Heard | undefined {
    this.#lastTaken = this.#server.context.clock.monotonic();
    const heard = this.#waiting.shift();
    if (heard === undefined) {
      if (this.#failure !== undefined) throw this.#failure;
      return undefined;
    }
    if (heard.kind === "message") this.#waitingBytes -= heard.bytes.length;
    if (this.#paused && this.#waitingBytes < mostWaitingBytes / 2) {
      this.#paused = false;
      inside(this.client).connection.stream.resume();
    }
    return heard;
  }

  /** Resolves when something waits, after `ms`, or when the connection broke. @throws the signal's reason */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiting.length > 0 || this.#failure !== undefined) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener("abort", done);
        this.#wake = undefined;
        resolve();
      };
      const cancel = this.#server.context.clock.after(ms, done);
      signal.addEventListener("abort", done, { once: true });
      this.#wake = done;
    });
    signal.throwIfAborted();
  }

  /** The position is stored: the server need not keep what is before it. */
  confirm(lsn: bigint): void {
    if (lsn > this.#confirmed) this.#confirmed = lsn;
  }

  #hear(chunk: Buffer): void {
    const now = this.#server.context.clock.monotonic();
    this.#lastHeard = now;
    if (chunk[0] === 0x6b) {
      const lsn = chunk.readBigUInt64BE(1);
      const asked = chunk[17] === 1;
      if (lsn > this.#received) this.#received = lsn;
      const last = this.#waiting.at(-1);
      // Many of them in a row say no more than the last.
      if (last?.kind === "standing") this.#waiting[this.#waiting.length - 1] = { ...last, lsn, asked: asked || last.asked };
      else this.#waiting.push({ kind: "standing", lsn, asked });
      // A server that shuts down asks without pause.
      if (asked && now - this.#lastTold >= 100) this.#tell(false);
    } else if (chunk[0] === 0x77) {
      // The chunk lies in a buffer that is used again.
      const bytes = Buffer.from(chunk.subarray(25));
      this.#waiting.push({ kind: "message", bytes });
      this.#waitingBytes += bytes.length;
      if (!this.#paused && this.#waitingBytes > mostWaitingBytes) {
        this.#paused = true;
        inside(this.client).connection.stream.pause();
      }
    }
    this.#wake?.();
  }

  /** Tells what is confirmed, now and then, and that we live. */
  #tick(): void {
    if (this.#closed) return;
    const { clock } = this.#server.context;
    const now = clock.monotonic();
    // What nobody reads is no silence.
    if (this.#paused) this.#lastHeard = now;
    if (now - this.#lastHeard > silenceMs) return this.#fail(broken("The server says nothing any more"));
    if (now - this.#lastTold >= this.#statusMs) this.#tell(true);
    else if (this.#confirmed > this.#told && now - this.#lastTold >= confirmMs) this.#tell(false);
    if (now - this.#lastTaken > standstillMs) this.#ask();
    this.#cancelTimer = clock.after(Math.min(confirmMs, this.#statusMs), () => this.#tick());
  }

  /** A server that shuts down waits for us to confirm what we can't while nobody takes it: then we go. Its other sessions are refused. */
  #ask(): void {
    this.#lastTaken = this.#server.context.clock.monotonic();
    this.#server.ask("SELECT 1 AS here", operation, AbortSignal.timeout(statusMs)).catch(() => {
      if (!this.#closed) this.#fail(broken("The server can't be asked any more"));
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#cancelTimer();
    if (!this.#closed) inside(this.client).connection.stream.destroy();
    this.#wake?.();
  }

  /** Standby status update: received, stored, applied, time. @param ask for an answer */
  #tell(ask: boolean): void {
    const status = Buffer.alloc(34);
    status[0] = 0x72;
    const received = this.#received > this.#confirmed ? this.#received : this.#confirmed;
    for (const [index, lsn] of [received, this.#confirmed, this.#confirmed].entries())
      status.writeBigUInt64BE(lsn, 1 + 8 * index);
    status.writeBigUInt64BE((BigInt(this.#server.context.clock.now()) - 946_684_800_000n) * 1_000n, 25);
    status[33] = ask ? 1 : 0;
    inside(this.client).connection.sendCopyFromChunk(status);
    this.#told = this.#confirmed;
    this.#lastTold = this.#server.context.clock.monotonic();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    if (this.#failure === undefined && this.#confirmed > this.#told) this.#tell(false);
    this.#closed = true;
    this.#cancelTimer();
    await endSession(this.#server, this.client);
  }
}

function broken(what: string): FuserError {
  return new FuserError("transient", what, {
    code: "erp-connection-lost",
    operation,
    hint: "It is tried again by itself.",
  });
}
