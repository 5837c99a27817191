import { join } from "node:path";
import winston from "winston";
import DailyRotateFile from "winston-daily-rotate-file";
import type { Log, LogFields, LogLevel } from "../base/log.ts";

export interface LogOptions {
  level: LogLevel;
  /** Directory of the rotated JSON files; none are written when undefined. */
  directory: string | undefined;
  /** Where people read along: `human` on a terminal, `json` for journald and the like, `off` for one-shot commands. */
  console: "human" | "json" | "off";
}

/** The winston log with the promise of operations.md: JSON lines, rotated by day and size, kept for 30 days; people read the console format. */
export interface OpenLog extends Log {
  /** Resolves when everything written has reached its file. */
  close(): Promise<void>;
}

const human = winston.format.printf((line) => `${String(line.timestamp).slice(11, 19)} ${humanLine(line)}`);

/** A log line for people, without its time: level, where, message, code and its further facts. */
export function humanLine(line: Readonly<Record<string, unknown>>): string {
  const { timestamp: _, level, message, part, source, code, hint, ...facts } = line;
  const where = [part, source].filter(Boolean).join("/");
  const rest = Object.entries(facts).filter(([, value]) => value !== undefined);
  const told = rest.length === 0 ? "" : ` (${rest.map(([name, value]) => `${name} ${value}`).join(", ")})`;
  const what = `${where ? `${where}: ` : ""}${message}${told}${code ? ` [${code}]` : ""}`;
  // An error's text brings its hint already.
  return `${String(level).padEnd(5)} ${what}${hint === undefined || String(message).includes(String(hint)) ? "" : `. ${hint}`}`;
}

function transports(options: LogOptions): winston.transport[] {
  const all: winston.transport[] = [];
  if (options.console !== "off") {
    const format = options.console === "human" ? human : winston.format.json();
    // All levels on stderr: stdout belongs to what a command prints as its result.
    all.push(new winston.transports.Console({ format, stderrLevels: ["error", "warn", "info", "debug"] }));
  }
  if (options.directory !== undefined) {
    all.push(
      new DailyRotateFile({
        dirname: options.directory,
        filename: "erpfuser-%DATE%.log",
        maxSize: "20m",
        maxFiles: "30d",
        auditFile: join(options.directory, ".rotation.json"),
        format: winston.format.json(),
      }),
    );
  }
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
  const targets = transports(options);
  const logger = winston.createLogger({
    level: options.level,
    silent: targets.length === 0,
    format: winston.format.timestamp(),
    transports: targets,
  });
  let told = false;
  logger.on("error", (error: Error) => {
    if (!told) process.stderr.write(`The log can't be written: ${error.message}. Check the log directory and the disk.\n`);
    told = true;
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      logger.once("finish", () => resolve());
      logger.end();
    });
  return { ...wrap(logger), close };
}
