/**
 * One customer's site for fault tests: a small company, a portal in this process, and the agent's command line as processes of its own, with proxies
 * between them where a test asks for it. Whatever a process says is searched for secrets.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { defaultTiming } from "../../agent/channel/channel.ts";
import { enrol as enrolAtPortal } from "../../agent/channel/enrol.ts";
import { passwordSecret, serverPlace, sqlitePlace } from "../../agent/cli/demo/erp-place.ts";
import type { NamedPoint } from "../../agent/commit-points.ts";
import { machineName } from "../../agent/erp.ts";
import { readStatusFile, type StatusFile } from "../../agent/status-file.ts";
import { openStoreForReading } from "../../agent/store/open.ts";
import { systemClock } from "../../base/time.ts";
import { openSecrets } from "../../config/secrets.ts";
import { type Gateway, type GatewayOptions, openGateway } from "../../portal/gateway.ts";
import { endChild, patience, type Run, type Said, saidBy, watch } from "./agent-run.ts";
import { localStamp } from "./erp/calendar.ts";
import { type ErpConfigOptions, erpConfig } from "./erp/config.ts";
import type { ErpDb } from "./erp/db.ts";
import { generateErp, mainMandant } from "./erp/generate.ts";
import { consultOracle, type OracleVerdict } from "./erp/oracle.ts";
import type { MariaDb } from "./mariadb.ts";
import type { Postgres } from "./postgres.ts";
import { openProxy, type TcpProxy } from "./proxy.ts";
import { root } from "./run/child.ts";
import { observed, tempDirectory } from "./servers.ts";

export interface SiteOptions {
  /** Default 4: some 60 rows. */
  units?: number;
  /** Where the ERP stands; an SQLite file where none is named. */
  server?: MariaDb | Postgres;
  /** They follow `server`; the configuration names all. */
  standbys?: readonly (MariaDb | Postgres)[];
  portal?: Partial<GatewayOptions>;
  /** Proxies between the parts (`ways`); needs a server. */
  proxied?: boolean;
  /** Where the portal's store lies; default is the site's own folder. */
  portalFolder?: string;
  /** The state directory, which must exist; default is one of the site's own. */
  state?: string;
}

export interface Site extends AsyncDisposable {
  readonly folder: string;
  readonly configFile: string;
  readonly state: string;
  readonly erp: ErpDb;
  readonly gateway: Gateway;
  /** SQLite file of the portal. */
  readonly portalStore: string;
  /** What lies between the agent and ERP and portal; an error where the site is not `proxied`. */
  readonly ways: { erp: TcpProxy; portal: TcpProxy };
  readonly agentId: string;
  /** User and password of the agent's account in the database; undefined on SQLite. */
  readonly account: { user: string; password: string; database: string } | undefined;
  /** Writes the configuration; `change` may spoil its text. */
  configure(options?: Partial<ErpConfigOptions>, change?: (text: string) => string): void;
  /** Runs one command with `--json`. */
  erpfuser(args: readonly string[], input?: string): Promise<Said>;
  code(options?: { ttlMs?: number; agentId?: string }): string;
  /** Stores the database's password and enrols, as an admin does first. */
  enrol(): Promise<void>;
  /** The same within this process, for tests of what comes later. */
  join(caFile?: string): Promise<void>;
  run(): Run;
  /** The same, but the process heeds `killAt` and `setClock` (steered-agent.ts). */
  runSteered(): Run;
  /** The process dies when it comes there next, once. */
  killAt(point: NamedPoint): void;
  /** The process's wall clock is off by so much from now on, ms. */
  setClock(offsetMs: number): void;
  /** As `erpfuser sync` does: what waits after a failure is tried at once. */
  hurry(options?: { full?: boolean }): void;
  status(): StatusFile | undefined;
  /** A clerk books a payment. */
  clerkWorks(): Promise<void>;
  /** Another server is the ERP from now on, for all that does not belong to the agent. */
  erpMoves(to: MariaDb | Postgres): Promise<void>;
  /** The portal is gone; back on the same port and store. */
  closePortal(): Promise<void>;
  reopenPortal(): Promise<void>;
  /** Sets the length of the description of the ticket that was reported first; returns the ticket's key. */
  describeTicket(characters: number): Promise<string>;
  /** Waits until `look` no longer fails. */
  until<T>(look: () => T | Promise<T>): Promise<T>;
  /** A tenant reports a damage in the portal; returns the command's id. */
  report(title?: string): string;
  /** What the oracle says now. */
  judge(): Promise<OracleVerdict>;
  /** Nothing is missing at the portal and nothing is too much, every command had one effect: by the oracle. Fails after half a minute. */
  converges(): Promise<OracleVerdict>;
  /** The same, and nothing is under way any more: a second effect of a command would show. `issued` commands, each carried out once. */
  comesToRest(issued: number): Promise<OracleVerdict>;
}

