/**
 * One WebSocket of one agent: handshake, heartbeats, and each message to the part that handles it. Nothing here outlives the socket; what must
 * survive is in the store before it is answered.
 */
import type { WebSocket } from "ws";
import { describeError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Clock } from "../base/time.ts";
import type { Digester } from "../protocol/digest.ts";
import { decodeFrame, encodeFrame, MalformedFrame } from "../protocol/frames.ts";
import {
  type AgentMessage,
  type Answer,
  agentMessage,
  closeCode,
  type Hello,
  type PortalMessage,
  type Start,
  type Welcome,
} from "../protocol/messages.ts";
import type { Agents } from "./agents.ts";
import type { Commands } from "./commands.ts";
import { createDispatch, type Dispatch } from "./dispatch.ts";
import type { Entities, Speaker } from "./entities.ts";
import type { Events } from "./events.ts";
import { welcomeFor } from "./handshake.ts";
import { type ArrivedChanges, createIntake, type Intake, type IntakeFault } from "./intake.ts";
import { answerInventory } from "./inventory.ts";
import type { Hooks, Limits } from "./settings.ts";
import type { Store } from "./store.ts";

/** What all links of a gateway share. */
export interface GatewayParts {
  store: Store;
  agents: Agents;
  entities: Entities;
  commands: Commands;
  events: Events;
  digester: Digester;
  clock: Clock;
  log: Log;
  limits: Limits;
  hooks: Hooks;
}

/** Frames of the largest size that may wait for an agent which does not read. */
const unreadFrames = 16;
/** How long the other end may take to close in answer, milliseconds. */
const closingMs = 2_000;

type State =
  | { at: "greeting" }
  /** `last`: what the store held when `welcome` was made, whatever a hook made it say. */
  | { at: "welcomed"; hello: Hello; welcome: Welcome; last: number | null }
  | { at: "open"; speaker: Speaker; intake: Intake; dispatch: Dispatch }
  | { at: "closed" };

interface Arrived {
  message: AgentMessage;
  bytes: number;
  /** Against the window. */
  counted: boolean;
}

export interface LinkOwner {
  /** This link is about to be welcomed: every other link of its agent must be closed before. */
  supersedeOthers(link: Link): void;
  answered(answer: Answer): void;
  closed(link: Link): void;
}

export class Link {
  readonly agentId: string;
  readonly #socket: WebSocket;
  readonly #parts: GatewayParts;
  readonly #owner: LinkOwner;
  #state: State = { at: "greeting" };
  #closedWith: { code: number; reason: string } | undefined;
  #arrived: Arrived[] = [];
  #heardAt: number;
  #cancelTurn: (() => void) | undefined;
  #cancelBeat: (() => void) | undefined;
  #cancelClosing: (() => void) | undefined;

  constructor(socket: WebSocket, agentId: string, parts: GatewayParts, owner: LinkOwner) {
    this.agentId = agentId;
    this.#socket = socket;
    this.#parts = parts;
    this.#owner = owner;
    this.#heardAt = parts.clock.monotonic();
    socket.on("message", (data, isBinary) => this.#receive(data as Buffer, isBinary));
    const heard = (): void => {
      this.#heardAt = parts.clock.monotonic();
    };
    socket.on("ping", heard);
    socket.on("pong", heard);
    socket.on("error", (error) => parts.log.debug("The link failed", { agent: agentId, error: error.message }));
    socket.on("close", (code, reason) => this.#ended(code, reason.toString()));
    this.#beatLater();
  }

  /** True once `start` was accepted. */
  get open(): boolean {
    return this.#state.at === "open";
  }

  send(message: PortalMessage): void {
    this.sendRaw(encodeFrame(message));
  }

  /** A frame as it is, well-formed or not. */
  sendRaw(frame: string | Uint8Array): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > unreadFrames * this.#parts.limits.maxFrameBytes) {
      this.close(closeCode.slowDown, "the agent does not read what it is sent");
      return;
    }
    this.#socket.send(frame);
  }

