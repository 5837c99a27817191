import { afterAll, beforeAll, expect, test } from "vitest";
import { type Clock, systemClock } from "../../../base/time.ts";
import { backUpErp } from "../../support/erp/backup.ts";
import type { ErpDb } from "../../support/erp/db.ts";
import { generateErp } from "../../support/erp/generate.ts";
import { createLife, type LifeCounts, lifeEventKinds, live, liveExactly } from "../../support/erp/life.ts";
import { portalMayUse } from "../../support/erp/life-rows.ts";
import { seededRandom } from "../../support/erp/random.ts";
import { tableNames, tables } from "../../support/erp/schema.ts";
import { type Bench, onEveryDatabase } from "./erp-companies.ts";

/** Tuesday 24 November 2026, 10:00 in Berlin. */
const clock: Pick<Clock, "now"> = { now: () => Date.UTC(2026, 10, 24, 9) };

async function orphans(db: ErpDb): Promise<Record<string, number>> {
  const unit = "W.MANDANT = T.MANDANT AND W.OBJNR = T.OBJNR AND W.HAUSNR = T.HAUSNR AND W.WOHNNR = T.WOHNNR";
  const period =
    "M.MANDANT = T.MANDANT AND M.OBJNR = T.OBJNR AND M.HAUSNR = T.HAUSNR AND M.WOHNNR = T.WOHNNR AND M.FOLGE = T.FOLGE";
  const queries = {
    contracts: `MIETVERTRAG T WHERE NOT EXISTS (SELECT 1 FROM WOHNUNG W WHERE ${unit})`,
    tenants:
      "MIETVERTRAG T WHERE PERSNR <> '' AND NOT EXISTS (SELECT 1 FROM PERSON P WHERE P.MANDANT = T.MANDANT AND P.PERSNR = T.PERSNR)",
    tickets: `AUFTRAG T WHERE WOHNNR <> '' AND NOT EXISTS (SELECT 1 FROM WOHNUNG W WHERE ${unit})`,
    texts: "AUFTRTEXT T WHERE NOT EXISTS (SELECT 1 FROM AUFTRAG A WHERE A.MANDANT = T.MANDANT AND A.AUFTRNR = T.AUFTRNR)",
    invoices: `SOLLSTELLUNG T WHERE NOT EXISTS (SELECT 1 FROM MIETVERTRAG M WHERE ${period})`,
    cancelled: `SOLLSTELLUNG T WHERE STORNO = 'N' AND EXISTS (SELECT 1 FROM MIETVERTRAG M WHERE ${period} AND M.STORNO = 'J')`,
    meters: `ZAEHLER T WHERE NOT EXISTS (SELECT 1 FROM WOHNUNG W WHERE ${unit})`,
    readings: "ZAEHLERSTAND T WHERE NOT EXISTS (SELECT 1 FROM ZAEHLER Z WHERE Z.MANDANT = T.MANDANT AND Z.ZAEHLNR = T.ZAEHLNR)",
  };
  const found: Record<string, number> = {};
  for (const [name, from] of Object.entries(queries))
    found[name] = Number((await db.query(`SELECT COUNT(*) AS N FROM ${from}`))[0]?.N);
  return found;
}

const none = { contracts: 0, tenants: 0, tickets: 0, texts: 0, invoices: 0, cancelled: 0, meters: 0, readings: 0 };

onEveryDatabase("The life of the sample company", (start) => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await start();
  });
  afterAll(async () => {
    await bench.end();
  });

  const company = async (units: number): Promise<ErpDb> => {
    const db = await bench.open();
    await generateErp(db, { units, seed: 5 });
    return db;
  };

  test("holds every kind of event within 200, and none leaves a row that hangs on nothing", async () => {
    await using db = await company(400);
    expect(await orphans(db)).toEqual(none);
    const counts = await liveExactly({ db, random: seededRandom(1), clock, count: 200 });
    expect(counts.events).toBe(200);
    for (const kind of lifeEventKinds) expect(counts.byKind[kind], kind).toBeGreaterThan(0);
    expect(counts.rows).toBeGreaterThan(300);
    expect(await orphans(db)).toEqual(none);
  });

  test("goes the same way for the same seed", async () => {
    const runs: LifeCounts[] = [];
    for (let run = 0; run < 2; run++) {
      await using db = await company(130);
      runs.push(structuredClone(await liveExactly({ db, random: seededRandom(9), clock, count: 120 })));
    }
    expect(runs[0]).toEqual(runs[1]);
  });

  test("changes the ticket's text without touching the ticket", async () => {
    await using db = await company(60);
    const tickets = await db.query("SELECT * FROM AUFTRAG ORDER BY MANDANT, AUFTRNR");
    const life = createLife({ db, random: seededRandom(2), clock });
    for (let index = 0; index < 10; index++) expect(await life.step("ticketTextAdded")).toBe("ticketTextAdded");
    expect(await db.query("SELECT * FROM AUFTRAG ORDER BY MANDANT, AUFTRNR")).toEqual(tickets);
    expect(await db.query("SELECT COUNT(*) AS N FROM AUFTRTEXT WHERE ZEILE LIKE 'Vermerk%'")).toEqual([{ N: 10 }]);
  });

  test("leaves alone what a portal may use", async () => {
    await using db = await company(400);
    const usable = async (): Promise<string[]> => {
      const rows = await db.query("SELECT MANDANT, OBJNR, HAUSNR, WOHNNR FROM WOHNUNG WHERE MANDANT = '001'");
      return rows.map((row) => Object.values(row).join(".")).filter((id) => portalMayUse(id));
    };
    const before = await usable();
    const life = createLife({ db, random: seededRandom(4), clock });
    for (const kind of ["unitRenumbered", "buildingMoved"] as const)
      for (let index = 0; index < 10; index++) await life.step(kind);
    const after = new Set(await usable());
    expect(before.length).toBeGreaterThan(100);
    expect(before.filter((id) => !after.has(id))).toEqual([]);
  });

  test("is undone by a restored backup, row for row", async () => {
    await using db = await company(60);
    const everything = async (): Promise<unknown[]> => {
      const rows: unknown[] = [];
      for (const name of tableNames) rows.push(await db.query(`SELECT * FROM ${name} ORDER BY ${tables[name].key.join(", ")}`));
      return rows;
    };
    const before = await everything();
    const backup = await backUpErp(db);
    await liveExactly({ db, random: seededRandom(6), clock, count: 60 });
    expect(await everything()).not.toEqual(before);
    await backup.restore(db);
    expect(await everything()).toEqual(before);
  });

  test("lives at a rate until it is told to stop, through a database that is killed and comes back", async () => {
    await using db = await company(60);
    const stop = new AbortController();
    let killed: Promise<void> | undefined;
    let failures = 0;
    let afterRestart = Number.POSITIVE_INFINITY;
    const counts = await live({
      db,
      random: seededRandom(3),
      clock: systemClock,
      eventsPerSecond: 2_000,
      signal: stop.signal,
      onFailure: async () => {
        failures++;
        await bench.server?.restart();
        afterRestart = failures;
      },
      onEvent: ({ events }) => {
        if (events === 20 && bench.server) killed = bench.server.kill9();
        if (events >= 20 && !bench.server) afterRestart = 0;
        if (events >= 60 && Number.isFinite(afterRestart)) stop.abort();
      },
    });
    await killed;
    expect(counts.events).toBeGreaterThanOrEqual(60);
    if (bench.server) expect(failures).toBeGreaterThan(0);
    expect(await orphans(db)).toEqual(none);
  });
});
