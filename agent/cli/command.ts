import type { Command } from "commander";
import type { Session } from "./session.ts";

/** What a command's file exports: adds itself to the program. */
export type Register = (program: Command, start: Start) => void;

/**
 * Makes commander's action of a command's work: opens the session from the global options, runs, turns an error into output and exit code.
 * The work resolves with its exit code (exit-codes.ts).
 */
export type Start = (
  work: (session: Session, args: readonly string[], options: Record<string, unknown>) => Promise<number>,
) => (...commanderArguments: unknown[]) => Promise<void>;