  /** Sends commands that wait; a link that is not open sends them once it is. */
  pump(): void {
    if (this.#state.at === "open") this.#state.dispatch.pump();
  }

  /** Closes with one of `closeCode`; what already arrived is not handled any more. */
  close(code: number, reason: string): void {
    if (this.#state.at === "closed") return;
    this.#leave();
    this.#closedWith = { code, reason };
    this.#socket.close(code, fittingReason(reason));
    this.#cancelClosing = this.#parts.clock.after(closingMs, () => this.#socket.terminate());
  }

  /** Cuts the link without a word. */
  terminate(): void {
    this.#leave();
    this.#socket.terminate();
  }

  #leave(): void {
    if (this.#state.at === "open") this.#state.intake.close();
    this.#state = { at: "closed" };
    this.#arrived = [];
    this.#cancelTurn?.();
    this.#cancelBeat?.();
  }

  #ended(code: number, reason: string): void {
    this.#leave();
    this.#cancelClosing?.();
    // Our own reason tells more than the other end's echo of it.
    this.#parts.events.emit({ kind: "disconnected", agentId: this.agentId, ...(this.#closedWith ?? { code, reason }) });
    this.#owner.closed(this);
  }

  #beatLater(): void {
    this.#cancelBeat = this.#parts.clock.after(this.#parts.limits.heartbeatSeconds * 1_000, () => this.#beat());
  }

  #beat(): void {
    const silentMs = this.#parts.clock.monotonic() - this.#heardAt;
    if (silentMs >= this.#parts.limits.heartbeatSeconds * 2_000) {
      this.close(closeCode.silence, "nothing heard for two heartbeats");
      return;
    }
    this.#socket.ping();
    this.#guarded(() => this.pump());
    if (this.#state.at !== "closed") this.#beatLater();
  }

  /** Reads and counts a frame at once; it is handled in the next turn, together with others that came meanwhile. */
  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#state.at === "closed") return;
    this.#heardAt = this.#parts.clock.monotonic();
    this.#guarded(() => {
      const frame = isBinary ? data : data.toString("utf8");
      const message = decodeFrame(frame, { maxBytes: this.#parts.limits.maxFrameBytes, schema: agentMessage });
      const wish = this.#parts.hooks.message?.(message, this.agentId);
      if (wish === "drop") {
        this.terminate();
        return;
      }
      if (wish === "ignore") return;
      const arrived: Arrived = { message, bytes: data.length, counted: false };
      if (!this.#count(arrived)) return;
      this.#arrived.push(arrived);
      this.#cancelTurn ??= this.#parts.clock.after(0, () => this.#turn());
    });
  }

  /** False when the frame breaks the window and the link was closed. What came before `start` was handled is counted later. */
  #count(arrived: Arrived): boolean {
    const { message, bytes } = arrived;
    if (arrived.counted || message.type !== "changes" || this.#state.at !== "open") return true;
    arrived.counted = true;
    const fault = this.#state.intake.arrive({ frame: message, bytes });
    if (fault !== undefined) this.#closeFor(fault);
    return fault === undefined;
  }

