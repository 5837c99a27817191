/**
 * One customer's site for tests of what is refused: a small company, a portal in this process, and the agent's command line as processes of its own.
 * Whatever a process says is searched for secrets.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { mysqlPlace, passwordSecret, sqlitePlace } from "../../agent/cli/demo/erp-place.ts";
import type { NamedPoint } from "../../agent/commit-points.ts";
import { readStatusFile, type StatusFile } from "../../agent/status-file.ts";
import { type Gateway, type GatewayOptions, openGateway } from "../../portal/gateway.ts";
import { localStamp } from "./erp/calendar.ts";
import { type ErpConfigOptions, erpConfig } from "./erp/config.ts";
import type { ErpDb } from "./erp/db.ts";
import { generateErp, mainMandant } from "./erp/generate.ts";
import { consultOracle, type OracleVerdict } from "./erp/oracle.ts";
import type { MariaDb } from "./mariadb.ts";
import { root } from "./run/child.ts";
import { observed, tempDirectory } from "./servers.ts";

export interface SiteOptions {
  /** Default 4: some 60 rows. */
  units?: number;
  /** Where the ERP stands; an SQLite file where none is named. */
  server?: MariaDb;
  portal?: Partial<GatewayOptions>;
  /** The state directory, which must exist; default is one of the site's own. */
  state?: string;
}

/** What a command said. */
export interface Said {
  code: number;
  /** The JSON document on stdout; undefined where there is none. */
  document: Document;
  text: string;
}

interface Document {
  error?: Problem & { findings?: Finding[] };
  findings?: Finding[];
  [name: string]: unknown;
}

interface Problem {
  code: string;
  kind: string;
  message: string;
  place?: string;
  hint?: string;
}

export interface Finding {
  severity: string;
  code: string;
  place: string;
  message: string;
  remedy: string;
}

export interface LogLine {
  level: string;
  message: string;
  code?: string;
  [field: string]: unknown;
}

/** `erpfuser run` as a process. */
export interface Run extends AsyncDisposable {
  readonly pid: number;
  readonly lines: readonly LogLine[];
  /** Waits for a line with this code; fails when the process ends before. */
  logged(code: string): Promise<LogLine>;
  /** How it ended by itself. */
  readonly ended: Promise<Said>;
  /** SIGTERM; returns how it ended. */
  stop(): Promise<Said>;
  kill9(): Promise<void>;
}

export interface Site extends AsyncDisposable {
  readonly folder: string;
  readonly configFile: string;
  readonly state: string;
  readonly erp: ErpDb;
  readonly gateway: Gateway;
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
  run(): Run;
  /** The same, but the process kills itself at the moments that `killAt` names (agent/commit-points.ts). */
  runToBeKilled(): Run;
  /** The process dies when it comes there next, once. */
  killAt(point: NamedPoint): void;
  status(): StatusFile | undefined;
  /** A clerk books a payment. */
  clerkWorks(): Promise<void>;
  /** The portal is gone; back on the same port and store. */
  closePortal(): Promise<void>;
  reopenPortal(): Promise<void>;
  /** Sets the length of the description of the ticket that was reported first; returns the ticket's key. */
  describeTicket(characters: number): Promise<string>;
  /** Waits until `look` no longer fails. */
  until<T>(look: () => T | Promise<T>): Promise<T>;
  /** A tenant reports a damage in the portal; returns the command's id. */
  report(title?: string): string;
  /** Nothing is missing at the portal and nothing is too much, every command had one effect: by the oracle. Fails after half a minute. */
  converges(): Promise<OracleVerdict>;
}

const agentMain = "agent/main.ts";
const patience = { timeout: 45_000, interval: 100 };
const fewUnits = 4;
let databases = 0;
let payments = 0;

