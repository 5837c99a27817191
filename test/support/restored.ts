import { afterEach, expect } from "vitest";
import { findHomes, reportDamage } from "../../agent/cli/demo/tickets.ts";
import { systemClock } from "../../base/time.ts";
import type { ErpConfigOptions } from "./erp/config.ts";
import { createLife, type LifeEventKind, lifeEventKinds, liveExactly } from "./erp/life.ts";
import type { OracleVerdict } from "./erp/oracle.ts";
import { seededRandom } from "./erp/random.ts";
import { openRig, type Rig } from "./rig.ts";
import { seed } from "./seed.ts";
import { openPortalStore } from "./storm.ts";

export const units = 200;
/** A command that a restored store holds as received waits for the portal's word: a minute, and two heartbeats of 30 s until it counts as silence (decision 28). */
export const restMs = 300_000;

let rigs: Rig[] = [];
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") for (const rig of rigs) console.log(rig.lastWords());
  const ended = rigs;
  rigs = [];
  for (const rig of ended) await rig[Symbol.asyncDispose]();
});

/** A company whose agent runs and is in step. */
export async function company(dialect: "sqlite" | "mysql", config: Partial<ErpConfigOptions> = {}): Promise<Rig> {
  const rig = await openRig({ dialect, units, seed: 1, config: { compareEvery: "5s", confirmAfter: "300ms", ...config } });
  rigs.push(rig);
  rig.agent.start();
  await rig.inStep(180_000);
  return rig;
}

export const change = (rig: Rig, count: number, part: number) =>
  liveExactly({ db: rig.erp, random: seededRandom(seed + part), clock: systemClock, count });

/** Undone by a restore, they leave bad rows: what the portal holds of those stays as it was, and they are listed in quarantine. */
export const mending: readonly LifeEventKind[] = ["badTicketMended", "invalidDateMended", "missingBuildingEntered"];

/** Every other kind of event `rounds` times. */
export async function changeWithoutMending(rig: Rig, rounds: number, part: number): Promise<void> {
  const life = createLife({ db: rig.erp, random: seededRandom(seed + part), clock: systemClock });
  const kinds = lifeEventKinds.filter((kind) => !mending.includes(kind));
  for (let round = 0; round < rounds; round++) for (const kind of kinds) await life.step(kind);
}

/** Damages with all that follows from them; `from` keeps those of several calls apart. */
export async function report(rig: Rig, { from, count }: { from: number; count: number }): Promise<void> {
  const homes = await findHomes(rig.portal, 40);
  for (let n = from; n < from + count; n++) await reportDamage(rig.portal, homes[n % homes.length] as (typeof homes)[0], n);
}

export const codes = (rig: Rig): string[] => rig.log().flatMap(({ code }) => (code === undefined ? [] : [code]));

export const told = (rig: Rig, code: string): Promise<true> =>
  rig.until(`the log says ${code}`, () => codes(rig).includes(code), restMs) as Promise<true>;

/** What a person sees at the portal of its agents. */
export function notesAtPortal(rig: Rig): string[] {
  using store = openPortalStore(rig.home.portalStore);
  return store.database
    .prepare("SELECT code FROM event")
    .all()
    .map((row) => String(row.code));
}

/** Entities that the portal was told to delete. */
export function deletedAtPortal(rig: Rig): Set<string> {
  using store = openPortalStore(rig.home.portalStore);
  const rows = store.database.prepare("SELECT type, id FROM entity WHERE deleted_at IS NOT NULL").all();
  return new Set(rows.map((row) => `${row.type} ${row.id}`));
}

/** Ids of commands at the portal. */
export function commandsAtPortal(rig: Rig, where = "1 = 1"): string[] {
  using store = openPortalStore(rig.home.portalStore);
  const rows = store.database.prepare(`SELECT id FROM command WHERE ${where} ORDER BY n`).all();
  return rows.map((row) => String(row.id));
}

export function expectClean(verdict: OracleVerdict): void {
  expect(verdict.details).toEqual([]);
  expect(verdict.mismatches).toBe(0);
  expect(verdict.commands).toMatchObject({ lost: 0, doubled: 0, uncertain: 0 });
  expect(verdict.commands.appliedOnce).toBeGreaterThan(verdict.commands.issued * 0.8);
}
