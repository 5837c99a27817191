// Estates that do not take part: neither they nor what belongs to them is at the portal, whether a list says so or a table of the portal.
import { afterAll, beforeAll, expect, test } from "vitest";
import { sqlitePlace } from "../../agent/cli/demo/erp-place.ts";
import { erpConfig } from "../support/erp/config.ts";
import { generateErp } from "../support/erp/generate.ts";
import { type LivingAgent, livingAgent } from "../support/living-agent.ts";

const tables = `
CREATE TABLE OBJEKT (NR TEXT PRIMARY KEY, BEZ TEXT NOT NULL);
CREATE TABLE HAUS (NR TEXT PRIMARY KEY, OBJ TEXT NOT NULL, BEZ TEXT NOT NULL);
CREATE TABLE WOHNUNG (NR TEXT PRIMARY KEY, HAUS TEXT NOT NULL, LAGE TEXT NOT NULL);
CREATE TABLE AUFTRAG (NR TEXT PRIMARY KEY, WHG TEXT NOT NULL, TITEL TEXT NOT NULL);
CREATE TABLE SB (NR TEXT PRIMARY KEY, NAME TEXT NOT NULL, OBJ TEXT NOT NULL);
INSERT INTO OBJEKT VALUES ('a', 'Ahorn'), ('b', 'Birke'), ('c', 'Cedern');
INSERT INTO HAUS SELECT o.NR || n.n, o.NR, 'Haus ' || n.n FROM OBJEKT o, (SELECT 1 AS n UNION SELECT 2) n;
INSERT INTO WOHNUNG SELECT h.NR || n.n, h.NR, 'Whg ' || n.n FROM HAUS h, (SELECT 1 AS n UNION SELECT 2) n;
INSERT INTO AUFTRAG SELECT 'T' || NR, NR, 'Schaden' FROM WOHNUNG;
INSERT INTO SB VALUES ('x', 'Xaver', 'b');
`;
const configuration = (properties: string, guards = "guards: { deletes: { rows: 1000, percent: 100 } }"): string => `
${properties}
${guards}
sources:
  properties: { type: property, table: OBJEKT, key: [NR], changes: { compare: 1s }, deletes: { grace: 0s }, fields: { name: BEZ } }
  buildings: { type: building, table: HAUS, key: [NR], changes: { compare: 1s }, deletes: { grace: 0s }, fields: { propertyId: { ref: properties, key: [OBJ] }, name: BEZ, address: { city: { value: X } } } }
  units: { type: unit, table: WOHNUNG, key: [NR], changes: { compare: 1s }, deletes: { grace: 0s }, fields: { buildingId: { ref: buildings, key: [HAUS] }, name: LAGE, objectType: { value: flat } } }
  tickets: { type: ticket, table: AUFTRAG, key: [NR], changes: { compare: 1s }, deletes: { grace: 0s }, fields: { unitId: { ref: units, key: [WHG], missing: omit }, title: TITEL, kind: { value: damage }, status: { value: open } } }
  team: { type: teamMember, table: SB, key: [NR], fields: { name: NAME, roles: [ { value: agent } ], responsibilities: [ { role: { value: agent }, propertyIds: [ { ref: properties, key: [OBJ], missing: omit } ] } ] } }
`;
/** An estate with its two buildings, four units and their tickets. */
const estate = (nr: string, ending = ""): string[] => {
  const buildings = ["1", "2"].map((n) => nr + n);
  const units = buildings.flatMap((one) => ["1", "2"].map((n) => one + n));
  const listed = [`property ${nr}`, ...buildings.map((one) => `building ${one}`), ...units.map((one) => `unit ${one}`)];
  return [...listed, ...units.map((one) => `ticket T${one}`)].map((one) => one + ending).sort();
};
const team = (came: string[]): string[] => came.filter((one) => !one.startsWith("teamMember"));

let agent: LivingAgent;
beforeAll(async () => {
  agent = await livingAgent(tables);
});
afterAll(() => agent[Symbol.asyncDispose]());

test("What is not listed is never sent, and nothing of it waits in quarantine", async () => {
  await agent.start(configuration("properties: { take: [a, b] }"));
  expect(await agent.came(23)).toEqual([...estate("a"), ...estate("b"), "teamMember x"].sort());
  expect(agent.store(({ quarantine }) => quarantine.count())).toBe(0);
  expect(await agent.held("ticket")).not.toHaveProperty("Tc11");
});

