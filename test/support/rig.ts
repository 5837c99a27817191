/**
 * Company, portal and agent as processes of their own, for fault tests: each can be killed and started again, the agent's command line be used, and
 * the oracle be asked. Built of the demo's parts, so that tests and users see the same processes.
 */
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../../agent/cli/commands.ts";
import { type AgentProcess, type AgentStatus, createAgent } from "../../agent/cli/demo/agent-process.ts";
import { type ErpPlace, serverPlace, sqlitePlace } from "../../agent/cli/demo/erp-place.ts";
import { type Home, openHome } from "../../agent/cli/demo/home.ts";
import { createPortal, type PortalProcess } from "../../agent/cli/demo/portal-process.ts";
import { awaitRest, compareAnew } from "../../agent/cli/demo/rest.ts";
import { guard } from "../../agent/cli/guard.ts";
import { quarantine } from "../../agent/cli/quarantine.ts";
import { status } from "../../agent/cli/status.ts";
import { sync } from "../../agent/cli/sync.ts";
import { readStatusFile, type StatusFile } from "../../agent/status-file.ts";
import { systemClock } from "../../base/time.ts";
import { commandLine } from "./command-line.ts";
import type { ErpConfigOptions } from "./erp/config.ts";
import type { ErpDb } from "./erp/db.ts";
import { generateErp } from "./erp/generate.ts";
import { consultOracle, type OracleVerdict } from "./erp/oracle.ts";
import type { MariaDb } from "./mariadb.ts";
import { openProxy, type TcpProxy } from "./proxy.ts";
import { freePort, mariadb, tempDirectory } from "./servers.ts";

export interface RigOptions {
  units: number;
  dialect: "sqlite" | "mysql";
  /** Of the company. */
  seed: number;
  /** The agent reaches the portal through a proxy that can spoil the way. */
  proxied?: boolean;
  /** Over the sample configuration's defaults. */
  config?: Partial<ErpConfigOptions>;
}

/** One line of the agent's log. */
export interface LogLine {
  time: string;
  level: string;
  message: string;
  code?: string;
  [field: string]: unknown;
}

export interface Rig extends AsyncDisposable {
  readonly home: Home;
  readonly place: ErpPlace;
  /** A connection of the clerk's; another one after the ERP was put back. */
  readonly erp: ErpDb;
  /** Copies the ERP's files, which is down meanwhile. The function returned puts them back, under the feet of the agent. */
  copyErp(): Promise<() => Promise<void>>;
  /** The ERP's server; undefined where it is an SQLite file. */
  readonly server: MariaDb | undefined;
  readonly portal: PortalProcess;
  readonly agent: AgentProcess;
  readonly agentId: string;
  /** Aborts when portal or agent ended by itself; the reason says which, and its last words. */
  readonly signal: AbortSignal;
  /** An agent of another configuration file of the same rig; disposed with it. */
  secondAgent(options: { configFile: string; state: string; name: string }): AgentProcess;
  /** Runs `erpfuser --json ARGS` beside the agent, within this process. @throws when it does not end with 0 */
  erpfuser<T>(name: keyof typeof registers, ...args: string[]): Promise<T>;
  /** What lies between agent and portal, where the rig is `proxied`. */
  readonly wayToPortal: TcpProxy | undefined;
  /** What the agent says of itself; undefined before its first start. */
  status(): StatusFile | undefined;
  /** Waits until `look` returns something else than undefined or false. @throws after `withinMs`, naming `what` */
  until<T>(what: string, look: () => T | Promise<T>, withinMs?: number): Promise<Exclude<T, undefined | false>>;
  /** Everything of the ERP is at the portal, for the first time since the agent's last start. */
  inStep(withinMs: number): Promise<void>;
  /** Every source was compared in full, from its first row to its last, since the call. */
  comparedAnew(withinMs: number): Promise<void>;
  /** Nothing is under way on either side, and all was compared twice since. @throws FuserError `demo-no-rest` with what is */
  atRest(withinMs: number): Promise<void>;
  /** Compares ERP and portal, agent unseen. */
  judge(): Promise<OracleVerdict>;
  /** Lines of the agent's log so far, of all its lives. */
  log(): LogLine[];
  /** The end of the agent's log, for a test that failed. */
  lastWords(): string;
}

/** What a rig is asked and told. A process of its own for each would take a second of the processor; tests of the command line have those. */
const registers = { status, sync, guard, commands, quarantine };

