/** Each part in turn is put back to an older state, as after a restore from backup, and the agent's host is cloned. */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { agentStore } from "../../agent/cli/demo/agent-store.ts";
import { findHomes, reportDamage } from "../../agent/cli/demo/tickets.ts";
import { readStatusFile } from "../../agent/status-file.ts";
import { systemClock } from "../../base/time.ts";
import { backUpErp } from "../support/erp/backup.ts";
import { createLife, type LifeEventKind, lifeEventKinds, liveExactly } from "../support/erp/life.ts";
import type { OracleVerdict } from "../support/erp/oracle.ts";
import { seededRandom } from "../support/erp/random.ts";
import { copyStore, openRig, type Rig } from "../support/rig.ts";
import { has } from "../support/servers.ts";
import { openPortalStore } from "../support/storm.ts";

const seed = Number(process.env.ERPFUSER_TEST_SEED ?? Math.floor(Math.random() * 1_000_000));
const units = 200;
const restMs = 90_000;

let rigs: Rig[] = [];
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") for (const rig of rigs) console.log(rig.lastWords());
  const ended = rigs;
  rigs = [];
  for (const rig of ended) await rig[Symbol.asyncDispose]();
});

/** A company whose agent runs and is in step. */
async function company(dialect: "sqlite" | "mysql"): Promise<Rig> {
  const rig = await openRig({ dialect, units, seed: 1, config: { compareEvery: "5s" } });
  rigs.push(rig);
  rig.agent.start();
  await rig.inStep(60_000);
  return rig;
}

const change = (rig: Rig, count: number, part: number) =>
  liveExactly({ db: rig.erp, random: seededRandom(seed + part), clock: systemClock, count });

/** Undone by a restore, they leave bad rows: what the portal holds of those stays as it was, and they are listed in quarantine. */
const mending: readonly LifeEventKind[] = ["badTicketMended", "invalidDateMended", "missingBuildingEntered"];

/** Every other kind of event `rounds` times. */
async function changeWithoutMending(rig: Rig, rounds: number, part: number): Promise<void> {
  const life = createLife({ db: rig.erp, random: seededRandom(seed + part), clock: systemClock });
  const kinds = lifeEventKinds.filter((kind) => !mending.includes(kind));
  for (let round = 0; round < rounds; round++) for (const kind of kinds) await life.step(kind);
}

/** Damages with all that follows from them; `from` keeps those of several calls apart. */
async function report(rig: Rig, { from, count }: { from: number; count: number }): Promise<void> {
  const homes = await findHomes(rig.portal, 40);
  for (let n = from; n < from + count; n++) await reportDamage(rig.portal, homes[n % homes.length] as (typeof homes)[0], n);
}

const codes = (rig: Rig): string[] => rig.log().flatMap(({ code }) => (code === undefined ? [] : [code]));

const told = (rig: Rig, code: string): Promise<true> =>
  rig.until(`the log says ${code}`, () => codes(rig).includes(code), 30_000) as Promise<true>;

/** What a person sees at the portal of its agents. */
function notesAtPortal(rig: Rig): string[] {
  using store = openPortalStore(rig.home.portalStore);
  return store.database
    .prepare("SELECT code FROM event")
    .all()
    .map((row) => String(row.code));
}

/** Entities that the portal was told to delete. */
function deletedAtPortal(rig: Rig): Set<string> {
  using store = openPortalStore(rig.home.portalStore);
  const rows = store.database.prepare("SELECT type, id FROM entity WHERE deleted_at IS NOT NULL").all();
  return new Set(rows.map((row) => `${row.type} ${row.id}`));
}

/** Ids of commands at the portal. */
function commandsAtPortal(rig: Rig, where = "1 = 1"): string[] {
  using store = openPortalStore(rig.home.portalStore);
  const rows = store.database.prepare(`SELECT id FROM command WHERE ${where} ORDER BY n`).all();
  return rows.map((row) => String(row.id));
}

function expectClean(verdict: OracleVerdict): void {
  expect(verdict.details).toEqual([]);
  expect(verdict.mismatches).toBe(0);
  expect(verdict.commands).toMatchObject({ lost: 0, doubled: 0, uncertain: 0 });
  expect(verdict.commands.appliedOnce).toBeGreaterThan(verdict.commands.issued * 0.8);
}

