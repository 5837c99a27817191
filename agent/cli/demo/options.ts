import { join } from "node:path";
import { FuserError } from "../../../base/errors.ts";
import { root } from "./child.ts";

export interface DemoOptions {
  once: boolean;
  units: number;
  /** `mysql://…`, `postgres://…` or `csv:FOLDER`; SQLite when not given. */
  erp: string | undefined;
  /** The database's own feed, on which the sources live. */
  feed: string | undefined;
  keep: boolean;
  reset: boolean;
  directory: string;
  port: number | undefined;
  erpPort: number | undefined;
  /** Business events per second while it lives. */
  rate: number;
  /** Seconds after which `--once` gives up waiting for rest. */
  restWithinSeconds: number;
}

/** Options from the command line. @throws FuserError `usage-demo-…` */
export function readOptions(given: Record<string, unknown>): DemoOptions {
  const number = (name: string, low: number, high: number): number | undefined => {
    const text = given[name];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (Number.isFinite(value) && value >= low && value <= high) return value;
    throw new FuserError("config", `--${kebab(name)} is a number from ${low} to ${high}, not ${String(text)}`, {
      code: `usage-demo-${kebab(name)}`,
      operation: "read the command line",
    });
  };
  const whole = (name: string, low: number, high: number): number | undefined => {
    const value = number(name, low, high);
    return value === undefined ? undefined : Math.floor(value);
  };
  return {
    once: given.once === true,
    units: whole("units", 10, 100_000) ?? 200,
    erp: given.erp as string | undefined,
    // Many know PostgreSQL's feed by the plugin that writes it.
    feed: given.feed === "pgoutput" ? "logical-replication" : (given.feed as string | undefined),
    keep: given.keep === true,
    reset: given.reset === true,
    directory: (given.directory as string | undefined) ?? join(root, ".demo"),
    port: whole("port", 1, 65_535),
    erpPort: whole("erpPort", 1, 65_535),
    rate: number("rate", 0, 100) ?? 1,
    restWithinSeconds: whole("restWithin", 1, 86_400) ?? 300,
  };
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
