/** One WebSocket to the portal, without memory: opens it, keeps it alive, tells why it could not be had or how it ended. */
import type { ClientRequest, IncomingMessage } from "node:http";
import WebSocket from "ws";
import { FuserError } from "../../base/errors.ts";
import type { Clock } from "../../base/time.ts";
import { closeCode } from "../../protocol/messages.ts";
import { subprotocol } from "../../protocol/version.ts";
import { type Attempt, connectFailure, type HttpAnswer, httpFailure, isUnknownIssuer } from "./failures.ts";
import { issuerShownAt } from "./issuer.ts";
import type { Connect, Link, LinkEnd, LinkListener, WireData } from "./link.ts";
import { isLoopback, type TransportOptions, type TransportSettings, transportFor } from "./transport.ts";

export interface SocketSettings extends TransportSettings {
  /** Address of the channel, `wss:`; `ws:` to loopback only. */
  url: string;
  /** A fresh signed token for each connection (identity.ts). */
  token: () => Promise<string>;
  clock: Clock;
  /** Limit for DNS, TCP, proxy, TLS and the upgrade together, ms. */
  handshakeMs?: number;
  /** Largest frame taken, bytes as they travel. */
  maxPayload?: number;
}

const operation = "connect to the portal";
/** After asking to close, the other side has this long to agree, ms. */
const closingMs = 3_000;
/** Buffered bytes below which `drained` is told. */
const lowWaterBytes = 262_144;

/** How a session gets its links: each call opens one socket. */
export function socketConnector(settings: SocketSettings): Connect {
  return async (listener, signal) => {
    const address = channelAddress(settings.url);
    const { options, route } = transportFor(address, settings);
    const attempt: Attempt = { operation, place: address.origin + address.pathname, proxy: route.proxy };
    const token = await settings.token();
    try {
      return await open({ settings, address, options, attempt, token, listener, signal });
    } catch (error) {
      signal.throwIfAborted();
      const issuer = isUnknownIssuer(error) ? await issuerShownAt(address, options, signal) : undefined;
      throw connectFailure(error, attempt, issuer);
    }
  };
}

/** The channel's address; refuses what would send the token unencrypted. */
export function channelAddress(text: string): URL {
  const refuse = (message: string, hint: string): FuserError =>
    new FuserError("config", message, {
      code: "portal-address-invalid",
      operation,
      place: text.replace(/\/\/[^@/]*@/, "//"),
      hint,
    });
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "wss:" && url.protocol !== "ws:") || url.username !== "" || url.hash !== "") {
    throw refuse(
      "The portal's address can't be used",
      "Write it as wss://host/path under agent.portal, without user and fragment.",
    );
  }
  if (url.protocol === "ws:" && !isLoopback(url.hostname)) {
    throw refuse("An unencrypted connection is only made to this machine itself", "Write wss:// in place of ws://.");
  }
  return url;
}

interface Opening {
  settings: SocketSettings;
  address: URL;
  options: TransportOptions;
  attempt: Attempt;
  token: string;
  listener: LinkListener;
  signal: AbortSignal;
}

function open(opening: Opening): Promise<Link> {
  const { settings, address, options, attempt, token, listener, signal } = opening;
  const { clock } = settings;
  return new Promise((resolve, reject) => {
    let fromProxy = false;
    const finishRequest = (request: ClientRequest): void => {
      request.on("proxyConnect", (answer: { statusCode: number }) => {
        fromProxy = answer.statusCode !== 200;
      });
      request.end();
    };
    const socket = new WebSocket(address, subprotocol, {
      ...(address.protocol === "wss:" ? options : {}),
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      maxPayload: settings.maxPayload ?? 16 * 1_048_576,
      // Typed for the plain client only; ws passes the request on as it is.
      finishRequest: finishRequest as unknown as NonNullable<WebSocket.ClientOptions["finishRequest"]>,
    });
    const settle = (outcome: () => void): void => {
      cancelTimer();
      signal.removeEventListener("abort", onAbort);
      socket.removeAllListeners();
      outcome();
    };
    const giveUp = (error: unknown): void =>
      settle(() => {
        // Ending a socket that is still connecting reports an error once more.
        socket.on("error", () => undefined);
        socket.terminate();
        reject(error);
      });
    const onAbort = (): void => giveUp(signal.reason);
    const cancelTimer = clock.after(settings.handshakeMs ?? 20_000, () => giveUp(handshakeTimeout(attempt)));
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", giveUp);
    socket.on("unexpected-response", (_request, response) => {
      void readAnswer(response, () => fromProxy).then((answer) => giveUp(httpFailure(answer, attempt, clock.now())));
    });
    socket.on("open", () => settle(() => resolve(socketLink(socket, listener, clock))));
    if (signal.aborted) onAbort();
  });
}

