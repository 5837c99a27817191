/**
 * One WebSocket of one agent: handshake, heartbeats, and each message to the part that handles it. Nothing here outlives the socket; what must
 * survive is in the store before it is answered.
 */
import type { WebSocket } from "ws";
import { describeError } from "../base/errors.ts";
import { type BlobPiece, decodePiece, isPiece } from "../protocol/blob-piece.ts";
import { isPlainChanges } from "../protocol/changes-fit.ts";
import { decodeJson, encodeFrame, frameJson, MalformedFrame, type RawFrame } from "../protocol/frames.ts";
import {
  type AgentMessage,
  type Answer,
  agentMessage,
  type Blob as Begun,
  closeCode,
  type Hello,
  type PortalMessage,
  type Start,
  type Welcome,
} from "../protocol/messages.ts";
import { type Arrived, arrivedBytes, arrivedMessage, messageOf } from "./arrived.ts";
import { fittingReason } from "./close-reason.ts";
import type { Committed, Offer, Speaker } from "./commit.ts";
import { createDispatch, type Dispatch } from "./dispatch.ts";
import { itemsEvent } from "./events.ts";
import { welcomeFor } from "./handshake.ts";
import { createIntake, type Intake } from "./intake.ts";
import { answerInventory } from "./inventory.ts";
import { knownTypes } from "./own-types.ts";
import type { GatewayParts } from "./parts.ts";
import type { Looks } from "./table-plan.ts";
import type { Taker } from "./turns.ts";
import { WaitingFrames } from "./waiting-frames.ts";

/** Frames of the largest size that may wait for an agent which does not read. */
const unreadFrames = 16;
/** How long the other end may take to close in answer, milliseconds. */
const closingMs = 2_000;

type State =
  | { at: "greeting" }
  /** `last`: what the store held when `welcome` was made, whatever a hook made it say. */
  | { at: "welcomed"; hello: Hello; welcome: Welcome; last: number | null }
  | { at: "open"; speaker: Speaker; intake: Intake; dispatch: Dispatch; offer: Omit<Offer, "frames">; scan: Looks["scan"] }
  | { at: "closed" };

/** A frame of `changes`, or any other message. */
type Read = Arrived | { from?: never; message: AgentMessage | BlobPiece };

export interface LinkOwner {
  /** This link is about to be welcomed: every other link of its agent must be closed before. */
  supersedeOthers(link: Link): void;
  answered(link: Link, answer: Answer): void;
  /** Bytes of a document are about to come, or have come. @throws MalformedFrame */
  bytes(link: Link, message: Begun | BlobPiece): void;
  closed(link: Link): void;
}

export class Link implements Taker {
  readonly agentId: string;
  readonly #socket: WebSocket;
  readonly #parts: GatewayParts;
  readonly #owner: LinkOwner;
  #state: State = { at: "greeting" };
  #closedWith: { code: number; reason: string } | undefined;
  readonly #waiting: WaitingFrames;
  /** The first of the frames, once it was read. */
  #head: Read | undefined;
  /** Taken before, to be judged again. */
  #again: Arrived[] = [];
  #waitsForTables = false;
  #heardAt: number;
  #cancelBeat: (() => void) | undefined;
  #cancelClosing: (() => void) | undefined;

  constructor(socket: WebSocket, agentId: string, parts: GatewayParts, owner: LinkOwner) {
    this.agentId = agentId;
    this.#socket = socket;
    this.#parts = parts;
    this.#owner = owner;
    this.#heardAt = parts.clock.monotonic();
    this.#waiting = new WaitingFrames(socket);
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
    if (this.#state.at === "open") {
      this.#state.intake.close();
      this.#state.offer.known.end();
    }
    this.#state = { at: "closed" };
    this.#waiting.clear();
    this.#head = undefined;
    this.#again = [];
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
    // What a paused socket says is not heard.
    if (!this.#waiting.paused && silentMs >= this.#parts.limits.heartbeatSeconds * 2_000) {
      this.close(closeCode.silence, "nothing heard for two heartbeats");
      return;
    }
    this.#socket.ping();
    this.#guarded(() => this.pump());
    if (this.#state.at !== "closed") this.#beatLater();
  }

  /** Keeps a frame for the next turn; one that sends faster than it is acked is left to the network. */
  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#state.at === "closed") return;
    this.#heardAt = this.#parts.clock.monotonic();
    this.#waiting.push(data, isBinary);
    this.#parts.turns.ask(this);
  }