test("What leaves the list is deleted as out of scope, children first; what enters it is read", async () => {
  await agent.start(configuration("properties: { take: [a, c] }"));
  expect(team(await agent.came(22))).toEqual([...estate("b", " out-of-scope"), ...estate("c")].sort());
  expect(Object.keys(await agent.held("property"))).toEqual(["a", "c"]);
  // Who looks after it stays, without it.
  expect(Object.keys(await agent.held("teamMember"))).toEqual(["x"]);
  expect(agent.store(({ quarantine }) => quarantine.count())).toBe(0);
});

test("A unit that moves into an estate that takes part comes with what hangs on it, and one that leaves it goes", async () => {
  agent.erp.exec("UPDATE WOHNUNG SET HAUS = 'a1' WHERE NR = 'b11'; UPDATE WOHNUNG SET HAUS = 'b2' WHERE NR = 'c11'");
  expect(await agent.came(4)).toEqual(["ticket Tb11", "ticket Tc11 out-of-scope", "unit b11", "unit c11 out-of-scope"]);
});

const set = (...ids: string[]) =>
  agent.gateway.setLookup(agent.agentId, { name: "estates", fields: ["id", "name"], rows: ids.map((id) => [id, ""]) });

test("A table of the portal decides while the agent runs, and holds all estates until it is there", async () => {
  agent.erp.exec("UPDATE WOHNUNG SET HAUS = substr(NR, 1, 2)");
  expect(await agent.came(4)).toHaveLength(4);
  await agent.start(configuration("properties: { lookup: estates }"));
  expect(await agent.came()).toEqual([]);
  set("a", "c");
  await agent.until(() => expect(agent.store(({ quarantine }) => quarantine.count())).toBe(0));
  expect(await agent.came()).toEqual([]);
  set("c", "b");
  expect(team(await agent.came(22))).toEqual([...estate("a", " out-of-scope"), ...estate("b")].sort());
  // Without `properties` all of them take part.
  await agent.start(configuration(""));
  expect(team(await agent.came(11))).toEqual(estate("a"));
});

test("Guards hold what leaves as they hold any other deletes, and what comes back in the meantime has never left", async () => {
  set("a", "b", "c");
  await agent.start(configuration("properties: { lookup: estates }", ""));
  await agent.came();
  set("b", "c");
  await agent.until(() =>
    expect(agent.store(({ guards }) => guards.list())).toMatchObject([{ source: "tickets", state: "open" }]),
  );
  expect(Object.keys(await agent.held("ticket"))).toHaveLength(12);
  set("a", "b", "c");
  expect(await agent.came()).toEqual([]);
  expect(Object.keys(await agent.held("unit"))).toHaveLength(12);
});

/** What the sample company's ERP holds of the places of an estate; its ids begin with the estate's. */
const ofEstate = `
  SELECT 'building' AS type, count(*) AS n FROM HAUS WHERE MANDANT || '.' || OBJNR = ?1
  UNION ALL SELECT 'unit', count(*) FROM WOHNUNG WHERE MANDANT || '.' || OBJNR = ?1
    AND EXISTS (SELECT 1 FROM HAUS WHERE HAUS.MANDANT = WOHNUNG.MANDANT AND HAUS.OBJNR = WOHNUNG.OBJNR AND HAUS.HAUSNR = WOHNUNG.HAUSNR)`;

test("Of the sample company one estate alone: what hangs on the others is not there, its persons are; and then all of it", async () => {
  const fill = async (erpFile: string): Promise<void> => {
    await using db = sqlitePlace(erpFile).open();
    await generateErp(db, { units: 120, seed: 5 });
  };
  await using sample = await livingAgent(fill, ({ erpFile, state, portalUrl }) => {
    const often = { compareEvery: "2s", netEvery: "2s", confirmAfter: "300ms" };
    return erpConfig({ dialect: "sqlite", connection: sqlitePlace(erpFile).connection, portalUrl, state, ...often });
  });
  const ids = async (type: string): Promise<string[]> => Object.keys(await sample.held(type));
  await sample.start('\nproperties: { take: ["001.000010"] }\n');
  await sample.came(100);
  expect(await ids("property")).toEqual(["001.000010"]);
  const counted = sample.erp.prepare(ofEstate).all("001.000010");
  expect(await Promise.all(counted.map(async ({ type }) => ({ type, n: (await ids(String(type))).length })))).toEqual(counted);
  for (const type of ["building", "unit", "utilisationPeriod"])
    expect((await ids(type)).filter((id) => !id.startsWith("001.000010."))).toEqual([]);
  const people = await ids("person");
  const few = (await ids("utilisationPeriod")).length;
  await sample.start("\n");
  await sample.came(50);
  expect((await ids("property")).length).toBeGreaterThan(1);
  expect((await ids("utilisationPeriod")).length).toBeGreaterThan(few);
  expect(await ids("person")).toEqual(people);
});
