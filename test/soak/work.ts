/** The load of a soak: clerks who change rows at a steady rate, a company that lives, and tenants who use the portal. */
import { changeNumberedTicket, findHomes, type Home, reportDamage } from "../../agent/cli/demo/tickets.ts";
import { isAbort } from "../../base/errors.ts";
import { type Random, systemClock } from "../../base/time.ts";
import { localStamp } from "../support/erp/calendar.ts";
import type { ErpDb, ErpRow } from "../support/erp/db.ts";
import { mainMandant } from "../support/erp/generate.ts";
import { createLife, type LifeEventKind } from "../support/erp/life.ts";
import { seededRandom } from "../support/erp/random.ts";
import type { Rig } from "../support/rig.ts";

export interface Load {
  changesPerSecond: number;
  commandsPerSecond: number;
  seed: number;
  signal: AbortSignal;
}

export interface Done {
  /** Rows inserted, updated or deleted in the ERP by clerks and life. */
  changes: number;
  commands: number;
}

/** So many clerks work at the same time. */
const clerks = 3;
/** Of the changes, so many per second are the company's life, in transactions of their own. */
const lifePerSecond = 10;
/** Clerks commit so many rows at a time. */
const rowsPerCommit = 5;

/** What changes without making the company larger, so that a long soak ends with as many rows as it began. */
const lifeKinds: readonly LifeEventKind[] = [
  "emailChanged",
  "phoneCorrected",
  "ticketStatusChanged",
  "ticketTextCorrected",
  "invoicePaid",
  "invoiceCorrected",
  "moveOut",
  "moveIn",
  "partnerChanged",
];

/** Works until the signal aborts. */
export async function work(rig: Rig, load: Load): Promise<Done> {
  const done: Done = { changes: 0, commands: 0 };
  await using opened = new AsyncDisposableStack();
  const life = opened.use(rig.place.open());
  const began = systemClock.monotonic();
  /** The clerks make up for what life leaves out, and for moments in which the machine stood still. */
  const behind = (): boolean => done.changes < ((systemClock.monotonic() - began) / 1_000) * load.changesPerSecond;
  await Promise.all([
    ...Array.from({ length: clerks }, (_, clerk) =>
      changeRows(opened.use(rig.place.open()), { ...load, seed: load.seed + 10 + clerk, behind }, (rows) => {
        done.changes += rows;
      }),
    ),
    liveOn(life, load, (rows) => {
      done.changes += rows;
    }),
    usePortal(rig, load, (commands) => {
      done.commands += commands;
    }),
  ]);
  return done;
}

/** Clerks, life and the agent's commands were at the same rows, and the database has rolled one of them back; anything else is thrown on. */
function rolledBack(error: unknown): undefined {
  if (!["ER_LOCK_DEADLOCK", "ER_LOCK_WAIT_TIMEOUT"].includes((error as { code?: string }).code ?? "")) throw error;
}

/** Calls `action` at a steady rate until the signal aborts. */
async function steadily(perSecond: number, signal: AbortSignal, action: () => Promise<void>): Promise<void> {
  let due = systemClock.monotonic();
  while (!signal.aborted) {
    try {
      await action();
      due = Math.max(due + 1_000 / perSecond, systemClock.monotonic() - 1_000);
      await systemClock.sleep(Math.max(0, due - systemClock.monotonic()), signal);
    } catch (error) {
      if (!isAbort(error) && !signal.aborted) throw error;
    }
  }
}

/** Rows with a stamp that a cursor asks for, by their keys. */
const tables = [
  {
    table: "SOLLSTELLUNG",
    keys: ["SOLLNR"],
    where: "STORNO = 'N'",
    column: "OFFEN",
    value: (random: Random) => `${Math.floor(random() * 900)}.50`,
  },
  {
    table: "AUFTRAG",
    keys: ["AUFTRNR"],
    where: "KANAL <> 'P'",
    column: "PRIO",
    value: (random: Random) => String(1 + Math.floor(random() * 3)),
  },
] as const;

async function changeRows(
  db: ErpDb,
  { changesPerSecond, seed, signal, behind }: Load & { behind: () => boolean },
  count: (rows: number) => void,
): Promise<void> {
  const random = seededRandom(seed);
  const rows: { table: (typeof tables)[number]; row: ErpRow }[] = [];
  for (const table of tables) {
    const sql = `SELECT ${table.keys.join(", ")} FROM ${table.table} WHERE MANDANT = ? AND ${table.where}`;
    for (const row of await db.query(sql, [mainMandant])) rows.push({ table, row });
  }
  await steadily(changesPerSecond / rowsPerCommit, signal, async () => {
    if (!behind()) return;
    const changed = await db
      .transaction(async (session) => {
        let sum = 0;
        for (let left = rowsPerCommit; left > 0; left--) {
          const { table, row } = rows[Math.floor(random() * rows.length)] as (typeof rows)[number];
          const sql = `UPDATE ${table.table} SET ${table.column} = ?, AENDTS = ? WHERE MANDANT = ? AND ${table.keys.map((key) => `${key} = ?`).join(" AND ")}`;
          const key = table.keys.map((name) => row[name] ?? null);
          sum += await session.run(sql, [table.value(random), localStamp(systemClock.now()), mainMandant, ...key]);
        }
        return sum;
      })
      .catch(rolledBack);
    count(changed ?? 0);
  });
}

async function liveOn(db: ErpDb, { seed, signal }: Load, count: (rows: number) => void): Promise<void> {
  const life = createLife({ db, random: seededRandom(seed + 1), clock: systemClock });
  let n = 0;
  let before = 0;
  await steadily(lifePerSecond, signal, async () => {
    await life.step(lifeKinds[n++ % lifeKinds.length]).catch(rolledBack);
    count(life.counts.rows - before);
    before = life.counts.rows;
  });
}

async function usePortal(rig: Rig, { seed, signal, commandsPerSecond }: Load, count: (commands: number) => void): Promise<void> {
  const homes = await findHomes(rig.portal, 60);
  if (homes.length === 0) throw new Error("the portal knows no rented unit");
  const random = seededRandom(seed + 2);
  let n = 0;
  let issued = 0;
  let turns = 0;
  // A turn issues two to four commands: the pace is kept by what was issued.
  const began = systemClock.monotonic();
  await steadily(commandsPerSecond, signal, async () => {
    if (issued > ((systemClock.monotonic() - began) / 1_000) * commandsPerSecond) return;
    turns += 1;
    // Every fourth turn makes a new ticket; the others change what there is.
    const made =
      turns % 4 !== 0 && (await changeNumberedTicket(rig.portal, random))
        ? 2
        : await reportDamage(rig.portal, homes[n++ % homes.length] as Home, n);
    issued += made;
    count(made);
  });
}
