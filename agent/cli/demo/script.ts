/** `demo --once`: a fixed script with everything that may happen in a day, at the end of which the oracle judges. */
import { FuserError } from "../../../base/errors.ts";
import { lifeEventKinds, liveExactly } from "../../../test/support/erp/life.ts";
import { consultOracle, type OracleVerdict } from "../../../test/support/erp/oracle.ts";
import { seededRandom } from "../../../test/support/erp/random.ts";
import { readStatusFile } from "../../status-file.ts";
import type { Session } from "../session.ts";
import type { AgentMemory } from "./agent-process.ts";
import { awaitFirstSync, type FirstSync } from "./first-sync.ts";
import type { DemoOptions } from "./options.ts";
import type { Progress } from "./progress.ts";
import { awaitRest } from "./rest.ts";
import { changeNumberedTicket, findHomes, type Home, reportDamage } from "./tickets.ts";
import { openWorld, type World } from "./world.ts";

const changes = 200;
const tickets = 20;
/** Changes in the ERP during the portal's outage and around the agent's kill, each. */
const changesMeanwhile = 60;
const outageMs = 3_000;

export interface ScriptResult {
  verdict: OracleVerdict;
  firstSync: FirstSync;
  /** Parts of the script that this ERP does not allow, in words. */
  leftOut: string[];
  /** The database's own feed at the end: its name, and whether the agent still lived on it. */
  feed: { name: string; state: string } | undefined;
  memory: AgentMemory;
}

/** @throws FuserError what kept the script from its end; `demo-no-rest` when the two sides do not come to rest */
export async function runScript(session: Session, options: DemoOptions, progress: Progress): Promise<ScriptResult> {
  await using world = await openWorld(session, options, progress);
  const { agent, portal, signal } = world;
  try {
    const firstSync = await awaitFirstSync(world, progress);
    using _sampling = sampleMemory(world);
    await changeErp(world, progress, { title: "Changes in the ERP, every kind", count: changes, seed: 11, drop: "full" });
    const writes = world.drops === undefined;
    const homes = writes ? await findHomes(portal, tickets) : [];
    if (writes && homes.length === 0) throw tooSmall();
    await useTickets(world, progress, { title: "Tickets from the portal", homes, from: 0, count: tickets / 2 });
    await outage(world, progress, homes);
    await killAgent(world, progress, homes);
    if (writes) await useNumberedTickets(world, progress);
    const rest = progress.step("Both sides come to rest");
    await awaitRest(world, rest, options.restWithinSeconds * 1_000);
    rest.done("nothing pending, every command settled, all compared");
    const feed = readStatusFile(world.home.state)?.feed;
    const judging = progress.step("The oracle compares ERP and portal");
    const verdict = await consultOracle({ erp: world.company.db, portalStore: world.home.portalStore, agentId: world.agentId });
    judging.done(`${verdict.mismatches} mismatches`);
    const leftOut = writes ? [] : ["tickets and messages of the portal: CSV files can only be read"];
    return { verdict, firstSync, leftOut, feed, memory: agent.memory };
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}

interface Changes {
  title: string;
  count: number;
  seed: number;
  /** Of an ERP that drops CSV files: after all of it a full export, else deltas as it goes on. */
  drop?: "full";
}

async function changeErp(
  { session, company, drops }: World,
  progress: Progress,
  { title, count, seed, drop }: Changes,
): Promise<void> {
  const step = progress.step(title, count);
  const total = { events: 0, rows: 0, kinds: new Set<string>() };
  const random = seededRandom(seed);
  // In portions of every kind once, so that the bar moves.
  for (let left = count; left > 0; left -= lifeEventKinds.length) {
    const portion = Math.min(left, lifeEventKinds.length);
    const counts = await liveExactly({ db: company.db, random, clock: session.clock, count: portion });
    total.events += counts.events;
    total.rows += counts.rows;
    for (const [kind, times] of Object.entries(counts.byKind)) if (times > 0) total.kinds.add(kind);
    if (drop !== "full") await drops?.delta();
    step.update(total.events);
  }
  if (drop === "full") await drops?.full();
  step.done(`${total.events} business events of ${total.kinds.size} kinds, ${total.rows} rows`);
}

interface Reports {
  title: string;
  homes: readonly Home[];
  from: number;
  count: number;
}

/** Nothing where there are no homes, since nobody may report. */
async function useTickets({ portal }: World, progress: Progress, { title, homes, from, count }: Reports): Promise<void> {
  if (homes.length === 0) return;
  const step = progress.step(title, count);
  let commands = 0;
  for (let n = from; n < from + count; n++) {
    commands += await reportDamage(portal, homes[n % homes.length] as Home, n);
    step.update(n - from + 1);
  }
  step.done(`${count} reported, ${commands} commands`);
}

/** The portal dies with commands under way; the ERP goes on; the portal comes back on the same store and port. */
async function outage(world: World, progress: Progress, homes: readonly Home[]): Promise<void> {
  const { portal, session, signal } = world;
  await useTickets(world, progress, { title: "More tickets", homes, from: tickets / 2, count: tickets / 4 });
  await portal.kill9();
  await changeErp(world, progress, { title: "Portal killed; the ERP goes on", count: changesMeanwhile, seed: 12 });
  await session.clock.sleep(outageMs, signal);
  await portal.start();
  const back = progress.step("Portal is back; the agent finds it");
  await untilConnected(world);
  back.done("connected");
}

/** Backoff with jitter may take a while; whoever waits too long learns it from the wait for rest. */
async function untilConnected({ portal, session, signal }: World): Promise<void> {
  for (let tries = 0; tries < 240 && !(await portal.agent())?.connected; tries++) await session.clock.sleep(250, signal);
}

/** The agent dies with both directions busy, and is started again as a service manager would. */
async function killAgent(world: World, progress: Progress, homes: readonly Home[]): Promise<void> {
  const { agent } = world;
  await useTickets(world, progress, { title: "The last tickets", homes, from: (tickets * 3) / 4, count: tickets / 4 });
  const changing = changeErp(world, progress, {
    title: "Agent killed in the middle of its work",
    count: changesMeanwhile,
    seed: 13,
  });
  // Both must have ended before an error of one is told.
  const killing = agent.kill9();
  await Promise.all([changing, killing]);
  agent.start();
  progress.note("Agent is started again");
}

/** Changes that name the ERP's own ticket and the values that the portal last saw. */
async function useNumberedTickets({ portal, session, signal }: World, progress: Progress): Promise<void> {
  const random = seededRandom(14);
  const step = progress.step("Tickets with their ERP number", 5);
  let done = 0;
  for (let tries = 0; done < 5 && tries < 240; tries++) {
    if (await changeNumberedTicket(portal, random)) step.update(++done);
    else await session.clock.sleep(250, signal);
  }
  step.done(`${done} changed and commented`);
}

/** Samples the agent's memory until it is disposed. */
function sampleMemory({ agent, session }: World): Disposable {
  let cancel = (): void => undefined;
  const next = (): void => {
    agent.sampleMemory("steady");
    cancel = session.clock.after(500, next);
  };
  next();
  return { [Symbol.dispose]: () => cancel() };
}

function tooSmall(): FuserError {
  return new FuserError("config", "The portal knows no rented unit to report a damage for", {
    code: "usage-demo-units",
    operation: "report damages",
    hint: "Take a larger company with --units",
  });
}
