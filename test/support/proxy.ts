/**
 * A network between two programs, to be spoilt by fault tests: a TCP proxy on loopback that works on bytes. It passes them, holds them back, slows
 * them down, cuts connections, leaves them half-open, refuses new ones, and lets a test tamper with what goes by. Nothing here is random by itself.
 */
import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./servers.ts";

/** `up`: from the side that connects. `down`: to it. */
export type Way = "up" | "down";
/** How a connection ends: a reset, or an orderly end in the middle of what was being said. */
export type Cut = "rst" | "fin";

/** One connection through the proxy. */
export interface Line {
  /** Ends it on both sides. */
  cut(how: Cut): void;
  /** From now on nothing of it arrives any more, on these ways or on both, and neither side learns of that: half-open, for good. */
  freeze(...ways: Way[]): void;
}

/** Sees bytes as they come, before they are passed on, and returns what is passed on in their place. What it waits for, they wait for. */
export type Tamper = (bytes: Buffer, line: Line) => Buffer | Promise<Buffer>;

export interface Pace {
  /** Each portion of bytes comes later by this, ms. */
  delayMs?: number;
  bytesPerSecond?: number;
}

export interface TcpProxy extends AsyncDisposable {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** All is well again: what was stalled flows, new connections are let in, nothing is tampered with or slow. Frozen lines stay dead. */
  heal(): Promise<void>;
  /** Nothing flows this way any more, now and on new connections; connections stay. */
  stall(...ways: Way[]): void;
  /** The connections open now are dead for good, as when a firewall forgot them. New ones pass. */
  freeze(): void;
  cut(how: Cut): void;
  /** New connections are refused, and open ones reset. */
  refuse(): Promise<void>;
  slow(pace: Pace): void;
  tamper(way: Way, tamper: Tamper | undefined): void;
}

const ways: readonly Way[] = ["up", "down"];

/** Opens a proxy to a port of this machine. */
export async function openProxy(target: { port: number }): Promise<TcpProxy> {
  const port = await freePort();
  const lines = new Set<ProxyLine>();
  const road: Road = {
    gates: { up: new Gate(), down: new Gate() },
    tampers: { up: undefined, down: undefined },
    pace: {},
  };
  let accepted = 0;
  let server: Server | undefined;
  const listen = async (): Promise<void> => {
    server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      accepted += 1;
      const far = createConnection({ host: "127.0.0.1", port: target.port, allowHalfOpen: true, noDelay: true });
      const line = new ProxyLine(near, far, road);
      lines.add(line);
      void line.run().finally(() => lines.delete(line));
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const close = async (how: Cut): Promise<void> => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    const closed = once(closing, "close");
    closing.close();
    for (const line of lines) line.cut(how);
    await closed;
  };
  await listen();
  return {
    port,
    get accepted() {
      return accepted;
    },
    async heal() {
      road.pace = {};
      for (const way of ways) {
        road.tampers[way] = undefined;
        road.gates[way].open();
      }
      if (server === undefined) await listen();
    },
    stall(...stalled) {
      for (const way of stalled) road.gates[way].shut();
    },
    freeze() {
      for (const line of lines) line.freeze();
    },
    cut(how) {
      for (const line of lines) line.cut(how);
    },
    refuse: () => close("rst"),
    slow(pace) {
      road.pace = pace;
    },
    tamper(way, tamper) {
      road.tampers[way] = tamper;
    },
    async [Symbol.asyncDispose]() {
      await close("rst");
    },
  };
}

/** What holds for all lines of a proxy. */
interface Road {
  gates: Record<Way, Gate>;
  tampers: Record<Way, Tamper | undefined>;
  pace: Pace;
}

/** Bytes wait before it while it is shut. */
class Gate {
  #shut: PromiseWithResolvers<void> | undefined;

  get passed(): Promise<void> | undefined {
    return this.#shut?.promise;
  }

  shut(): void {
    this.#shut ??= Promise.withResolvers();
  }

  open(): void {
    this.#shut?.resolve();
    this.#shut = undefined;
  }
}

