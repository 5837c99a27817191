/**
 * One conversation with the portal: hello, welcome, start, then both directions until the link ends. What must outlive it is in the store
 * before it is said: a frame is dropped only after the portal's ack, a command is `received` only once it is in the inbox.
 */
import { FuserError, isAbort, kindOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { pieceBytes } from "../../protocol/blob-piece.ts";
import { decodeFrame, encodeFrame, MalformedFrame } from "../../protocol/frames.ts";
import {
  type AgentMessage,
  closeCode,
  type Lookup,
  type PortalMessage,
  portalMessage,
  type Refusal,
  type Request,
  type Welcome,
} from "../../protocol/messages.ts";
import { modelVersion, protocolVersion } from "../../protocol/version.ts";
import type { RenewReason } from "./acks.ts";
import { type Blobs, createBlobs, type OpenBlob } from "./blobs.ts";
import { createDownstream, type Downstream, type ReplyPoint } from "./downstream.ts";
import { versionMismatch } from "./ends.ts";
import { type Begin, beginEpoch, type GreetingParts, helloOf, type Offer } from "./greeting.ts";
import { createQuestions, type Questions } from "./inventory.ts";
import type { Connect, Link, LinkEnd, WireData } from "./link.ts";
import { recall, remember, requestEpoch } from "./memory.ts";
import { createStatusReporter, type StatusReport, type StatusReporter } from "./status-reporter.ts";
import { createUpstream, type Upstream } from "./upstream.ts";

interface Outcome {
  outcome: "ok" | "refused";
  reason?: string;
}

export interface SessionParts extends GreetingParts {
  log: Log;
  offer: () => Offer;
  /**
   * Told of an ack that refuses something, inside the transaction that drops the acked frames and before they are dropped: `outbox.itemAt` still names
   * what was refused.
   */
  onAck: (seq: number, refused: readonly Refusal[]) => void;
  /**
   * A new epoch began: compare everything with the portal's inventory. Called again at each connection until it has resolved once. Whoever
   * reads entities must append nothing while `recall(meta).reconcile` is set.
   */
  onNewEpoch: (reason: RenewReason, signal: AbortSignal) => Promise<void>;
  /** Something that was never compared with the portal's inventory waits for it within this epoch: a source that is new in the configuration. */
  needsInventory?: () => boolean;
  onRequest: (request: Request, signal: AbortSignal) => Promise<Outcome>;
  /** Takes a table that the portal pushes; without it none is used. */
  onLookup?: (lookup: Lookup, signal: AbortSignal) => Promise<Outcome>;
  /** Finds the bytes of a document; without it none are offered. */
  openBlob?: OpenBlob;
  status: () => StatusReport;
  onWelcome?: (welcome: Welcome) => void;
  /** The portal knew another machine under this identity. */
  onOtherHost: (host: string) => void;
  commitPoint: (point: ReplyPoint) => void;
  timing: SessionTiming;
}

export interface SessionTiming {
  /** The portal must welcome within this time, ms. */
  welcomeMs: number;
  /** Shortest time between two status messages, ms. */
  statusEveryMs: number;
  /** An unanswered question fails after this time, ms. */
  answerMs: number;
  /** What is heard of the portal after this time comes behind every command without a settled result, which it sends again (protocol.md, "Down"), ms. */
  askedWithinMs: number;
}

/** How a conversation ended. */
export interface SessionEnd extends LinkEnd {
  /** Milliseconds since `start`; 0 when it never came so far. */
  streamedMs: number;
  /** What the portal's `bye` asked for. */
  retryAfterMs: number | undefined;
}

type State =
  | { at: "opening" }
  | { at: "greeting" }
  | { at: "streaming"; since: number; connection: number; upstream: Upstream; downstream: Downstream; blobs: Blobs }
  /** Closing or closed: nothing more is sent. */
  | { at: "leaving" };

const unused = { outcome: "refused", reason: "no mapping uses it" } as const;
/** Largest JSON taken from the portal, bytes. */
const largestFromPortal = 16 * 1_048_576;

export class Session {
  readonly #parts: SessionParts;
  readonly #questions: Questions;
  readonly #status: StatusReporter;
  readonly #over = new AbortController();
  #state: State = { at: "opening" };
  #link: Link | undefined;
  #failure: unknown;
  #retryAfterMs: number | undefined;
  #streamedMs = 0;
  #pumpAsked = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    const { clock, newId, timing, status } = parts;
    this.#questions = createQuestions({ clock, newId, timeoutMs: timing.answerMs, send: (question) => this.#send(question) });
    this.#status = createStatusReporter({
      clock,
      everyMs: timing.statusEveryMs,
      read: status,
      send: (message) => this.#send(message),
      guarded: (action) => this.#guarded(action),
      onInvalid: (place) => parts.log.error("The status can't be told to the portal", { code: "status-invalid", place }),
    });
  }

  /** Number of this connection; undefined unless changes and commands flow. */
  get connection(): number | undefined {
    return this.#state.at === "streaming" ? this.#state.connection : undefined;
  }

  get questions(): Questions {
    return this.#questions;
  }

  /** Whether the portal waits for a result of this command; undefined while it may not have said so yet. */
  asks(id: string): boolean | undefined {
    const state = this.#state;
    if (state.at !== "streaming") return undefined;
    if (state.downstream.asks(id)) return true;
    // Silence is no answer: a portal that is held up, or an agent that has not read yet what came, would make an open command pass for a settled one.
    const heardForMs = (this.#link?.heardAt ?? state.since) - state.since;
    return heardForMs < this.#parts.timing.askedWithinMs ? undefined : false;
  }

  statusChanged(): void {
    if (this.#state.at === "streaming") this.#guarded(() => this.#status.changed());
  }

  /**
   * Speaks until the link ends. Aborting `signal` says `bye` first.
   * @throws what `connect` throws; a `bug` of this side
   */
  async run(connect: Connect, signal: AbortSignal): Promise<SessionEnd> {
    const { clock, timing, offer } = this.#parts;
    const closed = Promise.withResolvers<LinkEnd>();
    this.#link = await connect(
      {
        frame: (data) => this.#guarded(() => this.#receive(data)),
        drained: () => this.wake(),
        closed: (end) => closed.resolve(end),
      },
      signal,
    );
    const onAbort = (): void => this.leave("the agent stops");
    signal.addEventListener("abort", onAbort, { once: true });
    const cancelWait = clock.after(timing.welcomeMs, () => {
      if (this.#state.at === "greeting") this.#close(closeCode.silence, "no welcome");
    });
    this.#guarded(() => {
      this.#state = { at: "greeting" };
      this.#link?.send(encodeFrame(helloOf(this.#parts, offer())));
    });
    if (signal.aborted) onAbort();
    const end = await closed.promise;
    cancelWait();
    signal.removeEventListener("abort", onAbort);
    this.#finish();
    if (this.#failure !== undefined && kindOf(this.#failure) === "bug") throw this.#failure;
    const error = this.#failure instanceof FuserError ? this.#failure : end.error;
    return { code: end.code, reason: end.reason, error, streamedMs: this.#streamedMs, retryAfterMs: this.#retryAfterMs };
  }

  /** Says `bye` and closes. */
  leave(reason: string): void {
    if (this.#state.at === "greeting" || this.#state.at === "streaming") {
      this.#link?.send(encodeFrame({ type: "bye", reason } satisfies AgentMessage));
      this.#close(1000, reason);
    }
  }

  /** Sends what waits, in the next microtask: asked for many times in one turn, done once. */
  wake(): void {
    if (this.#pumpAsked || this.#state.at !== "streaming") return;
    this.#pumpAsked = true;
    queueMicrotask(() => {
      this.#pumpAsked = false;
      this.#guarded(() => this.#pump());
    });
  }

  #finish(): void {
    if (this.#state.at === "streaming") this.#streamedMs = this.#parts.clock.monotonic() - this.#state.since;
    this.#state = { at: "leaving" };
    this.#status.stop();
    const error = linkLost();
    this.#questions.end(error);
    this.#over.abort(error);
  }

  #close(code: number, reason: string, error?: FuserError): void {
    this.#finish();
    this.#link?.close(code, reason, error);
  }

  /** A fault of the portal's frame ends the link with 4400; one of our own ends it too and is reported by `run`. */
  #guarded(action: () => void): void {
    if (this.#state.at === "leaving") return;
    try {
      action();
    } catch (error) {
      if (error instanceof MalformedFrame) this.#refuseFrame(error.message, error);
      else this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#failure = error;
    this.#close(1011, "the agent failed; it comes back");
  }

  #refuseFrame(message: string, cause?: MalformedFrame): void {
    const error = new FuserError("transient", `The portal sent a frame that can't be read: ${message}`, {
      code: "portal-frame-malformed",
      operation: "read a frame of the portal",
      hint: "Tell the portal's operator; nothing of the frame was used.",
      cause,
    });
    this.#close(cause?.code === "too-large" ? closeCode.tooLarge : closeCode.malformed, message, error);
  }

  #send(message: AgentMessage, flushed?: () => void): void {
    if (this.#state.at === "streaming") this.#link?.send(encodeFrame(message), flushed);
  }

  #receive(data: WireData): void {
    const message: PortalMessage = decodeFrame(data, { maxBytes: largestFromPortal, schema: portalMessage });
    const state = this.#state;
    if (message.type === "bye") {
      this.#retryAfterMs = message.retryAfterMs;
      return this.#close(1000, "bye");
    }
    if (state.at === "greeting" && message.type === "welcome") return this.#welcomed(message);
    if (state.at !== "streaming" || message.type === "welcome") return this.#refuseFrame(`${message.type}: out of turn`);
    this.#serve(message, state);
  }

  #serve(message: Exclude<PortalMessage, { type: "welcome" | "bye" }>, state: State & { at: "streaming" }): void {
    const { log } = this.#parts;
    switch (message.type) {
      case "ack": {
        const fault = state.upstream.acknowledge(message);
        return fault === undefined ? this.#pump() : this.#refuseFrame(fault);
      }
      case "command":
        if (state.downstream.command(message) === "forgotten") return this.#startOver();
        return this.wake();
      case "settled":
        return state.downstream.settled(message.id, message.revision);
      case "answer":
        this.#epochIsKnown();
        if (!this.#questions.answered(message)) log.debug("An answer came to no question", { code: "answer-unasked" });
        return;
      case "request":
        void this.#requested(message);
        return;
      case "blob-request":
        return state.blobs.request(message);
      case "blob-ack":
        state.blobs.acked(message.id, message.offset);
        return this.wake();
      case "lookup":
        void this.#lookedUp(message);
        return;
    }
  }

  /**
   * An answer comes after the portal has counted the epoch. From here on a portal that does not know it was restored, although no item of it was ever acked:
   * what its inventory has told may be gone.
   */
  #epochIsKnown(): void {
    const { store } = this.#parts;
    if (!recall(store.meta).established) store.transaction(() => remember(store.meta, { established: true }));
  }

  #welcomed(welcome: Welcome): void {
    const { store, clock, log, onAck, commitPoint } = this.#parts;
    if (welcome.protocol !== protocolVersion || welcome.model !== modelVersion) return this.#mismatch(welcome);
    const begin = beginEpoch(this.#parts, welcome);
    const { connection } = welcome;
    const upstream = createUpstream({ store, welcome, begin, onAck });
    const downstream = createDownstream({ store, clock, commitPoint, send: (message, flushed) => this.#send(message, flushed) });
    const blobs = this.#openBlobs(welcome);
    this.#state = { at: "streaming", since: clock.monotonic(), connection, upstream, downstream, blobs };
    this.#link?.heartbeat(welcome.heartbeatSeconds);
    this.#send(begin.start);
    log.info("Connected to the portal", { connection, resume: begin.start.next });
    this.#parts.onWelcome?.(welcome);
    this.#tellOfWelcome(welcome, begin);
    this.#status.report();
    const reconcile = begin.reconcile ?? (this.#parts.needsInventory?.() === true ? "requested" : undefined);
    if (reconcile !== undefined) void this.#reconcile(reconcile);
    this.wake();
  }

  #openBlobs({ maxFrameBytes }: Welcome): Blobs {
    const { openBlob: open, clock, timing } = this.#parts;
    return createBlobs({
      ...{ open, clock, maxFrameBytes, patienceMs: timing.answerMs, signal: this.#over.signal },
      send: (message) => this.#send(message),
      sendPiece: (frame) => this.#link?.send(frame),
      askLine: () => this.wake(),
      onFailed: (error) => this.#taskFailed(error),
    });
  }

  #mismatch(welcome: Welcome): void {
    const ours = `protocol ${protocolVersion}, model ${modelVersion}`;
    const error = versionMismatch(ours, `protocol ${welcome.protocol}, model ${welcome.model}`);
    this.#close(closeCode.versionMismatch, `the agent speaks ${ours}`, error);
  }

  #tellOfWelcome(welcome: Welcome, begin: Begin): void {
    const { log, offer, onOtherHost } = this.#parts;
    if (begin.renewed !== undefined) {
      log.warn("A new epoch begins: everything is compared with the portal", { code: `epoch-${begin.renewed}` });
    }
    if (welcome.otherHost !== undefined) {
      log.warn("The portal last spoke with another machine under this identity", { code: "other-host", host: welcome.otherHost });
      onOtherHost(welcome.otherHost);
    }
    for (const { type } of offer().types) {
      if (!welcome.types.includes(type)) log.warn("The portal does not take this type", { code: "type-not-accepted", type });
    }
  }

  async #reconcile(reason: RenewReason): Promise<void> {
    const { store, onNewEpoch, log } = this.#parts;
    try {
      await onNewEpoch(reason, this.#over.signal);
      remember(store.meta, { reconcile: undefined });
      log.info("In step with the portal's inventory", { code: "reconciled" });
    } catch (error) {
      this.#taskFailed(error);
    }
  }

  async #requested(request: Request): Promise<void> {
    try {
      if (request.action === "status") this.#status.report();
      const { outcome, reason } = await this.#parts.onRequest(request, this.#over.signal);
      this.#send({ type: "answer", id: request.id, outcome, ...(reason === undefined ? {} : { reason }) });
    } catch (error) {
      this.#taskFailed(error);
    }
  }

  async #lookedUp(lookup: Lookup): Promise<void> {
    try {
      const outcome = await (this.#parts.onLookup?.(lookup, this.#over.signal) ?? unused);
      this.#send({ type: "answer", id: lookup.id, ...outcome });
    } catch (error) {
      this.#taskFailed(error);
    }
  }

  /** The link ends, so that the task begins anew with the next one; that its link ended under it is no failure. */
  #taskFailed(error: unknown): void {
    if (this.#state.at !== "leaving" && !isAbort(error)) this.#failed(error);
  }

  /** This store was put back to an older state of the same connection: only a new epoch tells what else it has forgotten. */
  #startOver(): void {
    requestEpoch(this.#parts.store.meta, "agent-restored");
    this.leave("the agent has forgotten a command that it had received");
  }

  #pump(): void {
    if (this.#state.at !== "streaming" || this.#link === undefined) return;
    this.#state.downstream.replyAll();
    switch (this.#state.upstream.pump(this.#link)) {
      case "done":
        // What waits for the network would delay the next change as much as the document.
        if (this.#link.bufferedBytes < pieceBytes) this.#state.blobs.lineIsFree();
        return;
      case "more":
        this.#parts.clock.after(0, () => this.wake());
        return;
      case "stuck":
        // A new epoch maps the item anew and puts it into quarantine with its size.
        requestEpoch(this.#parts.store.meta);
        this.leave("the portal's frame limit fell below an item in the outbox");
    }
  }
}

function linkLost(): FuserError {
  return new FuserError("transient", "The link to the portal ended", {
    code: "link-lost",
    operation: "speak with the portal",
    hint: "The agent connects again by itself.",
  });
}
