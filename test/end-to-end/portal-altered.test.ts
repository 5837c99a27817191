// What somebody changed in the portal's own store, behind the agent's back and the gateway's, is found against the real gateway, mended and counted.
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { checkedOf } from "../../agent/capture/checked.ts";
import { patience } from "../support/agent-run.ts";
import { type LivingAgent, livingAgent } from "../support/living-agent.ts";

const tables = `
CREATE TABLE OBJEKT (NR TEXT PRIMARY KEY, BEZ TEXT NOT NULL);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1600)
  INSERT INTO OBJEKT SELECT printf('%04d', i), 'Haus ' || i FROM n;
`;
const configuration = `
reconcile: { records: 0 }
sources:
  properties: { type: property, table: OBJEKT, key: [NR], changes: { compare: 1h }, deletes: { grace: 0s }, refresh: 1s, fields: { name: BEZ } }
`;

let agent: LivingAgent;
beforeAll(async () => {
  agent = await livingAgent(tables);
});
afterAll(() => agent[Symbol.asyncDispose]());

test("An entity altered in the portal's store, one removed and one beside the ERP come right; nothing else is sent, and the status counts them", async () => {
  await agent.start(configuration);
  expect(await agent.came(1_600)).toHaveLength(1_600);
  const right = await agent.held("property");
  const { store } = agent.gateway;
  store.transaction(() => {
    store.run("UPDATE entity SET fields = '{\"name\":\"Not his\"}', digest = '00000000000000ff' WHERE id = '0700'");
    store.run("DELETE FROM entity WHERE id = '1500'");
    store.run("UPDATE entity SET id = '9999' WHERE id = '0001'");
  });
  await vi.waitFor(async () => expect(await agent.held("property")).toEqual(right), patience);
  expect(await agent.came(4)).toEqual(["property 0001", "property 0700", "property 1500", "property 9999 gone"]);
  expect(agent.store(({ meta }) => checkedOf(meta, "properties").mended)).toBe(4);
  const told = agent.store(({ journal }) => journal.list({ kind: "check", status: "failed", limit: 9 }));
  expect(told).toMatchObject([{ detail: { altered: 1, lost: 2, unknown: 1, records: 1_600 } }]);
});
