import { describe, expect, test } from "vitest";
import { openStoreForReading } from "../../agent/store/open.ts";
import type { StoreReader } from "../../agent/store/store.ts";
import { vanishedCommands } from "../../agent/writeback/memory.ts";
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

/** A person whose delete is held still holds an address with others, which the ERP alone does not tell. */
const unjudged = { unjudged: true };

/** What waits looks into the agent's store: a command line for each look would be all that the machine does. */
function fromStore<T>(rig: Rig, look: (store: StoreReader) => T): T {
  using store = openStoreForReading(rig.home.state, systemClock);
  return look(store);
}

/** Keys whose delete waits for a person, or for their children's; `all` that is pending. */
function deletesWaiting({ pending, guards, quarantine }: StoreReader): { waiting: Set<string>; all: number } {
  const place = (source: string, key: string): string => `${source} ${key}`;
  const open = guards.list().filter(({ state }) => state === "open");
  const held = open.flatMap(({ id, source }) => pending.heldBy(id).map(({ key }) => place(source, key)));
  // A parent whose children have gone is held as well, and may still be listed as one that waits for them.
  const parents = quarantine.list({ limit: 1_000 }).filter(({ code }) => code === "has-dependents");
  const waiting = new Set([...held, ...parents.map(({ source, key }) => place(source, key))]);
  return { waiting, all: pending.count() };
}

/** Everything is compared anew, and what is left then waits for a person. Returns how many deletes that are. */
async function allButHeld(rig: Rig): Promise<number> {
  // While a backup is loaded, a compare sees some tables without rows that are there in the end.
  await rig.comparedAnew(restMs);
  const look = (store: StoreReader): number | undefined => {
    const { waiting, all } = deletesWaiting(store);
    const { received, executing } = store.inbox.counts();
    const open = store.outbox.bounds().items + received + executing;
    return waiting.size > 0 && all === waiting.size && open === 0 ? waiting.size : undefined;
  };
  const waiting = await rig.until("all but the held deletes is done", () => fromStore(rig, look), restMs);
  // A person sees as many, now or once rows with stamps of whole seconds were read again, ten seconds after a poll saw them.
  await rig.until(
    "a person sees as many",
    async () => (await rig.erpfuser<{ pending: number }>("status")).pending === waiting,
    restMs,
  );
  return waiting;
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
      const isOpen = fromStore(rig, ({ guards }) => guards.list().some(({ state }) => state === "open"));
      if (isOpen) for (const { id } of await openGuards(rig)) await rig.erpfuser("guard", "approve", String(id));
      return fromStore(rig, ({ pending }) => pending.count() === 0);
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
  await told(rig, "erp-history-lost");
  return { before, lost, waiting: await allButHeld(rig) };
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
      const rig = await company(dialect, unjudged);
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
      await rig.until("they are carried out", () => fromStore(rig, ({ meta }) => vanishedCommands(meta).length === 0));
      expect(await vanished(rig)).toEqual([]);
      await approveAll(rig);
      await rig.atRest(restMs);
      expectClean(await rig.judge());
    });
  });
}

test("what a person rejects stays at the portal, also after the next compares", async () => {
  const rig = await company("sqlite", unjudged);
  const { before, waiting } = await restoredErp(rig, await rig.copyErp());
  for (const { id } of await openGuards(rig)) await rig.erpfuser("guard", "reject", String(id));
  await rig.comparedAnew(restMs);
  const kept = (entries: readonly { code: string }[]): number =>
    entries.filter(({ code }) => code === "kept-at-portal" || code === "has-dependents").length;
  const look = ({ quarantine, guards }: StoreReader): boolean =>
    kept(quarantine.list({ limit: 1_000 })) === waiting && guards.list().every(({ state }) => state !== "open");
  await rig.until("the kept are listed", () => fromStore(rig, look), restMs);
  const { entries } = await rig.erpfuser<{ entries: { code: string }[] }>("quarantine", "list", "--limit", "1000");
  expect(kept(entries)).toBe(waiting);
  expect(await openGuards(rig)).toEqual([]);
  expect(deletedAtPortal(rig).difference(before)).toEqual(new Set());
  const verdict = await rig.judge();
  expect(verdict.mismatches - verdict.commands.lost).toBe(waiting);
});
