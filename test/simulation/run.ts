/** Plays one history: an hour of life, orders and faults, then the way to rest, and what must hold there. */

import type { Log, LogLevel } from "../../base/log.ts";
import type { Config } from "../../config/config.ts";
import { parseConfig } from "../../config/load.ts";
import { createDigester, type Digester } from "../../protocol/digest.ts";
import { configurationText } from "./erp/schema.ts";
import { ErpServer, usualMoods } from "./erp/server.ts";
import type { Office } from "./history/clerk.ts";
import { foundCompany } from "./history/company.ts";
import { deeds, mendTickets } from "./history/life.ts";
import { place } from "./history/orders.ts";
import { employAdmin } from "./history/person.ts";
import { type Entry, type History, hourMs, troubles } from "./history/plan.ts";
import { judgeCommands, judgePortal } from "./oracle/at-rest.ts";
import { Oracle } from "./oracle/oracle.ts";
import { AgentMachine, Killed } from "./world/agent-machine.ts";
import { chanceOf } from "./world/chance.ts";
import { type Connection, Network } from "./world/network.ts";
import { PortalMachine } from "./world/portal-machine.ts";
import { SimulatedTime } from "./world/time.ts";
import type { World } from "./world/world.ts";

export interface Outcome {
  /** The first thing that must not be; undefined when all held. */
  violation: string | undefined;
  /** When it was seen, or when everything was at rest, ms since the beginning. */
  atMs: number;
  changes: number;
  orders: number;
  faults: number;
  /** Everything that was told, where it was asked for: every replay of the same history tells the same. */
  trace: string[];
}

let digester: Digester | undefined;
const configurations = new Map<string, Config>();

/** More time than anything may need to come to rest: the longest waits of all parts after each other. */
const longestRestMs = 60 * 60_000;
const restLookMs = 3_000;

export async function run(history: History, { trace = false }: { trace?: boolean } = {}): Promise<Outcome> {
  digester ??= await createDigester();
  const time = new SimulatedTime((error) => stray(error));
  const told: string[] = [];
  const tell = (who: string, text: string): void => {
    if (trace) told.push(`${clockText(time.now)} ${who.padEnd(8)} ${text}`);
  };
  let violation: string | undefined;
  const violated = (what: string): void => {
    if (violation === undefined) tell("oracle", what);
    violation ??= what;
  };
  const world = buildWorld({ history, time, tell: trace ? tell : undefined, violated, digester });
  const stray = (error: unknown): void => {
    if (isOfTheDead(error)) return;
    violated(`An error that nobody takes: ${error instanceof Error ? error.stack : String(error)}`);
  };
  process.on("unhandledRejection", stray);
  try {
    begin(world, history, tell);
    const isOver = (): boolean => violation !== undefined;
    await time.run(hourMs, isOver);
    if (!isOver()) await bringToRest(world, history.rhythm, { isOver, violated, tell });
  } finally {
    world.agent.kill();
    world.clone.kill();
    world.portal.kill();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", stray);
  }
  const count = (kind: Entry["kind"]): number => history.entries.filter((entry) => entry.kind === kind).length;
  return {
    violation,
    atMs: time.now,
    changes: world.oracle.changes,
    orders: world.oracle.commands.size,
    faults: count("fault"),
    trace: told,
  };
}

/** What a killed process still throws into the void. */
function isOfTheDead(error: unknown): boolean {
  return (
    error instanceof Killed || (error instanceof Error && /database is not open|statement has been finalized/.test(error.message))
  );
}

interface Building {
  history: History;
  time: SimulatedTime;
  tell: ((who: string, text: string) => void) | undefined;
  violated: (what: string) => void;
  digester: Digester;
}

