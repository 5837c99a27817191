/**
 * The network between agent and portal. A connection is two ordered streams, as TCP makes them: what arrives, arrives in order and once. It may be slow, break on
 * both ends or on one only, and what is still on its way when its sender dies arrives all the same.
 */
import { EventEmitter } from "node:events";
import { FuserError } from "../../../base/errors.ts";
import type { Chance } from "./chance.ts";
import type { Process, SimulatedTime } from "./time.ts";

const states = { open: 1, closing: 2, closed: 3 } as const;

/** What of a `ws` socket the agent's link and the portal's link use. */
export class SimulatedSocket extends EventEmitter {
  readonly OPEN = states.open;
  readyState: number = states.open;
  readonly owner: Process;
  readonly #connection: Connection;
  readonly #side: Side;
  #paused = false;
  /** What has arrived and was not read yet. */
  readonly #unread: Packet[] = [];

  constructor(owner: Process, connection: Connection, side: Side) {
    super();
    this.owner = owner;
    this.#connection = connection;
    this.#side = side;
  }

  get bufferedAmount(): number {
    return this.#connection.bufferedBytes(this.#side);
  }

  send(data: string | Uint8Array, ...rest: unknown[]): void {
    const flushed = rest.find((argument) => typeof argument === "function") as ((error?: Error) => void) | undefined;
    if (!this.owner.alive || this.readyState !== states.open) return;
    this.#connection.carry(this.#side, { kind: "message", data }, flushed);
  }

  ping(): void {
    if (this.owner.alive && this.readyState === states.open) this.#connection.carry(this.#side, { kind: "ping" });
  }

  close(code: number, reason: string): void {
    if (!this.owner.alive || this.readyState !== states.open) return;
    this.readyState = states.closing;
    this.#connection.carry(this.#side, { kind: "close", code, reason });
  }

  terminate(): void {
    if (this.readyState === states.closed) return;
    this.#connection.abandon(this.#side);
    this.ended(1006, "");
  }

  /** Nothing is read until `resume`; what arrives meanwhile stays in its order. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.owner.clock.after(0, () => {
      while (!this.#paused) {
        const packet = this.#unread.shift();
        if (packet === undefined) return;
        this.#read(packet);
      }
    });
  }

  /** What arrives; nothing reaches a dead process. */
  take(packet: Packet): void {
    if (this.#paused || this.#unread.length > 0) this.#unread.push(packet);
    else this.#read(packet);
  }

  #read(packet: Packet): void {
    if (!this.owner.alive || this.readyState === states.closed) return;
    switch (packet.kind) {
      case "message": {
        const isBinary = typeof packet.data !== "string";
        this.emit("message", Buffer.from(packet.data as string), isBinary);
        return;
      }
      case "ping":
        this.#connection.carry(this.#side, { kind: "pong" });
        this.emit("ping");
        return;
      case "pong":
        this.emit("pong");
        return;
      case "close": {
        if (this.readyState === states.open) this.#connection.carry(this.#side, packet);
        this.ended(packet.code, packet.reason);
        return;
      }
      case "reset":
        this.ended(1006, "");
        return;
    }
  }

  ended(code: number, reason: string): void {
    if (this.readyState === states.closed) return;
    this.readyState = states.closed;
    if (this.owner.alive) this.owner.clock.after(0, () => this.emit("close", code, Buffer.from(reason)));
  }
}

export type Side = "agent" | "portal";

type Packet =
  | { kind: "message"; data: string | Uint8Array }
  | { kind: "ping" | "pong" | "reset" }
  | { kind: "close"; code: number; reason: string };

interface Stream {
  /** No packet arrives before the one ahead of it. */
  lastAt: number;
  /** What is sent from now on is swallowed. */
  dead: boolean;
  waitingBytes: number;
}

const otherSide = (side: Side): Side => (side === "agent" ? "portal" : "agent");

export class Connection {
  readonly sockets: Readonly<Record<Side, SimulatedSocket>>;
  readonly #network: Network;
  readonly #streams: Record<Side, Stream>;

  constructor(network: Network, ends: Record<Side, Process>) {
    this.#network = network;
    const stream = (): Stream => ({ lastAt: 0, dead: false, waitingBytes: 0 });
    this.#streams = { agent: stream(), portal: stream() };
    this.sockets = {
      agent: new SimulatedSocket(ends.agent, this, "agent"),
      portal: new SimulatedSocket(ends.portal, this, "portal"),
    };
    for (const side of ["agent", "portal"] as const) {
      // The kernel of a killed process resets its connections; that of a machine without power says nothing.
      ends[side].onKill(() => {
        if (this.sockets[side].readyState !== states.closed) this.abandon(side);
      });
    }
  }

