/** A document at an address of the company's network. Only hosts that the configuration names are asked, whatever a row or a redirect says. */
import { request as askPlain, type IncomingMessage } from "node:http";
import { request as askTls } from "node:https";
import { FuserError } from "../../base/errors.ts";
import type { Clock } from "../../base/time.ts";
import { type BytesFault, type Content, wholeContent } from "./content.ts";

export interface AddressPlace {
  /** As the ERP has it. */
  told: string;
  /** `host` or `host:port`, in small letters. */
  hosts: readonly string[];
  maxBytes: number;
  timeoutMs: number;
}

const mostRedirects = 3;
const redirects = new Set([301, 302, 303, 307, 308]);
/** Of these the same question may be answered another time. */
const passing = (status: number): boolean => status >= 500 || status === 408 || status === 429;

/** @throws FuserError transient `document-address-failed` where the host does not answer */
export async function readAddress(place: AddressPlace, clock: Clock, signal: AbortSignal): Promise<Content | BytesFault> {
  const late = new AbortController();
  const cancel = clock.after(place.timeoutMs, () => late.abort(new Error(`no answer within ${place.timeoutMs} ms`)));
  try {
    return await read(place, AbortSignal.any([signal, late.signal]));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FuserError) throw error;
    throw failed(late.signal.aborted ? late.signal.reason : error);
  } finally {
    cancel();
  }
}

async function read({ told, hosts, maxBytes }: AddressPlace, signal: AbortSignal): Promise<Content | BytesFault> {
  let address = addressOf(told, hosts);
  for (let hops = 0; address !== undefined && hops <= mostRedirects; hops++) {
    const answer = await ask(address, signal);
    const status = answer.statusCode ?? 0;
    const { location, "content-length": length } = answer.headers;
    try {
      if (redirects.has(status) && location !== undefined) {
        address = URL.canParse(location, address) ? addressOf(new URL(location, address).href, hosts) : undefined;
        continue;
      }
      if (passing(status)) throw failed(new Error(`status ${status}`));
      if (status !== 200) return status === 404 || status === 410 ? "missing" : "unreadable";
      if (Number(length ?? 0) > maxBytes) return "too-large";
      return await bodyOf(answer, maxBytes);
    } finally {
      answer.destroy();
    }
  }
  return address === undefined ? "outside" : "unreadable";
}

async function bodyOf(answer: IncomingMessage, maxBytes: number): Promise<Content | BytesFault> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of answer) {
    bytes += (piece as Buffer).length;
    if (bytes > maxBytes) return "too-large";
    pieces.push(piece as Buffer);
  }
  // A body that was cut off is no document.
  if (!answer.complete) throw failed(new Error("the answer was cut off"));
  return wholeContent(Buffer.concat(pieces));
}

/** The address, if it may be asked; one with a user or a password is refused, for rows hold no secrets of ours. */
export function addressOf(told: string, hosts: readonly string[]): URL | undefined {
  const url = URL.canParse(told) ? new URL(told) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || url.username !== "" || url.password !== "")
    return undefined;
  // `host` has the port where it is not the usual one; the configuration may name that as well.
  const withPort = `${url.hostname}:${url.port || (url.protocol === "https:" ? 443 : 80)}`;
  return hosts.includes(url.host) || hosts.includes(withPort) ? url : undefined;
}

function ask(address: URL, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = address.protocol === "https:" ? askTls : askPlain;
    // No connection is kept: documents are asked for one by one, and seldom.
    const asked = request(address, { agent: false, signal, headers: { accept: "*/*", "accept-encoding": "identity" } }, resolve);
    asked.on("error", reject);
    asked.end();
  });
}

function failed(cause: unknown): FuserError {
  return new FuserError("transient", "The host of the documents does not answer", {
    code: "document-address-failed",
    operation: "read a document",
    hint: "Look at the host under `bytes: hosts` and the network to it; the portal may ask again.",
    cause,
  });
}
