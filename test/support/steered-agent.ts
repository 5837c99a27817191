/**
 * `erpfuser --config FILE run` under a test's hand: it kills itself, as a power cut would, at the moment that a file names (ERPFUSER_TEST_KILL_FILE: one
 * of agent/commit-points.ts; the file is taken away first, so that it happens once), and its wall clock is off by the milliseconds that another
 * holds (ERPFUSER_TEST_CLOCK_FILE).
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { runForeground } from "../../agent/cli/run.ts";
import { createSession } from "../../agent/cli/session.ts";
import { type Clock, systemClock } from "../../base/time.ts";

const { ERPFUSER_TEST_KILL_FILE: killFile = "", ERPFUSER_TEST_CLOCK_FILE: clockFile = "", ...env } = process.env;
const [, , , config] = process.argv;
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());

function atPoint(point: string): void {
  if (!existsSync(killFile) || readFileSync(killFile, "utf8") !== point) return;
  rmSync(killFile);
  process.kill(process.pid, "SIGKILL");
}

const offsetMs = (): number => (existsSync(clockFile) ? Number(readFileSync(clockFile, "utf8")) : 0);
const clock: Clock = { ...systemClock, now: () => systemClock.now() + offsetMs() };
const options = { config, json: true, verbose: false };
const session = createSession({ clock, random: Math.random, signal: stop.signal, options, env });
// A store that was put back waits so long for the portal's word: it comes in milliseconds, where nobody cuts the link.
const timing = { askedWithinMs: 5_000 };
process.exitCode = await runForeground(session, { atPoint, timing });
