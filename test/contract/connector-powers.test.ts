// What a connector declares not to have (connectors/*/capabilities.ts) is refused with an error that names the way out, and what it declares to have is not refused.
import { appendFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Power } from "../../connectors/capabilities.ts";
import type { Connector, PlanStep, WritePlan } from "../../connectors/connector.ts";
import { contractEnv } from "./erp/named.ts";
import { collect, never, type Subject, sourceOf } from "./erp/subject.ts";
import { subjects } from "./erp/subjects.ts";

const powers: readonly Power[] = ["cursor", "query", "children", "write", "call", "feed"];
const table = "fusertest_powers";
const source = sourceOf(table, ["id"], ["id", "words"]);

function planOf(step: PlanStep): WritePlan {
  return {
    commandId: "power",
    idempotency: { way: "base" },
    mayBeRepeated: false,
    steps: [step],
    resultKey: () => ["1"],
    found: {},
    rehearse: true,
  };
}

/** Asks a connector for something that only this power gives. */
const uses: Record<Power, (connector: Connector) => Promise<unknown>> = {
  cursor: (connector) =>
    Array.fromAsync(connector.changedSince({ table, column: "id", kind: "sequence", key: ["id"], own: [] }, "0", never)),
  query: (connector) =>
    collect(
      connector.scan(
        sourceOf("q", ["id"], ["id"], {
          from: { query: `SELECT id FROM ${table} WHERE id > :vars.n`, parameters: { "vars.n": 0 } },
        }),
        never,
      ),
    ),
  children: (connector) =>
    collect(
      connector.scan({ ...source, children: [{ sql: `SELECT words FROM ${table} WHERE id = :row.id`, parameters: {} }] }, never),
    ),
  write: (connector) => connector.write(planOf({ kind: "insert", table, values: () => ({ id: 3, words: "three" }) }), never),
  call: (connector) =>
    connector.write(planOf({ kind: "call", procedure: "fusertest_nothing_of_that_name", args: () => ({}) }), never),
  feed: async (connector) => {
    if (connector.feed === undefined) throw noFeed;
  },
};

/** The interface says it by leaving the feed out. */
const noFeed = { kind: "config", code: "erp-feed-unsupported", hint: "left out" };
const refusalCodes = /^erp-(\w+-unsupported|feed-unsupported|read-only|sql-forbidden)$/;

/** What using a power ends with; undefined where it works. */
async function refusal(power: Power, connector: Connector): Promise<Partial<typeof noFeed> | undefined> {
  try {
    await uses[power](connector);
    return undefined;
  } catch (error) {
    return error as Partial<typeof noFeed>;
  }
}

describe.each(subjects)("$name: powers", ({ make, dialect }) => {
  const { unsupported } = dialect.capabilities;
  let erp: Subject;
  let connector: Connector;
  beforeAll(async () => {
    erp = await make();
    connector = await erp.open();
    await erp.run(`CREATE TABLE ${table} (id INTEGER NOT NULL PRIMARY KEY, words VARCHAR(20))`);
    await erp.run(`INSERT INTO ${table} VALUES (1, 'one')`);
    await erp.run(`INSERT INTO ${table} VALUES (2, 'two')`);
  });
  afterAll(async () => {
    await connector?.close();
    await erp?.[Symbol.asyncDispose]();
  });

  it.each(powers.filter((power) => unsupported.includes(power)))(
    "%s is declared unsupported, and is refused with what to do instead",
    async (power) => {
      const seen = await refusal(power, connector);
      expect(seen).toMatchObject({ kind: "config", code: expect.stringMatching(refusalCodes) });
      expect(seen?.hint ?? "").not.toBe("");
      const file = process.env[contractEnv.refusals];
      if (file !== undefined) appendFileSync(file, `${power}\n`);
    },
  );

  it.each(powers.filter((power) => !unsupported.includes(power)))("%s is not refused", async (power) => {
    const seen = await refusal(power, connector);
    // There is no procedure of that name: what is asked of the server, and answered by it, is enough here.
    expect(seen?.code).toBe(power === "call" ? "erp-object-missing" : undefined);
  });

  it("the connector that is opened declares the same as its kind", () => {
    expect(connector.dialect.capabilities).toBe(dialect.capabilities);
  });
});
