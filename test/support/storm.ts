/** Both directions busy while agent, portal and database are killed again and again at random moments. Everything random comes from the seed. */
import { DatabaseSync } from "node:sqlite";
import { changeNumberedTicket, findHomes, type Home, reportDamage } from "../../agent/cli/demo/tickets.ts";
import { isAbort } from "../../base/errors.ts";
import { type Random, systemClock } from "../../base/time.ts";
import { type LifeCounts, live } from "./erp/life.ts";
import { seededRandom } from "./erp/random.ts";
import type { Rig } from "./rig.ts";

export interface StormOptions {
  seed: number;
  durationMs: number;
  /** How often each is killed. */
  kills: { agent: number; portal: number; database: number };
  /** Business events per second in the ERP. */
  eventsPerSecond: number;
  /** Tickets per second from the portal, each with what follows from it. */
  ticketsPerSecond: number;
  /** So much passes between the first and the last kill: on a slow machine the last one of the agent waits for it. */
  atLeast: { acked: number; settled: number };
}

export interface StormReport {
  life: Readonly<LifeCounts>;
  /** Tickets that the portal's people began; how many of their requests met a dead portal. */
  tickets: number;
  portalAway: number;
  kills: StormOptions["kills"];
  /** Between the first and the last kill, by the portal's own store. */
  progress: { acked: number; settled: number; seconds: number };
  /** The portal's idea of the agent's history; one epoch where no kill broke it. */
  epochs: (string | null)[];
}

/** What the portal's store holds durably. */
export interface PortalMark {
  epoch: string | null;
  last: number;
  settled: number;
}

export function portalMark({ home, agentId }: Pick<Rig, "home" | "agentId">): PortalMark {
  using store = openPortalStore(home.portalStore);
  const agent = store.database.prepare("SELECT epoch, last FROM agent WHERE id = ?").get(agentId);
  const commands = store.database
    .prepare("SELECT count(*) AS n FROM command WHERE agent_id = ? AND state = 'settled'")
    .get(agentId);
  return { epoch: (agent?.epoch ?? null) as string | null, last: Number(agent?.last ?? 0), settled: Number(commands?.n ?? 0) };
}

/** The portal's store as others see it while the portal runs. */
export function openPortalStore(file: string): Disposable & { database: DatabaseSync } {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
  return { database, [Symbol.dispose]: () => database.close() };
}

const longestMs = 180_000;

/** Lets it rage; resolves when the last one is up again. Processes that end by themselves fail it. */
export async function storm(rig: Rig, options: StormOptions): Promise<StormReport> {
  const { kills, durationMs, seed } = options;
  const random = seededRandom(seed);
  const homes = await findHomes(rig.portal, 60);
  if (homes.length === 0) throw new Error("the portal knows no rented unit");
  const over = new AbortController();
  const signal = AbortSignal.any([rig.signal, over.signal]);
  const life = live({
    db: rig.erp,
    random: seededRandom(seed + 1),
    clock: systemClock,
    eventsPerSecond: options.eventsPerSecond,
    signal,
  });
  const tickets = usePortal(rig, { homes, random: seededRandom(seed + 2), perSecond: options.ticketsPerSecond, signal });
  const done = { agent: 0, portal: 0, database: 0 };
  const marks: { mark: PortalMark; at: number }[] = [];
  const note = (): void => void marks.push({ mark: portalMark(rig), at: systemClock.monotonic() });
  const hasPassed = (): boolean => {
    const [first, now] = [(marks[0] as (typeof marks)[0]).mark, portalMark(rig)];
    return now.last - first.last >= options.atLeast.acked && now.settled - first.settled >= options.atLeast.settled;
  };
  const began = systemClock.monotonic();
  const killAt = async (name: keyof typeof done, moments: readonly number[], kill: () => Promise<void>): Promise<void> => {
    for (const moment of moments) {
      await systemClock.sleep(Math.max(0, began + moment - systemClock.monotonic()), rig.signal);
      if (marks.length === 0) note();
      if (name === "agent" && done.agent === kills.agent - 1) await rig.until("enough has passed", hasPassed, longestMs);
      await kill();
      done[name] += 1;
    }
  };
  try {
    await Promise.all([
      killAt("agent", momentsOf(random, kills.agent, durationMs), async () => {
        await rig.agent.kill9();
        rig.agent.start();
      }),
      killAt("portal", momentsOf(random, kills.portal, durationMs), async () => {
        await rig.portal.kill9();
        await rig.portal.start();
      }),
      killAt("database", momentsOf(random, kills.database, durationMs), async () => {
        await rig.server?.kill9();
        await rig.server?.restart();
      }),
    ]);
    note();
    await systemClock.sleep(Math.max(0, began + durationMs - systemClock.monotonic()), rig.signal);
  } finally {
    over.abort();
    await Promise.allSettled([life, tickets]);
  }
  const [first, last] = [marks[0], marks.at(-1)] as [(typeof marks)[0], (typeof marks)[0]];
  return {
    life: await life,
    ...(await tickets),
    kills: done,
    progress: {
      acked: last.mark.last - first.mark.last,
      settled: last.mark.settled - first.mark.settled,
      seconds: Math.round((last.at - first.at) / 1_000),
    },
    epochs: [...new Set(marks.map(({ mark }) => mark.epoch))],
  };
}

function momentsOf(random: Random, count: number, durationMs: number): number[] {
  return Array.from({ length: count }, () => Math.floor(random() * durationMs)).sort((one, other) => one - other);
}

interface Use {
  homes: readonly Home[];
  random: Random;
  perSecond: number;
  signal: AbortSignal;
}

/** New damages with messages, changes and ends, and every other time a change to a ticket that the ERP has numbered. */
async function usePortal(rig: Rig, { homes, random, perSecond, signal }: Use): Promise<{ tickets: number; portalAway: number }> {
  const counts = { tickets: 0, portalAway: 0 };
  for (let n = 0; !signal.aborted; n++) {
    try {
      await reportDamage(rig.portal, homes[n % homes.length] as Home, n);
      counts.tickets += 1;
      if (n % 2 === 0) await changeNumberedTicket(rig.portal, random);
    } catch (error) {
      if (signal.aborted || isAbort(error)) break;
      // What was sent when the portal died may have been issued or not: its store knows.
      if ((error as { code?: string }).code !== "portal-unreachable") throw error;
      counts.portalAway += 1;
    }
    await systemClock.sleep(1_000 / perSecond, signal).catch(() => undefined);
  }
  return counts;
}
