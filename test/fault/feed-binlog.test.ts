// Sources on MariaDB's binlog, one site for all: the agent dies amid a storm of changes and reads on from where it stopped, its binlog is thrown away meanwhile,
// and rows come faster than they become visible.
import { beforeAll, describe, expect, test, vi } from "vitest";
import { openStoreForReading } from "../../agent/store/open.ts";
import { systemClock } from "../../base/time.ts";
import { patience, type Run } from "../support/agent-run.ts";
import { mainMandant } from "../support/erp/generate.ts";
import { faultBench } from "../support/fault-bench.ts";
import { has } from "../support/servers.ts";
import type { Site } from "../support/site.ts";

describe.skipIf(!has("mariadb"))("Sources on the binlog", () => {
  const bench = faultBench({ oneSite: true });
  const config = { feed: "binlog", courtesy: "{ pace: full }" };
  let site: Site;
  let run: Run;
  beforeAll(async () => {
    // While rows come in thousands a busy machine may keep heartbeats and statements waiting for a second, and a gentle pace would leave it alone.
    const portal = { limits: { heartbeatSeconds: 10 } };
    ({ site, run } = await bench.running({ units: 30, config, portal }));
  }, 120_000);

  /** Invoices change one by one, and some go. */
  const change = async (by: number): Promise<void> => {
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
    let over = false;
    const storm = change(2).finally(() => {
      over = true;
    });
    for (let lives = 0; lives < 3 && !over; lives++) {
      await site.until(() => expect(over || site.status()?.feed?.state === "reading").toBe(true));
      await run.kill9();
      run = site.runSteered();
    }
    await storm;
    await site.comesToRest(0);
    expect(run.lines.map(({ code }) => code)).not.toContain("erp-feed-gap");
  });

  /** Throws away the binlogs up to now. MariaDB keeps a file, without a word, until its own background thread has noted that a crash needs it no more. */
  const purge = async (): Promise<void> => {
    const admin = await bench.server.connect();
    const files = async (): Promise<string[]> =>
      ((await admin.query("SHOW BINARY LOGS"))[0] as { Log_name: string }[]).map(({ Log_name }) => Log_name);
    await admin.query("FLUSH BINARY LOGS");
    const last = (await files()).at(-1);
    await vi.waitFor(async () => {
      await admin.query("PURGE BINARY LOGS TO ?", [last]);
      expect(await files()).toEqual([last]);
    }, patience);
    await admin.end();
  };

  test("Of a binlog that was purged while it was away the agent says that there is a gap, and compares in full: nobody has to do anything", async () => {
    await run.kill9();
    await change(3);
    await purge();
    await change(4);
    // Compares of one table rest for a minute.
    site.setClock(90_000);
    run = site.runSteered();
    const gap = await run.logged("erp-feed-gap");
    expect(gap).toMatchObject({ level: "warn", feed: "binlog", message: expect.stringContaining("compared in full") });
    await site.comesToRest(0);
    expect(site.status()?.feed).toMatchObject({ state: "reading", silent: [] });
  });

  /** Compares that were made, and what is still to be read. */
  const stand = (): { compares: number; pending: number } => {
    using store = openStoreForReading(site.state, systemClock);
    const compares = store.journal.list({ kind: "compare", limit: 10_000 }).length;
    return { compares, pending: store.pending.count() };
  };

  const writers = 4;
  const rowsOfEach = 3_000;
  const columns = "MANDANT, SOLLNR, OBJNR, HAUSNR, WOHNNR, FOLGE, PERSNR, SOLLDAT, FAELLIG, BETRAG, OFFEN, STORNO, AENDTS";

  /** One session's rows, each committed by itself, as fast as the server can: nothing goes to and fro in between. */
  const insert = async (writer: number): Promise<void> => {
    const table = `${site.account?.database}.SOLLSTELLUNG`;
    const connection = await bench.server.connect();
    const [[like]] = (await connection.query(`SELECT ${columns} FROM ${table} WHERE MANDANT = ? AND STORNO = 'N' LIMIT 1`, [
      mainMandant,
    ])) as unknown as [Record<string, unknown>[]];
    await connection.query(
      `BEGIN NOT ATOMIC
        DECLARE n INT DEFAULT 0;
        WHILE n < ? DO
          INSERT INTO ${table} (${columns}) VALUES (?, CONCAT(?, LPAD(n, 7, '0')), ?);
          SET n = n + 1;
        END WHILE;
      END`,
      [rowsOfEach, mainMandant, `W${writer}-`, Object.values(like ?? {}).slice(2)],
    );
    await connection.end();
  };

  /** Rows stand in the binlog for so long before anybody sees them, ms; the agent confirms after 300. */
  const hiddenMs = 150;
  /** So often while it can keep up with reading: what it reads later is visible. */
  const hiddenTimes = 10;

  /**
   * Commits wait for a replica that there is not, behind the binlog and before they are seen; after the first in vain the server goes on without it, until it is
   * told again. Returns how often they waited.
   */
  const hide = async (until: Promise<unknown>): Promise<number> => {
    let over = false;
    const end = until.finally(() => {
      over = true;
    });
    const admin = await bench.server.connect();
    const status = async (name: string): Promise<string> =>
      ((await admin.query("SHOW GLOBAL STATUS LIKE ?", [`Rpl_semi_sync_master_${name}`]))[0] as { Value: string }[])[0]?.Value ??
      "";
    for (let times = 0; times < hiddenTimes && !over; times++) {
      await admin.query("SET GLOBAL rpl_semi_sync_master_enabled = 0");
      await admin.query("SET GLOBAL rpl_semi_sync_master_enabled = 1");
      await vi.waitFor(async () => expect(over || (await status("status")) === "OFF").toBe(true), patience);
    }
    const times = Number(await status("no_times"));
    await admin.query("SET GLOBAL rpl_semi_sync_master_enabled = 0");
    await admin.end();
    await end;
    return times;
  };

  test("Rows that the binlog tells of thousands of times a second, and before they are visible, all arrive by it alone", async () => {
    const before = stand();
    const admin = await bench.server.connect();
    await admin.query("SET GLOBAL innodb_flush_log_at_trx_commit = 2");
    await admin.query(
      `SET GLOBAL rpl_semi_sync_master_timeout = ${hiddenMs}, GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC`,
    );
    await admin.end();
    const began = performance.now();
    const writing = Promise.all(Array.from({ length: writers }, (_, writer) => insert(writer)));
    const hidden = await hide(writing);
    const seconds = (performance.now() - began) / 1_000;
    console.log(
      `${Math.round((writers * rowsOfEach) / seconds)} inserts a second for ${seconds.toFixed(1)} s, hidden ${hidden} times`,
    );
    await vi.waitFor(() => expect(stand().pending).toBe(0), { timeout: 200_000, interval: 200 });
    console.log(`read after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
    await site.comesToRest(0);
    expect(stand()).toEqual(before);
  });
});

describe.skipIf(!has("mariadb"))("A table that changes past the binlog", () => {
  const bench = faultBench();

  test("is noticed by a running agent, and said", async () => {
    const { site, run } = await bench.running({ config: { feed: "binlog", feedEvery: "2s" } });
    const admin = await bench.server.connect();
    await admin.query("SET SESSION sql_log_bin = 0");
    // Again and again: what changed before the first look nobody can tell.
    await vi.waitFor(async () => {
      await admin.query(`UPDATE ${site.account?.database}.SOLLSTELLUNG SET OFFEN = OFFEN + 1 WHERE MANDANT = ?`, [mainMandant]);
      expect(run.lines.map(({ code }) => code)).toContain("feed-silent");
    }, patience);
    await admin.end();
    expect((await run.logged("feed-silent")).table).toBe("SOLLSTELLUNG");
    // Its compare rests for a minute from the last one on: the unit tests see it.
    await site.until(() => expect(site.status()?.feed?.silent).toContain("SOLLSTELLUNG"));
  });
});