const agentMain = "agent/main.ts";
const fewUnits = 4;
/** The database is beside the agent: what is committed is visible within milliseconds. */
const confirmAfter = "300ms";
/** Each question to the oracle reads ERP and portal in full. */
const oracleEveryMs = 250;
let databases = 0;
let payments = 0;

/** A company of some 60 rows, its portal, and a configuration that fits; not enrolled yet. */
export async function openSite(options: SiteOptions = {}): Promise<Site> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await tempDirectory()).path;
  const { server, standbys = [] } = options;
  const database = `site_${process.pid}_${++databases}`;
  const account =
    server === undefined ? undefined : { user: `agent_${databases}`, password: `pw-${process.pid}-${Math.random()}`, database };
  const isPostgres = server !== undefined && "give" in server;
  const url = (user: string, password: string, port = server?.port): string =>
    `${isPostgres ? "postgres" : "mysql"}://${user}:${password}@${server?.host}:${port}/${database}`;
  const owner = server === undefined ? sqlitePlace(join(folder, "erp.db")) : serverPlace(url(server.user, server.password));
  const ways = options.proxied && server !== undefined ? { erp: opened.use(await openProxy(server)) } : undefined;
  const place = account === undefined ? owner : serverPlace(url(account.user, account.password, ways?.erp.port));
  let erp = owner.open();
  opened.defer(() => erp.close());
  await generateErp(erp, { units: options.units ?? fewUnits, seed: 5 });
  if (account !== undefined && isPostgres) {
    await erp.run(`CREATE ROLE ${account.user} LOGIN PASSWORD '${account.password}'`);
    await erp.run(`GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO ${account.user}`);
  } else if (account !== undefined) {
    await erp.run(`CREATE USER '${account.user}'@'%' IDENTIFIED BY '${account.password}'`);
    await erp.run(`GRANT SELECT, INSERT, UPDATE ON ${database}.* TO '${account.user}'@'%'`);
  } else observed("sqlite", process.versions.sqlite ?? "");
  const tenant = await someTenant(erp);
  const portalStore = join(options.portalFolder ?? folder, "portal.db");
  const portal = { storePath: portalStore, random: Math.random, ...options.portal };
  let gateway = await openGateway(portal);
  opened.defer(() => gateway.close());
  const gatewayPort = Number(new URL(gateway.httpUrl).port);
  const portalWay = ways && opened.use(await openProxy({ port: gatewayPort }));
  const portalUrl = portalWay ? gateway.url.replace(`:${gatewayPort}/`, `:${portalWay.port}/`) : gateway.url;
  const state = options.state ?? join(folder, "state");
  if (options.state === undefined) mkdirSync(state);
  const configFile = join(folder, "erpfuser.yaml");
  const secrets = new Set(account === undefined ? [] : [account.password]);
  const told = (said: Said): Said => {
    for (const secret of secrets) expect(said.text).not.toContain(secret);
    expect(said.text).not.toContain("PRIVATE KEY");
    return said;
  };
  const killFile = join(folder, "kill-at");
  const clockFile = join(folder, "clock");
  const start = (script: string, args: readonly string[]): ChildProcess => {
    const env = { ...process.env, ERPFUSER_TEST_KILL_FILE: killFile, ERPFUSER_TEST_CLOCK_FILE: clockFile };
    const child = spawn(process.execPath, [script, "--config", configFile, ...args], { cwd: root, stdio: "pipe", env });
    children.add(child);
    child.once("close", () => children.delete(child));
    return child;
  };
  const children = new Set<ChildProcess>();
  opened.defer(async () => {
    await Promise.all([...children].map((child) => endChild(child, "SIGKILL")));
  });
  let agentId = "";
  const site: Omit<Site, keyof AsyncDisposable> = {
    ...{ folder, configFile, state, account, portalStore },
    get erp() {
      return erp;
    },
    get ways() {
      if (ways === undefined || portalWay === undefined) throw new Error("this site is not proxied");
      return { ...ways, portal: portalWay };
    },
    get gateway() {
      return gateway;
    },
    get agentId() {
      return agentId;
    },
    configure(more = {}, change = (text) => text) {
      const { dialect } = place;
      const connection = standbys.length === 0 ? place.connection : severalServers(place.connection, standbys);
      writeFileSync(
        configFile,
        change(erpConfig({ dialect, connection, portalUrl, state, stage: "live", confirmAfter, ...more })),
      );
    },
    async erpfuser(args, input = "") {
      const child = start(agentMain, ["--json", ...args]);
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(input);
      return told(await saidBy(child));
    },
    code({ ttlMs = 60_000, ...more } = {}) {
      const { code } = gateway.createEnrolmentCode({ stage: "live", ttlMs, ...more });
      secrets.add(code);
      return code;
    },
    async enrol() {
      if (account !== undefined) {
        const stored = await site.erpfuser(["secret", "set", passwordSecret], `${account.password}\n`);
        expect(stored.code).toBe(0);
      }
      const enrolled = await site.erpfuser(["enrol", site.code()]);
      expect(enrolled).toMatchObject({ code: 0 });
      agentId = String(enrolled.document.agentId);
    },
    async join(caFile) {
      const settings = openSecrets(state);
      if (account !== undefined) await settings.set(passwordSecret, account.password);
      const transport = { proxy: undefined, caFile, env: {} };
      const parts = { clock: systemClock, newId: randomUUID, signal: AbortSignal.timeout(patience.timeout) };
      const who = { code: site.code(), host: machineName(), agentName: "Musterstadt" };
      agentId = (await enrolAtPortal({ ...parts, portal: gateway.url, secrets: settings, transport }, who)).agentId;
    },
    run: () => watch(start(agentMain, ["--json", "run"]), told),
    runSteered: () => watch(start("test/support/steered-agent.ts", []), told),
    killAt: (point) => writeFileSync(killFile, point),
    setClock: (offsetMs) => writeFileSync(clockFile, String(offsetMs)),
    hurry({ full = false } = {}) {
      using store = openStoreForReading(state, systemClock);
      store.asks.post({ kind: "sync", source: undefined, full }, systemClock.now());
    },
    status: () => readStatusFile(state),
    async clerkWorks() {
      const [first] = await erp.query("SELECT MIN(SOLLNR) AS NR FROM SOLLSTELLUNG WHERE MANDANT = ?", [mainMandant]);
      const sql = "UPDATE SOLLSTELLUNG SET OFFEN = ?, AENDTS = ? WHERE MANDANT = ? AND SOLLNR = ?";
      expect(await erp.run(sql, [`${++payments}.50`, localStamp(Date.now()), mainMandant, first?.NR ?? ""])).toBe(1);
    },
    async erpMoves({ user, password, port }) {
      await erp.close();
      erp = serverPlace(url(user, password, port)).open();
    },
    closePortal: () => gateway.close(),
    async reopenPortal() {
      gateway = await openGateway({ ...portal, port: gatewayPort });
    },
    async describeTicket(characters) {
      const [first] = await erp.query("SELECT MIN(AUFTRNR) AS NR FROM AUFTRAG WHERE MANDANT = ? AND KANAL = 'P'", [mainMandant]);
      const key = [mainMandant, first?.NR ?? ""];
      const lines = "UPDATE AUFTRTEXT SET ZEILE = ? WHERE MANDANT = ? AND AUFTRNR = ? AND ART = 'B'";
      expect(await erp.run(lines, ["x".repeat(characters), ...key])).toBe(1);
      await erp.run("UPDATE AUFTRAG SET AENDTS = ? WHERE MANDANT = ? AND AUFTRNR = ?", [localStamp(Date.now()), ...key]);
      return key.join(".");
    },
    until: (look) => vi.waitFor(look, patience),
    report(title = "Heizung kalt") {
      return gateway.issue(agentId, {
        command: "ticket.create",
        values: { kind: "damage", title, description: "Seit gestern.", priority: "normal", ...tenant },
      });
    },
    judge: () => consultOracle({ erp: readAtOnce(erp), portalStore, ...(agentId === "" ? {} : { agentId }) }),
    async converges() {
      return await vi.waitFor(
        async () => {
          const verdict = await site.judge();
          expect(verdict).toMatchObject({ mismatches: 0, details: [] });
          expect(verdict.commands).toMatchObject({ appliedOnce: verdict.commands.issued, lost: 0, doubled: 0 });
          return verdict;
        },
        { ...patience, interval: oracleEveryMs },
      );
    },
    async comesToRest(issued) {
      await site.converges();
      await vi.waitFor(
        () => {
          using store = openStoreForReading(state, systemClock);
          const { received, executing, finished } = store.inbox.counts();
          const underWay = {
            received,
            executing,
            finished,
            pending: store.pending.count(),
            unacked: store.outbox.bounds().items,
          };
          expect(underWay).toEqual({ received: 0, executing: 0, finished: 0, pending: 0, unacked: 0 });
        },
        // Commands of a store that was put back wait for the portal's word, which never comes for those that it has settled (decision 28).
        { ...patience, timeout: patience.timeout + defaultTiming.askedWithinMs },
      );
      const verdict = await site.converges();
      expect(verdict.commands).toMatchObject({ issued, appliedOnce: issued });
      return verdict;
    },
  };
  site.configure();
  const rest = opened.move();
  // Not spread: `agentId` is known only later.
  return Object.assign(site, { [Symbol.asyncDispose]: () => rest.disposeAsync() });
}

