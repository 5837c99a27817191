// Clerks at work beside us, on MariaDB: rows and tables that they lock for longer than the agent waits, and a deadlock whose victim is the agent.
// The agent lets them go first, does everything else meanwhile, and does its own once they are done.
import type { Connection } from "mysql2/promise";
import { afterEach, describe, expect, test } from "vitest";
import { faultBench } from "../support/fault-bench.ts";
import { has } from "../support/servers.ts";
import type { Site } from "../support/site.ts";

describe.skipIf(!has("mariadb"))("Locks in the ERP", () => {
  const bench = faultBench();
  const clerks: Connection[] = [];
  afterEach(() => {
    // Before the server ends: what is open is rolled back.
    for (const clerk of clerks.splice(0)) clerk.destroy();
  });

  /** Another client of the ERP, in its database. */
  async function clerkOf(site: Site): Promise<Connection> {
    const clerk = await bench.server.connect();
    clerks.push(clerk);
    await clerk.query(`USE ${site.account?.database}`);
    return clerk;
  }

  const waitsForLock = async (site: Site): Promise<void> => {
    const sql = "SELECT COUNT(*) AS N FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'";
    // The server shows an old state to whoever asks more often than every 100 ms.
    await expect.poll(async () => Number((await site.erp.query(sql))[0]?.N), { interval: 150, timeout: 20_000 }).toBe(1);
  };

  test("a row that a clerk's open transaction holds for longer than the agent waits: the command waits and has one effect, all else goes on meanwhile", async () => {
    const { site, run } = await bench.running();
    const clerk = await clerkOf(site);
    await clerk.query("START TRANSACTION");
    await clerk.query("SELECT * FROM NUMMERNKREIS FOR UPDATE");
    const id = site.report();
    expect(await run.logged("erp-locked")).toMatchObject({ level: "warn", command: id });
    await site.clerkWorks();
    const [booked] = await site.erp.query("SELECT OFFEN FROM SOLLSTELLUNG ORDER BY AENDTS DESC LIMIT 1");
    await site.until(() =>
      expect(
        site.gateway.store
          .all<{ fields: string }>("SELECT fields FROM entity WHERE type = 'invoice'")
          .map(({ fields }) => fields),
      ).toContainEqual(expect.stringContaining(`"amount":"${booked?.OFFEN}"`)),
    );
    expect(site.gateway.command(id)?.outcome).toBeNull();
    await clerk.query("COMMIT");
    await site.comesToRest(1);
  });

  test("a table that is locked for longer than the agent waits: its keys stay marked, all else goes on meanwhile, and then they are read", async () => {
    const { site, run } = await bench.running();
    const clerk = await clerkOf(site);
    await site.clerkWorks();
    await clerk.query("LOCK TABLES SOLLSTELLUNG WRITE");
    site.hurry({ full: true });
    await run.logged("erp-locked");
    const id = site.report();
    await site.until(() => expect(site.gateway.command(id)?.state).toBe("settled"));
    await clerk.query("UNLOCK TABLES");
    await site.comesToRest(1);
  });

  test("a deadlock with a clerk whose work is larger: the agent is its victim, the clerk's work is kept, and the command has one effect", async () => {
    const { site, run } = await bench.running({ config: { courtesy: "{ statementTimeout: 10s, lockTimeout: 8s }" } });
    site.report("Der erste");
    await site.comesToRest(1);
    const clerk = await clerkOf(site);
    await clerk.query("START TRANSACTION");
    // The server ends the one that has changed less.
    await clerk.query("UPDATE SOLLSTELLUNG SET OFFEN = OFFEN + 1, AENDTS = NOW()");
    const [[counter]] = (await clerk.query(
      "SELECT NR FROM NUMMERNKREIS WHERE KREIS = 'AUFTRAG' AND MANDANT = '001'",
    )) as unknown as [{ NR: number }[]];
    const number = (ahead: number): string => String(Number(counter?.NR) + ahead).padStart(8, "0");
    // The clerk writes the number that the agent's next ticket will get, whichever way the counter counts.
    await clerk.query("CREATE TEMPORARY TABLE T AS SELECT * FROM AUFTRAG WHERE KURZTEXT = 'Der erste'");
    for (const ahead of [1, 2]) {
      await clerk.query("UPDATE T SET AUFTRNR = ?, FREMDNR = NULL, KANAL = 'T', KURZTEXT = 'Vom Sachbearbeiter'", [
        number(ahead),
      ]);
      await clerk.query("INSERT IGNORE INTO AUFTRAG SELECT * FROM T");
    }
    site.report("Der zweite");
    await waitsForLock(site);
    await clerk.query("UPDATE NUMMERNKREIS SET NR = NR + 2 WHERE KREIS = 'AUFTRAG' AND MANDANT = '001'");
    await clerk.query("COMMIT");
    expect(await run.logged("erp-deadlock")).toMatchObject({ level: "warn" });
    await site.comesToRest(2);
    expect(await site.erp.query("SELECT COUNT(*) AS N FROM AUFTRAG WHERE KURZTEXT = 'Vom Sachbearbeiter'")).toEqual([{ N: 2 }]);
  });
});