describe(`Restored from backup, seed ${seed}`, () => {
  test("the agent's store: recognised, compared with the portal's inventory, each ticket still once", async () => {
    const rig = await company("sqlite");
    await report(rig, { from: 0, count: 4 });
    await rig.agent.kill9();
    const restore = copyStore(join(rig.home.state, "store.db"));
    rig.agent.start();
    await change(rig, 76, 1);
    await report(rig, { from: 4, count: 8 });
    await rig.atRest(restMs);
    // Some commands are under way, and the restored store knows none of them.
    await report(rig, { from: 12, count: 6 });
    await rig.agent.kill9();
    await change(rig, 38, 2);
    restore();
    rig.agent.start();
    await told(rig, "epoch-agent-restored");
    await rig.atRest(restMs);
    expectClean(await rig.judge());
    expect(notesAtPortal(rig)).toContain("connection-below");
  });

  test("the agent's store is lost altogether: it is rebuilt from ERP and portal, each ticket still once", async () => {
    const rig = await company("sqlite");
    await report(rig, { from: 0, count: 8 });
    await rig.agent.kill9();
    await change(rig, 76, 1);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(rig.home.state, `store.db${suffix}`), { force: true });
    rig.agent.start();
    await told(rig, "epoch-agent-restored");
    await rig.atRest(restMs);
    expectClean(await rig.judge());
  });

  test("the portal's store: recognised, refilled, its commands settled again without a second effect", async () => {
    const rig = await company("sqlite");
    await report(rig, { from: 0, count: 4 });
    await rig.atRest(restMs);
    await rig.agent.kill9();
    await report(rig, { from: 4, count: 4 });
    await rig.portal.kill9();
    const restore = copyStore(rig.home.portalStore);
    const known = new Set(commandsAtPortal(rig));
    await rig.portal.start();
    rig.agent.start();
    await change(rig, 76, 1);
    await report(rig, { from: 8, count: 6 });
    await rig.atRest(restMs);
    const forgotten = commandsAtPortal(rig, "type IN ('ticket.create', 'message.create') AND outcome = 'applied'").filter(
      (id) => !known.has(id),
    );
    await rig.portal.kill9();
    restore();
    await change(rig, 38, 2);
    await rig.portal.start();
    await told(rig, "epoch-portal-restored");
    await rig.atRest(restMs);
    const verdict = await rig.judge();
    // What the portal has forgotten was carried out, and shows in the ERP as ordered by nobody: these and no others.
    expect(forgotten).toHaveLength(12);
    expect(verdict.details.map(({ kind, id }) => `${kind} ${id}`).sort()).toEqual(forgotten.map((id) => `command ${id}`).sort());
    expect(verdict.mismatches).toBe(forgotten.length);
    expect(verdict.commands).toMatchObject({ lost: 0, doubled: forgotten.length, uncertain: 0 });
  });
});

/** Everything was compared since, and what is left waits for a person: deletes that are held, and parents that wait for their children's. */
async function allButHeld(rig: Rig, since: number): Promise<number> {
  const store = await agentStore(rig.home, systemClock);
  const look = async (): Promise<number | undefined> => {
    if (!store.comparedAfter(since)) return undefined;
    const { pending, guards, outbox, commands } = await rig.agent.status();
    const held = guards.reduce((sum, guard) => sum + guard.count, 0);
    const { entries } = await rig.erpfuser<{ entries: { code: string }[] }>("quarantine", "list", "--limit", "1000");
    const waiting = held + entries.filter(({ code }) => code === "has-dependents").length;
    const open = outbox.items + (commands.received ?? 0) + (commands.executing ?? 0);
    return held > 0 && pending === waiting && open === 0 ? waiting : undefined;
  };
  return await rig.until("all but the held deletes is done", look, restMs);
}

interface ShownGuard {
  id: number;
  source: string;
  kind: string;
  state: string;
  count: number;
}

const openGuards = async (rig: Rig): Promise<ShownGuard[]> => {
  const { guards } = await rig.erpfuser<{ guards: ShownGuard[] }>("guard", "show");
  return guards.filter(({ state }) => state === "open");
};

/** Also what comes up once the children are gone. */
async function approveAll(rig: Rig): Promise<void> {
  await rig.until(
    "no delete waits any more",
    async () => {
      for (const { id } of await openGuards(rig)) await rig.erpfuser("guard", "approve", String(id));
      return (await rig.agent.status()).pending === 0;
    },
    restMs,
  );
}

interface ShownCommand {
  id: string;
  command: string;
  vanished: boolean;
}

async function vanished(rig: Rig): Promise<ShownCommand[]> {
  const { commands } = await rig.erpfuser<{ commands: ShownCommand[] }>("commands", "list", "--vanished");
  return commands.filter((command) => command.vanished);
}

interface Restored {
  /** What the portal had been told to delete before. */
  before: Set<string>;
  /** Commands that were carried out after the backup. */
  lost: string[];
  /** Deletes that wait for a person. */
  waiting: number;
}

/** The ERP's own state of some time ago, put back by `restore`, after work that the backup does not hold. */
async function restoredErp(rig: Rig, restore: () => Promise<void>): Promise<Restored> {
  const known = new Set(commandsAtPortal(rig));
  await changeWithoutMending(rig, 2, 1);
  await report(rig, { from: 10, count: 4 });
  await rig.atRest(restMs);
  const lost = commandsAtPortal(rig, "outcome = 'applied'").filter((id) => !known.has(id));
  const before = deletedAtPortal(rig);
  await restore();
  const since = systemClock.now();
  await told(rig, "erp-history-lost");
  await rig.erpfuser("sync", "--full");
  return { before, lost, waiting: await allButHeld(rig, since) };
}