/** Its few rows on the one connection: to read them as streams opens one per table, nine tenths of what a verdict costs (MariaDB, 63 and 7 ms of the processor). */
function readAtOnce(erp: ErpDb): ErpDb {
  return {
    ...erp,
    async *each(sql, values) {
      yield* await erp.query(sql, values);
    },
  };
}

/** The lines of a connection to one server, with others of this machine that may take its place. */
function severalServers(lines: readonly string[], standbys: readonly { port: number }[]): string[] {
  const own = /\d+/.exec(lines.find((line) => line.startsWith("port: ")) ?? "")?.[0];
  const names = [own, ...standbys.map(({ port }) => port)].map((port) => `"127.0.0.1:${port}"`);
  return [`server: [${names.join(", ")}]`, ...lines.filter((line) => !/^(server|port): /.test(line))];
}

/** A rented unit and its tenant, by the ids that the configuration makes. */
async function someTenant(erp: ErpDb): Promise<{ unitId: string; reporterId: string }> {
  const rented = erp.dialect === "postgres" ? "NOT LEERSTAND" : "LEERSTAND <> 'J'";
  const sql = `SELECT * FROM MIETVERTRAG WHERE MANDANT = ? AND PERSNR <> '' AND STORNO <> 'J' AND ${rented} ORDER BY PERSNR LIMIT 1`;
  const [row] = await erp.query(sql, [mainMandant]);
  const id = (...names: string[]): string => [mainMandant, ...names.map((name) => String(row?.[name]))].join(".");
  return { unitId: id("OBJNR", "HAUSNR", "WOHNNR"), reporterId: `${id("PERSNR")}.1` };
}
