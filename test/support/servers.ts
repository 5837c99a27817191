// What tests borrow from the machine: real servers (which there are, which must be there, which were seen at work), ports, directories.
import { execFileSync } from "node:child_process";
import { accessSync, appendFileSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type MariaDb, startMariaDb } from "./mariadb.ts";
import { npmPostgres, type Postgres, type PostgresProgram, startPostgres, systemPostgres } from "./postgres.ts";

export type Server = "mariadb" | "postgres" | "sshd" | "chromium";

const programs: Record<Server, string[]> = {
  mariadb: ["mariadbd", "mysqld"],
  postgres: ["postgres"],
  sshd: ["sshd"],
  chromium: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
};

/** Every server that some test knows how to start. */
export const knownServers = Object.keys(programs) as Server[];

/** Servers whose absence fails the tests that need them: ERPFUSER_TEST_REQUIRE, names with commas between. */
export function requiredServers(): string[] {
  return (process.env.ERPFUSER_TEST_REQUIRE ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** Path of the server's program on PATH or in the system's folders; undefined when it is not installed. */
export function findServer(server: Server): string | undefined {
  if (server === "postgres") return postgresPath();
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  for (const program of programs[server]) {
    for (const folder of folders) {
      const path = join(folder, program);
      if (isExecutable(path) && (server !== "mariadb" || isMariaDb(path))) return path;
    }
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `mysqld` may be Oracle's MySQL, which is set up in another way. */
function isMariaDb(path: string): boolean {
  try {
    return execFileSync(path, ["--no-defaults", "--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).includes(
      "MariaDB",
    );
  } catch {
    return false;
  }
}

/**
 * Whether tests that need `server` are to run: `describe.skipIf(!has("mariadb"))`. A server that is required counts as there, so that
 * its absence fails them. The absence is noted for the table at the end of `npm test`.
 */
export function has(server: Server): boolean {
  if (findServer(server) !== undefined || requiredServers().includes(server)) return true;
  note({ server, missing: true });
  return false;
}

/** Path of the server's program; throws when it is not installed. */
export function programOf(server: Server): string {
  const program = findServer(server);
  if (program === undefined) throw new Error(`${server} is not installed: none of ${programs[server].join(", ")} was found`);
  return program;
}

/** Starts a private MariaDB on a free loopback port, empty but for its system tables; disposing it ends it and removes its data. */
export async function mariadb(options: { extraFlags?: string[] } = {}): Promise<MariaDb> {
  const program = programOf("mariadb");
  const home = await tempDirectory();
  const remove = (): PromiseLike<void> => home[Symbol.asyncDispose]();
  const server = await startMariaDb({
    program,
    home: home.path,
    port: await freePort(),
    extraFlags: options.extraFlags ?? [],
    remove,
  });
  observed("mariadb", server.version);
  return server;
}

/** The one of the system's packages: it is what `postgres` names, and must be there where it is required. Debian keeps it off PATH. */
function postgresPath(): string | undefined {
  const program = systemPostgres();
  return program && join(program.bin, "postgres");
}

/** Every PostgreSQL of this machine: that of npm, which nearly every machine has, and that of the system's packages. */
export function postgresPrograms(): PostgresProgram[] {
  has("postgres");
  return [npmPostgres(), systemPostgres()].filter((program) => program !== undefined);
}

/** Starts a private PostgreSQL on a free loopback port; disposing it ends it and removes its data. */
export async function postgres(
  options: { program?: PostgresProgram; settings?: string[]; follows?: Postgres } = {},
): Promise<Postgres> {
  const program = options.program ?? npmPostgres() ?? systemPostgres();
  if (program === undefined) throw new Error("PostgreSQL is not installed");
  const home = await tempDirectory();
  const remove = (): PromiseLike<void> => home[Symbol.asyncDispose]();
  const server = await startPostgres({
    program,
    home: home.path,
    port: await freePort(),
    settings: options.settings ?? [],
    follows: options.follows,
    remove,
  });
  observed("postgres", server.version);
  return server;
}

/** Notes for the table of `npm test` that this version of a server was really at work. */
export function observed(server: Server | "sqlite", version: string): void {
  note({ server, version });
}

export interface ServerNote {
  server: Server | "sqlite";
  version?: string;
  missing?: boolean;
}

function note(what: ServerNote): void {
  const file = process.env.ERPFUSER_TEST_NOTES;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(what)}\n`);
}

export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

/** A new empty directory that is removed with all it holds when disposed. */
export async function tempDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), "erpfuser-test-"));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/**
 * A loopback port on which nobody listens. It lies below the range from which systems hand out ports to outgoing connections (Linux
 * 32768, others 49152), so that a server which is killed and restarted on it does not find it taken by somebody's socket.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