function handshakeTimeout(attempt: Attempt): FuserError {
  return new FuserError("transient", "The portal did not answer in time", {
    code: "portal-handshake-timeout",
    operation,
    place: attempt.place,
    hint: "Look at firewall and proxy: something takes the connection and then stays silent.",
  });
}

async function readAnswer(response: IncomingMessage, fromProxy: () => boolean): Promise<HttpAnswer> {
  let body = "";
  try {
    for await (const chunk of response) {
      body += String(chunk);
      if (body.length > 8_192) break;
    }
  } catch {
    // What came until then is enough for a message.
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body, fromProxy: fromProxy() };
}

/** The link over a socket that is open. */
export function socketLink(socket: WebSocket, listener: LinkListener, clock: Clock): Link {
  return new SocketLink(socket, listener, clock);
}

class SocketLink implements Link {
  readonly #socket: WebSocket;
  readonly #listener: LinkListener;
  readonly #clock: Clock;
  #heardAt: number;
  #cancelBeat: (() => void) | undefined;
  #cancelClosing: (() => void) | undefined;
  /** How this side ended it. */
  #ended: LinkEnd | undefined;
  #broken: unknown;

  constructor(socket: WebSocket, listener: LinkListener, clock: Clock) {
    this.#socket = socket;
    this.#listener = listener;
    this.#clock = clock;
    this.#heardAt = clock.monotonic();
    socket.on("message", (data, isBinary) => {
      this.#heard();
      if (this.#ended === undefined) listener.frame(isBinary ? (data as Buffer) : data.toString());
    });
    socket.on("ping", () => this.#heard());
    socket.on("pong", () => this.#heard());
    socket.on("error", (error) => {
      this.#broken = error;
    });
    socket.on("close", (code, reason) => this.#closed(code, reason.toString()));
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  get heardAt(): number {
    return this.#heardAt;
  }

  send(data: WireData, flushed?: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(data, { binary: typeof data !== "string" }, (error) => {
      if (error) return;
      flushed?.();
      if (this.#socket.bufferedAmount < lowWaterBytes && this.#ended === undefined) this.#listener.drained();
    });
  }

  heartbeat(seconds: number): void {
    this.#cancelBeat?.();
    this.#heard();
    const beatMs = seconds * 1_000;
    const beat = (): void => {
      if (this.#clock.monotonic() - this.#heardAt >= 2 * beatMs) return this.#silent(seconds);
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
      this.#cancelBeat = this.#clock.after(beatMs, beat);
    };
    this.#cancelBeat = this.#clock.after(beatMs, beat);
  }

  close(code: number, reason: string, error?: FuserError): void {
    if (this.#ended !== undefined) return;
    this.#ended = { code, reason, error };
    this.#cancelBeat?.();
    this.#socket.close(code, fittingReason(reason));
    this.#cancelClosing = this.#clock.after(closingMs, () => this.#socket.terminate());
  }

  #heard(): void {
    this.#heardAt = this.#clock.monotonic();
  }

  /** A dead link answers nothing, so nothing is awaited of it. */
  #silent(seconds: number): void {
    const error = new FuserError("transient", `Nothing was heard of the portal for ${2 * seconds} s`, {
      code: "portal-silent",
      operation: "speak with the portal",
      hint: "Look at the network between agent and portal; the agent connects again by itself.",
    });
    this.close(closeCode.silence, "nothing heard for two heartbeats", error);
    this.#socket.terminate();
  }

  #closed(code: number, reason: string): void {
    this.#cancelBeat?.();
    this.#cancelClosing?.();
    this.#listener.closed(this.#ended ?? { code, reason, error: code === 1006 || this.#broken ? this.#breakage() : undefined });
  }

  #breakage(): FuserError {
    const code = (this.#broken as { code?: string } | undefined)?.code;
    const oversized = code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";
    return new FuserError("transient", oversized ? "The portal sent a frame that is too large" : "The link to the portal broke", {
      code: oversized ? "portal-frame-too-large" : "link-broken",
      operation: "speak with the portal",
      hint: oversized ? "Tell the portal's operator." : "The agent connects again by itself.",
      cause: this.#broken,
    });
  }
}

/** A close frame holds 123 bytes of reason at the most (RFC 6455, 5.5). */
function fittingReason(reason: string): string {
  const bytes = Buffer.from(reason);
  return bytes.length <= 123
    ? reason
    : bytes
        .subarray(0, 120)
        .toString("utf8")
        .replace(/\uFFFD$/, "");
}
