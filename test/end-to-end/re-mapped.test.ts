// What is sent again when something beside the rows changes: exactly the entities whose result differs, counted at the portal.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LivingAgent, livingAgent } from "../support/living-agent.ts";

const tables = `
CREATE TABLE OBJEKT (NR TEXT PRIMARY KEY, BEZ TEXT NOT NULL, ART TEXT NOT NULL);
CREATE TABLE SB (NR TEXT PRIMARY KEY, NAME TEXT NOT NULL);
INSERT INTO SB VALUES ('a', 'Amann'), ('b', 'Braun'), ('c', 'Claas');
CREATE TABLE AUFTRAG (NR TEXT PRIMARY KEY, OBJ TEXT NOT NULL, TITEL TEXT NOT NULL, ART TEXT, STATUS TEXT);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
  INSERT INTO OBJEKT SELECT printf('%04d', i), 'Haus ' || i, CASE i % 2 WHEN 0 THEN 'W' ELSE 'G' END FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
  INSERT INTO AUFTRAG SELECT printf('%06d', i), printf('%04d', 1 + i % 20), 'Schaden ' || i, 'K' || (i % 5), CAST(i % 8 AS TEXT) FROM n;
`;

const numbers = (matches: (i: number) => boolean): string[] =>
  Array.from({ length: 400 }, (_, at) => at + 1)
    .filter(matches)
    .map((i) => `ticket ${String(i).padStart(6, "0")}`);

let agent: LivingAgent;
beforeAll(async () => {
  agent = await livingAgent(tables);
});
afterAll(() => agent[Symbol.asyncDispose]());

describe("A value map", () => {
  const configuration = (five: string): string => `
maps:
  state: { read: { "0": open, "1": open, "2": open, "3": open, "4": in-progress, "5": ${five}, "6": closed, "7": closed } }
  management: { read: { W: rental, G: condominium } }
sources:
  properties: { type: property, table: OBJEKT, key: [NR], fields: { name: BEZ, managementType: { from: ART, map: management } } }
  tickets:
    type: ticket
    table: AUFTRAG
    key: [NR]
    fields: { propertyId: { ref: properties, key: [OBJ] }, title: TITEL, kind: { value: damage }, status: { from: STATUS, map: state } }
`;

  test("Changing one line of it re-sends exactly the entities whose result differs; a source that does not use it is not even compared", async () => {
    await agent.start(configuration("in-progress"));
    expect(await agent.came()).toHaveLength(420);
    const compared = (source: string): unknown => agent.store(({ sources }) => sources.get(source).comparedAt);
    const before = { properties: compared("properties"), tickets: compared("tickets") };
    await agent.start(configuration("waiting-for-customer"));
    expect(await agent.came()).toEqual(numbers((i) => i % 8 === 5));
    expect(compared("properties")).toBe(before.properties);
    expect(compared("tickets")).not.toBe(before.tickets);
    // A line that changes nothing for anybody.
    await agent.start(configuration("waiting-for-customer").replace('"7": closed', '"7": closed, "8": rejected'));
    expect(await agent.came()).toEqual([]);
  });
});

