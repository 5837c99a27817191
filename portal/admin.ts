/**
 * HTTP routes by which the portal's own page, tests and the demo steer a gateway. Loopback only, guarded by a token; Host and Origin are
 * checked, so that no web page elsewhere reaches it through a browser on this machine.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as z from "zod";
import { FuserError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import { command, lookup, request } from "../protocol/messages.ts";
import type { Fields } from "../protocol/model.ts";
import type { CommandOrder } from "./commands.ts";
import type { Gateway } from "./gateway.ts";
import { type Route, readJson, sendJson } from "./http.ts";
import { agentSummary, entitiesView, estatesView, estateView, ticketsView } from "./views.ts";

const agentId = z.string().min(1).max(100).optional();
const stage = z.enum(["test", "live"]);

const codeBody = z.strictObject({
  stage: stage.default("live"),
  ttlSeconds: z
    .int()
    .min(1)
    .max(7 * 86_400)
    .default(900),
  agentId,
});
const commandBody = command
  .omit({ type: true, id: true, issuedAt: true, expiresAt: true })
  .extend({ agentId, expiresInMs: z.int().min(1).optional() });
const requestBody = request.omit({ type: true, id: true }).extend({ agentId });
/** A table travels as a whole. */
const mostLookupBytes = 16 * 1_048_576;
const lookupBody = lookup.pick({ name: true, fields: true, rows: true }).extend({ agentId });
const stageBody = z.strictObject({ agentId, stage });
const personId = z.string().min(1).max(500);
const personBody = z.strictObject({ agentId, fields: z.record(z.string().max(100), z.json()) });
const matchBody = z.strictObject({ agentId, id: personId });
const linkBody = z.strictObject({ agentId, id: personId, personId });
const documentBody = z.strictObject({ agentId, id: z.string().min(1).max(500) });
const revokeBody = z.strictObject({ agentId });

type Handler = (request: IncomingMessage, url: URL) => unknown;

/** Answers `/api/…`. `token`: what callers must present as `Authorization: Bearer`. */
export function adminRoute(gateway: Gateway, options: { token: string; clock: Clock }): Route {
  const handlers = handlersOf(gateway, options.clock);
  const hosts = new Set([new URL(gateway.httpUrl).host, new URL(gateway.httpUrl).host.replace("127.0.0.1", "localhost")]);
  return async (asked, response, url) => {
    if (!url.pathname.startsWith("/api/")) return false;
    if (!hosts.has(asked.headers.host ?? "") || !isOwnOrigin(asked, hosts)) return refuse(response, 403, "wrong-host");
    if (!isToken(asked.headers.authorization, options.token)) return refuse(response, 401, "no-token");
    const handler = handlers[`${asked.method} ${url.pathname}`];
    if (handler === undefined) return refuse(response, 404, "not-found");
    try {
      const answer = await handler(asked, url);
      if (answer instanceof Readable) await sendBytes(response, answer);
      else sendJson(response, 200, answer);
    } catch (error) {
      if (!(error instanceof FuserError) || error.kind === "bug") throw error;
      sendJson(response, error.kind === "transient" ? 503 : 400, { error: error.code, message: error.message });
    }
    return true;
  };
}

/** Whatever a document is, it is shown as a file and never as a page of this origin. */
async function sendBytes(response: ServerResponse, bytes: Readable): Promise<void> {
  const heads = {
    "content-type": "application/octet-stream",
    "content-disposition": "attachment",
    "x-content-type-options": "nosniff",
  };
  response.writeHead(200, { ...heads, "cache-control": "no-store" });
  await pipeline(bytes, response);
}

function bytesOf(gateway: Gateway, agentId: string, id: string): Readable {
  const bytes = gateway.documentBytes(agentId, id);
  if (bytes !== undefined) return Readable.from(bytes, { objectMode: false });
  throw new FuserError("rejected", "The bytes of this document are not here.", {
    code: "document-not-held",
    operation: "show a document",
    hint: "Ask for them with POST /api/documents.",
  });
}

function refuse(response: ServerResponse, code: number, error: string): true {
  sendJson(response, code, { error, message: "Refused." });
  return true;
}

function isOwnOrigin(asked: IncomingMessage, hosts: ReadonlySet<string>): boolean {
  const { origin } = asked.headers;
  return origin === undefined || (URL.canParse(origin) && hosts.has(new URL(origin).host));
}

function isToken(authorization: string | undefined, token: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(authorization ?? ""), digest(`Bearer ${token}`));
}

