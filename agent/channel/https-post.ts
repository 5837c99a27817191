import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { FuserError } from "../../base/errors.ts";
import type { Clock } from "../../base/time.ts";
import { type Attempt, connectFailure, type HttpAnswer, isUnknownIssuer } from "./failures.ts";
import { issuerShownAt } from "./issuer.ts";
import { type TransportSettings, transportFor } from "./transport.ts";

export interface Post {
  address: URL;
  body: unknown;
  token?: string;
  /** What is being done, for errors. */
  operation: string;
  transport: TransportSettings;
  clock: Clock;
  signal: AbortSignal;
}

/** An answer is a few hundred bytes; more than this is none of ours. */
const largestAnswer = 65_536;
const timeoutMs = 30_000;

/**
 * Posts JSON and returns the answer whatever its status.
 * @throws FuserError that says why the portal could not be reached (failures.ts)
 */
export async function postJson(post: Post): Promise<{ answer: HttpAnswer; attempt: Attempt }> {
  const { address, operation, transport, clock, signal } = post;
  const { options, route } = transportFor(address, transport);
  const attempt: Attempt = { operation, place: address.href, proxy: route.proxy };
  const limit = new AbortController();
  const cancelTimer = clock.after(timeoutMs, () => limit.abort(timedOut(attempt)));
  const either = AbortSignal.any([signal, limit.signal]);
  try {
    const body = JSON.stringify(post.body);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      ...(post.token === undefined ? {} : { authorization: `Bearer ${post.token}` }),
    };
    const asked =
      address.protocol === "https:"
        ? requestHttps(address, { ...options, method: "POST", headers, signal: either })
        : requestHttp(address, { method: "POST", headers, signal: either });
    return { answer: await answerTo(asked, body), attempt };
  } catch (error) {
    signal.throwIfAborted();
    limit.signal.throwIfAborted();
    const issuer = isUnknownIssuer(error) ? await issuerShownAt(address, options, signal) : undefined;
    throw connectFailure(error, attempt, issuer);
  } finally {
    cancelTimer();
  }
}

async function answerTo(asked: ClientRequest, body: string): Promise<HttpAnswer> {
  let fromProxy = false;
  asked.on("proxyConnect", (connect: { statusCode: number }) => {
    fromProxy = connect.statusCode !== 200;
  });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.on("response", resolve);
    asked.on("error", reject);
    asked.end(body);
  });
  let text = "";
  for await (const chunk of response) {
    text += String(chunk);
    if (text.length > largestAnswer) break;
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: text, fromProxy };
}

function timedOut(attempt: Attempt): FuserError {
  return new FuserError("transient", "The portal did not answer in time", {
    code: "portal-handshake-timeout",
    operation: attempt.operation,
    place: attempt.place,
    hint: "Look at firewall and proxy: something takes the connection and then stays silent.",
  });
}
