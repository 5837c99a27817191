// Wall clocks that are set by hours, forward and back, of the agent's machine and of the portal's. Nothing waits for a time that was never meant, and
// nothing is sent or carried out twice.
import { describe, expect, test } from "vitest";
import { openStoreForReading } from "../../agent/store/open.ts";
import { systemClock } from "../../base/time.ts";
import { faultBench } from "../support/fault-bench.ts";
import { has } from "../support/servers.ts";
import type { Site } from "../support/site.ts";

const hourMs = 3_600_000;

describe.skipIf(!has("mariadb"))("Clocks", () => {
  const bench = faultBench();

  /** Both directions work now, whatever the clock says. */
  async function works(site: Site, issued: number): Promise<void> {
    await site.clerkWorks();
    site.report(`Schaden ${issued}`);
    await site.comesToRest(issued);
  }

  const jumps: { name: string; offsets: number[] }[] = [
    { name: "forward by three hours, and right again", offsets: [3 * hourMs, 0] },
    { name: "back by three hours, and right again", offsets: [-3 * hourMs, 0] },
    { name: "forward by a year, back by a year, and right again", offsets: [8_760 * hourMs, -8_760 * hourMs, 0] },
  ];
  test.each(jumps)("the agent's, set $name while it runs: changes and commands go on at once, each once", async ({ offsets }) => {
    const { site, run } = await bench.running();
    let issued = 0;
    for (const offset of offsets) {
      site.setClock(offset);
      await works(site, ++issued);
    }
    expect(await run.stop()).toMatchObject({ code: 0 });
  });

  test("the agent's, set back while commands and keys wait for their next try: they are not left waiting until then", async () => {
    const { site, run } = await bench.running();
    const { erp } = site.ways;
    site.setClock(3 * hourMs);
    await erp.refuse();
    const id = site.report();
    await site.clerkWorks();
    await run.logged("erp-unreachable");
    await site.until(() => {
      using store = openStoreForReading(site.state, systemClock);
      const waiting = store.inbox.get(id);
      expect(waiting).toMatchObject({ state: "received", attempts: expect.toSatisfy((attempts: number) => attempts > 1) });
      expect(waiting?.notBefore).toBeGreaterThan(Date.now() + 2 * hourMs);
    });
    site.setClock(0);
    await erp.heal();
    await site.comesToRest(1);
  });

  test("the agent's, wrong when a link is made: refused with what the clock is off by; right again, everything arrives", async () => {
    const { site, run } = await bench.running();
    site.setClock(3 * hourMs);
    site.ways.portal.cut("rst");
    expect(await run.logged("clock-wrong")).toMatchObject({ level: "error", message: expect.stringMatching(/3h ahead/) });
    site.report();
    await site.clerkWorks();
    site.setClock(0);
    site.hurry();
    await site.comesToRest(1);
  });

  test("the agent's, wrong at its start: it ends and says so; started with the right one, everything arrives", async () => {
    const site = await bench.site();
    site.setClock(-3 * hourMs);
    const wrong = site.runSteered();
    expect(await wrong.logged("clock-wrong")).toMatchObject({ message: expect.stringMatching(/3h behind/) });
    expect((await wrong.ended).code).not.toBe(0);
    site.setClock(0);
    site.runSteered();
    site.report();
    await site.comesToRest(1);
  });

  test.each([3, -3])(
    "the portal's, set by %i hours while the agent is connected and when it comes back: changes and commands go on, none expires by it",
    async (hours) => {
      let offset = 0;
      const clock = { ...systemClock, now: () => systemClock.now() + offset };
      const { site, run } = await bench.running({ portal: { clock } });
      offset = hours * hourMs;
      await works(site, 1);
      site.ways.portal.cut("rst");
      await run.logged("clock-wrong");
      site.report("Schaden 2");
      await site.clerkWorks();
      offset = 0;
      site.hurry();
      await site.comesToRest(2);
    },
  );
});
