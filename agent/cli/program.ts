import { Command, CommanderError } from "commander";
import { systemClock } from "../../base/time.ts";
import { check } from "./check.ts";
import type { Register, Start } from "./command.ts";
import { commands as portalCommands } from "./commands.ts";
import { demo } from "./demo.ts";
import { enrol } from "./enrol.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { goLive } from "./go-live.ts";
import { guard } from "./guard.ts";
import { init } from "./init.ts";
import { journal } from "./journal.ts";
import { logs } from "./logs.ts";
import { preview } from "./preview.ts";
import { quarantine } from "./quarantine.ts";
import { run } from "./run.ts";
import { secret } from "./secret.ts";
import { createSession, type GlobalOptions, type Session } from "./session.ts";
import { status } from "./status.ts";
import { sync } from "./sync.ts";
import { trace } from "./trace.ts";
import { version } from "./version.ts";

const registers: readonly Register[] = [
  run,
  demo,
  init,
  check,
  preview,
  enrol,
  goLive,
  secret,
  status,
  sync,
  trace,
  quarantine,
  guard,
  portalCommands,
  journal,
  logs,
  version,
];

/** Aborts on SIGINT and SIGTERM; a second SIGINT ends the process at once. */
function stopSignal(): { signal: AbortSignal; interrupted: () => boolean; dispose: () => void } {
  const controller = new AbortController();
  let interrupted = false;
  const onInterrupt = (): void => {
    if (interrupted) process.exit(exitCodes.interrupted.code);
    interrupted = true;
    controller.abort();
  };
  const onTerminate = (): void => controller.abort();
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  const dispose = (): void => {
    process.off("SIGINT", onInterrupt);
    process.off("SIGTERM", onTerminate);
  };
  return { signal: controller.signal, interrupted: () => interrupted, dispose };
}

/** An optional argument that was left out is `undefined` in commander's list. */
const isGiven = (argument: unknown): boolean => argument !== undefined;

/** Runs one command line; resolves with the exit code (agent/cli/exit-codes.ts). */
export async function runCommandLine(args: readonly string[], env: Session["env"]): Promise<number> {
  const stop = stopSignal();
  let exitCode: number = exitCodes.ok.code;
  const program = new Command("erpfuser")
    .description("Keeps a housing company's ERP database and its tenant portal in step, both ways, exactly once")
    .option("-c, --config <file>", "configuration file (default: ./erpfuser.yaml, then the system's place)")
    .option("--json", "print results as JSON", false)
    .option("-v, --verbose", "say more on stderr", false)
    .exitOverride();
  const start: Start =
    (work) =>
    async (...given) => {
      const command = given.at(-1) as Command;
      const global = command.optsWithGlobals<GlobalOptions>();
      const session = createSession({ clock: systemClock, random: Math.random, signal: stop.signal, options: global, env });
      try {
        exitCode = await work(session, command.processedArgs.flat().filter(isGiven).map(String), command.opts());
      } catch (error) {
        if (stop.interrupted()) exitCode = exitCodes.interrupted.code;
        else {
          session.out.failure(error);
          exitCode = exitCodeOf(error);
        }
      }
    };
  for (const register of registers) register(program, start);
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    exitCode = error.exitCode === 0 ? exitCodes.ok.code : exitCodes.usage.code;
  } finally {
    stop.dispose();
  }
  return exitCode;
}
