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
import { FuserError } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import { type Clock, type Random, systemClock } from "../base/time.ts";
import { createDigester } from "../protocol/digest.ts";
import { type Answer, closeCode, type Request } from "../protocol/messages.ts";
import { subprotocol } from "../protocol/version.ts";
import { type Agent, agentsIn, type Offers, type Stage } from "./agents.ts";
import { type CommandOrder, commandsIn, type StoredCommand } from "./commands.ts";
import { entitiesIn } from "./entities.ts";
import { eventsIn, type GatewayEvent } from "./events.ts";
import { enrolmentRoutes, faultBody, type Identity, type Route, serve } from "./http.ts";
import { identify } from "./identity.ts";
import { type GatewayParts, Link, type LinkOwner } from "./link.ts";
import { defaultLimits, type Hooks, type Limits } from "./settings.ts";
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

export interface Gateway extends AsyncDisposable {
  /** Address of the channel. */
  readonly url: string;
  /** Origin for `/enrol` and `/rotate`. */
  readonly httpUrl: string;
  /** May be changed at any time. */
  readonly hooks: Hooks;
  createEnrolmentCode(options: { stage: Stage; ttlMs: number; agentId?: string | undefined }): {
    code: string;
    expiresAt: number;
  };
  /** The agent's key is void at once and its link closed. False for one that is unknown or revoked already. */
  revoke(agentId: string): boolean;
  setStage(agentId: string, stage: Stage): boolean;
  agents(): Agent[];
  offers(agentId: string): Offers | undefined;
  isConnected(agentId: string): boolean;
  /**
   * Stores a command and sends it as soon as the agent is there. Returns its id.
   * @throws FuserError `command-invalid`, `command-unknown`, `command-not-offered`, `agent-unknown`
   */
  issue(agentId: string, order: CommandOrder): string;
  command(id: string): StoredCommand | undefined;
  commands(agentId: string, limit: number): StoredCommand[];
  /** Asks the agent and waits for its answer. @throws FuserError `agent-away` when it is not connected or goes away meanwhile */
  request(agentId: string, asked: Omit<Request, "type" | "id">, signal?: AbortSignal): Promise<Answer>;
  /** Sends a frame as it is: for tests of an agent's distrust. False when the agent is not connected. */
  sendRaw(agentId: string, frame: string | Uint8Array): boolean;
  /** Closes or, without a code, cuts the agent's link. */
  disconnect(agentId: string, close?: { code: number; reason: string }): boolean;
  listen(listener: (event: GatewayEvent) => void): () => void;
  recentEvents(limit: number): { agentId: string; at: number; code: string; text: string }[];
  revision(): number;
  /** Adds HTTP routes, tried after the gateway's own. */
  addRoute(route: Route): void;
  /** Called when the gateway begins to close: whoever makes a caller wait must let go. Returns a function that takes it back. */
  onClose(action: () => void): () => void;
  /** For reading by the owner's own views. */
  readonly store: Store;
  /** Says `bye`, when to come back, and closes everything. */
  close(options?: { retryAfterMs?: number }): Promise<void>;
}

