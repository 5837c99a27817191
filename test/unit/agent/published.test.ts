// Code maps that the configuration publishes as catalogs, with a whole agent over SQLite.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Fault } from "../../../config/config.ts";
import { parseConfig } from "../../../config/load.ts";
import { type LivingAgent, livingAgent } from "../../support/living-agent.ts";

const tables = `
CREATE TABLE KATALOG (CODE TEXT PRIMARY KEY, BEZ TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO KATALOG VALUES ('7', 'Sieben');
`;
const sources = `
sources:
  codes:
    type: catalogEntry
    table: KATALOG
    key: [CODE]
    scope: none
    changes: { compare: 15m }
    fields: { catalog: { value: numbers }, code: CODE, label: { de: BEZ }, active: { value: "true" } }
`;
const kinds = Array.from({ length: 20 }, (_, index) => `k${index + 1}`);
const published = (labels: string, all = kinds): string => `
maps:
  status:
    read: { "0": open, "1": in-progress, "9": closed }
    publish:
      catalog: ticket-status
      labels: { ${labels} }
  kinds:
    read: { ${all.map((kind) => `${kind}: ${kind}`).join(", ")} }
    unknown: { value: other }
    publish: { catalog: kinds, labels: { other: { de: Sonstiges }, ${all.map((kind) => `${kind}: { de: Art ${kind} }`).join(", ")} } }
`;
const texts = "open: { de: Offen, en: Open }, in-progress: { de: In Arbeit }, closed: { de: Erledigt }";

const opened = new AsyncDisposableStack();
let site: LivingAgent;
beforeAll(async () => {
  site = opened.use(await livingAgent(tables));
});
afterAll(() => opened.disposeAsync());

test("The values of a published map are entries of its catalog, beside those that the ERP has", async () => {
  await site.start(published(texts) + sources);
  expect(await site.came(25)).toHaveLength(25);
  expect(await site.held("catalogEntry")).toMatchObject({
    "7": { catalog: "numbers", code: "7", label: { de: "Sieben" } },
    "maps:ticket-status.open": { catalog: "ticket-status", code: "open", label: { de: "Offen", en: "Open" }, active: true },
    "maps:ticket-status.in-progress": { label: { de: "In Arbeit" } },
    "maps:kinds.other": { catalog: "kinds", label: { de: "Sonstiges" } },
  });
});

test("Of a changed file only what differs is sent, and a restart sends nothing", async () => {
  await site.start(published(texts.replace("Erledigt", "Abgeschlossen")) + sources);
  expect(await site.came(1)).toEqual(["catalogEntry maps:ticket-status.closed"]);
  await site.start(published(texts.replace("Erledigt", "Abgeschlossen")) + sources);
  expect(await site.came()).toEqual([]);
});

test("Codes that the file no longer has are deleted, however many they are, and all of them with the last map", async () => {
  await site.start(published(texts.replace("Erledigt", "Abgeschlossen"), kinds.slice(10)) + sources);
  expect(await site.came(10)).toEqual(
    kinds
      .slice(0, 10)
      .map((kind) => `catalogEntry maps:kinds.${kind} gone`)
      .sort(),
  );
  await site.start(sources);
  expect(await site.came(14)).toHaveLength(14);
  expect(Object.keys(await site.held("catalogEntry"))).toEqual(["7"]);
  expect(site.store((store) => store.guards.list())).toEqual([]);
});

const faultsOf = (maps: string, prefix = ""): readonly Fault[] => {
  const text = `agent: { name: T, portal: "wss://portal.example.com/agent" }\nerp: { connector: sqlite, file: /tmp/e.db, timezone: UTC }\n${maps}${sources.replace("scope: none", `scope: none${prefix}`)}`;
  return parseConfig({ text, file: "/etc/erpfuser.yaml" }).faults ?? [];
};
test.each([
  ["open: { de: Offen }, in-progress: { de: A }", "publish.labels", "`closed` has no text"],
  [`${texts}, waiting: { de: Wartet }`, "publish.labels.waiting", "no value `waiting`"],
  [texts.replace("en: Open", "english: Open"), "publish.labels.open", "The portal does not take it"],
])("What can't be published is a fault: %s", (labels, path, message) => {
  expect(faultsOf(published(labels))).toMatchObject([{ path: `maps.status.${path}`, message: expect.stringContaining(message) }]);
});

test("No code is published twice in one catalog, and no source makes the same ids", () => {
  expect(faultsOf(published(texts).replace("catalog: ticket-status", "catalog: kinds"))).toEqual([]);
  const twice = published(texts)
    .replace("catalog: ticket-status", "catalog: kinds")
    .replace('"0": open', '"0": open, "5": other')
    .replace("open: { de", "other: { de: A }, open: { de");
  expect(faultsOf(twice)).toMatchObject([{ path: "maps.kinds.publish", message: expect.stringContaining("published twice") }]);
  expect(faultsOf(published(texts), "\n    prefix: maps")).toMatchObject([{ path: "sources.codes.prefix" }]);
});
