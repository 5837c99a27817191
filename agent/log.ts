import type { Writable } from "node:stream";
import winston from "winston";
import type { Log, LogFields, LogLevel } from "../base/log.ts";
import type { Clock } from "../base/time.ts";
import { openLogFiles } from "./log-files.ts";
import { humanLine } from "./log-line.ts";

export interface LogOptions {
  level: LogLevel;
  /** Directory of the rotated JSON files; none are written when undefined. */
  directory: string | undefined;
  /** Where people read along: `human` on a terminal, `json` for journald and the like, `off` for one-shot commands. */
  console: "human" | "json" | "off";
  clock: Pick<Clock, "monotonic">;
}

/** The winston log with the promise of operations.md: JSON lines, rotated by day and size, kept for 30 days; people read the console format. */
export interface OpenLog extends Log {
  /** Resolves when everything written has reached its file. */
  close(): Promise<void>;
}

const human = winston.format.printf((line) => `${String(line.timestamp).slice(11, 19)} ${humanLine(line)}`);

function transports(options: LogOptions, files: Writable | undefined): winston.transport[] {
  const all: winston.transport[] = [];
  if (options.console !== "off") {
    const format = options.console === "human" ? human : winston.format.json();
    // All levels on stderr: stdout belongs to what a command prints as its result.
    all.push(new winston.transports.Console({ format, stderrLevels: ["error", "warn", "info", "debug"] }));
  }
  if (files !== undefined) all.push(new winston.transports.Stream({ stream: files, format: winston.format.json() }));
  return all;
}

function wrap(logger: winston.Logger): Log {
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    logger.log(level, message, fields);
  };
  return {
    error: write("error"),
    warn: write("warn"),
    info: write("info"),
    debug: write("debug"),
    part: (name) => wrap(logger.child({ part: name })),
  };
}

/** Opens the agent's log. A log file that can't be written is told on stderr once and does not stop the agent. */
export function openLog(options: LogOptions): OpenLog {
  const { directory, clock } = options;
  let told = false;
  const onTrouble = (error: Error): void => {
    if (!told) process.stderr.write(`The log can't be written: ${error.message}. Check the log directory and the disk.\n`);
    told = true;
  };
  const files = directory === undefined ? undefined : openLogFiles({ directory, clock, onTrouble });
  const targets = transports(options, files);
  const logger = winston.createLogger({
    level: options.level,
    silent: targets.length === 0,
    format: winston.format.timestamp(),
    transports: targets,
  });
  logger.on("error", onTrouble);
  const close = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      logger.once("finish", () => resolve());
      logger.end();
    });
    await new Promise<void>((resolve) => (files === undefined ? resolve() : files.end(() => resolve())));
  };
  return { ...wrap(logger), close };
}