const ways: { name: string; dialect: "sqlite" | "mysql"; copy: (rig: Rig) => Promise<() => Promise<void>> }[] = [
  { name: "an SQLite file copied back", dialect: "sqlite", copy: (rig) => rig.copyErp() },
  { name: "MariaDB's data directory copied back", dialect: "mysql", copy: (rig) => rig.copyErp() },
  {
    name: "a dump loaded into MariaDB",
    dialect: "mysql",
    async copy(rig) {
      const backup = await backUpErp(rig.erp);
      return () => backup.restore(rig.erp);
    },
  },
];

for (const { name, dialect, copy } of ways) {
  describe.skipIf(dialect === "mysql" && !has("mariadb"))(`The ERP restored: ${name}, seed ${seed}`, () => {
    test("nothing is deleted before it is approved; lost commands are listed and carried out again", async () => {
      const rig = await company(dialect);
      await report(rig, { from: 0, count: 4 });
      await rig.atRest(restMs);
      const { before, lost, waiting } = await restoredErp(rig, await copy(rig));

      expect(deletedAtPortal(rig).difference(before)).toEqual(new Set());
      const guards = await openGuards(rig);
      expect(guards.map(({ kind }) => kind)).toContain("history");
      // Portal and ERP differ by what is held, and by the commands that the backup does not know; by nothing else.
      const between = await rig.judge();
      expect(new Set(between.details.map(({ kind }) => kind)).isSubsetOf(new Set(["extra", "command"]))).toBe(true);
      expect(between.mismatches - between.commands.lost).toBe(waiting);

      await told(rig, "effects-vanished");
      const listed = async () => (await vanished(rig)).map(({ id }) => id).sort();
      await expect.poll(listed, { timeout: 30_000, interval: 1_000 }).toEqual([...lost].sort());
      for (const id of lost) await rig.erpfuser("commands", "retry", id);
      await rig.until("they are carried out", async () => (await vanished(rig)).length === 0);
      await approveAll(rig);
      await rig.atRest(restMs);
      expectClean(await rig.judge());
    });
  });
}

test("what a person rejects stays at the portal, also after the next compares", async () => {
  const rig = await company("sqlite");
  const { before, waiting } = await restoredErp(rig, await rig.copyErp());
  for (const { id } of await openGuards(rig)) await rig.erpfuser("guard", "reject", String(id));
  const since = systemClock.now();
  await rig.erpfuser("sync", "--full");
  const store = await agentStore(rig.home, systemClock);
  await rig.until("all was compared again", () => store.comparedAfter(since), restMs);
  await rig.until(
    "the kept are listed",
    async () => {
      const { entries } = await rig.erpfuser<{ entries: { code: string }[] }>("quarantine", "list", "--limit", "1000");
      const kept = entries.filter(({ code }) => code === "kept-at-portal" || code === "has-dependents").length;
      return kept === waiting && (await openGuards(rig)).length === 0;
    },
    restMs,
  );
  expect(deletedAtPortal(rig).difference(before)).toEqual(new Set());
  const verdict = await rig.judge();
  expect(verdict.mismatches - verdict.commands.lost).toBe(waiting);
});

test("a cloned host: one of the two stays away and says why, no ticket is doubled, and one alone comes to rest", async () => {
  const rig = await company("sqlite");
  await rig.agent.kill9();
  const state = join(rig.home.directory, "clone");
  cpSync(rig.home.state, state, { recursive: true });
  const configFile = join(rig.home.directory, "clone.yaml");
  writeFileSync(configFile, readFileSync(rig.home.configFile, "utf8").replaceAll(rig.home.state, state));
  const clone = rig.secondAgent({ configFile, state, name: "clone" });
  rig.agent.start();
  await rig.inStep(60_000);
  await report(rig, { from: 0, count: 6 });
  clone.start();
  await report(rig, { from: 6, count: 6 });
  await change(rig, 76, 1);
  await rig.until("one of them stays away", () => rig.status()?.portal.state === "superseded");
  await rig.until("the other one is connected", () => readStatusFile(state)?.portal.state === "connected");
  expect(rig.status()?.portal.reason).toContain("superseded");
  await told(rig, "portal-superseded");
  expect(notesAtPortal(rig)).toContain("connection-below");
  await report(rig, { from: 12, count: 4 });
  await rig.until("the other one has settled them", () => commandsAtPortal(rig, "state <> 'settled'").length === 0, restMs);
  // As the message says: stop one of the two. The one that stayed away comes back at its restart.
  await clone.stop();
  await rig.agent.stop();
  await change(rig, 38, 2);
  rig.agent.start();
  await rig.inStep(60_000);
  await rig.atRest(restMs);
  expectClean(await rig.judge());
});
