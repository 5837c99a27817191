import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type Connection, createConnection } from "mysql2/promise";

const startLimitMs = 120_000;
const stopLimitMs = 60_000;

export interface MariaDbAccess {
  host: string;
  port: number;
  user: string;
  password: string;
}

export interface MariaDb extends MariaDbAccess, AsyncDisposable {
  /** What `SELECT VERSION()` says. */
  readonly version: string;
  /** Process id; undefined while it is down. */
  readonly pid: number | undefined;
  /** Ends it as a crash would (SIGKILL) and leaves its data; `restart` brings it back on the same port. */
  kill9(): Promise<void>;
  /** Starts it again on the same port and data, after a clean shutdown where it still runs; returns once it answers. */
  restart(): Promise<void>;
  /** Creates an empty utf8mb4 database and returns how to reach it as the administrator. */
  createDatabase(name: string): Promise<MariaDbAccess & { database: string }>;
  /** A new connection as the administrator, without a database; the caller ends it. */
  connect(): Promise<Connection>;
  /** Ends it and removes its data; later calls do nothing. */
  stop(): Promise<void>;
}

interface Start {
  /** Path of mariadbd. */
  program: string;
  /** Empty directory for its data, socket and error log. */
  home: string;
  port: number;
  /** Appended to the command line. */
  extraFlags: string[];
  /** Called once it has been stopped for good. */
  remove: () => PromiseLike<void>;
}

/** Starts a MariaDB server with a data directory of its own and the row-based binary log that a feed needs; it ends with this process. */
export async function startMariaDb(start: Start): Promise<MariaDb> {
  const place: Place = { ...start, data: join(start.home, "data") };
  const access: MariaDbAccess = { host: "127.0.0.1", port: place.port, user: "root", password: randomUUID() };
  let running: ChildProcess | undefined;
  try {
    await cp(await template(place.program), place.data, { recursive: true });
    running = await launch(place, { ...access, password: "" });
    const version = await secure(access);
    return control({ place, access, version, process: running });
  } catch (error) {
    if (running) await end(running, "SIGKILL");
    await place.remove();
    throw error;
  }
}

interface Place extends Start {
  data: string;
}

interface Started {
  place: Place;
  access: MariaDbAccess;
  version: string;
  process: ChildProcess;
}

