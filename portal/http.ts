/** Plain HTTP beside the channel: enrolment, key rotation, and whatever routes the owner adds. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type * as z from "zod";
import { describeError, FuserError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Clock } from "../base/time.ts";
import {
  type EnrolResponse,
  enrolRequest,
  type HttpFault,
  keyFingerprint,
  type RotateResponse,
  rotateRequest,
} from "../protocol/enrolment.ts";
import { describeIssue } from "../protocol/frames.ts";
import type { Agents } from "./agents.ts";
import type { Events } from "./events.ts";
import { identify } from "./identity.ts";

const maxBodyBytes = 256 * 1_024;
/** Wrong codes within a minute after which nobody may try for the rest of it. */
const triesPerMinute = 20;

/** Answers a request, or returns false to leave it to the next. */
export type Route = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean> | boolean;

export interface Identity {
  tenant: string;
  portalName: string;
  audience: string;
  /** Address of the WebSocket as agents reach it. */
  channel: () => string;
}

const status: Record<HttpFault["error"], number> = {
  malformed: 400,
  "code-unknown": 403,
  "code-used": 403,
  "code-expired": 403,
  "key-in-use": 409,
  "slow-down": 429,
  "no-token": 401,
  "bad-token": 401,
  "unknown-agent": 401,
  "wrong-audience": 401,
  "wrong-clock": 401,
  replayed: 401,
  revoked: 401,
  "wrong-subprotocol": 400,
  "not-found": 404,
};

const enrolFaults: Partial<Record<HttpFault["error"], string>> = {
  "code-unknown": "This enrolment code is not known here. Ask the portal for a new one.",
  "code-used": "This enrolment code was used before. Ask the portal for a new one.",
  "code-expired": "This enrolment code has expired. Ask the portal for a new one.",
  "key-in-use": "Another agent has this key. Make a new key pair.",
};

/** Status line and body of a refusal. */
export function faultBody(error: HttpFault["error"], message: string, now: number): { status: number; body: string } {
  const fault: HttpFault = { error, message, now: new Date(now).toISOString() };
  return { status: status[error], body: JSON.stringify(fault) };
}

export function sendJson(response: ServerResponse, code: number, value: unknown): void {
  const body = typeof value === "string" ? value : JSON.stringify(value);
  response.writeHead(code, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" }).end(body);
}

/** @throws FuserError `malformed` */
export async function readJson<T>(request: IncomingMessage, schema: z.ZodType<T>, mostBytes = maxBodyBytes): Promise<T> {
  const malformed = (message: string, cause?: unknown): FuserError =>
    new FuserError("rejected", message, { code: "malformed", operation: "read a request", cause });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > mostBytes) throw malformed("The body is too large.");
    chunks.push(chunk as Buffer);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    throw malformed("The body is not JSON.", error);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = describeIssue(parsed.error.issues[0] as z.core.$ZodIssue);
  throw malformed(`The body does not fit its schema at ${path || "its top"}: ${message}.`);
}

interface HttpParts {
  agents: Agents;
  events: Events;
  clock: Clock;
  log: Log;
  identity: Identity;
}

/** `POST /enrol` and `POST /rotate`. */
export function enrolmentRoutes(parts: HttpParts): Route {
  const { agents, events, clock, identity } = parts;
  let failures: number[] = [];
  const refuse = (response: ServerResponse, error: HttpFault["error"], message: string): true => {
    const fault = faultBody(error, message, clock.now());
    sendJson(response, fault.status, fault.body);
    return true;
  };
  const enrol: Route = async (request, response) => {
    failures = failures.filter((at) => at > clock.now() - 60_000);
    if (failures.length >= triesPerMinute) return refuse(response, "slow-down", "Too many wrong codes; wait a minute.");
    const asked = await readJson(request, enrolRequest);
    const done = agents.enrol(asked);
    if ("fault" in done) {
      failures.push(clock.now());
      return refuse(response, done.fault, enrolFaults[done.fault] ?? "Refused.");
    }
    events.emit({ kind: "enrolled", agentId: done.agent.id });
    const answer: EnrolResponse = {
      agentId: done.agent.id,
      tenant: identity.tenant,
      channel: identity.channel(),
      audience: identity.audience,
      stage: done.agent.stage,
      portalName: identity.portalName,
      fingerprint: keyFingerprint(asked.publicKey),
    };
    sendJson(response, 200, answer);
    return true;
  };
  const rotate: Route = async (request, response) => {
    const caller = await identify({ agents, clock, audience: identity.audience }, request.headers.authorization);
    if ("fault" in caller) return refuse(response, caller.fault, caller.message);
    const { publicKey } = await readJson(request, rotateRequest);
    if (!agents.rotate(caller.agent.id, publicKey)) return refuse(response, "key-in-use", enrolFaults["key-in-use"] as string);
    const answer: RotateResponse = { fingerprint: keyFingerprint(publicKey) };
    sendJson(response, 200, answer);
    return true;
  };
  return (request, response, url) => {
    if (request.method !== "POST") return false;
    if (url.pathname === "/enrol") return enrol(request, response, url);
    return url.pathname === "/rotate" ? rotate(request, response, url) : false;
  };
}

/** Tries the routes in turn; whatever goes wrong is answered, never thrown. */
export async function serve(
  parts: { clock: Clock; log: Log; routes: readonly Route[] },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const url = new URL(request.url ?? "/", "http://portal");
    for (const route of parts.routes) if (await route(request, response, url)) return;
    const fault = faultBody("not-found", "There is nothing here.", parts.clock.now());
    sendJson(response, fault.status, fault.body);
  } catch (error) {
    const expected = error instanceof FuserError && error.kind === "rejected";
    if (!expected) parts.log.error(`A request failed: ${describeError(error)}`, { code: "portal-failed" });
    if (response.headersSent) return void response.destroy();
    if (!expected) return sendJson(response, 500, { error: "portal-failed", message: "The portal failed; see its log." });
    const fault = faultBody("malformed", error.message, parts.clock.now());
    sendJson(response, fault.status, fault.body);
  }
}
