/** The page "the ERP as the clerk sees it" on loopback: it reads and writes the ERP by SQL, knows neither agent nor portal. */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import * as z from "zod";
import { describeError, FuserError } from "../../../base/errors.ts";
import { type Clerk, statusCodes } from "./clerk.ts";
import type { Feed } from "./life-feed.ts";
import { feedWords } from "./life-words.ts";

export interface ClerkServer extends AsyncDisposable {
  readonly url: string;
}

const listLimit = 60;
const maxBodyBytes = 64 * 1_024;
const number = z.string().regex(/^\d{1,8}$/);
const statusBody = z.strictObject({ number, status: z.enum(statusCodes) });
const textBody = z.strictObject({ number, kind: z.enum(["N", "I"]), line: z.string().trim().min(1).max(2_000) });

interface Parts {
  clerk: Clerk;
  feed: Feed;
  port: number;
}

type Handler = (request: IncomingMessage, url: URL) => Promise<unknown>;

/** Starts the server on 127.0.0.1. */
export async function startClerkServer(parts: Parts): Promise<ClerkServer> {
  const handlers = handlersOf(parts);
  const server = createServer((request, response) => void answer(handlers, parts.port, { request, response }));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(parts.port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${parts.port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

function handlersOf({ clerk, feed }: Parts): Record<string, Handler> {
  return {
    "GET /api/words": async () => feedWords,
    "GET /api/view": async (_request, url) => {
      const [figures, tickets] = [await clerk.figures(), await clerk.tickets(url.searchParams.get("search") ?? "", listLimit)];
      return { now: clerk.now(), figures, tickets, feed: feed.since(Number(url.searchParams.get("after") ?? 0)) };
    },
    "GET /api/texts": async (_request, url) => clerk.texts(url.searchParams.get("number") ?? ""),
    "POST /api/status": async (request) => {
      const body = await readBody(request, statusBody);
      await clerk.setStatus(body.number, body.status);
      feed.add("clerkStatus", body.number);
      return {};
    },
    "POST /api/text": async (request) => {
      const body = await readBody(request, textBody);
      await clerk.addText(body.number, body.kind, body.line);
      feed.add("clerkText", body.number);
      return {};
    },
  };
}

async function answer(
  handlers: Record<string, Handler>,
  port: number,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): Promise<void> {
  const send = (code: number, value: unknown): void =>
    void response
      .writeHead(code, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" })
      .end(JSON.stringify(value));
  try {
    if (!isOwn(request, port)) return send(403, { error: "wrong-host" });
    const url = new URL(request.url ?? "/", "http://clerk");
    if (request.method === "GET" && url.pathname === "/") return sendPage(response);
    const handler = handlers[`${request.method} ${url.pathname}`];
    if (handler === undefined) return send(404, { error: "not-found" });
    send(200, await handler(request, url));
  } catch (error) {
    const code = error instanceof FuserError && error.kind === "rejected" ? 400 : 500;
    send(code, { error: error instanceof FuserError ? error.code : "failed", message: describeError(error) });
  }
}

/** No other web page on this machine may reach the ERP through the browser: neither by a name of its own nor by a foreign origin. */
function isOwn(request: IncomingMessage, port: number): boolean {
  const hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`]);
  const { host, origin } = request.headers;
  return hosts.has(host ?? "") && (origin === undefined || (URL.canParse(origin) && hosts.has(new URL(origin).host)));
}

function sendPage(response: ServerResponse): void {
  response.writeHead(200, {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy":
      "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
  });
  response.end(readFileSync(new URL("./clerk-page.html", import.meta.url)));
}

/** @throws FuserError `malformed` */
async function readBody<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += String(chunk);
    if (text.length > maxBodyBytes) break;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new FuserError("rejected", "This can't be entered", {
    code: "malformed",
    operation: "change a ticket as the clerk",
    hint: parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "),
  });
}
