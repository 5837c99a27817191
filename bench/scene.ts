/** What the measurements stand on: a MariaDB of the bench's own with its table, the gateway and the agent as processes, and copies of their states. */
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Connection } from "mysql2/promise";
import { passwordSecret } from "../agent/cli/demo/erp-place.ts";
import { systemClock } from "../base/time.ts";
import type { MariaDb } from "../test/support/mariadb.ts";
import { freePort, mariadb, tempDirectory } from "../test/support/servers.ts";
import { type Agent, type AgentPlace, type AgentWishes, prepareAgent, profileFlags, startAgent } from "./agent.ts";
import { type Helper, startHelper } from "./call.ts";
import { catalogueRows, catalogues, fillErp, rowBytes, type Sizes, sizesOf } from "./erp.ts";
import { cpuUs } from "./machine.ts";

/** Both processes of one measurement; ended when disposed. */
export interface Pair extends AsyncDisposable {
  agent: Agent;
  portal: Helper;
  /** Waits until neither has anything left to do. */
  quiet(): Promise<void>;
}

export interface PairWishes {
  periods: boolean;
  polls?: AgentWishes["polls"];
  portable?: boolean;
  /** Default: off. */
  courtesy?: string;
  /** Name of the profiles that the processes leave, where profiles are wanted. */
  name: string;
}

export interface Scene extends AsyncDisposable {
  sizes: Sizes;
  server: MariaDb;
  /** As the administrator, in the ERP's database. */
  erp: Connection;
  /** Bytes of a row as text. */
  rowBytes: number;
  /** How many items stand before the periods: the numbers of their frames begin behind. */
  parents: number;
  /** Options for mysql2, of the ERP's database. */
  access: { host: string; port: number; user: string; password: string; database: string };
  /** Starts gateway and agent and waits until they are connected. */
  start(wishes: PairWishes): Promise<Pair>;
  /** Keeps the states of both, which must not run, under a name; `restore` puts them back. */
  keep(name: string): void;
  restore(name: string): void;
  isKept(name: string): boolean;
}

export const courtesyOff = "{ pace: full, statementTimeout: 5m }";
const database = "erp";
/** The gateway applies five million items behind their acks, on a busy machine for minutes. */
const quietWithinMs = 600_000;

export async function openScene(options: {
  rows: number;
  profiles: string | undefined;
  say: (text: string) => void;
}): Promise<Scene> {
  const { profiles, say } = options;
  await using opened = new AsyncDisposableStack();
  const sizes = sizesOf(options.rows);
  say(`making ${sizes.periods} periods, ${sizes.units} units, ${sizes.persons} persons`);
  const server = opened.use(await mariadb({ extraFlags: ["--innodb-buffer-pool-size=2G", "--innodb-log-file-size=512M"] }));
  const access = await server.createDatabase(database);
  const erp = await server.connect();
  opened.defer(() => erp.end());
  await erp.query(`USE ${database}`);
  await fillErp(erp, sizes);
  const directory = opened.use(await tempDirectory()).path;
  const live = join(directory, "live");
  const state = join(live, "agent");
  mkdirSync(state, { recursive: true });
  if (profiles !== undefined) mkdirSync(profiles, { recursive: true });
  const place: AgentPlace = { configFile: join(directory, "erpfuser.yaml"), state, logFile: join(directory, "agent.log") };
  const port = await freePort();
  const ground: Ground = { place, port, live, profiles, access };
  const parents = sizes.properties + sizes.units + sizes.persons + catalogues.length * catalogueRows;
  const copyOf = (name: string): string => join(directory, `kept-${name}`);
  const scene = {
    ...{ sizes, server, erp, access, parents, rowBytes: await rowBytes(erp) },
    start: (wishes: PairWishes) => startPair(ground, wishes),
    keep: (name: string) => cpSync(live, copyOf(name), { recursive: true }),
    isKept: (name: string) => existsSync(copyOf(name)),
    restore(name: string) {
      rmSync(live, { recursive: true });
      cpSync(copyOf(name), live, { recursive: true });
    },
  };
  await enrol(ground);
  const rest = opened.move();
  return { ...scene, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

interface Ground {
  place: AgentPlace;
  port: number;
  /** Directory of both states. */
  live: string;
  profiles: string | undefined;
  access: Scene["access"];
}

async function enrol(ground: Ground): Promise<void> {
  await using portal = startPortal(ground, undefined);
  const code = await portal.call<string>("code");
  const wishes = wishesOf(ground, { periods: false, name: "enrol" });
  await prepareAgent(ground.place, { wishes, password: ground.access.password, code });
}

function startPortal({ live, port }: Ground, profile: string | undefined): Helper {
  const args = [join(live, "portal.db"), String(port)];
  return startHelper("bench/portal-helper.ts", { args, nodeFlags: profile === undefined ? [] : profileFlags(profile) });
}

async function startPair(ground: Ground, wishes: PairWishes): Promise<Pair> {
  const profile = (who: string): string | undefined =>
    ground.profiles === undefined ? undefined : join(ground.profiles, `${wishes.name}-${who}.cpuprofile`);
  await using opened = new AsyncDisposableStack();
  const portal = opened.use(startPortal(ground, profile("portal")));
  await portal.call("address");
  const agent = opened.use(startAgent(ground.place, wishesOf(ground, wishes), profile("agent")));
  // Nobody waits for what an agent that is gone will never send.
  const call: Helper["call"] = (name, argument) => Promise.race([portal.call(name, argument), agent.died]) as Promise<never>;
  await call("connected");
  const rest = opened.move();
  return {
    ...{ agent, portal: { ...portal, call } },
    quiet: () => becomeQuiet([agent.pid, portal.pid]),
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

function wishesOf({ access, port }: Ground, { periods, polls, portable, courtesy = courtesyOff }: PairWishes): AgentWishes {
  const { host, user, password, ...rest } = access;
  const connection = [
    `server: ${host}`,
    `port: ${rest.port}`,
    `database: ${rest.database}`,
    `user: ${user}`,
    ...(password === "" ? [] : [`password: { secret: ${passwordSecret} }`]),
  ];
  return { connection, portalUrl: `ws://127.0.0.1:${port}/agent`, periods, polls, portable, courtesy };
}

/** Both have used less than a fiftieth of a core for half a second. */
async function becomeQuiet(pids: readonly number[]): Promise<void> {
  const used = (): number => pids.reduce((sum, pid) => sum + cpuUs(pid), 0);
  const deadline = performance.now() + quietWithinMs;
  for (let before = used(); ; ) {
    await systemClock.sleep(500);
    const now = used();
    if (now - before <= 50_000) return;
    before = now;
    if (performance.now() > deadline) throw new Error(`Agent and gateway were not quiet within ${quietWithinMs} ms`);
  }
}
