// The ERP's server dies, or is restarted in an orderly way, in the middle of a scan, of a drain and of a command: what was under way is done again or
// looked up, and nothing is missing, doubled or deleted.
import { describe, expect, test } from "vitest";
import { localStamp } from "../support/erp/calendar.ts";
import { mainMandant } from "../support/erp/generate.ts";
import { faultBench } from "../support/fault-bench.ts";
import type { MariaDb } from "../support/mariadb.ts";
import { atFirst, type Tamper } from "../support/proxy.ts";
import { has } from "../support/servers.ts";
import type { Site } from "../support/site.ts";

const ends: { name: string; end: (server: MariaDb) => Promise<void> }[] = [
  { name: "killed", end: (server) => server.kill9() },
  { name: "restarted", end: (server) => server.restart() },
];

describe.skipIf(!has("mariadb"))("The ERP's server", () => {
  const bench = faultBench();

  /** The server ends while these bytes are on their way; they then meet a dead connection. */
  const endsAt = (text: string, end: (server: MariaDb) => Promise<void>): { tamper: Tamper; over: Promise<void> } => {
    const over = Promise.withResolvers<void>();
    const { tamper } = atFirst(text, async (bytes) => {
      await end(bench.server).finally(over.resolve);
      return bytes;
    });
    return { tamper, over: over.promise };
  };

  const upAgain = async (site: Site): Promise<void> => {
    if (bench.server.pid === undefined) await bench.server.restart();
    // The clerk's own connection died as well, and says so once.
    await site.erp.query("SELECT 1 AS N").catch(() => undefined);
  };

  test.each(ends)("$name in the middle of a scan: the compare is done again, nothing is missing or deleted", async ({ end }) => {
    const site = await bench.site({ units: 60 });
    const { erp } = site.ways;
    let scanned = 0;
    let ended: Promise<void> | undefined;
    erp.tamper("up", (bytes) => {
      if (scanned === 0 && bytes.includes("`SOLLSTELLUNG`")) scanned = 1;
      return bytes;
    });
    erp.tamper("down", async (bytes) => {
      // Some rows of it have gone by.
      if (scanned > 0) scanned += bytes.length;
      if (scanned > 8_000) ended ??= end(bench.server);
      await ended;
      return bytes;
    });
    const run = site.runSteered();
    await site.until(() => expect(ended).toBeDefined());
    await ended;
    await erp.heal();
    await upAgain(site);
    await site.comesToRest(0);
    expect(site.gateway.store.all("SELECT id FROM entity WHERE deleted_at IS NOT NULL")).toEqual([]);
    expect(await run.stop()).toMatchObject({ code: 0 });
  });

  test.each(ends)("$name in the middle of a drain: the keys stay marked and are read again", async ({ end }) => {
    const { site } = await bench.running({ units: 30 });
    const { erp } = site.ways;
    const [first] = await site.erp.query("SELECT MIN(SOLLNR) AS NR FROM SOLLSTELLUNG WHERE MANDANT = ?", [mainMandant]);
    // A read by key names the keys.
    const drain = endsAt(`= '${first?.NR}'`, end);
    erp.tamper("up", drain.tamper);
    const sql = "UPDATE SOLLSTELLUNG SET OFFEN = OFFEN + 1, AENDTS = ? WHERE MANDANT = ?";
    expect(await site.erp.run(sql, [localStamp(Date.now()), mainMandant])).toBeGreaterThan(20);
    await drain.over;
    await upAgain(site);
    await site.comesToRest(0);
  });

  const moments = [
    { name: "between the statements of a command", text: "INSERT INTO `AUFTRTEXT`" },
    { name: "at the commit of a command", text: "\x03COMMIT" },
  ];
  test.each(moments.flatMap((moment) => ends.map((how) => ({ at: moment.name, text: moment.text, ...how }))))(
    "$name $at: the command has one effect",
    async ({ text, end }) => {
      const { site } = await bench.running();
      const moment = endsAt(text, end);
      site.ways.erp.tamper("up", moment.tamper);
      site.report();
      await moment.over;
      await upAgain(site);
      await site.clerkWorks();
      await site.comesToRest(1);
    },
  );
});
