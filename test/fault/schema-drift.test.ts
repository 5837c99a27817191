// The ERP's vendor changes tables under the running agent: what is dropped stops what needs it and nothing else, what is added changes nothing.
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStoreForReading } from "../../agent/store/open.ts";
import { systemClock } from "../../base/time.ts";
import { has, mariadb } from "../support/servers.ts";
import { openSite, type Site } from "../support/site.ts";

interface Held {
  seq: number;
  fields: Record<string, unknown>;
}

describe.skipIf(!has("mariadb"))("A schema that changes under the agent (MariaDB)", () => {
  const opened = new AsyncDisposableStack();
  let site: Site;

  beforeAll(async () => {
    const server = opened.use(await mariadb());
    site = opened.use(await openSite({ server }));
    await site.join();
    // Longer than this no reader of ours may keep a table from being altered.
    await site.erp.run("SET SESSION lock_wait_timeout = 10");
  });
  afterAll(() => opened.disposeAsync());

  const held = (type: string): Map<string, Held> => {
    using portal = new DatabaseSync(site.portalStore, { readOnly: true, timeout: 5_000 });
    const rows = portal.prepare("SELECT id, seq, fields FROM entity WHERE type = ? AND deleted_at IS NULL").all(type);
    return new Map(rows.map(({ id, seq, fields }) => [String(id), { seq: Number(seq), fields: JSON.parse(String(fields)) }]));
  };
  const sources = (): Record<string, string> =>
    Object.fromEntries(
      (site.status()?.status.sources ?? []).map(({ source, state, reason }) => [source, `${state} ${reason ?? ""}`.trim()]),
    );
  /** What was sent whole was taken as it stands. */
  const settled = (source: string): boolean => {
    using store = openStoreForReading(site.state, systemClock);
    return store.meta.get(`lacking.${source}`) !== undefined && store.sources.get(source).comparedAt !== undefined;
  };
  /** Of the schema alone: the company's own messes are none of its business. */
  const findings = () => {
    using store = openStoreForReading(site.state, systemClock);
    const told = store.findings.list().filter(({ rule }) => rule === "schema-missing");
    return told.map(({ rule, source, field }) => ({ rule, source, field }));
  };
  const offered = (): string[] => site.gateway.offers(site.agentId)?.commands.map(({ type }) => type) ?? [];

  test("A dropped column is told, and the other fields flow on; nothing goes out with a hole but what changes; back again, all is whole", async () => {
    const run = site.run();
    await site.converges();
    await site.erp.run("ALTER TABLE WOHNUNG ADD COLUMN BEMERKUNG VARCHAR(20) NULL");
    await site.erp.run("CREATE TABLE ETAGEN AS SELECT MANDANT, OBJNR, HAUSNR, WOHNNR, ETAGE FROM WOHNUNG");
    const before = held("unit");
    await site.erp.run("ALTER TABLE WOHNUNG DROP COLUMN ETAGE");
    site.hurry();
    const line = await run.logged("schema-missing");
    expect(line).toMatchObject({
      level: "error",
      source: "units",
      place: expect.stringMatching(/^line \d+, sources\.units\.fields\.floor/),
    });
    expect(line.message).toMatch(/Field floor of units is left out: Table WOHNUNG has no column ETAGE/);
    await site.until(() => expect(sources()).toMatchObject({ units: "active schema-missing", tickets: "active" }));
    await site.until(() => expect(settled("units")).toBe(true));
    expect(site.status()?.lacks).toEqual([expect.stringMatching(/Field floor of units is left out/)]);
    expect(findings()).toEqual([{ rule: "schema-missing", source: "units", field: "floor" }]);
    const [id] = before.keys();
    const [mandant = "", ...key] = String(id).split(".");
    await site.erp.run("UPDATE WOHNUNG SET LAGE = 'ganz oben' WHERE MANDANT = ? AND OBJNR = ? AND HAUSNR = ? AND WOHNNR = ?", [
      mandant,
      ...key,
    ]);
    await site.clerkWorks();
    site.hurry({ full: true });
    await site.until(() => expect(held("unit").get(String(id))?.fields.name).toBe("ganz oben"));
    const after = held("unit");
    expect(after.get(String(id))?.fields).not.toHaveProperty("floor");
    const others = (all: ReadonlyMap<string, Held>) => [...all].filter(([other]) => other !== id);
    expect(others(after)).toEqual(others(before));
    const { document } = await site.erpfuser(["check"]);
    expect(document.findings).toContainEqual(
      expect.objectContaining({ message: expect.stringMatching(/WOHNUNG has no column ETAGE/) }),
    );

    await site.erp.run("ALTER TABLE WOHNUNG ADD COLUMN ETAGE VARCHAR(10) NOT NULL DEFAULT ''");
    await site.erp.run("UPDATE WOHNUNG w JOIN ETAGEN e USING (MANDANT, OBJNR, HAUSNR, WOHNNR) SET w.ETAGE = e.ETAGE");
    site.hurry();
    await site.until(() => expect(sources()).toMatchObject({ units: "active" }));
    await site.converges();
    expect(held("unit").get(String(id))?.fields).toHaveProperty("floor");
    expect(site.status()?.lacks).toEqual([]);
    expect(findings()).toEqual([]);
    expect(run.lines.filter(({ code }) => code === "schema-changed")).toHaveLength(2);
    expect(await run.stop()).toMatchObject({ code: 0 });
  });

  test("A command whose column is gone is no longer offered, a source without its key stands still, and one without its stamp is compared", async () => {
    await site.erp.run("ALTER TABLE AUFTRAG RENAME COLUMN KANAL TO KANAL_ALT");
    // The agent starts with what there is.
    const run = site.run();
    await run.logged("schema-missing");
    await site.until(() => expect(offered()).toEqual(["ticket.update", "ticket.close", "message.create"]));
    expect(() => site.report()).toThrow(/does not offer/);
    await site.erp.run("ALTER TABLE SOLLSTELLUNG RENAME COLUMN AENDTS TO GEAENDERT");
    await site.erp.run("ALTER TABLE HAUS RENAME COLUMN HAUSNR TO HNO");
    site.hurry();
    await site.until(() =>
      expect(sources()).toMatchObject({
        ...{ buildings: "failing schema-missing", units: "active", invoices: "active schema-missing" },
        tickets: "active schema-missing",
      }),
    );
    const buildings = held("building");
    await site.erp.run(
      "UPDATE SOLLSTELLUNG SET OFFEN = 77.5 WHERE SOLLNR = (SELECT * FROM (SELECT MIN(SOLLNR) FROM SOLLSTELLUNG) AS S)",
    );
    site.hurry({ full: true });
    await site.until(() =>
      expect([...held("invoice").values()].map(({ fields }) => JSON.stringify(fields))).toContainEqual(
        expect.stringMatching(/77\.50/),
      ),
    );
    expect(held("building")).toEqual(buildings);

    await site.erp.run("ALTER TABLE HAUS RENAME COLUMN HNO TO HAUSNR");
    await site.erp.run("ALTER TABLE SOLLSTELLUNG RENAME COLUMN GEAENDERT TO AENDTS");
    await site.erp.run("ALTER TABLE AUFTRAG RENAME COLUMN KANAL_ALT TO KANAL");
    site.hurry();
    await site.until(() => expect(Object.values(sources())).toEqual(Array(13).fill("active")));
    await site.until(() => expect(offered()).toContain("ticket.create"));
    const id = site.report();
    await site.until(() => expect(site.gateway.commands(site.agentId, 1)[0]).toMatchObject({ id, outcome: "applied" }));
    await site.converges();
    expect(await run.stop()).toMatchObject({ code: 0 });
  });
});
