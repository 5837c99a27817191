/**
 * A portal written from the generated documents alone, to show that they are enough: it enrols an agent, takes its changes and hands it commands, all in
 * memory. Whatever does not fit a schema is kept in `faults`.
 */
import { createHash, createPublicKey, randomUUID, verify } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import {
  bodyFault,
  type EntityFields,
  entityDigest,
  entityFault,
  fromFrame,
  type Item,
  itemsOf,
  type Message,
  messageFault,
  rangeDigest,
  toFrame,
} from "./schema-only.ts";

export interface SchemaOnlyPortal extends AsyncDisposable {
  readonly httpUrl: string;
  readonly code: string;
  /** Entities by `type/id`. */
  readonly entities: ReadonlyMap<string, EntityFields>;
  readonly results: ReadonlyMap<string, Message>;
  readonly statuses: readonly Message[];
  /** Every message of the agent, in order. */
  readonly heard: readonly Message[];
  /** Everything that did not fit the documents; empty when all is well. */
  readonly faults: readonly string[];
  issue(order: { command: string; values: EntityFields; entity?: unknown; base?: EntityFields; after?: string }): string;
  /** Cuts the link; the agent comes back by itself. */
  cut(): void;
  /** Remembers everything that a portal holds durably; calling what it returns brings that state back, as a restored backup does. */
  backup(): () => void;
  close(): Promise<void>;
}

export interface SchemaOnlyPortalOptions {
  stage: "test" | "live";
  /** Refuses items of its choice. */
  refuse?: (item: Item) => { code: "invalid" | "unknown-parent" | "later"; reason: string } | undefined;
}

interface State {
  publicKey: string | undefined;
  stage: "test" | "live";
  audience: string;
  seenTokens: Set<string>;
  connection: number;
  epoch: string | undefined;
  last: number;
  host: string | undefined;
  link: WebSocket | undefined;
  entities: Map<string, EntityFields>;
  commands: { message: Message; receivedIn: string | undefined }[];
  results: Map<string, Message>;
  /** The epoch in which each result was told. */
  toldIn: Map<string, string | undefined>;
  /** Commands sent on this connection. */
  sent: Set<string>;
  statuses: Message[];
  heard: Message[];
  faults: string[];
  refuse: SchemaOnlyPortalOptions["refuse"];
}

const agentId = "agent-of-the-documents";

export async function openSchemaOnlyPortal(options: SchemaOnlyPortalOptions): Promise<SchemaOnlyPortal> {
  const state: State = {
    ...{ publicKey: undefined, stage: options.stage, audience: `documents:${randomUUID()}`, seenTokens: new Set() },
    ...{ connection: 0, epoch: undefined, last: 0, host: undefined, link: undefined },
    ...{
      entities: new Map(),
      commands: [],
      results: new Map(),
      toldIn: new Map(),
      sent: new Set(),
      statuses: [],
      heard: [],
      faults: [],
    },
    refuse: options.refuse,
  };
  const code = "DOCU-MENT-ONLY";
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "fuser.v1" });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  server.on("request", (request, response) => void enrol(state, { request, response, code, port }));
  server.on("upgrade", (request, socket, head) => {
    const fault = tokenFault(state, request.headers.authorization ?? "");
    if (fault === undefined) return sockets.handleUpgrade(request, socket, head, (link) => serve(state, link));
    const body = JSON.stringify({ error: fault, message: "refused", now: new Date().toISOString() });
    socket.end(`HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
  const close = async (): Promise<void> => {
    for (const client of sockets.clients) client.terminate();
    sockets.close();
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  };
  return {
    ...{ httpUrl: `http://127.0.0.1:${port}`, code, close },
    ...{ entities: state.entities, results: state.results, statuses: state.statuses, heard: state.heard, faults: state.faults },
    cut: () => state.link?.terminate(),
    backup: () => backup(state),
    issue(order) {
      const id = `DOC${randomUUID().replaceAll("-", "").slice(0, 17)}`;
      state.commands.push({
        message: { type: "command", id, ...order, issuedAt: new Date().toISOString() },
        receivedIn: undefined,
      });
      sendCommands(state);
      return id;
    },
    [Symbol.asyncDispose]: close,
  };
}

function backup(state: State): () => void {
  const { connection, epoch, last, host } = state;
  const [entities, results, commands] = structuredClone([[...state.entities], [...state.results], state.commands] as const);
  return () => {
    Object.assign(state, { connection, epoch, last, host });
    state.commands.splice(0, state.commands.length, ...commands);
    for (const [map, entries] of [[state.entities, entities] as const, [state.results, results] as const]) {
      map.clear();
      for (const [key, value] of entries as [string, never][]) map.set(key, value);
    }
    state.link?.terminate();
  };
}

async function enrol(
  state: State,
  told: { request: IncomingMessage; response: ServerResponse; code: string; port: number },
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of told.request) chunks.push(chunk as Buffer);
  const asked = JSON.parse(Buffer.concat(chunks).toString());
  const fault = bodyFault("enrolRequest", asked);
  if (fault !== undefined) state.faults.push(`enrolRequest: ${fault}`);
  if (asked.code !== told.code || state.publicKey !== undefined) {
    const error = {
      error: asked.code === told.code ? "code-used" : "code-unknown",
      message: "refused",
      now: new Date().toISOString(),
    };
    told.response.writeHead(403, { "content-type": "application/json" }).end(JSON.stringify(error));
    return;
  }
  state.publicKey = asked.publicKey;
  const hex = createHash("sha256").update(Buffer.from(asked.publicKey, "base64url")).digest("hex").slice(0, 32);
  const answer = {
    ...{
      agentId,
      tenant: "documents",
      channel: `ws://127.0.0.1:${told.port}/agent`,
      audience: state.audience,
      stage: state.stage,
    },
    ...{ portalName: "Portal from the documents", fingerprint: hex.replace(/(.{4})(?=.)/g, "$1-") },
  };
  told.response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
}