export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { clock = systemClock, log = silentLog, random } = options;
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const hooks: Hooks = { ...options.hooks };
  const digester = await createDigester();
  const store = new Store(options.storePath);
  const agents = agentsIn(store, clock);
  const events = eventsIn({ store, clock, log });
  const parts: GatewayParts = {
    ...{ store, agents, events, digester, clock, log, limits, hooks },
    entities: entitiesIn(store, clock, digester),
    commands: commandsIn(store, clock, random),
  };
  const server = options.tls ? createTlsServer(options.tls) : createHttpServer();
  const { origin, port } = await listenOn(server, options);
  const channel = `${origin.replace(/^http/, "ws")}/agent`;
  const identity: Identity = {
    tenant: options.tenant ?? "demo",
    portalName: options.portalName ?? "ERP Fuser reference portal",
    audience: audienceOf(store),
    channel: () => channel,
  };
  const links = createLinks(parts);
  const sockets = acceptSockets({ server, parts, identity, onSocket: links.add });
  events.listen((event) => {
    // Whoever holds the old key is out as soon as a new one is enrolled.
    if (event.kind === "enrolled") links.closeAll(event.agentId, closeCode.notAuthenticated, "the agent was enrolled again");
  });
  const routes: Route[] = [enrolmentRoutes({ agents, events, clock, log, identity })];
  server.on("request", (request, response) => void serve({ clock, log, routes }, request, response));
  log.info("The portal listens", { port });

  const closers = new Set<() => void>();
  let closing: Promise<void> | undefined;
  const close = async (told: { retryAfterMs?: number } = {}): Promise<void> => {
    closing ??= (async () => {
      for (const closer of [...closers]) closer();
      await links.close({ reason: "the portal stops", retryAfterMs: told.retryAfterMs ?? 1_000 });
      sockets.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
      store[Symbol.dispose]();
    })();
    await closing;
  };
  const issue = (agentId: string, order: CommandOrder): string => {
    checkOrder(agents.get(agentId), hooks.allowUnoffered ? undefined : agents.offers(agentId), order);
    const id = parts.commands.issue(agentId, order);
    events.emit({ kind: "command", agentId, id, state: "issued", outcome: undefined });
    links.pump(agentId);
    return id;
  };
  return {
    ...{ url: channel, httpUrl: origin, hooks, store, close, issue },
    createEnrolmentCode: agents.createCode,
    revoke(agentId) {
      const done = agents.revoke(agentId);
      if (done) links.closeAll(agentId, closeCode.notAuthenticated, "revoked");
      return done;
    },
    setStage(agentId, stage) {
      const done = agents.setStage(agentId, stage);
      if (done) links.closeAll(agentId, closeCode.restart, "the stage was changed");
      return done;
    },
    agents: agents.list,
    offers: agents.offers,
    isConnected: (agentId) => links.of(agentId) !== undefined,
    command: parts.commands.get,
    commands: parts.commands.list,
    request: links.request,
    sendRaw(agentId, frame) {
      const link = links.of(agentId);
      link?.sendRaw(frame);
      return link !== undefined;
    },
    disconnect(agentId, told) {
      const link = links.of(agentId);
      if (told) link?.close(told.code, told.reason);
      else link?.terminate();
      return link !== undefined;
    },
    listen: events.listen,
    recentEvents: events.recent,
    revision: events.revision,
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

function checkOrder(agent: Agent | undefined, offers: Offers | undefined, order: CommandOrder): void {
  const refused = (code: string, message: string): FuserError =>
    new FuserError("rejected", message, { code, operation: "issue a command", hint: "Look at the agent's offers." });
  if (agent === undefined) throw refused("agent-unknown", "No agent with this id is enrolled here.");
  if (offers === undefined) return;
  const offer = offers.commands.find((offered) => offered.type === order.command);
  if (offer === undefined) throw refused("command-not-offered", "The agent does not offer this command.");
  const fields = new Set(offer.fields.map((field) => field.name));
  const unknown = Object.keys(order.values).find((field) => !fields.has(field));
  if (unknown !== undefined)
    throw refused("command-not-offered", `The agent does not offer the field ${unknown} with this command.`);
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

interface Links {
  add: (socket: WebSocket, agentId: string) => void;
  /** The agent's open link. */
  of(agentId: string): Link | undefined;
  pump(agentId: string): void;
  closeAll(agentId: string, code: number, reason: string): void;
  request: Gateway["request"];
  close(bye: { reason: string; retryAfterMs: number }): Promise<void>;
}

function createLinks(parts: GatewayParts): Links {
  const links = new Set<Link>();
  const questions = new Map<string, { link: Link; resolve: (answer: Answer) => void; reject: (error: unknown) => void }>();
  let stopped = false;
  let onEmpty: (() => void) | undefined;
  const ofAgent = (agentId: string): Link[] => [...links].filter((link) => link.agentId === agentId);
  const away = (): FuserError =>
    new FuserError("transient", "The agent is not connected.", {
      code: "agent-away",
      operation: "ask the agent",
      hint: "Try again once it is back.",
    });
  const owner: LinkOwner = {
    supersedeOthers(link) {
      for (const other of ofAgent(link.agentId)) {
        if (other === link) continue;
        other.close(closeCode.superseded, "a newer connection of this agent took over");
      }
    },
    answered: (answer) => questions.get(answer.id)?.resolve(answer),
    closed(link) {
      links.delete(link);
      for (const question of questions.values()) if (question.link === link) question.reject(away());
      if (links.size === 0) onEmpty?.();
    },
  };
  const of = (agentId: string): Link | undefined => ofAgent(agentId).find((link) => link.open);
  return {
    add(socket, agentId) {
      if (stopped) return socket.terminate();
      links.add(new Link(socket, agentId, parts, owner));
    },
    of,
    pump: (agentId) => of(agentId)?.pump(),
    closeAll(agentId, code, reason) {
      for (const link of ofAgent(agentId)) link.close(code, reason);
    },
    async request(agentId, asked, signal) {
      const link = of(agentId);
      if (link === undefined) throw away();
      const id = randomUUID();
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      const onAbort = (): void => reject(signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      questions.set(id, { link, resolve, reject });
      try {
        signal?.throwIfAborted();
        link.send({ type: "request", id, ...asked });
        return await promise;
      } finally {
        questions.delete(id);
        signal?.removeEventListener("abort", onAbort);
      }
    },
    async close(bye) {
      stopped = true;
      for (const link of links) {
        link.send({ type: "bye", ...bye });
        link.close(closeCode.restart, bye.reason);
      }
      if (links.size === 0) return;
      await new Promise<void>((resolve) => {
        onEmpty = resolve;
      });
    },
  };
}
