/** Options whose values are checked before a command begins; a wrong one is an error of usage that names what is allowed. */
import { InvalidArgumentError, Option } from "commander";
import { durationMs } from "../../base/time.ts";

const most = 1_000_000;

/** `--limit <count>`: a whole number of at least 1. */
export function countOption(flags: string, description: string, standard: number): Option {
  return new Option(flags, description).default(standard).argParser(countOf);
}

/** A whole number from 1 to a million. @throws InvalidArgumentError */
export function countOf(text: string): number {
  const count = Number(text);
  if (/^\d{1,7}$/.test(text) && count >= 1 && count <= most) return count;
  throw new InvalidArgumentError(`Write a whole number from 1 to ${most}.`);
}

/** `--last <duration>`, as milliseconds. */
export function durationOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(durationOf);
}

/** Milliseconds of `90s`, `15m`, `2h`, `1d`. @throws InvalidArgumentError */
export function durationOf(text: string): number {
  const ms = durationMs(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new InvalidArgumentError("Write a number with its unit: 90s, 15m, 2h or 1d.");
}

/** `--state <state>`: one of a few words. */
export function choiceOption(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, description).choices(choices);
}