function control({ place, access, version, process: first }: Started): MariaDb {
  let running: ChildProcess | undefined = first;
  let stopped = false;
  const down = async (signal: NodeJS.Signals): Promise<void> => {
    if (running) await end(running, signal);
    running = undefined;
  };
  const server: MariaDb = {
    ...access,
    version,
    get pid() {
      return running?.exitCode === null && running.signalCode === null ? running.pid : undefined;
    },
    kill9: () => down("SIGKILL"),
    async restart() {
      if (stopped) throw new Error("this MariaDB was stopped and its data removed");
      await down("SIGTERM");
      running = await launch(place, access);
    },
    async createDatabase(name) {
      const connection = await server.connect();
      try {
        await connection.query("CREATE DATABASE ?? CHARACTER SET utf8mb4", [name]);
      } finally {
        await connection.end();
      }
      return { ...access, database: name };
    },
    connect: () => createConnection(access),
    async stop() {
      if (stopped) return;
      stopped = true;
      await down("SIGKILL");
      await place.remove();
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
  return server;
}

/** A data directory as the installer leaves it, made once per version and kept for later runs: copying takes a tenth of the time. */
async function template(program: string): Promise<string> {
  const run = promisify(execFile);
  const { stdout } = await run(program, ["--no-defaults", "--version"]);
  const version = /Ver (\S+)/.exec(stdout)?.[1] ?? "unknown";
  const cache = process.env.ERPFUSER_TEST_CACHE ?? tmpdir();
  const path = join(cache, `erpfuser-mariadb-${version}-${userInfo().uid}`);
  if (existsSync(path)) return path;
  const unfinished = `${path}.${randomUUID()}`;
  const flags = [
    "--no-defaults",
    `--datadir=${unfinished}`,
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
    ...asRoot(),
    ...small,
  ];
  await mkdir(unfinished, { recursive: true });
  await run(installProgram(program), flags).catch(async (error: unknown) => {
    await rm(unfinished, { recursive: true, force: true });
    throw new Error("mariadb-install-db failed", { cause: error });
  });
  // Of two that make it at the same time the later one finds the name taken and throws its own away.
  await rename(unfinished, path).catch(() => rm(unfinished, { recursive: true, force: true }));
  return path;
}

/** Debian keeps the installer beside the clients (/usr/bin), the server in /usr/sbin. */
function installProgram(program: string): string {
  const folders = [dirname(program), join(dirname(program), "../bin"), join(dirname(program), "../scripts")];
  return folders.map((folder) => join(folder, "mariadb-install-db")).find(existsSync) ?? "mariadb-install-db";
}

/** A redo log of 96 MB would have to be copied for each server. Every start must name the same size. */
const small = ["--innodb-log-file-size=16M"];

function asRoot(): string[] {
  return userInfo().uid === 0 ? ["--user=root"] : [];
}

/** Starts the server and returns once it lets us in; throws with the end of its error log when it ends before or takes too long. */
async function launch(place: Place, access: MariaDbAccess): Promise<ChildProcess> {
  const command = [
    ...endWithParent(),
    place.program,
    "--no-defaults",
    ...asRoot(),
    `--datadir=${place.data}`,
    // A server that starts clears temporary tables out of this directory, whoever made them.
    `--tmpdir=${place.home}`,
    `--port=${place.port}`,
    `--socket=${join(place.home, "s")}`,
    `--pid-file=${join(place.home, "pid")}`,
    "--bind-address=127.0.0.1",
    "--server-id=1",
    `--log-bin=${join(place.data, "bin")}`,
    "--binlog-format=ROW",
    "--binlog-row-image=FULL",
    "--binlog-row-metadata=FULL",
    "--character-set-server=utf8mb4",
    // Nothing waits for the disk: a killed server loses nothing by it, only a killed machine would.
    "--innodb-flush-method=nosync",
    ...small,
    ...place.extraFlags,
  ];
  const errorLog = join(place.home, "error.log");
  const log = await open(errorLog, "a");
  const child = spawn(command[0] ?? "", command.slice(1), { stdio: ["ignore", log.fd, log.fd] });
  await log.close();
  const deadline = performance.now() + startLimitMs;
  let last: unknown;
  while (child.exitCode === null && child.signalCode === null && performance.now() < deadline) {
    try {
      await (await createConnection(access)).end();
      return child;
    } catch (error) {
      last = error;
      await sleep(20);
    }
  }
  await end(child, "SIGKILL");
  const text = await readFile(errorLog, "utf8");
  throw new Error(`MariaDB did not start on port ${place.port}:\n${text.split("\n").slice(-25).join("\n")}`, { cause: last });
}

/** Where util-linux is there, the kernel ends the server when the test process is gone, however that ended. */
function endWithParent(): string[] {
  return existsSync("/usr/bin/setpriv") ? ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"] : [];
}

/** Ends the process and returns once it is gone; a process that does not heed the signal within a minute is killed. */
async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, "exit");
  child.kill("SIGCONT");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
  await gone;
  clearTimeout(timer);
}

/** Gives the administrator the password and returns the server's version. */
async function secure(access: MariaDbAccess): Promise<string> {
  const connection = await createConnection({ ...access, password: "" });
  try {
    const [rows] = await connection.query("SELECT VERSION() AS version");
    await connection.query("SET PASSWORD = PASSWORD(?)", [access.password]);
    return (rows as { version: string }[])[0]?.version ?? "unknown";
  } finally {
    await connection.end();
  }
}
