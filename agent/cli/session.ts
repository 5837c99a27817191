import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { FuserError } from "../../base/errors.ts";
import type { Clock, Random } from "../../base/time.ts";
import { createOutput, type Output } from "./output.ts";

/** Options that every command takes. */
export interface GlobalOptions {
  /** Path of the configuration as given on the command line. */
  config: string | undefined;
  json: boolean;
  verbose: boolean;
}

/** What a command works with; made once in main.ts, so that tests bring their own. */
export interface Session {
  clock: Clock;
  random: Random;
  /** Aborted by SIGINT and SIGTERM. */
  signal: AbortSignal;
  options: GlobalOptions;
  out: Output;
  env: Readonly<Record<string, string | undefined>>;
}

export function createSession(parts: Omit<Session, "out">): Session {
  return { ...parts, out: createOutput(parts.options.json) };
}

/** Where the configuration is looked for when `--config` does not say (operations.md, "Paths"). */
function defaultPlaces(env: Session["env"]): string[] {
  const system =
    process.platform === "win32"
      ? join(env.ProgramData ?? "C:\\ProgramData", "ErpFuser", "config", "erpfuser.yaml")
      : "/etc/erpfuser/erpfuser.yaml";
  return [resolve("erpfuser.yaml"), system];
}

/** Path of the configuration file. Throws `config-not-found` with the places looked at. */
export function configFile(session: Session): string {
  const named = session.options.config ?? session.env.ERPFUSER_CONFIG;
  const places = named === undefined ? defaultPlaces(session.env) : [resolve(named)];
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new FuserError("config", "No configuration found", {
    code: "config-not-found",
    operation: "find the configuration",
    place: places.join(", "),
    hint: "Name it with --config, or write a first one with `erpfuser init`.",
  });
}