function handlersOf(gateway: Gateway, clock: Clock): Record<string, Handler> {
  const chosen = (id: string | undefined): string => chooseAgent(gateway, id);
  /** A view finds all that is acked in the tables; the links are not held up meanwhile. */
  const settled =
    (view: Handler): Handler =>
    async (asked, url) => {
      await gateway.settled();
      return view(asked, url);
    };
  const fromUrl = (url: URL): string => chosen(url.searchParams.get("agentId") ?? undefined);
  return {
    "POST /api/enrolment-codes": async (asked) => {
      const { ttlSeconds, ...body } = await readJson(asked, codeBody);
      const { code, expiresAt } = gateway.createEnrolmentCode({ ...body, ttlMs: ttlSeconds * 1_000 });
      return { code, expiresAt: new Date(expiresAt).toISOString() };
    },
    "POST /api/commands": async (asked) => {
      const { agentId: id, ...order } = await readJson(asked, commandBody);
      return { id: gateway.issue(chosen(id), order as CommandOrder) };
    },
    "GET /api/command": (_asked, url) => {
      const found = gateway.command(url.searchParams.get("id") ?? "");
      if (found === undefined)
        throw new FuserError("rejected", "No such command.", { code: "command-unknown", operation: "show a command" });
      return found;
    },
    "POST /api/requests": async (asked) => {
      const { agentId: id, ...body } = await readJson(asked, requestBody);
      return gateway.request(chosen(id), body, AbortSignal.timeout(60_000));
    },
    "POST /api/persons": async (asked) => {
      const body = await readJson(asked, personBody);
      return { id: gateway.persons.add(chosen(body.agentId), body.fields as Fields) };
    },
    "POST /api/persons/match": async (asked) => {
      const body = await readJson(asked, matchBody);
      return { command: gateway.persons.match(chosen(body.agentId), body.id) };
    },
    "POST /api/persons/link": async (asked) => {
      const body = await readJson(asked, linkBody);
      return { command: gateway.persons.link(chosen(body.agentId), body.id, body.personId) };
    },
    "GET /api/persons": settled((_asked, url) => gateway.persons.list(fromUrl(url))),
    "GET /api/person": settled((_asked, url) => gateway.persons.find(fromUrl(url), url.searchParams.get("id") ?? "") ?? null),
    "POST /api/lookups": async (asked) => {
      const { agentId: id, ...content } = await readJson(asked, lookupBody, mostLookupBytes);
      return { version: gateway.setLookup(chosen(id), content) };
    },
    "GET /api/lookups": (_asked, url) => gateway.lookups(fromUrl(url)),
    "POST /api/documents": async (asked) => {
      const body = await readJson(asked, documentBody);
      await gateway.settled();
      gateway.wantDocument(chosen(body.agentId), body.id);
      return { wanted: true };
    },
    "GET /api/document": (_asked, url) => gateway.document(fromUrl(url), url.searchParams.get("id") ?? "") ?? null,
    "GET /api/document-bytes": (_asked, url) => bytesOf(gateway, fromUrl(url), url.searchParams.get("id") ?? ""),
    "POST /api/stage": async (asked) => {
      const body = await readJson(asked, stageBody);
      return { done: gateway.setStage(chosen(body.agentId), body.stage) };
    },
    "POST /api/revoke": async (asked) => ({ done: gateway.revoke(chosen((await readJson(asked, revokeBody)).agentId)) }),
    "GET /api/state": settled(() => ({
      now: new Date(clock.now()).toISOString(),
      revision: gateway.revision(),
      agents: gateway.agents().map((agent) => agentSummary(gateway, agent)),
      events: gateway.recentEvents(30),
    })),
    "GET /api/revision": (_asked, url) => revisionAfter(gateway, { clock, seen: Number(url.searchParams.get("after")) }),
    "GET /api/estates": settled((_asked, url) => estatesView(gateway.store, fromUrl(url), url.searchParams.get("search") ?? "")),
    "GET /api/estate": settled((_asked, url) => estateView(gateway.store, fromUrl(url), url.searchParams.get("id") ?? "")),
    "GET /api/entities": settled((_asked, { searchParams: asked }) => {
      const type = asked.get("type") ?? "";
      return entitiesView(gateway.store, chosen(asked.get("agentId") ?? undefined), { type, after: asked.get("after") ?? "" });
    }),
    "GET /api/tickets": settled((_asked, url) =>
      ticketsView(gateway.store, fromUrl(url), Number(url.searchParams.get("limit") ?? 50)),
    ),
  };
}

/** Without a name the only agent is meant. */
function chooseAgent(gateway: Gateway, id: string | undefined): string {
  if (id !== undefined) return id;
  const [only, ...others] = gateway.agents();
  if (only !== undefined && others.length === 0) return only.id;
  throw new FuserError("rejected", only === undefined ? "No agent is enrolled here." : "Several agents are enrolled; name one.", {
    code: "agent-unknown",
    operation: "choose an agent",
  });
}

/** How long a page waits for news before it asks again, milliseconds. */
const newsWaitMs = 20_000;

/** Answers once something is newer than what the page has seen, or after a while. */
async function revisionAfter(gateway: Gateway, told: { clock: Clock; seen: number }): Promise<{ revision: number }> {
  if (gateway.revision() <= told.seen) {
    await new Promise<void>((resolve) => {
      const stop = gateway.listen(() => end());
      const cancel = told.clock.after(newsWaitMs, () => end());
      const leave = gateway.onClose(() => end());
      const end = (): void => {
        stop();
        cancel();
        leave();
        resolve();
      };
    });
  }
  return { revision: gateway.revision() };
}
