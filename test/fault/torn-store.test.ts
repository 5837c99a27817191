// Torn files: the stores of agent and portal with a write-ahead log that ends anywhere, or in spoilt sectors, as after a disk that lied about what it
// had written, of what no checkpoint has folded back yet. SQLite's checksums let in whole commits only; what an older state has forgotten is found at the
// next connection and mended by a compare.
import { join } from "node:path";
import { describe, expect, onTestFailed, test } from "vitest";
import type { NamedPoint } from "../../agent/commit-points.ts";
import { openStore } from "../../agent/store/open.ts";
import { silentLog } from "../../base/log.ts";
import { systemClock } from "../../base/time.ts";
import { Store } from "../../portal/store.ts";
import { faultBench } from "../support/fault-bench.ts";
import { seed } from "../support/seed.ts";
import { has } from "../support/servers.ts";
import type { Site } from "../support/site.ts";
import { anywhere, type Copy, copyWithLog, holdLog, integrity, lastCommits, spoil, tears } from "../support/torn.ts";

const positions = 60;

describe.skipIf(!has("mariadb"))(`Torn files, seed ${seed}`, () => {
  const bench = faultBench();
  const agentFile = (site: Site): string => join(site.state, "store.db");

  /** An agent that has worked and was killed in the middle of a command. */
  async function killedAgent(point: NamedPoint): Promise<{ site: Site; copy: Copy; issued: number }> {
    const { site, run } = await bench.running();
    using _held = holdLog(agentFile(site));
    for (let n = 0; n < 2; n++) {
      site.report(`Schaden ${n}`);
      await site.clerkWorks();
    }
    await site.comesToRest(2);
    site.killAt(point);
    site.report("Der letzte");
    await run.ended;
    return { site, copy: copyWithLog(agentFile(site)), issued: 3 };
  }

  test(`the agent's store opens, whole and sound, with a log that ends at any of ${positions} places or in spoilt sectors; nothing is set aside`, async () => {
    const { site, copy } = await killedAgent("after-erp-commit");
    const file = agentFile(site);
    expect(copy.bytes - copy.foldedBytes).toBeGreaterThan(20 * copy.page);
    for (const [index, at] of tears(copy, { count: positions, random: bench.random }).entries()) {
      copy.putBack(index % 3 === 2 ? copy.bytes : at);
      if (index % 3 === 2) spoil(`${file}-wal`, { from: at, random: bench.random });
      const store = openStore({ directory: site.state, clock: systemClock, log: silentLog });
      const { wasSetAside } = store;
      store.close();
      expect({ at, wasSetAside, integrity: integrity(file) }).toEqual({ at, wasSetAside: undefined, integrity: "ok" });
    }
  });

  const points: NamedPoint[] = ["after-claim-commit", "after-erp-commit", "after-conclude-commit", "after-reply"];
  const wheres = ["among its last commits", "anywhere"];
  test.each(points.flatMap((point) => wheres.map((where) => ({ point, where }))))(
    "the agent goes on from a log torn $where, after a kill at $point: nothing is missing, each command has one effect",
    async ({ point, where }) => {
      const { site, copy, issued } = await killedAgent(point);
      const at = where === "anywhere" ? anywhere(copy, bench.random) : lastCommits(copy, bench.random);
      copy.putBack(at);
      onTestFailed(() => console.log(`torn at ${at} of ${copy.bytes}`));
      const run = site.runSteered();
      await site.comesToRest(issued);
      site.report("Danach");
      await site.clerkWorks();
      await site.comesToRest(issued + 1);
      expect(await run.stop()).toMatchObject({ code: 0 });
    },
  );

  /** A portal that has worked; what is in the log is the work of the last two commands. */
  async function workedPortal(): Promise<{ site: Site; copy: Copy; issued: string[] }> {
    const { site } = await bench.running();
    const issued = [site.report("Der erste")];
    await site.comesToRest(1);
    site.gateway.store.all("PRAGMA wal_checkpoint(TRUNCATE)");
    using _held = holdLog(site.portalStore);
    for (const title of ["Der zweite", "Der dritte"]) {
      issued.push(site.report(title));
      await site.clerkWorks();
    }
    await site.comesToRest(issued.length);
    const copy = copyWithLog(site.portalStore);
    await site.closePortal();
    return { site, copy, issued };
  }

  test(`the portal's store opens, whole and sound, with a log that ends at any of ${positions} places or in spoilt sectors`, async () => {
    const { site, copy } = await workedPortal();
    const file = site.portalStore;
    expect(copy.bytes - copy.foldedBytes).toBeGreaterThan(20 * copy.page);
    for (const [index, at] of tears(copy, { count: positions, random: bench.random }).entries()) {
      copy.putBack(index % 3 === 2 ? copy.bytes : at);
      if (index % 3 === 2) spoil(`${file}-wal`, { from: at, random: bench.random });
      new Store(file)[Symbol.dispose]();
      expect({ at, integrity: integrity(file) }).toEqual({ at, integrity: "ok" });
    }
    await site.reopenPortal();
  });

  test.each(wheres)(
    "the portal goes on from a log torn %s: all of the ERP is there again, what it still knows of commands is settled, and none is carried out twice",
    async (where) => {
      const { site, copy, issued } = await workedPortal();
      const at = where === "anywhere" ? anywhere(copy, bench.random) : lastCommits(copy, bench.random);
      copy.putBack(at);
      onTestFailed(() => console.log(`torn at ${at} of ${copy.bytes}`));
      await site.clerkWorks();
      await site.reopenPortal();
      site.hurry();
      await site.until(async () => {
        const known = new Set(site.gateway.commands(site.agentId, 10).map(({ id }) => id));
        const forgotten = issued.filter((id) => !known.has(id)).map((id) => `command ${id}`);
        const { details, commands } = await site.judge();
        // What the portal has forgotten shows in the ERP as ordered by nobody; nothing else may differ.
        expect(details.map(({ kind, id }) => `${kind} ${id}`).sort()).toEqual(forgotten.sort());
        expect(commands).toMatchObject({ issued: known.size, appliedOnce: known.size, lost: 0, doubled: forgotten.length });
      });
    },
  );
});
