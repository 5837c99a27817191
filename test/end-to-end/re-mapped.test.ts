// What is sent again when something beside the rows changes: exactly the entities whose result differs, counted at the portal.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LivingAgent, livingAgent } from "../support/living-agent.ts";

const tables = `
CREATE TABLE OBJEKT (NR TEXT PRIMARY KEY, BEZ TEXT NOT NULL, ART TEXT NOT NULL);
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
    expect(agent.came()).toHaveLength(420);
    const compared = (source: string): unknown => agent.store(({ sources }) => sources.get(source).comparedAt);
    const before = { properties: compared("properties"), tickets: compared("tickets") };
    await agent.start(configuration("waiting-for-customer"));
    expect(agent.came()).toEqual(numbers((i) => i % 8 === 5));
    expect(compared("properties")).toBe(before.properties);
    expect(compared("tickets")).not.toBe(before.tickets);
    // A line that changes nothing for anybody.
    await agent.start(configuration("waiting-for-customer").replace('"7": closed', '"7": closed, "8": rejected'));
    expect(agent.came()).toEqual([]);
  });
});
