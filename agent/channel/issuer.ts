import { request } from "node:https";
import type { PeerCertificate, TLSSocket } from "node:tls";
import type { TransportOptions } from "./transport.ts";

/** Who issued the certificate that is shown for `address`: the name is only for the message to the admin. Undefined when it can't be read. */
export async function issuerShownAt(address: URL, options: TransportOptions, signal: AbortSignal): Promise<string | undefined> {
  const shown = await certificateShownAt(address, options, signal);
  return shown && nameOf(shown);
}

/** Until when the certificate that is shown there is good, epoch ms; NaN when it can't be read. */
export async function certificateUntil(address: URL, options: TransportOptions, signal: AbortSignal): Promise<number> {
  const shown = await certificateShownAt(address, options, signal);
  return Date.parse(shown?.valid_to ?? "");
}

/** Connects once more, reads the certificate and hangs up. Nothing is trusted and nothing of ours is said. */
function certificateShownAt(address: URL, options: TransportOptions, signal: AbortSignal): Promise<PeerCertificate | undefined> {
  const url = new URL(address);
  url.protocol = "https:";
  url.pathname = "/";
  return new Promise((resolve) => {
    const asked = request(url, { ...options, method: "HEAD", rejectUnauthorized: false, signal });
    const done = (shown: PeerCertificate | undefined): void => {
      resolve(shown);
      asked.destroy();
    };
    asked.on("error", () => resolve(undefined));
    asked.on("response", (answer) => done((answer.socket as TLSSocket).getPeerCertificate(true)));
    asked.on("socket", (socket) => socket.once("secureConnect", () => done((socket as TLSSocket).getPeerCertificate(true))));
    asked.setTimeout(10_000, () => done(undefined));
    asked.end();
  });
}

/** The highest issuer that the chain names. */
function nameOf(certificate: PeerCertificate): string | undefined {
  let top: PeerCertificate = certificate;
  for (let depth = 0; depth < 10; depth++) {
    const above = (top as { issuerCertificate?: PeerCertificate }).issuerCertificate;
    if (above === undefined || above === top || Object.keys(above).length === 0) break;
    top = above;
  }
  const { issuer } = top;
  const text = [issuer?.CN, issuer?.O].flat().filter((part) => typeof part === "string" && part !== "");
  return text.length === 0 ? undefined : text.join(", ").slice(0, 200);
}
