/**
 * The reference gateway: the portal's side of the channel as a library. It keeps what agents send, hands them commands, and shows both to its
 * owner through functions and events. docs for portal developers are generated into protocol/generated/.
 */
import { randomUUID } from "node:crypto";
import { createServer as createHttpServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { type Log, silentLog } from "../base/log.ts";
import { type Clock, type Random, systemClock } from "../base/time.ts";
import { createDigester } from "../protocol/digest.ts";
import { subprotocol } from "../protocol/version.ts";
import { enrolmentRoutes, faultBody, type Identity, type Route, serve } from "./http.ts";
import { type AgentDesk, createHub } from "./hub.ts";
import { identify } from "./identity.ts";
import type { GatewayParts } from "./parts.ts";
import type { Hooks, Limits } from "./settings.ts";
import { Store } from "./store.ts";

export interface GatewayOptions {
  /** SQLite file; `:memory:` for one that dies with the gateway. */
  storePath: string;
  /** Port on 127.0.0.1; 0 takes a free one. */
  port?: number;
  clock?: Clock;
  /** For the random part of command ids. */
  random: Random;
  log?: Log;
  /** PEM texts; without them the gateway speaks plain HTTP, which agents accept from loopback only. */
  tls?: { key: string; cert: string };
  tenant?: string;
  portalName?: string;
  /** Origin as agents reach it, e.g. behind a proxy; by default the gateway's own address. */
  publicOrigin?: string;
  limits?: Partial<Limits>;
  hooks?: Hooks;
}

export interface Gateway extends AgentDesk, AsyncDisposable {
  /** Address of the channel. */
  readonly url: string;
  /** Origin for `/enrol` and `/rotate`. */
  readonly httpUrl: string;
  /** Adds HTTP routes, tried after the gateway's own. */
  addRoute(route: Route): void;
  /** Called when the gateway begins to close: whoever makes a caller wait must let go. Returns a function that takes it back. */
  onClose(action: () => void): () => void;
  /** Says `bye`, when to come back, and closes everything. */
  close(options?: { retryAfterMs?: number }): Promise<void>;
}

export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { clock = systemClock, log = silentLog, random, limits, hooks } = options;
  const store = new Store(options.storePath);
  const digester = await createDigester();
  const hub = createHub({ store, clock, random, newId: randomUUID, log, digester, limits, hooks });
  const { agents, events } = hub.parts;
  const server = options.tls ? createTlsServer(options.tls) : createHttpServer();
  const { origin, port } = await listenOn(server, options);
  const channel = `${origin.replace(/^http/, "ws")}/agent`;
  const identity: Identity = {
    tenant: options.tenant ?? "demo",
    portalName: options.portalName ?? "ERP Fuser reference portal",
    audience: audienceOf(store),
    channel: () => channel,
  };
  const sockets = acceptSockets({ server, parts: hub.parts, identity, onSocket: hub.accept });
  const routes: Route[] = [enrolmentRoutes({ agents, events, clock, log, identity })];
  server.on("request", (request, response) => void serve({ clock, log, routes }, request, response));
  log.info("The portal listens", { port });

  const closers = new Set<() => void>();
  let closing: Promise<void> | undefined;
  const close = async (told: { retryAfterMs?: number } = {}): Promise<void> => {
    closing ??= (async () => {
      for (const closer of [...closers]) closer();
      await hub.close({ reason: "the portal stops", retryAfterMs: told.retryAfterMs ?? 1_000 });
      sockets.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
      store[Symbol.dispose]();
    })();
    await closing;
  };
  return {
    ...hub.desk,
    get store() {
      return hub.desk.store;
    },
    ...{ url: channel, httpUrl: origin, close },
    addRoute: (route) => void routes.push(route),
    onClose(action) {
      closers.add(action);
      return () => void closers.delete(action);
    },
    [Symbol.asyncDispose]: () => close(),
  };
}

async function listenOn(server: Server, options: GatewayOptions): Promise<{ origin: string; port: number }> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return { port, origin: options.publicOrigin ?? `${options.tls ? "https" : "http"}://127.0.0.1:${port}` };
}

/** Made once and kept with the store, so that a token for one portal is worth nothing at another. */
function audienceOf(store: Store): string {
  store.run("INSERT OR IGNORE INTO meta (name, value) VALUES ('audience', ?)", `erpfuser-portal:${randomUUID()}`);
  return (store.get<{ value: string }>("SELECT value FROM meta WHERE name = 'audience'") as { value: string }).value;
}

/** Lets authenticated agents in and answers all others with a reason. */
function acceptSockets(told: {
  server: Server;
  parts: GatewayParts;
  identity: Identity;
  onSocket: (socket: WebSocket, agentId: string) => void;
}): WebSocketServer {
  const { server, parts, identity } = told;
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    // Past this the socket closes with 1009 before reading on; up to it the frame is refused with 4413 and its reason.
    maxPayload: parts.limits.maxFrameBytes * 4,
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
  });
  const accept = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    if (new URL(request.url ?? "/", "http://portal").pathname !== "/agent")
      return refuse(socket, faultBody("not-found", "Use /agent.", parts.clock.now()));
    const asked = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    if (!asked.includes(subprotocol)) {
      return refuse(socket, faultBody("wrong-subprotocol", `The subprotocol must be ${subprotocol}.`, parts.clock.now()));
    }
    const caller = await identify({ ...parts, audience: identity.audience }, request.headers.authorization);
    if ("fault" in caller) {
      parts.log.warn("A connection was refused", { code: caller.fault });
      return refuse(socket, faultBody(caller.fault, caller.message, parts.clock.now()));
    }
    sockets.handleUpgrade(request, socket, head, (open) => told.onSocket(open, caller.agent.id));
  };
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    accept(request, socket, head).catch(() => socket.destroy());
  });
  return sockets;
}

function refuse(socket: Duplex, fault: { status: number; body: string }): void {
  const head = [
    `HTTP/1.1 ${fault.status} Refused`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(fault.body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${fault.body}`);
}
