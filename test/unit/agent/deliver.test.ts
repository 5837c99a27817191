import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { deliverWorklists, writeWorklists } from "../../../agent/deliver.ts";
import { silentLog } from "../../../base/log.ts";
import type { Config } from "../../../config/config.ts";
import { parseConfig } from "../../../config/load.ts";
import { storeBench } from "./store/bench.ts";

const bench = storeBench();

const yaml = (deliver: string): string => `
agent: { name: Musterstadt, portal: "wss://p.example.com/agent" }
erp: { connector: sqlite, file: "erp.db", timezone: Europe/Berlin }
quality: { deliver: ${deliver} }
sources:
  estates: { type: property, table: OBJEKT, key: [MANDANT, OBJNR], fields: { name: BEZ } }
  units: { type: unit, table: WOHNUNG, key: [NR], fields: { propertyId: { ref: estates, key: [MANDANT, OBJNR] }, name: LAGE, objectType: { value: flat } } }
`;

function configured(deliver: string): Config {
  const { config, faults } = parseConfig({ text: yaml(deliver), file: "/etc/erpfuser/erpfuser.yaml" });
  if (config === undefined) throw new Error(JSON.stringify(faults));
  return config;
}

test("The lists are split by team: by the column in a record's key or in that of what it belongs to, the rest apart; a team with nothing gets an empty list", () => {
  const folder = path.join(bench.folder(), "lists");
  const config = configured(
    `{ folder: "${folder}", otherwise: Zentrale, team: { column: OBJNR, teams: { "10": "Team Nord", "20": "Süd/West", "30": Ost } } }`,
  );
  const deliver = config.worklists;
  if (deliver === undefined) throw new Error("nothing is delivered");
  expect(deliver).toMatchObject({ language: "de", schedule: { kind: "cron" } });
  const store = bench.open();
  const raised = (source: string, key: string) =>
    ({ rule: "email-placeholder", source, key, field: "emails", other: "", params: {} }) as const;
  store.entities.put("estates", "001.20", { rowDigest: 1n, entityDigest: 1n });
  store.entities.put("units", "a", { rowDigest: 1n, entityDigest: 1n, parents: [{ source: "estates", key: "001.20" }] });
  const found = [raised("estates", "001.10"), raised("estates", "001.99"), raised("units", "a"), raised("units", "b")];
  store.findings.replace(1n, found, bench.clock.now());
  const [{ id } = { id: 0 }] = store.findings.list({ key: "001.10" });
  store.findings.accept(id, { at: bench.clock.now(), until: undefined, reason: "bekannt" });
  const delivery = { state: store, config, deliver, now: bench.clock.now() };
  expect(() => writeWorklists(delivery)).toThrow(expect.objectContaining({ code: "quality-undeliverable", kind: "transient" }));
  mkdirSync(folder);
  expect(writeWorklists(delivery).map(({ team, findings }) => [team, findings])).toEqual([
    ["Team Nord", 0],
    ["Süd/West", 1],
    ["Ost", 0],
    ["Zentrale", 2],
  ]);
  const names = ["Ost", "Süd-West", "Team-Nord", "Zentrale"].flatMap((team) => [
    `arbeitsliste-${team}.csv`,
    `arbeitsliste-${team}.html`,
  ]);
  expect(readdirSync(folder).toSorted()).toEqual(names);
  const page = (team: string): string => readFileSync(path.join(folder, `arbeitsliste-${team}.html`), "utf8");
  expect(page("Süd-West")).toContain("NR a");
  expect(page("Ost")).toContain("Nichts zu tun");
  expect(page("Team-Nord")).toContain("bekannt");
  expect(page("Zentrale")).toMatch(/NR b[\s\S]*OBJNR 99|OBJNR 99[\s\S]*NR b/);
});

test("A folder that is written relatively lies beside the configuration", () => {
  expect(configured("{ folder: lists }").worklists).toMatchObject({ folder: "/etc/erpfuser/lists", column: "", teams: {} });
});

test("Lists are written at the first start and at their times, not between; a folder that is away is waited for", async () => {
  const folder = path.join(bench.folder(), "lists");
  const config = configured(`{ folder: "${folder}", schedule: "0 5 * * *" }`);
  const store = bench.open();
  const { clock } = bench;
  const stop = new AbortController();
  const parts = { config, clock, random: () => 0, log: silentLog };
  const work = deliverWorklists({ store, parts }, config.worklists as NonNullable<Config["worklists"]>, stop.signal);
  const page = path.join(folder, "arbeitsliste-alle.html");
  const writtenAfter = async (ms: number): Promise<boolean> => {
    rmSync(page, { force: true });
    for (let passed = 0; passed < ms; passed += 600_000) {
      clock.advance(600_000);
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    return existsSync(page);
  };
  const hourMs = 3_600_000;
  expect(await writtenAfter(hourMs)).toBe(false);
  mkdirSync(folder);
  expect(await writtenAfter(hourMs)).toBe(true);
  expect(await writtenAfter(hourMs)).toBe(false);
  expect(await writtenAfter(24 * hourMs)).toBe(true);
  stop.abort();
  await work.catch(() => {});
});
