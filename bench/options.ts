import { parseArgs } from "node:util";
import { metrics, type Part } from "./metrics.ts";

export interface Options {
  rows: number;
  rounds: number;
  json: boolean;
  parts: ReadonlySet<Part>;
  /** Directory for the processes' profiles; undefined: none are made. */
  profiles: string | undefined;
}

export const usage = `usage: npm run bench [-- OPTIONS]
  --rows N       utilisation periods, in thousands (default 1000000); the figures of the table hold for a million
  --rounds N     measurements of each ratio, interleaved with the yardstick (default 5)
  --only NAMES   metrics or parts, with commas between: ${[...new Set(metrics.map(({ part }) => part))].join(", ")}
  --full         memory at five million rows as well, which takes several minutes
  --profile DIR  leave a .cpuprofile of gateway and agent of each round there, and name the functions that took most of the time
  --json         one JSON object on stdout`;

/** Parts that take so long that they are only run when asked for. */
const onDemand: ReadonlySet<Part> = new Set(["memory5m"]);

/** @throws Error with what is wrong */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: "string", default: "1000000" },
      rounds: { type: "string", default: "5" },
      only: { type: "string" },
      full: { type: "boolean", default: false },
      profile: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const rows = whole("--rows", values.rows, 1_000);
  if (rows % 1_000 !== 0) throw new Error("--rows must be a multiple of 1000");
  const parts = values.only === undefined ? defaultParts(values.full) : partsNamed(values.only);
  return { rows, rounds: whole("--rounds", values.rounds, 1), json: values.json, parts, profiles: values.profile };
}

function defaultParts(full: boolean): ReadonlySet<Part> {
  return new Set(metrics.map(({ part }) => part).filter((part) => full || !onDemand.has(part)));
}

function partsNamed(text: string): ReadonlySet<Part> {
  return new Set(
    text.split(",").map((name) => {
      const metric = metrics.find((candidate) => candidate.name === name || candidate.part === name);
      if (metric === undefined) throw new Error(`There is no metric or part ${name}`);
      return metric.part;
    }),
  );
}

function whole(name: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least) throw new Error(`${name} must be a whole number from ${least} on`);
  return number;
}
