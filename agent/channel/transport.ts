/** How to reach the portal over the customer's network: trusted roots, proxy, TLS version. Used by the channel and by enrolment alike. */

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Agent } from "node:https";
import { checkServerIdentity, getCACertificates, type PeerCertificate } from "node:tls";
import { HttpsProxyAgent } from "https-proxy-agent";
import { FuserError } from "../../base/errors.ts";

export interface Proxy {
  /** `http://host:port` or `https://host:port`. */
  url: string;
  user?: string | undefined;
  /** The password itself, from the secrets store. */
  password?: string | undefined;
}

export interface TransportSettings {
  /** The proxy of the configuration; it is used for every address but loopback `ws:`. */
  proxy: Proxy | undefined;
  /** PEM file with roots that are trusted besides the system's. */
  caFile: string | undefined;
  /** Where HTTPS_PROXY and NO_PROXY are looked up. */
  env: Readonly<Record<string, string | undefined>>;
}

/** Options that `ws` and `node:https` take alike. */
export interface TransportOptions {
  ca: string[];
  minVersion: "TLSv1.2";
  checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
  agent?: Agent;
}

/** Through which proxy an address is reached, for messages; no credentials. */
export type Route = { proxy: string | undefined };

/** Hosts that never leave this machine. */
export function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  return bare === "localhost" || bare.endsWith(".localhost") || bare === "::1" || /^127(\.\d{1,3}){3}$/.test(bare);
}

/**
 * The proxy for an address: the configured one, else HTTPS_PROXY unless NO_PROXY names the host (`*`, `host`, `.domain`, `host:port`, as curl
 * reads it). Loopback is reached directly unless the configuration names a proxy.
 */
export function proxyFor(address: URL, settings: Pick<TransportSettings, "proxy" | "env">): URL | undefined {
  const { proxy, env } = settings;
  if (proxy !== undefined) {
    const url = new URL(proxy.url);
    if (proxy.user !== undefined) url.username = encodeURIComponent(proxy.user);
    if (proxy.password !== undefined) url.password = encodeURIComponent(proxy.password);
    return url;
  }
  const named = env.HTTPS_PROXY || env.https_proxy;
  if (!named || isLoopback(address.hostname) || isExempt(address, env.NO_PROXY ?? env.no_proxy ?? "")) return undefined;
  return new URL(named.includes("://") ? named : `http://${named}`);
}

function isExempt(address: URL, noProxy: string): boolean {
  const host = address.hostname.toLowerCase();
  const port = address.port || "443";
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      const [name = "", onlyPort] = entry.split(":");
      if (onlyPort !== undefined && onlyPort !== port) return false;
      const domain = name.replace(/^\*?\./, "");
      return host === domain || host.endsWith(`.${domain}`);
    });
}

/**
 * Options for connecting to `address`.
 * @throws FuserError `ca-file-unreadable`, `proxy-invalid`
 */
export function transportFor(address: URL, settings: TransportSettings): { options: TransportOptions; route: Route } {
  const ca = trustedRoots(settings.caFile);
  const proxy = parsedProxy(address, settings);
  const host = address.hostname.replace(/^\[|\]$/g, "");
  const options: TransportOptions = {
    ca,
    minVersion: "TLSv1.2",
    // Behind a proxy Node would compare an address without a name with "localhost".
    checkServerIdentity: (_host, certificate) => checkServerIdentity(host, certificate),
  };
  if (proxy === undefined) return { options, route: { proxy: undefined } };
  options.agent = new HttpsProxyAgent(proxy, { ca, keepAlive: false }) as unknown as Agent;
  return { options, route: { proxy: `${proxy.protocol}//${proxy.host}` } };
}

function parsedProxy(address: URL, settings: TransportSettings): URL | undefined {
  let proxy: URL | undefined;
  try {
    proxy = proxyFor(address, settings);
  } catch (cause) {
    throw proxyInvalid(cause);
  }
  if (proxy !== undefined && proxy.protocol !== "http:" && proxy.protocol !== "https:") throw proxyInvalid(undefined);
  return proxy;
}

function proxyInvalid(cause: unknown): FuserError {
  return new FuserError("config", "The proxy's address can't be used", {
    code: "proxy-invalid",
    operation: "find the way to the portal",
    hint: "Write it as http://host:port under agent.proxy.url or in HTTPS_PROXY.",
    cause,
  });
}

/** Node's own roots, the system's store (Windows, Linux, macOS) and those of `caFile`. */
function trustedRoots(caFile: string | undefined): string[] {
  const roots = new Set([...getCACertificates("default"), ...getCACertificates("system")]);
  if (caFile !== undefined) for (const pem of readRoots(caFile)) roots.add(pem);
  return [...roots];
}

function readRoots(caFile: string): string[] {
  try {
    const found = readFileSync(caFile, "utf8").match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g);
    if (found === null) throw new TypeError("no certificate in PEM form was found in it");
    for (const pem of found) new X509Certificate(pem);
    return found;
  } catch (cause) {
    throw caFileUnreadable(caFile, cause);
  }
}

function caFileUnreadable(caFile: string, cause: unknown): FuserError {
  return new FuserError("config", `The CA file can't be used: ${cause instanceof Error ? cause.message : String(cause)}`, {
    code: "ca-file-unreadable",
    operation: "load the trusted roots",
    place: caFile,
    hint: "It must hold one or more certificates in PEM form; see agent.caFile.",
    cause,
  });
}
