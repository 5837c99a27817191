import { describe, expect, test } from "vitest";
import { agentStore } from "../../agent/cli/demo/agent-store.ts";
import { systemClock } from "../../base/time.ts";
import { backUpErp } from "../support/erp/backup.ts";
import {
  changeWithoutMending,
  commandsAtPortal,
  company,
  deletedAtPortal,
  expectClean,
  report,
  restMs,
  told,
} from "../support/restored.ts";
import type { Rig } from "../support/rig.ts";
import { seed } from "../support/seed.ts";
import { has } from "../support/servers.ts";

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