  #turn(): void {
    this.#cancelTurn = undefined;
    const arrived = this.#arrived;
    this.#arrived = [];
    this.#guarded(() => {
      let group: ArrivedChanges[] = [];
      for (const one of arrived) {
        const { message, bytes } = one;
        if (!this.#count(one)) return;
        if (message.type === "changes" && this.#state.at === "open") {
          group.push({ frame: message, bytes });
          continue;
        }
        if (!this.#commit(group)) return;
        group = [];
        this.#handle(message);
      }
      this.#commit(group);
    });
  }

  /** False when the link was closed. */
  #commit(group: readonly ArrivedChanges[]): boolean {
    if (group.length > 0 && this.#state.at === "open") {
      const fault = this.#state.intake.commit(group);
      if (fault !== undefined) this.#closeFor(fault);
    }
    return this.#state.at !== "closed";
  }

  #closeFor(fault: NonNullable<IntakeFault>): void {
    if (fault === "fenced") this.close(closeCode.superseded, "another connection of this agent took over");
    else if (fault === "gap") this.close(closeCode.malformed, "changes: a number is missing before `from`");
    else this.close(closeCode.malformed, "changes: more items or bytes than the window allows");
  }

  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (error instanceof MalformedFrame) {
        this.#parts.log.warn("Malformed frame", { agent: this.agentId, code: error.code, path: error.path });
        this.close(error.code === "too-large" ? closeCode.tooLarge : closeCode.malformed, `${error.code}: ${error.message}`);
        return;
      }
      this.#parts.log.error(`The link failed: ${describeError(error)}`, { agent: this.agentId, code: "portal-failed" });
      this.close(1011, "the portal failed; try again later");
    }
  }

  #handle(message: AgentMessage): void {
    const state = this.#state;
    switch (state.at) {
      case "greeting":
        if (message.type === "hello") {
          this.#greet(message);
          return;
        }
        break;
      case "welcomed":
        if (message.type === "start") {
          this.#start(state, message);
          return;
        }
        break;
      case "open":
        if (this.#serve(state, message)) return;
        break;
      case "closed":
        return;
    }
    if (message.type === "bye") {
      this.close(1000, "bye");
      return;
    }
    this.close(closeCode.malformed, `${message.type}: out of turn (${state.at})`);
  }

  #greet(hello: Hello): void {
    const { agents, limits, clock, events } = this.#parts;
    const agent = agents.get(this.agentId);
    if (agent === undefined || agent.revoked_at !== null) {
      this.close(closeCode.notAuthenticated, "revoked or unknown agent");
      return;
    }
    const greeting = welcomeFor({ agent, hello, limits, now: clock.now() });
    if ("refusal" in greeting) {
      this.close(greeting.refusal, greeting.reason);
      return;
    }
    // From here on no older link commits anything, so that `last` stays true until `start`.
    this.#owner.supersedeOthers(this);
    for (const note of greeting.notes) events.emit({ kind: "noted", agentId: this.agentId, ...note });
    const welcome = this.#parts.hooks.welcome?.(greeting.welcome) ?? greeting.welcome;
    this.#state = { at: "welcomed", hello, welcome, last: greeting.welcome.last };
    this.send(welcome);
  }

  #start(greeted: State & { at: "welcomed" }, start: Start): void {
    const { hello, welcome } = greeted;
    const { agents, entities, commands, clock, limits, hooks, events } = this.#parts;
    if (start.connection !== welcome.connection) {
      this.close(closeCode.malformed, "start: not the connection number of `welcome`");
      return;
    }
    if (start.epoch !== hello.epoch && start.renewed === undefined) {
      this.close(closeCode.malformed, "start: a new epoch must say why it begins");
      return;
    }
    if (!agents.start(this.agentId, { hello, start, last: greeted.last })) {
      this.#closeFor("fenced");
      return;
    }
    const speaker: Speaker = { agentId: this.agentId, epoch: start.epoch, connection: start.connection };
    const intake = createIntake({
      speaker,
      accepted: new Set(welcome.types),
      entities,
      clock,
      limits,
      hooks,
      sendAck: (ack) => this.send(ack),
      onCommitted: (applied, refused, last) => events.emit({ kind: "items", agentId: this.agentId, applied, refused, last }),
    });
    const dispatch = createDispatch({ speaker, commands, clock, limits, send: (message) => this.send(message) });
    this.#state = { at: "open", speaker, intake, dispatch };
    const { connection, epoch, renewed } = start;
    events.emit({ kind: "connected", agentId: this.agentId, connection, epoch, renewed });
    if (epoch === hello.epoch && greeted.last !== null) intake.repeatAck(hello.first, greeted.last);
    dispatch.pump();
  }

  /** False for a message that has no place here. */
  #serve(state: State & { at: "open" }, message: AgentMessage): boolean {
    const { agents, commands, events } = this.#parts;
    switch (message.type) {
      case "inventory":
        this.send(answerInventory({ ...this.#parts, maxBytes: this.#parts.limits.maxFrameBytes }, this.agentId, message));
        return true;
      case "received":
        if (commands.received(this.agentId, message.id, state.speaker.epoch)) {
          events.emit({ kind: "command", agentId: this.agentId, id: message.id, state: "received", outcome: undefined });
        }
        state.dispatch.received(message.id);
        return true;
      case "result": {
        const stored = commands.conclude(this.agentId, message, state.speaker.epoch);
        state.dispatch.received(message.id);
        if (stored === "stored") {
          const now = commands.get(message.id)?.state ?? "received";
          events.emit({ kind: "command", agentId: this.agentId, id: message.id, state: now, outcome: message.outcome });
        }
        this.send({ type: "settled", id: message.id, revision: message.revision });
        return true;
      }
      case "answer":
        this.#owner.answered(message);
        return true;
      case "status":
        agents.setStatus(this.agentId, message);
        events.emit({ kind: "status", agentId: this.agentId, status: message });
        return true;
      case "bye":
      case "hello":
      case "start":
      case "changes":
        return false;
    }
  }
}

/** A close frame holds 123 bytes of reason at the most (RFC 6455, 5.5). */
function fittingReason(reason: string): string {
  const bytes = Buffer.from(reason);
  return bytes.length <= 123
    ? reason
    : `${bytes
        .subarray(0, 119)
        .toString("utf8")
        .replace(/\uFFFD$/, "")}…`;
}
