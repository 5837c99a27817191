// Sources on MariaDB's binlog: the agent dies amid a storm of changes, and reads on from where it stopped.
import { describe, expect, test } from "vitest";
import { mainMandant } from "../support/erp/generate.ts";
import { faultBench } from "../support/fault-bench.ts";
import { has } from "../support/servers.ts";
import type { Site } from "../support/site.ts";

const onBinlog = { units: 30, config: { feed: "binlog" } };

describe.skipIf(!has("mariadb"))("Sources on the binlog", () => {
  const bench = faultBench();

  /** In step on the binlog, with the rights that `erpfuser check` asks for. */
  const living = async (more: { feedEvery?: string } = {}) => {
    const site = await bench.site({ ...onBinlog, config: { ...onBinlog.config, ...more } });
    const admin = await bench.server.connect();
    await admin.query(`GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO '${site.account?.user}'@'%'`);
    await admin.end();
    const run = site.runSteered();
    await site.comesToRest(0);
    return { site, run };
  };

  /** Invoices change one by one, and some go. */
  const change = async (site: Site, by: number): Promise<void> => {
    const rows = await site.erp.query("SELECT SOLLNR AS NR FROM SOLLSTELLUNG WHERE MANDANT = ? ORDER BY SOLLNR", [mainMandant]);
    expect(rows.length).toBeGreaterThan(50);
    for (const { NR } of rows.slice(20))
      await site.erp.run("UPDATE SOLLSTELLUNG SET OFFEN = OFFEN + ? WHERE MANDANT = ? AND SOLLNR = ?", [
        by,
        mainMandant,
        NR as string,
      ]);
    for (const { NR } of rows.slice(0, 5))
      await site.erp.run("DELETE FROM SOLLSTELLUNG WHERE MANDANT = ? AND SOLLNR = ?", [mainMandant, NR as string]);
  };

  test("Killed again and again amid changes the agent misses none", async () => {
    const { site, run } = await living();
    let current = run;
    let over = false;
    const storm = change(site, 2).finally(() => {
      over = true;
    });
    for (let lives = 0; lives < 3 && !over; lives++) {
      await site.until(() => expect(over || site.status()?.feed?.state === "reading").toBe(true));
      await current.kill9();
      current = site.runSteered();
    }
    await storm;
    await site.comesToRest(0);
    expect(current.lines.map(({ code }) => code)).not.toContain("erp-feed-gap");
  });

  test("A table that changes past the binlog is noticed by a running agent, and said", async () => {
    const { site, run } = await living({ feedEvery: "2s" });
    const admin = await bench.server.connect();
    await admin.query("SET SESSION sql_log_bin = 0");
    await admin.query(`UPDATE ${site.account?.database}.SOLLSTELLUNG SET OFFEN = OFFEN + 1 WHERE MANDANT = ?`, [mainMandant]);
    await admin.end();
    expect((await run.logged("feed-silent")).table).toBe("SOLLSTELLUNG");
    // Its compare rests for a minute from the last one on: the unit tests see it.
    await site.until(() => expect(site.status()?.feed?.silent).toContain("SOLLSTELLUNG"));
  });
});
