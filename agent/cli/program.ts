import { Command, CommanderError } from "commander";
import { FuserError, isAbort } from "../../base/errors.ts";
import { systemClock } from "../../base/time.ts";
import type { Register, Start } from "./command.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { createOutput } from "./output.ts";
import { createSession, type GlobalOptions, type Session } from "./session.ts";

/** Every command by its name; only the one that is asked for is loaded, which saves time and memory. */
const registers: Readonly<Record<string, () => Promise<Register>>> = {
  run: async () => (await import("./run.ts")).run,
  demo: async () => (await import("./demo.ts")).demo,
  init: async () => (await import("./init.ts")).init,
  check: async () => (await import("./check.ts")).check,
  grants: async () => (await import("./grants.ts")).grants,
  preview: async () => (await import("./preview.ts")).preview,
  enrol: async () => (await import("./enrol.ts")).enrol,
  "go-live": async () => (await import("./go-live.ts")).goLive,
  secret: async () => (await import("./secret.ts")).secret,
  status: async () => (await import("./status.ts")).status,
  sync: async () => (await import("./sync.ts")).sync,
  trace: async () => (await import("./trace.ts")).trace,
  rekey: async () => (await import("./rekey.ts")).rekey,
  quarantine: async () => (await import("./quarantine.ts")).quarantine,
  quality: async () => (await import("./quality.ts")).quality,
  guard: async () => (await import("./guard.ts")).guard,
  feed: async () => (await import("./feed.ts")).feed,
  commands: async () => (await import("./commands.ts")).commands,
  journal: async () => (await import("./journal.ts")).journal,
  logs: async () => (await import("./logs.ts")).logs,
  model: async () => (await import("./schemas.ts")).model,
  protocol: async () => (await import("./schemas.ts")).protocol,
  version: async () => (await import("./version.ts")).version,
};

/** The commands that a command line may mean: those that it names, or all of them for help and for a name that is none. */
function loaded(args: readonly string[]): Promise<Register[]> {
  const named = Object.entries(registers).filter(([name]) => args.includes(name));
  const wanted = named.length === 0 || args.includes("help") ? Object.entries(registers) : named;
  return Promise.all(wanted.map(([, load]) => load()));
}

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

/** What commander says of a command line, as an error of ours. */
function misunderstood(error: CommanderError): FuserError {
  const message = error.code === "commander.help" ? "No command was given" : error.message.replace(/^error: /, "");
  return new FuserError("config", message.replace(/\s*\n\s*/g, " "), {
    code: "usage",
    operation: "read the command line",
    hint: "See `erpfuser help`, or --help after a command",
  });
}

/** An optional argument that was left out is `undefined` in commander's list. */
const isGiven = (argument: unknown): boolean => argument !== undefined;

/** Runs one command line; resolves with the exit code (agent/cli/exit-codes.ts). */
export async function runCommandLine(args: readonly string[], env: Session["env"]): Promise<number> {
  const stop = stopSignal();
  let exitCode: number = exitCodes.ok.code;
  const json = args.includes("--json");
  const program = new Command("erpfuser")
    .description("Keeps a housing company's ERP database and its tenant portal in step, both ways, exactly once")
    .option("-c, --config <file>", "configuration file (default: ./erpfuser.yaml, then the system's place)")
    .option("--json", "print results as JSON", false)
    .option("-v, --verbose", "say more on stderr", false)
    .showHelpAfterError("See `erpfuser help`, or --help after a command.")
    .configureOutput(json ? { writeErr() {} } : {})
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
        if (stop.interrupted() || isAbort(error)) exitCode = exitCodes.interrupted.code;
        else {
          session.out.failure(error);
          exitCode = exitCodeOf(error);
        }
      }
    };
  for (const register of await loaded(args)) register(program, start);
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    exitCode = error.exitCode === 0 ? exitCodes.ok.code : exitCodes.usage.code;
    if (json && exitCode !== exitCodes.ok.code) createOutput(json).failure(misunderstood(error));
  } finally {
    stop.dispose();
  }
  return exitCode;
}