/** Makes the company, starts the portal, enrols the agent; the agent itself is not started yet. */
export async function openRig(options: RigOptions): Promise<Rig> {
  await using opened = new AsyncDisposableStack();
  const directory = opened.use(await tempDirectory());
  const home = opened.use(openHome(directory.path, { keep: false }));
  const server = options.dialect === "mysql" ? opened.use(await mariadb()) : undefined;
  const place = server === undefined ? sqlitePlace(home.erpFile) : serverPlace(urlOf(server));
  let erp = place.open();
  opened.defer(() => erp.close());
  await generateErp(erp, { units: options.units, seed: options.seed });
  const deaths = new AbortController();
  const parts = { clock: systemClock, signal: deaths.signal, onDeath: (error: Error) => deaths.abort(error) };
  const portal = opened.use(
    createPortal({
      ...parts,
      store: home.portalStore,
      port: await freePort(),
      token: "rig",
      logFile: home.logFile("portal"),
    }),
  );
  const agentParts = { ...parts, place, compareEvery: "15m", config: options.config ?? {} };
  const { configFile, state } = home;
  const agent = opened.use(createAgent({ ...agentParts, configFile, state, logFile: home.logFile("agent") }));
  await portal.start();
  const wayToPortal = options.proxied ? opened.use(await openProxy(portal)) : undefined;
  const channel = wayToPortal === undefined ? portal.channel : `ws://127.0.0.1:${wayToPortal.port}/agent`;
  await agent.prepare(channel, await portal.enrolmentCode());
  const agentId = (await portal.agent())?.id ?? "";
  const rest = opened.move();
  const withErpClosed = async <T>(work: () => Promise<T>): Promise<T> => {
    await erp.close();
    try {
      return await work();
    } finally {
      erp = place.open();
    }
  };
  const erpfuser = async <T>(name: keyof typeof registers, ...args: string[]): Promise<T> => {
    const { code, document } = await commandLine(registers[name], { configFile }, [name, ...args]);
    if (code !== 0) throw new Error(`erpfuser ${name} ${args.join(" ")}: exit code ${code}: ${JSON.stringify(document)}`);
    return document as T;
  };
  const asked = {
    status: () => erpfuser<AgentStatus>("status"),
    syncFull: async () => void (await erpfuser("sync", "--full")),
  };
  return {
    ...{ home, place, server, portal, agent, agentId, wayToPortal, signal: deaths.signal },
    get erp() {
      return erp;
    },
    async copyErp() {
      const copy = join(directory.path, "erp-copy");
      if (server !== undefined) {
        const restore = await withErpClosed(() => copyServer(server, copy));
        return () => withErpClosed(restore);
      }
      await checkpointed(erp);
      cpSync(home.erpFile, copy);
      return () =>
        withErpClosed(async () => {
          for (const suffix of ["-wal", "-shm", ""]) rmSync(home.erpFile + suffix, { force: true });
          cpSync(copy, home.erpFile);
        });
    },
    secondAgent: ({ name, ...places }) => rest.use(createAgent({ ...agentParts, ...places, logFile: home.logFile(name) })),
    erpfuser,
    status: () => readStatusFile(state),
    until: (what, look, withinMs = 60_000) => until({ what, look, withinMs, signal: deaths.signal }),
    async inStep(withinMs) {
      const look = (): boolean => {
        const status = readStatusFile(state);
        return status?.pid === agent.pid && status?.inStepSince !== undefined;
      };
      await until({ what: "the agent is in step", look, withinMs, signal: deaths.signal });
    },
    comparedAnew: (withinMs) =>
      compareAnew({ session: parts, agent: asked, home }, (look) =>
        until({ what: "all was compared", look, withinMs, signal: deaths.signal }),
      ),
    atRest: (withinMs) =>
      awaitRest({ session: parts, agent: asked, portal, home, signal: deaths.signal }, { update() {}, done() {} }, withinMs),
    judge: () => consultOracle({ erp, portalStore: home.portalStore, agentId, unjudged: options.config?.unjudged ?? false }),
    log: () => linesOf(home.logFile("agent")),
    lastWords: () =>
      linesOf(home.logFile("agent"))
        .slice(-60)
        .map((line) => JSON.stringify(line))
        .join("\n"),
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

/** The data directory as a snapshot of the machine would hold it. */
async function copyServer(server: MariaDb, copy: string): Promise<() => Promise<void>> {
  const connection = await server.connect();
  const [rows] = await connection.query("SELECT @@datadir AS directory");
  await connection.end();
  const { directory } = (rows as { directory: string }[])[0] as { directory: string };
  await server.kill9();
  cpSync(directory, copy, { recursive: true });
  await server.restart();
  return async () => {
    await server.kill9();
    rmSync(directory, { recursive: true });
    cpSync(copy, directory, { recursive: true });
    await server.restart();
  };
}

/** Everything of the write-ahead log is in the file itself, although the agent may be reading. */
async function checkpointed(erp: ErpDb): Promise<void> {
  for (;;) {
    const [row] = await erp.query("PRAGMA wal_checkpoint(TRUNCATE)");
    if (row?.busy === 0) return;
    await systemClock.sleep(20);
  }
}

interface Awaited<T> {
  what: string;
  look: () => T | Promise<T>;
  withinMs: number;
  signal: AbortSignal;
}

async function until<T>({ what, look, withinMs, signal }: Awaited<T>): Promise<Exclude<T, undefined | false>> {
  const deadline = systemClock.monotonic() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    if (systemClock.monotonic() > deadline) throw new Error(`Not within ${withinMs} ms: ${what}`);
    await systemClock.sleep(50, signal);
  }
}

function urlOf({ host, port, user, password }: MariaDb): string {
  return `mysql://${user}:${password}@${host}:${port}/erp`;
}

/** Lines that are not JSON (a crash's last words) count as errors. */
function linesOf(file: string): LogLine[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): LogLine => {
      try {
        return JSON.parse(line) as LogLine;
      } catch {
        return { time: "", level: "error", message: line };
      }
    });
}

/** Copies an SQLite store whose process is gone, as a nightly backup would. The function returned puts the copy back. */
export function copyStore(file: string): () => void {
  const suffixes = ["", "-wal", "-shm"];
  const copyOf = (suffix: string): string => `${file}.copy${suffix}`;
  for (const suffix of suffixes) if (existsSync(file + suffix)) cpSync(file + suffix, copyOf(suffix));
  return () => {
    for (const suffix of suffixes) {
      rmSync(file + suffix, { force: true });
      if (existsSync(copyOf(suffix))) cpSync(copyOf(suffix), file + suffix);
    }
  };
}
