// What is wrong about configuration and state directory is refused with a code, an exit code and a remedy; once it is mended the agent goes on.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { type Disk, empty, fill, fillUnder, mayMount, smallDisk } from "../support/disk.ts";
import { expectRefused } from "../support/refusal.ts";
import { openSite, type Site, type SiteOptions } from "../support/site.ts";

const exitConfiguration = 3;
const exitState = 6;
const sites: Site[] = [];
const disks: Disk[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site[Symbol.asyncDispose]();
  for (const disk of disks.splice(0)) await disk[Symbol.asyncDispose]();
});

async function enrolledSite(options: SiteOptions = {}): Promise<Site> {
  const site = await openSite(options);
  sites.push(site);
  await site.join();
  return site;
}

/** Ten faults of different kinds, each with what must be said of its place. */
const faults: [text: string, spoilt: string, place: RegExp, message: RegExp][] = [
  ["stage: live", "stage: prod", /agent\.stage/, /prod|one of/],
  ["connector: sqlite", "connector: sqlit", /erp\.connector/, /sqlit/],
  ["timezone: Europe/Berlin", "timezone: Europe/Berlni", /erp\.timezone/, /./],
  ["type: building\n", "type: buildings\n", /sources\.buildings\.type/, /buildings/],
  ["name: { from: LAGE, do: [trim] }", "name: { from: LAGE, do: [trimm] }", /sources\.units\.fields\.name/, /trimm/],
  [
    "objectType: { from: ART, map: unitKind }",
    "objectType: { from: ART, map: unitKinds }",
    /sources\.units\.fields\.objectType/,
    /unitKinds/,
  ],
  ["usage: { from: EIGENTUM", "usagee: { from: EIGENTUM", /sources\.units\.fields\.usagee/, /usagee/],
  ["{ from: GEBDAT, as: ymd }", "{ from: GEBDAT, as: yymd }", /sources\.persons\.fields\.birthDate/, /yymd/],
  [
    "{ ref: meters, key: [MANDANT, ZAEHLNR] }",
    "{ ref: meter, key: [MANDANT, ZAEHLNR] }",
    /sources\.readings\.fields\.meterId/,
    /meter/,
  ],
  ["    idempotency: base\n", "    idempotency: bases\n", /commands\.ticket\.(update|close)\.idempotency/, /./],
];

test("A configuration with ten faults is refused by check, run and enrol with all ten, each with its line and remedy", async () => {
  const site = await enrolledSite();
  let lines: number[] = [];
  site.configure({}, (text) => {
    for (const [whole] of faults) expect(text).toContain(whole);
    const spoilt = faults.reduce((now, [whole, broken]) => now.replace(whole, broken), text);
    lines = faults.map(([, broken]) => spoilt.slice(0, spoilt.indexOf(broken)).split("\n").length);
    return spoilt;
  });
  const said = await Promise.all([["check"], ["run"], ["enrol", site.code()]].map((args) => site.erpfuser(args)));
  for (const { code, document } of said) {
    const told = (document.findings ?? document.error?.findings ?? []).filter(({ severity }) => severity === "error");
    expect(code).toBe(exitConfiguration);
    expect(told.map(({ place }) => place.split(",")[0]).sort()).toEqual(lines.map((line) => `line ${line}`).sort());
    for (const [index, [, , place, message]] of faults.entries()) {
      const own = told.find((fault) => fault.place.startsWith(`line ${lines[index]},`));
      expect(own).toMatchObject({
        place: expect.stringMatching(place),
        message: expect.stringMatching(message),
        remedy: expect.stringMatching(/\w{3}/),
      });
    }
  }
  site.configure();
  site.run();
  await site.converges();
});

