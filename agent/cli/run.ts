import { flushCompileCache } from "node:module";
import { join } from "node:path";
import { describeError, FuserError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import { openSecrets } from "../../config/secrets.ts";
import { type AgentParts, runAgent } from "../agent.ts";
import { type OpenLog, openLog } from "../log.ts";
import { requireStateDirectory } from "../store/open.ts";
import type { Register } from "./command.ts";
import { readConfiguration, requireSecrets } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { syncProgress } from "./progress.ts";
import type { Session } from "./session.ts";
import { agentVersion } from "./version.ts";

/** By then all that the agent needs is loaded. */
const loadedAfterMs = 3_000;

/** `erpfuser run`: the agent in the foreground, as the service runs it. */
export const run: Register = (program, start) => {
  program
    .command("run")
    .description("Run the agent in the foreground until it is stopped")
    .action(start((session) => runForeground(session, {})));
};

/** Runs the agent of a session; fault tests add their hooks. */
export async function runForeground(
  session: Session,
  hooks: Pick<AgentParts, "atPoint" | "onCommit" | "timing">,
): Promise<number> {
  const config = await readConfiguration(session);
  // Before anything is written there, and before the log would make the directory.
  requireStateDirectory(config.agent.state);
  const secrets = openSecrets(config.agent.state, { env: session.env });
  await requireSecrets(config, secrets);
  const log = agentLog(session, config);
  const progress = syncProgress(session.out);
  const { clock, random, env } = session;
  log.info("Starting", { version: agentVersion(), agent: config.agent.name, stage: config.agent.stage });
  // Node writes it at the end of a process: one that is killed would have to compile everything again at each start, which takes twice as long.
  const cancelFlush = clock.after(loadedAfterMs, flushCompileCache);
  try {
    await runAgent(
      { config, secrets, clock, random, log, env, agentVersion: agentVersion(), onProgress: progress.show, ...hooks },
      session.signal,
    );
    log.info("Stopped");
    return exitCodes.ok.code;
  } catch (error) {
    if (error instanceof FuserError) log.error(`Ended: ${describeError(error)}`, { code: error.code });
    else log.error("Ended by an error of ERP Fuser itself", { code: "bug" });
    throw error;
  } finally {
    cancelFlush();
    progress.end();
    await log.close();
  }
}

/** Where the log files are: beside the store, unless the configuration says another place. */
export const logDirectory = (config: Config): string => config.agent.logs ?? join(config.agent.state, "logs");

function agentLog(session: Session, config: Config): OpenLog {
  const terminal = session.out.interactive;
  return openLog({
    level: session.options.verbose ? "debug" : "info",
    clock: session.clock,
    directory: logDirectory(config),
    console: session.out.json || !terminal ? "json" : "human",
  });
}
