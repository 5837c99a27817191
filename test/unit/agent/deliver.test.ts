import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { deliverWorklists, writeWorklists } from "../../../agent/deliver.ts";
import { silentLog } from "../../../base/log.ts";
import type { Config } from "../../../config/config.ts";
import { parseConfig } from "../../../config/load.ts";
import { storeBench } from "./store/bench.ts";

const bench = storeBench();

const people = `
  persons: { type: person, table: PERSON, key: [PERSNR], fields: { kind: { value: natural }, lastName: NAME } }
  periods: { type: utilisationPeriod, table: VERTRAG, key: [NR], fields: { unitId: { ref: units, key: [WE] }, kind: { value: tenant }, startDate: VON, endDate: BIS, participants: [ { personId: { ref: persons, key: [PERSNR] }, role: { value: main } } ] } }
`;

const yaml = (deliver: string, more: string): string => `
agent: { name: Musterstadt, portal: "wss://p.example.com/agent" }
erp: { connector: sqlite, file: "erp.db", timezone: Europe/Berlin }
quality: { deliver: ${deliver} }
sources:
  estates: { type: property, table: OBJEKT, key: [MANDANT, OBJNR], fields: { name: BEZ } }
  units: { type: unit, table: WOHNUNG, key: [NR], fields: { propertyId: { ref: estates, key: [MANDANT, OBJNR] }, name: LAGE, objectType: { value: flat } } }
${more}`;

function configured(deliver: string, more = ""): Config {
  const { config, faults } = parseConfig({ text: yaml(deliver, more), file: "/etc/erpfuser/erpfuser.yaml" });
  if (config === undefined) throw new Error(JSON.stringify(faults));
  return config;
}

