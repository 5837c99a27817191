// Connections that end in the middle of what is being said, by a reset or by an orderly end, that are refused for a while, or that are slow.
// Where a connection is cut comes from the seed.
import { describe, expect, test } from "vitest";
import { between } from "../support/erp/random.ts";
import { faultBench } from "../support/fault-bench.ts";
import { type Cut, cutAfter, type Way } from "../support/proxy.ts";
import { seed } from "../support/seed.ts";
import { has } from "../support/servers.ts";

const cuts: { how: Cut; way: Way }[] = [
  { how: "rst", way: "up" },
  { how: "fin", way: "up" },
  { how: "rst", way: "down" },
  { how: "fin", way: "down" },
];

describe.skipIf(!has("mariadb"))(`Cut connections, seed ${seed}`, () => {
  const bench = faultBench();

  test("the portal's link, cut four times in the middle of a frame: all of both directions arrives once", async () => {
    const { site } = await bench.running();
    const { portal } = site.ways;
    for (const [index, { how, way }] of cuts.entries()) {
      const before = portal.accepted;
      portal.tamper(way, cutAfter(between(bench.random, 5, 400), how));
      await site.clerkWorks();
      site.report(`Schaden ${index}`);
      site.hurry();
      await site.until(() => expect(portal.accepted).toBeGreaterThan(before));
      await portal.heal();
      // The wait between two tries grows with each; a person may shorten it.
      site.hurry();
    }
    await site.comesToRest(cuts.length);
  });

  test("the ERP's sessions, cut in the middle of the first sync and of commands: all of both directions arrives once", async () => {
    const site = await bench.site();
    const { erp } = site.ways;
    const run = site.runSteered();
    for (const [index, { how, way }] of cuts.entries()) {
      const before = erp.accepted;
      const bytes = way === "up" ? between(bench.random, 50, 3_000) : between(bench.random, 500, 15_000);
      erp.tamper(way, cutAfter(bytes, how));
      site.report(`Schaden ${index}`);
      await site.clerkWorks();
      await site.until(() => expect(erp.accepted).toBeGreaterThan(before));
    }
    await erp.heal();
    await site.comesToRest(cuts.length);
    expect(await run.stop()).toMatchObject({ code: 0 });
  });

  test("portal and ERP refuse connections for a while: what was ordered and changed meanwhile arrives once they take them again", async () => {
    const { site, run } = await bench.running();
    const { erp, portal } = site.ways;
    await portal.refuse();
    await erp.refuse();
    site.report();
    await site.clerkWorks();
    await run.logged("portal-refused");
    await run.logged("erp-unreachable");
    await erp.heal();
    await portal.heal();
    await site.comesToRest(1);
  });

  test("a slow network of 30 KB/s with a delay on every packet, to the portal and to the ERP: all arrives once, and nobody gives up", async () => {
    const { site, run } = await bench.running();
    for (const way of [site.ways.erp, site.ways.portal]) way.slow({ delayMs: 20, bytesPerSecond: 30_000 });
    for (let n = 0; n < 5; n++) {
      site.report(`Schaden ${n}`);
      await site.clerkWorks();
    }
    await site.comesToRest(5);
    expect(run.lines.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
  });
});
