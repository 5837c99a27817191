// Disks that take nothing more while agent and portal run: full, or read-only after an error of the device. Told, waited out, and nothing is lost.
// (Refused at the start: refused-state.test.ts.)
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { type Disk, empty, failingDisk, fillUnder, mayMount, smallDisk } from "../support/disk.ts";
import { faultBench } from "../support/fault-bench.ts";
import { has } from "../support/servers.ts";

describe.skipIf(!has("mariadb") || !mayMount)("Disks (need root on Linux, to mount them)", () => {
  const disks: Disk[] = [];
  // Registered first, runs last: when the site has left them.
  afterEach(async () => {
    for (const disk of disks.splice(0)) await disk[Symbol.asyncDispose]();
  });
  const bench = faultBench();
  const kept = async <D extends Disk>(disk: Promise<D>): Promise<D> => {
    disks.push(await disk);
    return await disk;
  };

  test("the agent's runs full in the middle of changes and commands: with room again it goes on by itself, nothing lost or doubled", async () => {
    const disk = await kept(smallDisk("48m"));
    const { site, run } = await bench.running({ state: disk.path });
    fillUnder(join(site.state, "store.db"));
    for (let n = 0; n < 3; n++) {
      await site.clerkWorks();
      site.report(`Schaden ${n}`);
    }
    expect(await run.logged("store-full")).toMatchObject({ message: expect.stringMatching(/disk/) });
    empty(disk.path);
    await site.comesToRest(3);
    expect(await run.stop()).toMatchObject({ code: 0 });
  });

  test("the agent's turns read-only in the middle of changes and commands: told; mended and started again, nothing is lost or doubled", async () => {
    const disk = await kept(failingDisk());
    const { site, run } = await bench.running({ state: disk.path });
    disk.turnReadOnly();
    for (let n = 0; n < 3; n++) {
      await site.clerkWorks();
      site.report(`Schaden ${n}`);
    }
    await site.until(() => expect(run.lines.map(({ code }) => code)).toContainEqual(expect.stringMatching(/^(store|state)-/)));
    await run.kill9();
    disk.mend();
    site.runSteered();
    await site.comesToRest(3);
  });

  test("the portal's runs full: what it can't keep it does not ack, and all arrives once there is room", async () => {
    const disk = await kept(smallDisk("48m"));
    const { site } = await bench.running({ portalFolder: disk.path });
    site.report("Davor");
    fillUnder(site.portalStore);
    for (let n = 0; n < 3; n++) await site.clerkWorks();
    await site.until(() => expect(site.gateway.isConnected(site.agentId)).toBe(false));
    empty(disk.path);
    site.hurry();
    site.report("Danach");
    await site.comesToRest(2);
  });
});