/** A company of some 60 rows, its portal, and a configuration that fits; not enrolled yet. */
export async function openSite(options: SiteOptions = {}): Promise<Site> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await tempDirectory()).path;
  const { server } = options;
  const database = `site_${process.pid}_${++databases}`;
  const account =
    server === undefined ? undefined : { user: `agent_${databases}`, password: `pw-${process.pid}-${Math.random()}`, database };
  const url = (user: string, password: string): string =>
    `mysql://${user}:${password}@${server?.host}:${server?.port}/${database}`;
  const owner = server === undefined ? sqlitePlace(join(folder, "erp.db")) : mysqlPlace(url(server.user, server.password));
  const place = account === undefined ? owner : mysqlPlace(url(account.user, account.password));
  const erp = opened.use(owner.open());
  await generateErp(erp, { units: options.units ?? fewUnits, seed: 5 });
  if (account !== undefined) {
    await erp.run(`CREATE USER '${account.user}'@'%' IDENTIFIED BY '${account.password}'`);
    await erp.run(`GRANT SELECT, INSERT, UPDATE ON ${database}.* TO '${account.user}'@'%'`);
  } else observed("sqlite", process.versions.sqlite ?? "");
  const tenant = await someTenant(erp);
  const portalStore = join(folder, "portal.db");
  const portal = { storePath: portalStore, random: Math.random, ...options.portal };
  let gateway = await openGateway(portal);
  opened.defer(() => gateway.close());
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
  const start = (script: string, args: readonly string[]): ChildProcess => {
    const env = { ...process.env, ERPFUSER_TEST_KILL_FILE: killFile };
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
    ...{ folder, configFile, state, erp, account },
    get gateway() {
      return gateway;
    },
    get agentId() {
      return agentId;
    },
    configure(more = {}, change = (text) => text) {
      const { dialect, connection } = place;
      writeFileSync(
        configFile,
        change(erpConfig({ dialect, connection, portalUrl: gateway.url, state, stage: "live", ...more })),
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
    run: () => watch(start(agentMain, ["--json", "run"]), told),
    runToBeKilled: () => watch(start("test/support/killed-agent.ts", []), told),
    killAt: (point) => writeFileSync(killFile, point),
    status: () => readStatusFile(state),
    async clerkWorks() {
      const [first] = await erp.query("SELECT MIN(SOLLNR) AS NR FROM SOLLSTELLUNG WHERE MANDANT = ?", [mainMandant]);
      const sql = "UPDATE SOLLSTELLUNG SET OFFEN = ?, AENDTS = ? WHERE MANDANT = ? AND SOLLNR = ?";
      expect(await erp.run(sql, [`${++payments}.50`, localStamp(Date.now()), mainMandant, first?.NR ?? ""])).toBe(1);
    },
    closePortal: () => gateway.close(),
    async reopenPortal() {
      gateway = await openGateway({ ...portal, port: Number(new URL(gateway.httpUrl).port) });
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
    async converges() {
      const judge = () => consultOracle({ erp, portalStore, ...(agentId === "" ? {} : { agentId }) });
      return await vi.waitFor(async () => {
        const verdict = await judge();
        expect(verdict).toMatchObject({ mismatches: 0, details: [] });
        expect(verdict.commands).toMatchObject({ appliedOnce: verdict.commands.issued, lost: 0, doubled: 0 });
        return verdict;
      }, patience);
    },
  };
  site.configure();
  const rest = opened.move();
  // Not spread: `agentId` is known only later.
  return Object.assign(site, { [Symbol.asyncDispose]: () => rest.disposeAsync() });
}

/** A rented unit and its tenant, by the ids that the configuration makes. */
async function someTenant(erp: ErpDb): Promise<{ unitId: string; reporterId: string }> {
  const sql =
    "SELECT * FROM MIETVERTRAG WHERE MANDANT = ? AND PERSNR <> '' AND STORNO <> 'J' AND LEERSTAND <> 'J' ORDER BY PERSNR LIMIT 1";
  const [row] = await erp.query(sql, [mainMandant]);
  const id = (...names: string[]): string => [mainMandant, ...names.map((name) => String(row?.[name]))].join(".");
  return { unitId: id("OBJNR", "HAUSNR", "WOHNNR"), reporterId: `${id("PERSNR")}.1` };
}

async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "close");
  child.kill(signal);
  await gone;
}

/** Reads all that a process says until it ends. */
async function saidBy(child: ChildProcess): Promise<Said> {
  const out = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      out[name] += text;
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  const last = out.stdout.trimEnd().split("\n").at(-1) ?? "";
  return { code: code ?? -1, document: last === "" ? {} : (JSON.parse(last) as Document), text: `${out.stdout}${out.stderr}` };
}

function watch(child: ChildProcess, told: (said: Said) => Said): Run {
  const lines: LogLine[] = [];
  let rest = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) lines.push(lineOf(part));
  });
  const ended = saidBy(child).then(told);
  ended.catch(() => undefined);
  let over: Said | undefined;
  void ended.then((said) => {
    over = said;
  });
  const stop = async (signal: NodeJS.Signals): Promise<void> => endChild(child, signal);
  return {
    ...{ pid: child.pid ?? 0, lines, ended },
    logged: (code) =>
      vi.waitFor(() => {
        const found = lines.find((line) => line.code === code);
        if (found === undefined && over !== undefined)
          expect.fail(`ended with ${over.code} before it said ${code}: ${over.text}`);
        expect(found, `a log line ${code} among ${lines.map((line) => line.code).join(" ")}`).toBeDefined();
        return found as LogLine;
      }, patience),
    async stop() {
      await stop("SIGTERM");
      return ended;
    },
    async kill9() {
      await stop("SIGKILL");
      await ended;
    },
    async [Symbol.asyncDispose]() {
      await stop("SIGTERM");
      await ended;
    },
  };
}

/** A crash's last words are no JSON. */
function lineOf(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: "error", message: text };
  }
}
