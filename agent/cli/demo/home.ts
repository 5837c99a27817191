/** The directory of one demo: the sample ERP (unless it is on a server), the portal's store, the agent's configuration and state, logs. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { FuserError } from "../../../base/errors.ts";

export interface Home extends Disposable {
  readonly directory: string;
  readonly erpFile: string;
  readonly portalStore: string;
  readonly configFile: string;
  /** The agent's state directory. */
  readonly state: string;
  /** File that takes what a process says. */
  logFile(name: string): string;
  /** What an earlier demo left for this one to go on with, under `--keep`. */
  readonly earlier: Note | undefined;
  /** Remembers what a later demo needs to go on with this company. */
  remember(note: Note): void;
}

/** What the demo remembers of itself. */
export interface Note {
  /** Where the ERP stands, without its password. */
  erp: string;
  units: number;
  portalPort: number;
  agentId: string;
}

const noteFile = "demo.json";
const pidFile = "demo.pid";

/**
 * Takes the directory for this process, emptied unless `keep`.
 * @throws FuserError `usage-demo-directory` when it holds something else, `state-demo-running` when another demo lives there
 */
export function openHome(path: string, { keep }: { keep: boolean }): Home {
  const directory = resolve(path);
  mkdirSync(directory, { recursive: true });
  const inside = readdirSync(directory);
  if (inside.length > 0 && !inside.includes(pidFile) && !inside.includes(noteFile)) throw notOurs(directory);
  refuseSecond(directory);
  if (!keep) for (const name of inside) rmSync(join(directory, name), { recursive: true, force: true });
  writeFileSync(join(directory, pidFile), String(process.pid));
  const state = join(directory, "agent");
  const logs = join(directory, "logs");
  for (const part of [state, logs]) mkdirSync(part, { recursive: true });
  const note = join(directory, noteFile);
  return {
    directory,
    state,
    erpFile: join(directory, "erp.db"),
    portalStore: join(directory, "portal.db"),
    configFile: join(directory, "erpfuser.yaml"),
    logFile: (name) => join(logs, `${name}.log`),
    earlier: existsSync(note) ? (JSON.parse(readFileSync(note, "utf8")) as Note) : undefined,
    remember: (what) => writeFileSync(note, `${JSON.stringify(what, null, 2)}\n`),
    // Kept for a demo that goes on: an empty mark that this directory is ours.
    [Symbol.dispose]: () => writeFileSync(join(directory, pidFile), ""),
  };
}

function refuseSecond(directory: string): void {
  const file = join(directory, pidFile);
  const pid = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  if (pid === 0 || pid === process.pid || !isAlive(pid)) return;
  throw new FuserError("config", `A demo runs here already (process ${pid})`, {
    code: "state-demo-running",
    operation: "start the demo",
    place: directory,
    hint: "End it with Ctrl-C, or give this one another place with --directory",
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function notOurs(directory: string): FuserError {
  return new FuserError("config", "This directory holds something else than a demo, and the demo would remove it", {
    code: "usage-demo-directory",
    operation: "start the demo",
    place: directory,
    hint: "Name an empty or new one with --directory",
  });
}
