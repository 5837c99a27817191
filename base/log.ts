export type LogLevel = "error" | "warn" | "info" | "debug";

/** Facts of a log line beside its message. Never row values, never secrets. */
export interface LogFields {
  /** Name of the source of the mapping. */
  source?: string;
  /** Documented error or event code. */
  code?: string;
  [field: string]: string | number | boolean | undefined;
}

/** What every part writes its log through; the winston one is built in agent/, tests bring a collecting one. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** The same log, each line marked with the part that wrote it. */
  part(name: string): Log;
}

/** A log that keeps nothing, for tests and one-shot commands. */
export const silentLog: Log = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  part() {
    return silentLog;
  },
};
