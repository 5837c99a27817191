// A portal that takes its time: acks late or for a while not at all, and refuses for now what it will take later. The ERP is read no faster than the
// portal takes it, commands go on meanwhile, and nothing is lost.
import { describe, expect, test } from "vitest";
import { faultBench } from "../support/fault-bench.ts";
import { has } from "../support/servers.ts";

describe.skipIf(!has("mariadb"))("A slow portal", () => {
  const bench = faultBench();

  test("acks each frame late, in a window of ten items: all of both directions arrives once", async () => {
    const site = await bench.site({ portal: { limits: { windowItems: 10 } } });
    site.gateway.hooks.ackDelayMs = 300;
    site.runSteered();
    for (let n = 0; n < 3; n++) {
      site.report(`Schaden ${n}`);
      await site.clerkWorks();
    }
    await site.comesToRest(3);
  });

  test("acks nothing for a while: commands are carried out meanwhile, and all arrives once it acks again", async () => {
    const { site } = await bench.running();
    site.gateway.hooks.ackDelayMs = "never";
    await site.clerkWorks();
    const id = site.report();
    await site.until(() => expect(site.gateway.command(id)?.outcome).toBe("applied"));
    await site.until(() => expect(site.status()?.status.outbox.items).toBeGreaterThan(0));
    site.gateway.hooks.ackDelayMs = undefined;
    await site.clerkWorks();
    await site.comesToRest(1);
  });

  test("refuses everything for now: it comes again at its time, parents first, and all is taken", async () => {
    const site = await bench.site();
    // Each entity twice.
    const refusals = new Map<string, number>();
    site.gateway.hooks.refuse = ({ type, id }) => {
      const before = refusals.get(`${type} ${id}`) ?? 0;
      if (before === 2) return undefined;
      refusals.set(`${type} ${id}`, before + 1);
      return { code: "later", reason: "busy", retryAfterMs: 200 };
    };
    site.runSteered();
    await site.until(() => expect([...refusals.values()].filter((count) => count === 2).length).toBeGreaterThan(10));
    site.report();
    await site.comesToRest(1);
  });
});
