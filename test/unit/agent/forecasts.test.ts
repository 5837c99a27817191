import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { fillingDisk, lowDisk, withSample } from "../../../agent/disk-forecast.ts";
import { forecastsIn, type Looking, lookAhead, portalForecast } from "../../../agent/forecasts.ts";
import { FuserError } from "../../../base/errors.ts";
import type { Finding } from "../../../base/findings.ts";
import { silentLog } from "../../../base/log.ts";
import { systemClock } from "../../../base/time.ts";
import { authority } from "./channel/certificates.ts";
import { storeBench } from "./store/bench.ts";

const bench = storeBench();
const never = new AbortController().signal;
const day = 86_400_000;
const direct = { proxy: undefined, caFile: undefined, env: {} };
const noTransport = () => Promise.reject(new FuserError("config", "no password", { code: "secret-missing", operation: "test" }));

const finding = (code: string, severity: Finding["severity"] = "warning"): Finding => ({
  ...{ severity, code, place: "erp01", message: `This is ${code}`, remedy: "Do something" },
});

test("What the database says of the days to come stands in the store until it is mended, and is logged once; other findings are not", async () => {
  const store = bench.open();
  const said: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void said.push(message) };
  log.part = () => log;
  let found = [finding("erp-password-expires"), finding("erp-rights-too-many")];
  const config = { agent: { portal: "ws://127.0.0.1:1/agent", state: bench.folder() } };
  const stored = new Map([
    ["erp-password", bench.clock.now() - 366 * day],
    ["proxy-password", bench.clock.now() - 364 * day],
    ["agent-enrolment", 0],
  ]);
  const secrets = { storedAt: async () => stored };
  const parts = { config, clock: bench.clock, random: () => 0.5, log, secrets };
  const looking = { store, erp: { check: async () => found }, compiled: { sources: [] }, parts } as unknown as Looking;
  await lookAhead(looking, noTransport, never);
  await lookAhead(looking, noTransport, never);
  expect(forecastsIn(store.meta).map(({ code }) => code)).toContain("erp-password-expires");
  expect(forecastsIn(store.meta).map(({ code }) => code)).not.toContain("erp-rights-too-many");
  expect(said.filter((message) => message.includes("erp-password-expires"))).toHaveLength(1);
  const old = forecastsIn(store.meta).filter(({ code }) => code === "secret-old");
  expect(old.map(({ message }) => message)).toEqual([expect.stringContaining("erp-password has been the same since")]);
  found = [];
  await lookAhead(looking, noTransport, never);
  expect(forecastsIn(store.meta).filter(({ code }) => code.startsWith("erp-"))).toEqual([]);
});

test("A portal's certificate is looked at, whoever signed it; a portal that is not there is somebody else's to tell", async () => {
  using root = authority("Test Root");
  const server = createServer(root.issue("IP:127.0.0.1"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const portal = `wss://127.0.0.1:${(server.address() as AddressInfo).port}/agent`;
  try {
    const now = systemClock.now();
    // It is good for two days.
    expect(await portalForecast(portal, direct, { now, signal: never })).toMatchObject([
      { code: "portal-certificate-expires", place: portal },
    ]);
    expect(await portalForecast(portal, direct, { now: now - 30 * day, signal: never })).toEqual([]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  expect(await portalForecast(portal, direct, { now: systemClock.now(), signal: never })).toEqual([]);
});

test("A disk is told when it is low, and when it will be full within two weeks", () => {
  const gigabyte = 1_073_741_824;
  const samples = (perDay: number) =>
    [0, 1, 2, 3].reduce<{ at: number; freeBytes: number }[]>(
      (before, no) => withSample(before, { at: no * day, freeBytes: (100 - perDay * no) * gigabyte }),
      [],
    );
  expect(fillingDisk("/state", samples(10))).toMatchObject([
    { code: "state-disk-fills", message: expect.stringContaining("1970-01-11") },
  ]);
  expect([...fillingDisk("/state", samples(5)), ...fillingDisk("/state", samples(-10))]).toEqual([]);
  expect(fillingDisk("/state", samples(10).slice(0, 1))).toEqual([]);
  expect(withSample(samples(1), { at: 9 * day, freeBytes: 0 }).map(({ at }) => at / day)).toEqual([2, 3, 9]);
  expect(withSample(samples(1), { at: day, freeBytes: 0 }).map(({ at }) => at / day)).toEqual([0, 1]);
  expect([lowDisk("/state", gigabyte - 1).map(({ code }) => code), lowDisk("/state", gigabyte)]).toEqual([
    ["state-disk-low"],
    [],
  ]);
});
