/**
 * The log's rotated files. A full disk or a directory that can't be written costs their lines and nothing else: it must not end the agent, and once
 * there is room again the files go on.
 */
import type { EventEmitter } from "node:events";
import { join } from "node:path";
import { Writable } from "node:stream";
import DailyRotateFile from "winston-daily-rotate-file";
import type { Clock } from "../base/time.ts";

export interface LogFilesOptions {
  directory: string;
  clock: Pick<Clock, "monotonic">;
  /** Told whenever a file fails. */
  onTrouble: (error: Error) => void;
}

/** A file that failed is opened again so much later, with the next line. */
const againAfterMs = 10_000;
/** Where winston keeps the line as formatted (triple-beam). */
const lineOf = Symbol.for("message");

/** A stream that takes one formatted line per write. */
export function openLogFiles({ directory, clock, onTrouble }: LogFilesOptions): Writable {
  let file: DailyRotateFile | undefined;
  let againAt = Number.NEGATIVE_INFINITY;
  const failed = (error: Error): void => {
    file = undefined;
    againAt = clock.monotonic() + againAfterMs;
    onTrouble(error);
  };
  const open = (): DailyRotateFile | undefined => {
    if (clock.monotonic() < againAt) return undefined;
    const opened = rotatedFile(directory);
    // The transport leaves its stream's errors to nobody, which would end the process.
    (opened as unknown as { logStream: EventEmitter }).logStream.on("error", (error: Error) => {
      if (file === opened) failed(error);
    });
    return opened;
  };
  return new Writable({
    decodeStrings: false,
    write(line: string, _, done) {
      try {
        file ??= open();
        file?.log?.({ [lineOf]: line }, () => undefined);
      } catch (error) {
        failed(error as Error);
      }
      done();
    },
    final(done) {
      if (file === undefined) return done();
      file.once("finish", () => done());
      file.close?.();
    },
  });
}

function rotatedFile(directory: string): DailyRotateFile {
  return new DailyRotateFile({
    dirname: directory,
    filename: "erpfuser-%DATE%.log",
    maxSize: "20m",
    maxFiles: "30d",
    auditFile: join(directory, ".rotation.json"),
    // The line brings its own end.
    ...{ eol: "" },
  });
}