function buildWorld({ history, time, tell, violated, digester }: Building): World {
  const chance = chanceOf(history.seed);
  const config = configurationOf(history);
  const erp = new ErpServer(time, chance.fork("erp"));
  const office: Office = { erp, open: 0, serial: 0 };
  const network = new Network(time, chance.fork("network"));
  const machines: AgentMachine[] = [];
  const agentOf = (connection: Connection): AgentMachine | undefined =>
    machines.find((machine) => connection.sockets.agent.owner.name === machine.name);
  const portal: PortalMachine = new PortalMachine({
    ...{ time, digester, chance: chance.fork("portal"), log: logOf("portal", tell) },
    onEvent: (event) => oracle.event(event),
  });
  const oracle = new Oracle({ time, erp, portal, agentOf, violated, tell });
  const machine = (name: string): AgentMachine => {
    const parts = { name, time, config, digester, erp, network, portal };
    const made = new AgentMachine({ ...parts, chance: chance.fork(name), log: logOf(name, tell), onFault: violated });
    machines.push(made);
    return made;
  };
  network.tap = (frame) => oracle.frame(frame);
  const startPortal = (): void => {
    if (portal.running) return;
    portal.start();
    if (portal.hub !== undefined) oracle.portalStarted(portal.hub);
  };
  return {
    time,
    erp,
    office,
    network,
    portal,
    startPortal,
    agent: machine("agent"),
    clone: machine("clone"),
    oracle,
    ways: history.ways,
    copies: { agent: undefined, portal: undefined },
  };
}

function begin(world: World, history: History, tell: (who: string, text: string) => void): void {
  const { time, erp, office, agent } = world;
  const chance = chanceOf(history.seed).fork("history");
  foundCompany(erp, chance.fork("company"));
  world.startPortal();
  agent.start();
  employAdmin(world);
  for (const entry of history.entries) {
    time.after(entry.at, () => {
      tell("history", `${entry.number}: ${entry.what}`);
      const own = chance.fork(`${entry.number} ${entry.what}`);
      if (entry.kind === "life") deeds[entry.what]?.deed(office, own);
      else if (entry.kind === "order") place(world, entry.what, own);
      else troubles[entry.what]?.fault(world, own);
    });
  }
}

interface Judge {
  isOver: () => boolean;
  violated: (what: string) => void;
  tell: (who: string, text: string) => void;
}

/** Everything works again and nobody does anything: first what the signals alone have brought is looked at, then what a full compare adds. */
async function bringToRest(world: World, { feed }: History["rhythm"], judge: Judge): Promise<void> {
  const { time, erp, agent, clone, portal, network, oracle } = world;
  clone.kill();
  Object.assign(erp.moods, usualMoods);
  erp.up = true;
  erp.away.clear();
  erp.log.calm();
  network.partitionedUntil = network.slowUntil = 0;
  agent.fullUntil = 0;
  agent.deadly = portal.deadly = undefined;
  agent.start();
  world.startPortal();
  // A row that can't be read holds what it refers to at the portal, and would for good.
  mendTickets(world.office, chanceOf(0).fork("mending"));
  const deadline = time.now + longestRestMs;
  const compared = ["properties", "buildings", "units", "persons"];
  // A feed must bring all by itself.
  if (!(await restAfter(world, judge, { deadline, compare: feed ? [] : compared }))) return;
  const rest = {
    erp,
    hub: portal.hub as NonNullable<typeof portal.hub>,
    store: agent.store as NonNullable<typeof agent.store>,
    oracle,
  };
  for (const fault of judgePortal(rest, feed)) judge.violated(`At rest the portal shows the ERP: ${fault}`);
  if (
    !(await restAfter(world, judge, {
      deadline: time.now + longestRestMs,
      compare: [...(feed ? compared : []), "periods", "tickets", "messages"],
    }))
  )
    return;
  for (const fault of judgePortal(rest, true)) judge.violated(`After a full compare the portal shows the ERP: ${fault}`);
  for (const fault of judgeCommands(rest)) judge.violated(`Commands: ${fault}`);
}