/** "Identity", rules 2 and 3. */
function tokenFault(state: State, authorization: string): string | undefined {
  const [head, body, signature] = authorization.replace(/^Bearer /, "").split(".");
  if (head === undefined || body === undefined || signature === undefined || state.publicKey === undefined) return "no-token";
  const json = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: state.publicKey }, format: "jwk" });
  const genuine = verify(null, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url"));
  const claims = json(body);
  if (!genuine || json(head).alg !== "EdDSA" || claims.sub !== agentId) return "bad-token";
  if (claims.aud !== state.audience) return "wrong-audience";
  if (Math.abs(claims.iat * 1_000 - Date.now()) > 300_000) return "wrong-clock";
  if (state.seenTokens.has(claims.jti)) return "replayed";
  state.seenTokens.add(claims.jti);
  return undefined;
}

interface Talk {
  link: WebSocket;
  hello: Message | undefined;
  connection: number;
  started: boolean;
}

function send(state: State, link: WebSocket, message: Message): void {
  const fault = messageFault("fromPortal", message);
  if (fault !== undefined) state.faults.push(`our own ${message.type}: ${fault}`);
  link.send(toFrame(message));
}

function serve(state: State, link: WebSocket): void {
  const talk: Talk = { link, hello: undefined, connection: 0, started: false };
  link.on("error", () => {});
  link.on("message", (data, isBinary) => {
    const message = fromFrame(data as Buffer, isBinary);
    const fault = messageFault("fromAgent", message);
    if (fault !== undefined) {
      state.faults.push(`${message.type}: ${fault}`);
      return link.close(4400, "does not fit its schema");
    }
    state.heard.push(message);
    const inTurn = talk.started || message.type === (talk.hello === undefined ? "hello" : "start");
    if (!inTurn) return link.close(4400, "out of turn");
    handle(state, talk, message);
  });
}

function handle(state: State, talk: Talk, message: Message): void {
  const answer = (reply: Message): void => send(state, talk.link, reply);
  switch (message.type) {
    case "hello":
      return welcome(state, talk, message);
    case "start":
      return start(state, talk, message);
    case "changes":
      return take(state, talk, message);
    case "received": {
      const command = state.commands.find((known) => known.message.id === message.id);
      if (command !== undefined) command.receivedIn = state.epoch;
      return;
    }
    case "result":
      state.results.set(message.id as string, message);
      state.toldIn.set(message.id as string, state.epoch);
      return answer({ type: "settled", id: message.id, revision: message.revision });
    case "inventory":
      return answer(inventory(state, message));
    case "status":
      state.statuses.push(message);
      return;
    case "bye":
      return talk.link.close(1000);
    case "answer":
      return;
    default:
      return talk.link.close(4400, "unknown message");
  }
}

