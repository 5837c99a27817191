import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { residentMb } from "../../agent/cli/demo/memory.ts";
import { systemClock } from "../../base/time.ts";
import { live } from "../support/erp/life.ts";
import { seededRandom } from "../support/erp/random.ts";
import { openRig, type Rig } from "../support/rig.ts";
import { seed } from "../support/seed.ts";
import { has } from "../support/servers.ts";
import { storm } from "../support/storm.ts";

const units = 10_000;
/** The bound for the agent, MB. */
const mostMb = 200;

describe.skipIf(!has("mariadb"))(`A company of ${units} units on MariaDB, seed ${seed}`, () => {
  let rig: Rig;

  beforeAll(async () => {
    // The life of the storm deletes and renumbers more in two minutes than a company does in a year.
    const config = { compareEvery: "20s", netEvery: "20s", guards: { rows: 100_000, percent: 100 } };
    rig = await openRig({ dialect: "mysql", units, seed: 1, config });
  });
  afterAll(() => rig?.[Symbol.asyncDispose]());

  test.skipIf(process.platform !== "linux")(
    "the agent stays under 200 MB during the first sync and in steady state",
    async () => {
      const started = systemClock.monotonic();
      rig.agent.start();
      await rig.inStep(300_000);
      const seconds = Math.round((systemClock.monotonic() - started) / 100) / 10;
      const pid = rig.agent.pid as number;
      const firstSync = residentMb(pid, "VmHWM") as number;
      // The peak is forgotten, proc(5): what follows is the steady state's own.
      writeFileSync(`/proc/${pid}/clear_refs`, "5");
      const steadyMs = AbortSignal.timeout(30_000);
      const life = await live({
        db: rig.erp,
        random: seededRandom(seed),
        clock: systemClock,
        eventsPerSecond: 20,
        signal: steadyMs,
      });
      const steady = residentMb(pid, "VmHWM") as number;
      console.log(`RSS of the agent: first sync ${firstSync} MB (${seconds} s), steady ${steady} MB after ${life.events} events`);
      expect(firstSync).toBeLessThan(mostMb);
      expect(steady).toBeLessThan(mostMb);
    },
  );

  test("after two minutes with the agent killed 50 times, the portal 20 times, the database 5 times, nothing is lost or doubled", async () => {
    const kills = { agent: 50, portal: 20, database: 5 };
    const atLeast = { acked: 5_000, settled: 100 };
    const report = await storm(rig, { seed, durationMs: 120_000, kills, eventsPerSecond: 45, ticketsPerSecond: 2, atLeast });
    console.log(`Storm, seed ${seed}: ${JSON.stringify(report)}`);
    onTestFailed(() => console.log(rig.lastWords()));
    const calm = systemClock.monotonic();
    await rig.atRest(240_000);
    const verdict = await rig.judge();
    const seconds = Math.round((systemClock.monotonic() - calm) / 1_000);
    console.log(`At rest and judged after ${seconds} s: ${JSON.stringify(verdict.commands)} ${JSON.stringify(verdict.entities)}`);

    expect(verdict.details).toEqual([]);
    expect(verdict.mismatches).toBe(0);
    expect(verdict.commands).toMatchObject({ lost: 0, doubled: 0, uncertain: 0 });
    expect(verdict.commands.appliedOnce + verdict.commands.refused).toBe(verdict.commands.issued);
    // Only a clerk who was faster may stand in a command's way.
    expect(verdict.commands.appliedOnce).toBeGreaterThan(verdict.commands.issued * 0.8);
    expect(report.kills).toEqual(kills);
    expect(report.progress.acked).toBeGreaterThanOrEqual(atLeast.acked);
    expect(report.progress.settled).toBeGreaterThanOrEqual(atLeast.settled);
    // A kill is no lost history: nobody had to begin anew.
    expect(report.epochs).toHaveLength(1);
  });
});
