/** A scripted agent for tests of the portal: says what it is told to say, well-formed or not, and keeps what it hears. */
import { generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import { WebSocket } from "ws";
import type { Gateway } from "../../portal/gateway.ts";
import type { EnrolResponse } from "../../protocol/enrolment.ts";
import { decodeFrame, encodeFrame } from "../../protocol/frames.ts";
import {
  type AgentMessage,
  type Hello,
  type PortalMessage,
  portalMessage,
  type Start,
  type Welcome,
} from "../../protocol/messages.ts";
import { typeNames } from "../../protocol/model.ts";

type Of<T extends PortalMessage["type"]> = Extract<PortalMessage, { type: T }>;

export interface FakeLink {
  send(message: AgentMessage): void;
  sendRaw(frame: string | Uint8Array): void;
  /** The next message of this type, in order of arrival; others are kept. Rejects when the link closes before. */
  next<T extends PortalMessage["type"]>(type: T): Promise<Of<T>>;
  /** Messages that arrived and that nobody has taken yet. */
  readonly waiting: readonly PortalMessage[];
  readonly closed: Promise<{ code: number; reason: string }>;
  /** From now on nothing is read or answered, as on a dead network. */
  freeze(): void;
  close(): Promise<void>;
}

export interface FakeAgent {
  readonly enrolment: EnrolResponse;
  readonly privateKey: KeyObject;
  readonly publicKey: string;
  token(claims?: { aud?: string; iat?: number; jti?: string; sub?: string; key?: KeyObject }): Promise<string>;
  /** Opens the socket; resolves once it is open. Rejects with status and body where the portal refuses. */
  connect(options?: { token?: string; subprotocol?: string; autoPong?: boolean }): Promise<FakeLink>;
  /** Connects and shakes hands. */
  open(told?: { hello?: Partial<Hello>; start?: Partial<Start> }): Promise<{ link: FakeLink; welcome: Welcome }>;
}

export class Refused extends Error {
  readonly status: number;
  readonly body: { error: string; message: string; now: string };
  constructor(status: number, body: string) {
    super(`refused with ${status}: ${body}`);
    this.status = status;
    this.body = JSON.parse(body);
  }
}

export function keyPair(): { privateKey: KeyObject; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { privateKey, publicKey: publicKey.export({ format: "jwk" }).x as string };
}

export function hello(change: Partial<Hello> = {}): Hello {
  return {
    type: "hello",
    protocols: [1],
    models: [1],
    agentVersion: "0.0.0-fake",
    host: "host-a",
    stage: "test",
    epoch: "epoch-0001",
    connection: 0,
    first: 1,
    next: 1,
    types: typeNames.map((type) => ({ type, fields: [] })),
    commands: [
      {
        type: "ticket.create",
        fields: ["title", "description", "unitId", "reporterId", "kind", "status"].map((name) => ({ name, owner: "shared" })),
      },
      { type: "ticket.update", fields: [{ name: "title", owner: "shared" }] },
      { type: "ticket.close", fields: [] },
      { type: "message.create", fields: ["ticketId", "body", "visibility"].map((name) => ({ name, owner: "portal" })) },
    ],
    ...change,
  };
}

export async function postJson(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: unknown }> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(url, { method: "POST", body: text, headers: { "content-type": "application/json", ...headers } });
  return { status: response.status, body: await response.json() };
}

export async function enrolFakeAgent(
  gateway: Pick<Gateway, "httpUrl" | "createEnrolmentCode">,
  agentId?: string,
): Promise<FakeAgent> {
  const { code } = gateway.createEnrolmentCode({ stage: "test", ttlMs: 60_000, agentId });
  const { privateKey, publicKey } = keyPair();
  const answer = await postJson(`${gateway.httpUrl}/enrol`, { code, publicKey, host: "host-a", agentName: "Fake" });
  if (answer.status !== 200) throw new Error(`Enrolment failed: ${JSON.stringify(answer.body)}`);
  return fakeAgent(answer.body as EnrolResponse, privateKey, publicKey);
}

export function fakeAgent(enrolment: EnrolResponse, privateKey: KeyObject, publicKey: string): FakeAgent {
  const token: FakeAgent["token"] = (claims = {}) =>
    new SignJWT({ jti: claims.jti ?? randomUUID() })
      .setProtectedHeader({ alg: "EdDSA" })
      .setSubject(claims.sub ?? enrolment.agentId)
      .setAudience(claims.aud ?? enrolment.audience)
      .setIssuedAt(claims.iat ?? Math.floor(Date.now() / 1_000))
      .sign(claims.key ?? privateKey);
  const connect: FakeAgent["connect"] = async (options = {}) => {
    const authorization = `Bearer ${options.token ?? (await token())}`;
    const socket = new WebSocket(enrolment.channel, options.subprotocol ?? "fuser.v1", {
      headers: { authorization },
      perMessageDeflate: false,
      autoPong: options.autoPong ?? true,
    });
    const link = linkOver(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", () => resolve());
      socket.once("error", reject);
      socket.once("unexpected-response", (_request, response) => {
        let body = "";
        response.on("data", (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on("end", () => reject(new Refused(response.statusCode ?? 0, body)));
      });
    });
    return link;
  };
  return {
    ...{ enrolment, privateKey, publicKey, token, connect },
    async open(told = {}) {
      const link = await connect();
      const greeting = hello(told.hello);
      link.send(greeting);
      const welcome = await link.next("welcome");
      const next = (welcome.last ?? 0) + 1;
      link.send({ type: "start", connection: welcome.connection, epoch: greeting.epoch, next, ...told.start });
      return { link, welcome };
    },
  };
}

function linkOver(socket: WebSocket): FakeLink {
  const waiting: PortalMessage[] = [];
  const askers = new Set<() => void>();
  let ended: { code: number; reason: string } | undefined;
  const wake = (): void => {
    for (const asker of [...askers]) asker();
  };
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => {
    const frame = isBinary ? (data as Buffer) : data.toString();
    waiting.push(decodeFrame(frame, { maxBytes: 16_000_000, schema: portalMessage }));
    wake();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on("close", (code, reason) => {
      ended = { code, reason: reason.toString() };
      resolve(ended);
      wake();
    });
  });
  const sendRaw = (frame: string | Uint8Array): void => socket.send(frame);
  return {
    ...{ waiting, closed, sendRaw },
    send: (message) => sendRaw(encodeFrame(message)),
    next<T extends PortalMessage["type"]>(type: T) {
      return new Promise<Of<T>>((resolve, reject) => {
        const look = (): void => {
          const index = waiting.findIndex((message) => message.type === type);
          if (index < 0 && ended === undefined) return;
          askers.delete(look);
          if (index >= 0) resolve(waiting.splice(index, 1)[0] as Of<T>);
          else reject(new Error(`Closed with ${ended?.code} (${ended?.reason}) before a ${type} came.`));
        };
        askers.add(look);
        look();
      });
    },
    freeze: () => socket.pause(),
    async close() {
      socket.terminate();
      await closed;
    },
  };
}
