import type { Clock, Random } from "../../../base/time.ts";
import { localStamp } from "./calendar.ts";
import type { ErpDb, ErpSession } from "./db.ts";
import { bookingEvents } from "./life-bookings.ts";
import { estateEvents } from "./life-estate.ts";
import { personEvents } from "./life-persons.ts";
import { ticketEvents } from "./life-tickets.ts";
import { pick } from "./random.ts";

/** What an event may use: one ERP transaction, chance, and the office's local time. */
export interface LifeContext {
  session: ErpSession;
  random: Random;
  /** `YYYY-MM-DD HH:MM:SS`, Berlin, as written into AENDTS. */
  stamp: string;
}

/** One business event in one ERP transaction; returns the number of rows it touched, 0 when it found nothing to do. */
export type LifeEvent = (context: LifeContext) => Promise<number>;

const events = { ...personEvents, ...estateEvents, ...ticketEvents, ...bookingEvents };
export type LifeEventKind = keyof typeof events;
export const lifeEventKinds = Object.keys(events) as LifeEventKind[];

/** How often a kind happens beside the others; 1 where not named. */
const weights: Partial<Record<LifeEventKind, number>> = {
  emailChanged: 8,
  phoneCorrected: 4,
  moveIn: 6,
  moveOut: 4,
  ticketOpened: 12,
  ticketStatusChanged: 16,
  ticketTextAdded: 12,
  ticketTextCorrected: 3,
  invoicePaid: 10,
  meterRead: 10,
  rentRun: 2,
};

/** What happened so far. */
export interface LifeCounts {
  events: number;
  /** Rows inserted, updated or deleted. */
  rows: number;
  byKind: Record<LifeEventKind, number>;
}

export interface Life {
  readonly counts: Readonly<LifeCounts>;
  /**
   * Lets one event happen, of `kind` or of a random one; where the company offers no occasion for it (nobody to move out), another one.
   * @throws what the database threw; nothing was counted then, and the caller may call again
   */
  step(kind?: LifeEventKind): Promise<LifeEventKind>;
}

export interface LifeOptions {
  db: ErpDb;
  random: Random;
  clock: Pick<Clock, "now">;
}

/** A company that lives: random business events, each in one ERP transaction. */
export function createLife({ db, random, clock }: LifeOptions): Life {
  const counts: LifeCounts = {
    events: 0,
    rows: 0,
    byKind: Object.fromEntries(lifeEventKinds.map((kind) => [kind, 0])) as LifeCounts["byKind"],
  };
  const bag = lifeEventKinds.flatMap((kind) => Array<LifeEventKind>(weights[kind] ?? 1).fill(kind));
  const attempt = async (kind: LifeEventKind): Promise<boolean> => {
    const rows = await repeatable(() =>
      db.transaction((session) => events[kind]({ session, random, stamp: localStamp(clock.now()) })),
    );
    if (rows === 0) return false;
    counts.events++;
    counts.rows += rows;
    counts.byKind[kind]++;
    return true;
  };
  return {
    counts,
    async step(kind) {
      for (let tries = 0; tries < 200; tries++) {
        const next = kind && tries < 20 ? kind : pick(random, bag);
        if (await attempt(next)) return next;
      }
      throw new Error("the sample company offers no occasion for any event: was it generated?");
    },
  };
}

/** A deadlock victim or a lock that took too long was rolled back for certain: the event happens again, at most twice. */
async function repeatable<T>(event: () => Promise<T>): Promise<T> {
  for (let again = 2; ; again--) {
    try {
      return await event();
    } catch (error) {
      const { code, errcode } = error as { code?: string; errcode?: number };
      if (!(rolledBack.has(code ?? "") || errcode === sqliteBusy) || again === 0) throw error;
    }
  }
}

const sqliteBusy = 5;
/** Of MariaDB, and of PostgreSQL (deadlock, serialization, lock not available). */
const rolledBack: ReadonlySet<string> = new Set(["ER_LOCK_DEADLOCK", "ER_LOCK_WAIT_TIMEOUT", "40P01", "40001", "55P03"]);

/** Exactly `count` events, every kind in turn: the demo's fixed script. The same seed and company give the same script. */
export async function liveExactly(options: LifeOptions & { count: number }): Promise<LifeCounts> {
  const life = createLife(options);
  for (let index = 0; index < options.count; index++) await life.step(lifeEventKinds[index % lifeEventKinds.length]);
  return life.counts;
}

export interface LiveOptions extends LifeOptions {
  clock: Clock;
  eventsPerSecond: number;
  signal: AbortSignal;
  /** Called when the database failed; resolve to go on (the event is repeated), throw to stop. Default: wait 300 ms. */
  onFailure?: (error: unknown) => Promise<void>;
  /** Called after each event with the counts so far. */
  onEvent?: (counts: Readonly<LifeCounts>) => void;
}

/** Lets the company live at a steady rate until `signal` aborts; survives a database that is killed and comes back. */
export async function live(options: LiveOptions): Promise<LifeCounts> {
  const { clock, eventsPerSecond, signal, onEvent } = options;
  const onFailure = options.onFailure ?? (() => clock.sleep(300, signal));
  const life = createLife(options);
  let due = clock.monotonic();
  while (!signal.aborted) {
    try {
      await life.step();
      onEvent?.(life.counts);
      due = Math.max(due + 1_000 / eventsPerSecond, clock.monotonic() - 1_000);
      await clock.sleep(Math.max(0, due - clock.monotonic()), signal);
    } catch (error) {
      if (signal.aborted) break;
      await onFailure(error).catch((failure) => {
        if (!signal.aborted) throw failure;
      });
    }
  }
  return life.counts;
}