class ProxyLine implements Line {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #road: Road;
  readonly #own = { up: new Gate(), down: new Gate() };
  readonly #over = Promise.withResolvers<void>();
  #ended = false;

  constructor(near: Socket, far: Socket, road: Road) {
    this.#near = near;
    this.#far = far;
    this.#road = road;
  }

  /** Resolves when both sides are closed. */
  async run(): Promise<void> {
    const closed = [this.#near, this.#far].map((socket) => {
      // A side that was reset resets the other, unless nothing of it is let through.
      socket.on("error", () => undefined);
      return once(socket, "close").catch(() => undefined);
    });
    await Promise.all([this.#carry("up", this.#near, this.#far), this.#carry("down", this.#far, this.#near), ...closed]);
  }

  cut(how: Cut): void {
    this.#ended = true;
    this.#over.resolve();
    for (const socket of [this.#near, this.#far]) {
      if (how === "rst") reset(socket);
      else socket.destroySoon();
    }
  }

  freeze(...frozen: Way[]): void {
    for (const way of frozen.length > 0 ? frozen : ways) this.#own[way].shut();
  }

  async #carry(way: Way, from: Socket, to: Socket): Promise<void> {
    try {
      // Its end closes one way only.
      for await (const bytes of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        await this.#passage(way);
        const passed = await this.#tampered(way, bytes);
        await this.#slowly(passed.length);
        await this.#passage(way);
        if (this.#ended) return;
        if (!to.write(passed)) await Promise.race([once(to, "drain"), once(to, "close"), this.#over.promise]);
      }
      await this.#passage(way);
      to.end();
    } catch {
      await this.#passage(way);
      if (!this.#ended) this.cut("rst");
    }
  }

  async #tampered(way: Way, bytes: Buffer): Promise<Buffer> {
    const tamper = this.#road.tampers[way];
    return tamper === undefined ? bytes : await tamper(bytes, this);
  }

  /** Waits until this line's bytes may go on, or until it is cut. */
  async #passage(way: Way): Promise<void> {
    for (;;) {
      const wait = this.#own[way].passed ?? this.#road.gates[way].passed;
      if (wait === undefined || this.#ended) return;
      await Promise.race([wait, this.#over.promise]);
    }
  }

  async #slowly(bytes: number): Promise<void> {
    const { delayMs = 0, bytesPerSecond } = this.#road.pace;
    const ms = delayMs + (bytesPerSecond === undefined ? 0 : (bytes / bytesPerSecond) * 1_000);
    if (ms <= 0) return;
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([waited, this.#over.promise]);
    clearTimeout(timer);
  }
}

/**
 * Resets a connection, also one whose orderly end is just being sent. Node 26 gives such a socket up without closing it (libuv: EINVAL while a shutdown is
 * pending; `close` never comes and the descriptor stays for good), so the end goes first.
 */
export function reset(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (isEnding) socket.once("finish", () => socket.resetAndDestroy());
  else socket.resetAndDestroy();
}

/** Acts at the first bytes that hold `text` (`\x03COMMIT` is a statement of MySQL's protocol that begins so), whatever line they are on, and passes all others: statements and frames of a few KB come in one piece. */
export function atFirst(text: string, act: Tamper): { tamper: Tamper; seen: Promise<void> } {
  const seen = Promise.withResolvers<void>();
  let done = false;
  const tamper: Tamper = (bytes, line) => {
    if (done || !bytes.includes(text)) return bytes;
    done = true;
    seen.resolve();
    return act(bytes, line);
  };
  return { tamper, seen: seen.promise };
}

/** Cuts a connection after so many bytes of it have passed, in the middle of whatever is being said. */
export function cutAfter(bytes: number, how: Cut): Tamper {
  let left = bytes;
  return (portion, line) => {
    left -= portion.length;
    if (left >= 0) return portion;
    const rest = portion.subarray(0, Math.max(0, portion.length + left));
    left = Number.POSITIVE_INFINITY;
    // What still passes is written before the end.
    setImmediate(() => line.cut(how));
    return rest;
  };
}