describe("A table of the portal", () => {
  const configuration = `
sources:
  team: { type: teamMember, table: SB, key: [NR], fields: { name: NAME, roles: [ { value: agent } ] } }
  properties: { type: property, table: OBJEKT, key: [NR], fields: { name: BEZ } }
  tickets:
    type: ticket
    table: AUFTRAG
    key: [NR]
    changes: { compare: 1s }
    deletes: { grace: 0s }
    fields:
      propertyId: { ref: properties, key: [OBJ] }
      title: TITEL
      kind: { value: damage }
      status: { value: open }
      category: { from: ART, lookup: categories, take: category, missing: omit, default: other }
      assigneeId: { ref: team, key: [ { from: OBJ, lookup: assignment } ], missing: omit }
`;
  const assignment = (change: Record<string, string | null> = {}) => ({
    name: "assignment",
    fields: ["estate", "user", "since"],
    rows: Array.from({ length: 20 }, (_, at) => String(at + 1).padStart(4, "0")).map((estate, at) => [
      estate,
      estate in change ? (change[estate] ?? null) : "abc".charAt(at % 3),
      2_026,
    ]),
  });
  const categories = (k3: string) => ({
    name: "categories",
    fields: ["code", "text", "category"],
    rows: [
      ["K0", "Wasser", "water"],
      ["K1", "Heizung", "heating"],
      ["K3", "Aufzug", k3],
    ],
  });
  const quarantined = (): number => agent.store(({ quarantine }) => quarantine.count("tickets"));
  const stored = (name: string) => agent.store(({ lookups }) => lookups.all().find((one) => one.name === name));

  test("holds whatever is mapped through it until it is there, and is never taken for empty", async () => {
    await agent.start(configuration);
    await agent.came(3);
    expect(quarantined()).toBe(400);
    agent.gateway.setLookup(agent.agentId, assignment());
    await agent.until(() => expect(stored("assignment")).toBeDefined());
    expect([await agent.came(), quarantined()]).toEqual([[], 400]);
    agent.gateway.setLookup(agent.agentId, categories("lift"));
    expect(await agent.came(400)).toHaveLength(400);
    expect(quarantined()).toBe(0);
    const tickets = await agent.held("ticket");
    // Of estate 1 + 3 % 20, and K3.
    expect(tickets["000003"]).toMatchObject({ category: "lift", assigneeId: "a" });
    expect(tickets["000002"]).toMatchObject({ category: "other", assigneeId: "c" });
  });

  test("re-sends exactly the entities whose result differs when one of its rows changes", async () => {
    agent.gateway.setLookup(agent.agentId, assignment({ "0007": "c" }));
    expect(await agent.came(20)).toEqual(numbers((i) => i % 20 === 6));
    expect((await agent.held("ticket"))["000006"]).toMatchObject({ assigneeId: "c" });
    agent.gateway.setLookup(agent.agentId, categories("elevator"));
    expect(await agent.came(80)).toEqual(numbers((i) => i % 5 === 3));
    // What nobody takes of it, and the order of its rows, change nothing; an assignment taken back does.
    const others = categories("elevator").rows.map(([code, , category]) => [code ?? "", "another text", category ?? ""]);
    agent.gateway.setLookup(agent.agentId, { ...categories("elevator"), rows: others.toReversed() });
    agent.gateway.setLookup(agent.agentId, assignment({ "0007": "c", "0009": null }));
    expect(await agent.came(20)).toEqual(numbers((i) => i % 20 === 8));
    expect((await agent.held("ticket"))["000008"]).toMatchObject({ assigneeId: null });
  });

  test("is kept by the agent, and sent again only in another version", async () => {
    await agent.start(configuration);
    expect(await agent.came()).toEqual([]);
    await agent.stop();
    agent.gateway.setLookup(agent.agentId, assignment({ "0007": "a", "0009": null }));
    await agent.start(configuration);
    expect(await agent.came(20)).toEqual(numbers((i) => i % 20 === 6));
  });

  test("is refused with the reason where it lacks what the mapping takes, and what was there stays", async () => {
    agent.gateway.setLookup(agent.agentId, { name: "categories", fields: ["code", "text"], rows: [["K0", "x"]] });
    const reason = "The agent does not take the table categories: the mapping takes its field category, which it lacks";
    await agent.until(() => expect(agent.gateway.recentEvents(5).map(({ text }) => text)).toContain(reason));
    expect([await agent.came(), stored("categories")?.fields]).toEqual([[], ["code", "text", "category"]]);
    const set = (...rows: (string | number)[][]) =>
      agent.gateway.setLookup(agent.agentId, { name: "x", fields: ["a", "b"], rows });
    expect(() => set(["1", 1], [" 1", 2])).toThrow(/unique/);
    expect(() => set(["1"])).toThrow(/plain value/);
  });
});
