/** Until when a server's certificate is good, whoever signed it: read from the connection that is up, or from one more on which nothing is said. */
import { connect, type TLSSocket } from "node:tls";

const timeoutMs = 10_000;

/** Of a connection as a driver holds it, epoch ms; NaN where it is not encrypted, or does not tell. */
export function certificateUntilOn(stream: unknown): number {
  const { getPeerCertificate } = (stream ?? {}) as Partial<TLSSocket>;
  if (typeof getPeerCertificate !== "function") return Number.NaN;
  return Date.parse((stream as TLSSocket).getPeerCertificate()?.valid_to ?? "");
}

/** Of a server that speaks TLS from the first byte, epoch ms; NaN where it can't be read. Nothing is trusted and nothing of ours is said. */
export function certificateUntilAt(at: { host: string; port: number }, signal: AbortSignal): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect({ ...at, rejectUnauthorized: false });
    const done = (until: number): void => {
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      resolve(until);
    };
    const onAbort = (): void => done(Number.NaN);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.setTimeout(timeoutMs, onAbort);
    socket.on("error", onAbort);
    socket.once("secureConnect", () => done(certificateUntilOn(socket)));
    if (signal.aborted) onAbort();
  });
}