/** "Handshake", rule 2. */
function welcome(state: State, talk: Talk, hello: Message): void {
  if (!(hello.protocols as number[]).includes(1) || !(hello.models as number[]).includes(1))
    return talk.link.close(4406, "versions");
  if (hello.stage !== state.stage) return talk.link.close(4412, "stage");
  state.link?.close(4409, "superseded");
  state.link = talk.link;
  talk.hello = hello;
  talk.connection = Math.max(state.connection, hello.connection as number) + 1;
  send(state, talk.link, {
    ...{ type: "welcome", protocol: 1, model: 1, connection: talk.connection, seen: state.connection },
    last: hello.epoch === state.epoch ? state.last : null,
    ...(state.host === undefined || state.host === hello.host ? {} : { otherHost: state.host }),
    types: (hello.types as { type: string }[]).map((offer) => offer.type),
    ...{
      windowItems: 2_000,
      windowBytes: 1_000_000,
      maxFrameBytes: 500_000,
      heartbeatSeconds: 30,
      now: new Date().toISOString(),
    },
  });
}

/** "Handshake", rules 3 and 5. */
function start(state: State, talk: Talk, message: Message): void {
  if (message.connection !== talk.connection) return talk.link.close(4400, "another connection number");
  talk.started = true;
  state.connection = talk.connection;
  state.host = talk.hello?.host as string;
  if (state.epoch !== message.epoch) {
    state.epoch = message.epoch as string;
    state.last = 0;
  } else if (message.epoch === talk.hello?.epoch && state.last >= (talk.hello?.first as number)) {
    send(state, talk.link, { type: "ack", seq: state.last, refused: [] });
  }
  state.sent.clear();
  sendCommands(state);
}

/** "Commands and results": once on each connection, with what this epoch has told of them. */
function sendCommands(state: State): void {
  if (state.epoch === undefined || state.link === undefined || state.link.readyState !== state.link.OPEN) return;
  for (const { message, receivedIn } of state.commands) {
    const id = message.id as string;
    const result = state.results.get(id);
    const open = result === undefined || ["executing", "uncertain", "waiting"].includes(result.outcome as string);
    if (!open || state.sent.has(id)) continue;
    state.sent.add(id);
    const told = result !== undefined && state.toldIn.get(id) === state.epoch ? { revision: result.revision } : {};
    send(state, state.link, receivedIn === state.epoch ? { ...message, again: true, ...told } : message);
  }
}

/** "Changes and acks". */
function take(state: State, talk: Talk, message: Message): void {
  if ((message.from as number) > state.last + 1) return talk.link.close(4400, "gap");
  const refused: Message[] = [];
  for (const item of itemsOf(message)) {
    if (item.seq <= state.last) continue;
    state.last = item.seq;
    const key = `${item.type}/${item.id}`;
    const fault = item.op === "delete" ? undefined : entityFault(item.type, item.fields);
    if (fault !== undefined) {
      state.faults.push(`${key}: ${fault}`);
      refused.push({ seq: item.seq, code: "invalid", reason: "does not fit the model" } as never);
      continue;
    }
    const refusal = state.refuse?.(item);
    if (refusal !== undefined) {
      refused.push({ seq: item.seq, ...refusal } as never);
      continue;
    }
    if (item.op === "delete") state.entities.delete(key);
    else state.entities.set(key, item.fields);
  }
  send(state, talk.link, { type: "ack", seq: state.last, refused });
}

/** "Inventory and digests". */
function inventory(state: State, asked: Message): Message {
  const { id, level, limit, after = "", until } = asked as Message & { limit: number; after?: string; until?: string };
  const prefix = `${asked.entity}/`;
  const all = [...state.entities]
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, fields]) => [key.slice(prefix.length), entityDigest(fields)] as const)
    .filter(([entity]) => Buffer.compare(Buffer.from(entity), Buffer.from(after)) > 0)
    .filter(([entity]) => until === undefined || Buffer.compare(Buffer.from(entity), Buffer.from(until)) <= 0)
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  if (level === "ids") return { type: "answer", id, outcome: "ok", ids: all.slice(0, limit), complete: all.length <= limit };
  const ranges: unknown[] = [];
  for (let from = 0; from < all.length; from += limit) {
    const part = all.slice(from, from + limit);
    ranges.push({ first: part[0]?.[0], last: part.at(-1)?.[0], count: part.length, digest: rangeDigest(part) });
  }
  return { type: "answer", id, outcome: "ok", ranges, complete: true };
}
