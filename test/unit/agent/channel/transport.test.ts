import { expect, test } from "vitest";
import { isLoopback, proxyFor, transportFor } from "../../../../agent/channel/transport.ts";

const portal = new URL("wss://portal.example.com/agent");
const viaEnv = (env: Record<string, string>, address = portal): string | undefined =>
  proxyFor(address, { proxy: undefined, env })?.href;

test("HTTPS_PROXY is used in either case, with or without a scheme, and HTTP_PROXY is not", () => {
  expect(viaEnv({ HTTPS_PROXY: "http://proxy:3128" })).toBe("http://proxy:3128/");
  expect(viaEnv({ https_proxy: "proxy:3128" })).toBe("http://proxy:3128/");
  expect(viaEnv({ HTTP_PROXY: "http://proxy:3128" })).toBeUndefined();
  expect(viaEnv({ HTTPS_PROXY: "" })).toBeUndefined();
});

test("NO_PROXY exempts hosts, their subdomains, ports and everything", () => {
  const through = (noProxy: string): boolean => viaEnv({ HTTPS_PROXY: "http://proxy:3128", NO_PROXY: noProxy }) !== undefined;
  for (const exempt of [
    "*",
    "portal.example.com",
    ".example.com",
    "example.com",
    "a.test, portal.EXAMPLE.com",
    "*.example.com",
    "portal.example.com:443",
  ]) {
    expect(through(exempt), exempt).toBe(false);
  }
  for (const other of ["", "example.org", "ample.com", "portal.example.com:8443", "other.example.com"])
    expect(through(other), other).toBe(true);
});

test("Loopback is reached directly unless the configuration names a proxy", () => {
  const here = new URL("wss://127.0.0.1:8443/agent");
  expect(viaEnv({ HTTPS_PROXY: "http://proxy:3128" }, here)).toBeUndefined();
  expect(proxyFor(here, { proxy: { url: "http://proxy:3128" }, env: {} })?.host).toBe("proxy:3128");
});

test("The configured proxy comes before the environment's, and its password may hold any character", () => {
  const found = proxyFor(portal, {
    proxy: { url: "http://proxy:3128", user: "DOM\\user", password: "p@ss:w/rd" },
    env: { HTTPS_PROXY: "http://other" },
  });
  expect(found?.host).toBe("proxy:3128");
  expect([decodeURIComponent(found?.username ?? ""), decodeURIComponent(found?.password ?? "")]).toEqual([
    "DOM\\user",
    "p@ss:w/rd",
  ]);
});

test("A proxy that can't be used is a config error without its credentials", () => {
  for (const url of ["socks5://fuser:secret@proxy:1080", "http://", "::::"]) {
    const make = () => transportFor(portal, { proxy: { url }, caFile: undefined, env: {} });
    expect(make).toThrow(expect.objectContaining({ kind: "config", code: "proxy-invalid" }));
    expect(make).not.toThrow(/secret/);
  }
});

test("Loopback is told from what only looks like it", () => {
  for (const host of ["localhost", "127.0.0.1", "127.8.8.8", "[::1]", "::1", "portal.localhost"])
    expect(isLoopback(host), host).toBe(true);
  for (const host of ["localhost.example.com", "127.0.0.1.example.com", "128.0.0.1", "10.0.0.1", "0.0.0.0"])
    expect(isLoopback(host), host).toBe(false);
});
