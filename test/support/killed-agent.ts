/**
 * `erpfuser --config FILE run` that kills itself, as a power cut would, at the moment that a file names (ERPFUSER_TEST_KILL_FILE): one of
 * agent/commit-points.ts. The file is taken away first, so that it happens once.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { runForeground } from "../../agent/cli/run.ts";
import { createSession } from "../../agent/cli/session.ts";
import { systemClock } from "../../base/time.ts";

const { ERPFUSER_TEST_KILL_FILE: killFile = "", ...env } = process.env;
const [, , , config] = process.argv;
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());

function atPoint(point: string): void {
  if (!existsSync(killFile) || readFileSync(killFile, "utf8") !== point) return;
  rmSync(killFile);
  process.kill(process.pid, "SIGKILL");
}

const options = { config, json: true, verbose: false };
const session = createSession({ clock: systemClock, random: Math.random, signal: stop.signal, options, env });
process.exitCode = await runForeground(session, { atPoint });