/** Asks for compares of these sources once everything rests, and waits until all rests again. False when something was violated. */
async function restAfter(
  world: World,
  judge: Judge,
  { deadline, compare }: { deadline: number; compare: readonly string[] },
): Promise<boolean> {
  if (!(await rests(world, judge, deadline))) return false;
  const { agent } = world;
  const before = new Map(compare.map((source) => [source, agent.store?.sources.get(source).comparedAt]));
  for (const source of compare) agent.agent?.capture.syncNow(source, true);
  const isCompared = (): boolean => compare.every((source) => agent.store?.sources.get(source).comparedAt !== before.get(source));
  return await rests(world, judge, deadline, isCompared);
}

/** Quiet for so long that a poll, its confirming read and a recheck of coarse marks have passed. */
const quietMs = 110_000;

async function rests(
  { time, agent, portal, oracle, office }: World,
  judge: Judge,
  deadline: number,
  also: () => boolean = () => true,
): Promise<boolean> {
  let quietSince: number | undefined;
  while (!judge.isOver()) {
    const restless = office.open > 0 ? "clerks are at work" : whyRestless(agent, portal, oracle);
    if (restless !== undefined || !also()) quietSince = undefined;
    else quietSince ??= time.now;
    if (quietSince !== undefined && time.now - quietSince >= quietMs) return true;
    if (time.now > deadline) judge.violated(`Nothing comes to rest: ${restless ?? "a compare that was asked for does not come"}`);
    else await time.run(time.now + restLookMs, judge.isOver);
  }
  return false;
}

function whyRestless(agent: AgentMachine, portal: PortalMachine, oracle: Oracle): string | undefined {
  const { store } = agent;
  const { hub } = portal;
  if (store === undefined || hub === undefined) return "agent or portal is not there";
  if (agent.file.inTransaction) return "the agent writes";
  if (!hub.desk.isConnected("agent-simulated")) return "the agent is not connected";
  const sources = ["properties", "buildings", "units", "persons", "periods", "tickets", "messages"];
  const open = sources.find(
    (source) => !store.sources.get(source).reconciled || store.sources.get(source).comparedAt === undefined,
  );
  if (open !== undefined) return `${open} was not compared`;
  const feed = agent.agent?.capture.feed();
  if (feed !== undefined && (feed.state.name !== "reading" || feed.silent.length > 0)) return "the feed is not read";
  const tables = [...sources, "tickets/BESCHR"];
  const owed = tables.find((table) => store.meta.get(`compare-owed.${table}`) !== undefined);
  if (owed !== undefined) return `${owed} is owed a compare`;
  const pending = tables.find((source) => store.pending.count(source) > 0);
  if (pending !== undefined) return `${store.pending.count(pending)} keys of ${pending} are pending`;
  const { items } = store.outbox.bounds();
  if (items > 0) return `${items} items are in the outbox`;
  const { received, executing, waiting, uncertain, finished } = store.inbox.counts();
  if (received + executing + waiting + uncertain + finished > 0) return `commands: ${JSON.stringify(store.inbox.counts())}`;
  for (const id of oracle.commands.keys()) {
    const known = hub.desk.command(id);
    if (known !== undefined && known.state !== "settled") return `command ${id} is ${known.state} at the portal`;
  }
  return undefined;
}

function configurationOf({ ways, rhythm }: History): Config {
  const text = configurationText(ways, rhythm);
  const known = configurations.get(text);
  if (known !== undefined) return known;
  const { config, faults: wrong } = parseConfig({ text, file: "/simulated/erpfuser.yaml" });
  if (config === undefined) throw new Error(`The simulation's configuration is faulty: ${JSON.stringify(wrong)}`);
  configurations.set(text, config);
  return config;
}

function logOf(who: string, tell: ((who: string, text: string) => void) | undefined): Log {
  const line =
    (level: LogLevel) =>
    (message: string, fields?: object): void =>
      tell?.(who, `${level === "info" ? "" : `${level}: `}${message}${fields === undefined ? "" : ` ${JSON.stringify(fields)}`}`);
  const log: Log = { error: line("error"), warn: line("warn"), info: line("info"), debug: line("debug"), part: () => log };
  return log;
}

export function clockText(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return `${String(minutes).padStart(3)}:${((ms % 60_000) / 1_000).toFixed(3).padStart(6, "0")}`;
}