test("The lists are split by team: by the column in a record's key or in that of what it belongs to, the rest apart; a team with nothing gets an empty list", async () => {
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
  await expect(writeWorklists(delivery)).rejects.toMatchObject({ code: "quality-undeliverable", kind: "transient" });
  mkdirSync(folder);
  expect((await writeWorklists(delivery)).lists.map(({ team, findings }) => [team, findings])).toEqual([
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

test("Teams whose names are alike have a list each, on every system", async () => {
  const folder = bench.folder();
  const teams = '{ "10": "Team 1", "20": "Team-1", "30": "TEAM 1", "40": "Team-1-2" }';
  const config = configured(`{ folder: "${folder}", language: en, team: { column: OBJNR, teams: ${teams} } }`);
  const store = bench.open();
  const raised = { rule: "email-placeholder", source: "estates", field: "emails", other: "", params: {} } as const;
  store.findings.replace(
    1n,
    ["001.10", "001.20", "001.30", "001.40"].map((key) => ({ ...raised, key })),
    bench.clock.now(),
  );
  const { worklists } = config;
  if (worklists === undefined) throw new Error("nothing is delivered");
  const { lists: written } = await writeWorklists({ state: store, config, deliver: worklists, now: bench.clock.now() });
  const files = written.map(({ files: [page = ""] }) => path.basename(page).toLowerCase());
  expect(new Set(files).size).toBe(5);
  const lists = written.map(({ team, files: [page = ""] }) => [team, /OBJNR (\d+)/.exec(readFileSync(page, "utf8"))?.[1]]);
  expect(lists).toEqual([
    ["Team 1", "10"],
    ["Team-1", "20"],
    ["TEAM 1", "30"],
    ["Team-1-2", "40"],
    ["alle", undefined],
  ]);
});

test("How many are on no list, for there are too many, is said; others have their turn between them", async () => {
  const folder = bench.folder();
  const config = configured(`{ folder: "${folder}" }`);
  const store = bench.open();
  const raised = { rule: "email-placeholder", source: "estates", field: "emails", other: "", params: {} } as const;
  const keys = Array.from({ length: 450 }, (_, no) => `001.${no}`);
  store.findings.replace(
    1n,
    keys.map((key) => ({ ...raised, key })),
    bench.clock.now(),
  );
  const { worklists } = config;
  if (worklists === undefined) throw new Error("nothing is delivered");
  let turns = 0;
  const pause = async (): Promise<void> => {
    turns += 1;
  };
  const delivery = { state: store, config, deliver: worklists, now: bench.clock.now(), pause };
  expect(await writeWorklists(delivery)).toMatchObject({ lists: [{ team: "alle", findings: 450 }], left: 0 });
  expect(turns).toBe(4);
  expect(await writeWorklists({ ...delivery, most: 440 })).toMatchObject({ lists: [{ findings: 440 }], left: 10 });
});

test("What is found of a person goes to the team of the contract that runs today, as main tenant before all; with none to the next one, then to the last one", async () => {
  const folder = bench.folder();
  const config = configured(`{ folder: "${folder}", team: { column: OBJNR, teams: { "10": Nord, "20": West } } }`, people);
  const store = bench.open();
  const names = { rule: "email-shared", source: "persons", field: "emails", other: "", params: {} } as const;
  const today = Math.floor(bench.clock.now() / 86_400_000);
  store.entities.put("estates", "001.10", { rowDigest: 1n, entityDigest: 1n });
  store.entities.put("estates", "001.20", { rowDigest: 1n, entityDigest: 1n });
  for (const [unit, estate] of Object.entries({ a: "10", b: "20" })) {
    const parents = [{ source: "estates", key: `001.${estate}` }];
    store.entities.put("units", unit, { rowDigest: 1n, entityDigest: 1n, parents });
  }
  let period = 0;
  const stands = (key: string, unit: string, [from, until]: [number | undefined, number | undefined], role = "main"): void => {
    const place = { source: "periods", key: String(++period) };
    store.entities.put(place.source, place.key, { rowDigest: 1n, entityDigest: 1n, parents: [{ source: "units", key: unit }] });
    const [dayFrom, dayUntil] = [from, until].map((days) => (days === undefined ? undefined : today + days));
    const days = { from: dayFrom, until: dayUntil };
    const [of, person] = [store.facts.selfOf("units", unit), store.facts.selfOf("persons", key)];
    store.facts.put(place, { facts: [], spans: [{ kind: "tenant", unit: of, person, role, ...days }] });
  };
  stands("runs", "b", [-900, -1]);
  stands("runs", "a", [-1, undefined]);
  stands("mate", "a", [-900, undefined], "co-tenant");
  stands("mate", "b", [-10, 0]);
  stands("next", "a", [-900, -1]);
  stands("next", "b", [1, undefined]);
  stands("left", "b", [-900, -30]);
  stands("left", "a", [undefined, -2]);
  for (const key of ["runs", "mate", "next", "left", "nobody"])
    store.findings.replace(store.facts.selfOf("persons", key), [{ ...names, key }], bench.clock.now());
  await writeWorklists({
    state: store,
    config,
    deliver: config.worklists as NonNullable<Config["worklists"]>,
    now: bench.clock.now(),
  });
  const listed = (team: string): string[] =>
    [...readFileSync(path.join(folder, `arbeitsliste-${team}.csv`), "utf8").matchAll(/"PERSNR (\w+)"/g)].map(
      ([, key]) => key ?? "",
    );
  expect({ Nord: listed("Nord"), West: listed("West"), alle: listed("alle") }).toEqual({
    Nord: ["left", "runs"],
    West: ["mate", "next"],
    alle: ["nobody"],
  });
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

test("What is found of a person without a contract goes to the team of what names them, such as an estate that they own", async () => {
  const folder = bench.folder();
  const config = configured(
    `{ folder: "${folder}", team: { column: OBJNR, teams: { "10": Nord } } }`,
    people.concat(
      "  owned: { type: property, prefix: o, table: EIGENTUM, key: [OBJNR], fields: { name: BEZ, ownerIds: [ { ref: persons, key: [PERSNR] } ] } }\n",
    ),
  );
  const store = bench.open();
  for (const key of ["1", "2"]) store.entities.put("persons", key, { rowDigest: 1n, entityDigest: 1n });
  const parents = [{ source: "persons", key: "1" }];
  store.entities.put("owned", "10", { rowDigest: 1n, entityDigest: 1n, parents });
  const names = { rule: "person-without-period", source: "persons", field: "", other: "", params: {} } as const;
  store.findings.replace(
    1n,
    ["1", "2"].map((key) => ({ ...names, key })),
    bench.clock.now(),
  );
  const { worklists: deliver } = config;
  if (deliver === undefined) throw new Error("nothing is delivered");
  const { lists } = await writeWorklists({ state: store, config, deliver, now: bench.clock.now() });
  expect(lists.map(({ team, findings }) => [team, findings])).toEqual([
    ["Nord", 1],
    ["alle", 1],
  ]);
  expect(readFileSync(lists[0]?.files[0] ?? "", "utf8")).toContain("PERSNR 1");
});
