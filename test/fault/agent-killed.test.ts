// The whole agent, killed with -9 at each named commit point of a command's way: one effect each; where the ERP can't tell, `uncertain` until one
// command of the command line settles it. (command-killed.test.ts proves the same on SQLite with the parts alone.)
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { NamedPoint } from "../../agent/commit-points.ts";
import type { Run } from "../support/agent-run.ts";
import { commitPoints } from "../support/commit-points.ts";
import { createLedger } from "../support/erp/schema.ts";
import type { MariaDb } from "../support/mariadb.ts";
import { has, mariadb } from "../support/servers.ts";
import { openSite, type Site, type SiteOptions } from "../support/site.ts";

let site: Site | undefined;
afterEach(async () => {
  await site?.[Symbol.asyncDispose]();
  site = undefined;
});

async function enrolledSite(options: SiteOptions): Promise<Site> {
  site = await openSite(options);
  await site.join();
  return site;
}

/** Issues a command, lets the agent be killed at the point, and starts it again. */
async function killedAt(one: Site, run: Run, point: NamedPoint): Promise<{ id: string; title: string; next: Run }> {
  one.killAt(point);
  const title = `Schaden ${point}`;
  const id = one.report(title);
  expect(await run.ended).toMatchObject({ code: -1 });
  return { id, title, next: one.runSteered() };
}

const outcomeOf = (one: Site, id: string, outcome: string): Promise<void> =>
  one.until(() => expect(one.gateway.command(id)).toMatchObject({ outcome }));

async function numbersOf(one: Site, title: string): Promise<string[]> {
  const rows = await one.erp.query("SELECT AUFTRNR FROM AUFTRAG WHERE KURZTEXT = ?", [title]);
  return rows.map((row) => String(row.AUFTRNR));
}

/** A look-up that finds a ticket but not whose it is. */
const blindly = (text: string): string =>
  text.replace(
    /idempotency: \{ column: AUFTRAG\.[^\n]*/,
    'idempotency: { probe: "SELECT MANDANT, AUFTRNR FROM AUFTRAG WHERE KURZTEXT = :field.title" }',
  );

async function settledByPerson(one: Site): Promise<void> {
  one.configure({}, blindly);
  let run = one.runSteered();
  await one.converges();
  const inDoubt: [point: NamedPoint, effects: number][] = [
    ["after-claim-commit", 0],
    ["before-erp-commit", 0],
    ["after-erp-commit", 1],
    ["before-conclude-commit", 1],
  ];
  for (const [point, effects] of inDoubt) {
    const { id, title, next } = await killedAt(one, run, point);
    run = next;
    await outcomeOf(one, id, "uncertain");
    expect((await one.erpfuser(["commands", "list", "--state", "uncertain"])).document).toMatchObject({
      commands: [{ id, state: "uncertain", command: "ticket.create", outcome: "uncertain" }],
    });
    // The status is written twice a second.
    await one.until(() => expect(one.status()?.status.commands).toMatchObject({ uncertain: 1 }));
    const numbers = await numbersOf(one, title);
    expect(numbers).toHaveLength(effects);
    const word = effects === 0 ? ["retry", id] : ["resolve", id, "--outcome", "applied", "--key", `001.${numbers[0]}`];
    expect(await one.erpfuser(["commands", ...word])).toMatchObject({ code: 0, document: { outcome: "done" } });
    await one.until(() => expect(one.gateway.command(id)).toMatchObject({ outcome: "applied", state: "settled" }));
    expect(await numbersOf(one, title)).toHaveLength(1);
    expect((await one.erpfuser(["commands", "list", "--state", "uncertain"])).document).toMatchObject({ commands: [] });
  }
  const verdict = await one.converges();
  expect(verdict.commands).toMatchObject({ issued: inDoubt.length, appliedOnce: inDoubt.length });
  expect(await run.stop()).toMatchObject({ code: 0 });
}

describe.skipIf(!has("mariadb"))("On MariaDB", () => {
  let server: MariaDb;
  beforeAll(async () => {
    server = await mariadb();
  });
  afterAll(async () => {
    await server?.stop();
  });

  test.each(["column", "ledger", "probe"] as const)(
    "Idempotency by %s: killed at each commit point in turn, each command has one effect and its result reaches the portal",
    async (idempotency) => {
      const one = await enrolledSite({ server });
      await createLedger(one.erp);
      one.configure({ idempotency });
      let run = one.runSteered();
      await one.converges();
      for (const point of commitPoints) {
        const { id, title, next } = await killedAt(one, run, point);
        run = next;
        await outcomeOf(one, id, "applied");
        expect(await numbersOf(one, title), point).toHaveLength(1);
      }
      const verdict = await one.converges();
      expect(verdict.commands).toMatchObject({
        issued: commitPoints.length,
        appliedOnce: commitPoints.length,
        doubled: 0,
        lost: 0,
      });
      await one.until(() => expect(one.status()?.pid).toBe(run.pid));
      expect(await run.stop()).toMatchObject({ code: 0 });
    },
  );

  test("Where the ERP can't tell, a command is uncertain, is shown, and one command of the command line settles it", async () => {
    await settledByPerson(await enrolledSite({ server }));
  });
});

test("On SQLite, too, what the ERP can't tell is uncertain, is shown, and one command of the command line settles it", async () => {
  await settledByPerson(await enrolledSite({}));
});