  take(now: { committing: boolean; full: boolean }): Arrived | "later" | undefined {
    let taken: Arrived | "later" | undefined;
    this.#guarded(() => {
      taken = this.#next(now);
    });
    return taken;
  }

  #next({ committing, full }: { committing: boolean; full: boolean }): Arrived | "later" | undefined {
    for (;;) {
      const state = this.#state;
      if (state.at === "closed" || this.#waitsForTables) return undefined;
      if (this.#again.length > 0) return full ? "later" : this.#again.shift();
      const head = this.#readHead();
      if (head === undefined) return undefined;
      if (head.from !== undefined && state.at === "open") {
        if (full) return "later";
        this.#head = undefined;
        if (state.intake.count(head)) return head;
        this.close(closeCode.malformed, "changes: more items or bytes than the window allows");
        return undefined;
      }
      if (committing) return undefined;
      const message = head.from === undefined ? head.message : messageOf(head);
      if (message.type === "inventory" && this.#parts.journal.holds(this.agentId)) {
        this.#awaitTables();
        return undefined;
      }
      this.#head = undefined;
      this.#handle(message);
    }
  }

  /** Reads the first frame that waits, if it was not read yet. */
  #readHead(): Read | undefined {
    while (this.#head === undefined && this.#state.at !== "closed") {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      // What is read now may have waited long on a socket that was paused.
      this.#heardAt = this.#parts.clock.monotonic();
      this.#head = this.#read(next);
    }
    return this.#head;
  }

  /** What a frame says; undefined for one that a hook takes away. */
  #read(frame: RawFrame): Read | undefined {
    const { hooks, limits } = this.#parts;
    if (frame.isBinary && isPiece(frame.data)) return { message: decodePiece(frame.data) };
    const json = frameJson(frame, limits.maxFrameBytes);
    const scanned = this.#state.at === "open" && hooks.message === undefined ? this.#state.scan(json) : undefined;
    if (scanned !== undefined) return arrivedBytes(scanned, frame.data);
    const message = decodeJson(json, { schema: agentMessage, fits: isPlainChanges });
    const wish = hooks.message?.(message, this.agentId);
    if (wish === "drop") this.terminate();
    if (wish !== undefined) return undefined;
    return message.type === "changes" ? arrivedMessage(message, frame.data, json.length) : { message };
  }

  /** Goes on once all that was journaled of this agent stands in the tables. */
  #awaitTables(): void {
    this.#waitsForTables = true;
    const goOn = (): void => {
      this.#waitsForTables = false;
      this.#parts.turns.ask(this);
    };
    // It rejects when the gateway stops, and with it this link.
    this.#parts.apply.settled(this.agentId).then(goOn, () => {});
  }

  offer(frames: readonly Arrived[]): Offer | undefined {
    return this.#state.at === "open" ? { ...this.#state.offer, frames } : undefined;
  }

  committed(done: Committed, frames: readonly Arrived[]): void {
    this.#guarded(() => {
      if (done.outcome === "fenced") this.#closeFenced();
      if (this.#state.at !== "open") return;
      const taken = frames.slice(0, done.taken);
      if (done.last > done.from) this.#parts.events.emit(itemsEvent(this.agentId, taken, done));
      if (taken.length > 0) this.#state.intake.committed(taken, done);
      if (done.outcome === "gap") this.close(closeCode.malformed, "changes: a number is missing before `from`");
      if (done.outcome === "unsure") {
        this.#again = [...frames.slice(done.taken), ...this.#again];
        this.#awaitTables();
      }
      this.#parts.turns.ask(this);
    });
  }

  failed(): void {
    this.close(1011, "the portal failed; try again later");
  }

  #closeFenced(): void {
    this.close(closeCode.superseded, "another connection of this agent took over");
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

  #handle(message: AgentMessage | BlobPiece): void {
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
    const { agents, refusals, commands, clock, limits, hooks, events } = this.#parts;
    if (start.connection !== welcome.connection) {
      this.close(closeCode.malformed, "start: not the connection number of `welcome`");
      return;
    }
    if (start.epoch !== hello.epoch && start.renewed === undefined) {
      this.close(closeCode.malformed, "start: a new epoch must say why it begins");
      return;
    }
    if (!agents.start(this.agentId, { hello, start, last: greeted.last })) {
      this.#closeFenced();
      return;
    }
    const speaker: Speaker = { agentId: this.agentId, epoch: start.epoch, connection: start.connection };
    const intake = createIntake({ clock, limits, hooks, sendAck: (ack) => this.send(ack) });
    const dispatch = createDispatch({ speaker, commands, clock, limits, send: (message) => this.send(message) });
    const accepted = new Set<string>(welcome.types);
    const { plans, scan } = this.#parts.looks(accepted, knownTypes(hello.types));
    const offer = { speaker, accepted, plans, known: this.#parts.known.ofLink(this.agentId) };
    this.#state = { at: "open", speaker, intake, dispatch, offer, scan };
    const { connection, epoch, renewed } = start;
    events.emit({ kind: "connected", agentId: this.agentId, connection, epoch, renewed });
    const { last } = greeted;
    if (epoch === hello.epoch && last !== null && hello.first <= last)
      intake.repeatAck(last, refusals.from(speaker, hello.first));
    dispatch.pump();
  }

  /** False for a message that has no place here. */
  #serve(state: State & { at: "open" }, message: AgentMessage | BlobPiece): boolean {
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
        this.#owner.answered(this, message);
        return true;
      case "blob":
      case "piece":
        this.#owner.bytes(this, message);
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