test("A corrupt store file is set aside byte for byte, never deleted; everything is compared in full, and nothing is lost or doubled", async () => {
  const site = await enrolledSite();
  const first = site.run();
  site.report();
  await site.converges();
  await first.stop();
  const file = join(site.state, "store.db");
  const bytes = readFileSync(file);
  bytes.fill(0x5a, 4_096, bytes.length - 4_096);
  writeFileSync(file, bytes);
  for (const suffix of ["-wal", "-shm"]) rmSync(file + suffix, { force: true });
  expectRefused(await site.erpfuser(["commands", "list"]), {
    exit: exitState,
    code: "store-damaged",
    remedy: /sets the damaged file aside/,
  });
  await site.clerkWorks();
  const run = site.run();
  expect(await run.logged("store-set-aside")).toMatchObject({ level: "error", hint: expect.stringMatching(/full compare/) });
  const [aside, ...others] = readdirSync(site.state).filter((name) => name.startsWith("store.db.damaged-"));
  expect(others).toEqual([]);
  expect(readFileSync(join(site.state, aside ?? "")).equals(bytes)).toBe(true);
  site.report("Noch ein Schaden");
  const verdict = await site.converges();
  expect(verdict.commands).toMatchObject({ issued: 2, appliedOnce: 2, doubled: 0, lost: 0 });
  expect(run.lines).toContainEqual(expect.objectContaining({ code: expect.stringMatching(/^epoch-/) }));
  expect(await run.stop()).toMatchObject({ code: 0 });
});

test("A second agent on the same state is refused and names the first, which goes on undisturbed", async () => {
  const site = await enrolledSite();
  const first = site.run();
  await site.converges();
  const second = await site.erpfuser(["run"]);
  expectRefused(second, { exit: exitState, code: "state-in-use", remedy: /Stop the other agent/ });
  expect(second.document.error?.message).toContain(`process ${first.pid}`);
  site.report();
  await site.clerkWorks();
  await site.converges();
  expect(await first.stop()).toMatchObject({ code: 0 });
});

test("A state directory that is not there ends check and run; once it is made the agent asks to be enrolled", async () => {
  const site = await openSite();
  sites.push(site);
  rmSync(site.state, { recursive: true });
  const said = await Promise.all([["check"], ["run"]].map((args) => site.erpfuser(args)));
  for (const one of said)
    expectRefused(one, { exit: exitState, code: "state-directory-missing", remedy: /Make (it|the directory)/ });
  mkdirSync(site.state);
  expectRefused(await site.erpfuser(["run"]), { exit: 5, code: "agent-not-enrolled", remedy: /erpfuser enrol/ });
});

/** A small disk of its own. */
async function mountedDisk(size: string): Promise<string> {
  const disk = await smallDisk(size);
  disks.push(disk);
  return disk.path;
}

describe.skipIf(!mayMount)("On a disk of its own (needs root on Linux, to mount one)", () => {
  test("A state directory that can't be written ends check and run; writable again, everything arrives", async () => {
    const state = await mountedDisk("32m");
    const site = await enrolledSite({ state });
    execFileSync("mount", ["-o", "remount,ro", state]);
    const said = await Promise.all([["check"], ["run"], ["enrol", site.code()]].map((args) => site.erpfuser(args)));
    const [check, run, enrol] = said;
    for (const one of [check, run])
      if (one) expectRefused(one, { exit: exitState, code: "state-directory-not-writable", remedy: /read and write/ });
    expect(enrol).toMatchObject({
      code: 7,
      document: { error: { code: "secrets-unwritable", hint: expect.stringMatching(/write/) } },
    });
    execFileSync("mount", ["-o", "remount,rw", state]);
    site.run();
    site.report();
    await site.converges();
  });

  test("A disk that is full at the start ends run; with room again, everything arrives", async () => {
    const state = await mountedDisk("32m");
    const site = await enrolledSite({ state });
    fill(state);
    const refused = await site.erpfuser(["run"]);
    expectRefused(refused, { exit: exitState, code: "store-full", remedy: /Free space/ });
    expect((await site.erpfuser(["check"])).document.findings).toContainEqual(
      expect.objectContaining({ code: "state-disk-low", remedy: expect.stringMatching(/./) }),
    );
    empty(state);
    site.run();
    site.report();
    await site.converges();
  });

  test("A disk that runs full under the agent is told and waited out; with room again it goes on by itself, and nothing is lost or doubled", async () => {
    const state = await mountedDisk("32m");
    const site = await enrolledSite({ state });
    const run = site.run();
    site.report();
    await site.converges();
    fillUnder(join(state, "store.db"));
    for (let n = 0; n < 5; n++) {
      await site.clerkWorks();
      site.report(`Schaden ${n}`);
    }
    expect(await run.logged("store-full")).toMatchObject({ message: expect.stringMatching(/disk/) });
    empty(state);
    expect(await site.erpfuser(["sync"])).toMatchObject({ code: 0 });
    const verdict = await site.converges();
    expect(verdict.commands).toMatchObject({ issued: 6, appliedOnce: 6 });
    expect(await run.stop()).toMatchObject({ code: 0 });
  });
});