  get open(): boolean {
    return this.sockets.agent.readyState !== states.closed || this.sockets.portal.readyState !== states.closed;
  }

  bufferedBytes(side: Side): number {
    return this.#streams[side].waitingBytes;
  }

  carry(from: Side, packet: Packet, flushed?: (error?: Error) => void): void {
    const { time, tap } = this.#network;
    const stream = this.#streams[from];
    if (packet.kind === "message") tap?.({ from, data: packet.data, connection: this });
    const bytes = packet.kind === "message" ? packet.data.length : 0;
    const delayMs = this.#network.delayMs();
    // A slow line holds bytes back; a quick one has taken them at once.
    const waits = delayMs > 1_000 ? bytes : 0;
    stream.waitingBytes += waits;
    stream.lastAt = Math.max(stream.lastAt, time.now + delayMs);
    if (flushed !== undefined) {
      const sender = this.sockets[from].owner;
      sender.clock.after(waits > 0 ? delayMs : 0, () => flushed());
    }
    time.after(stream.lastAt - time.now, () => {
      stream.waitingBytes -= waits;
      const receiver = this.sockets[otherSide(from)];
      if (!stream.dead) receiver.owner.perform(() => receiver.take(packet));
    });
  }

  /** This side is gone; the other one is told unless the way there is dead. */
  abandon(side: Side): void {
    this.carry(side, { kind: "reset" });
  }

  /** Both ends see it break; what is on its way is lost. */
  cut(): void {
    for (const side of ["agent", "portal"] as const) {
      this.#streams[side].dead = true;
      this.sockets[side].ended(1006, "");
    }
  }

  /** One side sees it break at once; what that side had sent is still on its way. */
  breakFor(side: Side): void {
    this.#streams[otherSide(side)].dead = true;
    this.sockets[side].ended(1006, "");
  }

  /** Nothing from this side arrives any more, and nobody is told. */
  deafen(from: Side): void {
    this.#streams[from].dead = true;
  }
}

export interface Tapped {
  connection: Connection;
  from: Side;
  data: string | Uint8Array;
}

export class Network {
  readonly time: SimulatedTime;
  readonly connections = new Set<Connection>();
  readonly #chance: Chance;
  /** No packet passes between the machines and no connection comes about until then. */
  partitionedUntil = 0;
  slowUntil = 0;
  /** Sees every frame as it is sent. */
  tap: ((frame: Tapped) => void) | undefined;

  constructor(time: SimulatedTime, chance: Chance) {
    this.time = time;
    this.#chance = chance;
  }

  delayMs(): number {
    const usual = 1 + this.#chance.next() ** 4 * 120;
    return this.time.now < this.slowUntil ? usual + this.#chance.between(200, 4_000) : usual;
  }

  partition(ms: number): void {
    this.partitionedUntil = Math.max(this.partitionedUntil, this.time.now + ms);
    for (const connection of this.connections) {
      connection.deafen("agent");
      connection.deafen("portal");
    }
  }

  /**
   * Opens a connection from an agent's process to whatever portal answers.
   * @throws FuserError transient `portal-unreachable`
   */
  async connect(
    agent: Process,
    portal: () => { process: Process; accept(socket: SimulatedSocket): void } | undefined,
    signal: AbortSignal,
  ) {
    await agent.clock.sleep(this.delayMs() * 2, signal);
    if (this.time.now < this.partitionedUntil) {
      await agent.clock.sleep(20_000, signal);
      throw unreachable("It does not answer");
    }
    const there = portal();
    if (there === undefined || !there.process.alive) throw unreachable("It refuses the connection");
    const connection = new Connection(this, { agent, portal: there.process });
    for (const old of this.connections) if (!old.open) this.connections.delete(old);
    this.connections.add(connection);
    there.accept(connection.sockets.portal);
    return connection.sockets.agent;
  }
}

function unreachable(why: string): FuserError {
  return new FuserError("transient", `The portal can't be reached: ${why}`, {
    code: "portal-unreachable",
    operation: "connect to the portal",
    hint: "It is tried again.",
  });
}
