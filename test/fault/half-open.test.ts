// Half-open connections: they stay, and nothing arrives any more, on one way or both, of the portal's link and of the ERP's sessions. Nobody is told.
// The agent must notice by itself, and a command whose commit was under way is looked up in the ERP: it has one effect.
import { describe, expect, test } from "vitest";
import { faultBench } from "../support/fault-bench.ts";
import { atFirst, type Way } from "../support/proxy.ts";
import { has } from "../support/servers.ts";

const waysOfLink: { name: string; stalled: Way[] }[] = [
  { name: "both ways", stalled: ["up", "down"] },
  { name: "from the agent", stalled: ["up"] },
  { name: "from the portal", stalled: ["down"] },
];

describe.skipIf(!has("mariadb"))("Half-open", () => {
  const bench = faultBench();

  test.each(waysOfLink)(
    "the portal's link, $name: noticed within two heartbeats, and all of both directions arrives once",
    async ({ stalled }) => {
      const { site, run } = await bench.running();
      const { portal } = site.ways;
      const before = portal.accepted;
      portal.stall(...stalled);
      site.report();
      await site.clerkWorks();
      await site.until(() =>
        expect(run.lines.map(({ code }) => code)).toContainEqual(expect.stringMatching(/^(portal-silen(t|ce)|link-broken)$/)),
      );
      await portal.heal();
      site.report("Noch ein Schaden");
      await site.comesToRest(2);
      expect(portal.accepted).toBeGreaterThan(before);
      expect(await run.stop()).toMatchObject({ code: 0 });
    },
  );

  test("the portal's link in the middle of a frame: the frame comes again whole, and all arrives once", async () => {
    const { site, run } = await bench.running();
    const { portal } = site.ways;
    let frozen = false;
    portal.tamper("up", (bytes, line) => {
      // Pings and acknowledgements are shorter.
      if (frozen || bytes.length < 200) return bytes;
      frozen = true;
      line.freeze();
      return bytes;
    });
    site.report();
    await site.clerkWorks();
    await run.logged("portal-silent");
    expect(frozen).toBe(true);
    await site.comesToRest(1);
  });

  const commits: { name: string; arrives: boolean }[] = [
    { name: "before the commit arrived", arrives: false },
    { name: "after the commit, before its answer", arrives: true },
  ];
  test.each(commits)("an ERP session, $name: the command is looked up and has one effect", async ({ arrives }) => {
    const { site, run } = await bench.running();
    const { erp } = site.ways;
    const commit = atFirst("\x03COMMIT", (bytes, line) => {
      if (arrives) line.freeze("down");
      else line.freeze();
      return bytes;
    });
    erp.tamper("up", commit.tamper);
    site.report();
    await commit.seen;
    expect(await run.logged("erp-commit-unknown")).toMatchObject({ level: "warn" });
    await erp.heal();
    await site.comesToRest(1);
  });

  test("every ERP session during a commit, and new ones too: once the network is back the agent ends the session it lost, and the command has one effect", async () => {
    const { site, run } = await bench.running();
    const { erp } = site.ways;
    const commit = atFirst("\x03COMMIT", (bytes, line) => {
      line.freeze();
      erp.stall("up", "down");
      return bytes;
    });
    erp.tamper("up", commit.tamper);
    site.report();
    await site.clerkWorks();
    await run.logged("erp-commit-unknown");
    await erp.heal();
    await site.comesToRest(1);
  });

  test("an ERP session in the middle of a read: given up after the statement's time, and read again", async () => {
    const { site, run } = await bench.running();
    const { erp } = site.ways;
    erp.freeze();
    await site.clerkWorks();
    await run.logged("erp-statement-timeout");
    site.report();
    await site.comesToRest(1);
  });
});
