/** What fails right now, per source: said once in the log when it begins and once when it ends, not at each try. */
import { describeError, type FuserError, kindOf } from "../../base/errors.ts";
import type { Task } from "./lane.ts";
import { loseHistory } from "./lost-history.ts";
import type { Room } from "./parts.ts";

export interface Failure {
  code: string;
  message: string;
  since: number;
}

export interface Failures {
  readonly bySource: ReadonlyMap<string, Failure>;
  /** Notes a failure; lost history is acted upon at once. @throws the error itself when it is a bug */
  failed(task: Task, error: unknown): void;
  succeeded(task: Task): void;
}

export function createFailures(room: Room): Failures {
  const { clock, log } = room;
  const byTask = new Map<Task, Failure>();
  const bySource = new Map<string, Failure>();
  return {
    bySource,
    failed(task, error) {
      if (kindOf(error) === "bug") throw error;
      const { code, hint } = error as FuserError;
      const source = room.byName.get(task.source);
      const message = describeError(error);
      if (kindOf(error) === "history-lost" && source !== undefined) {
        log.error(message, { source: task.source, code });
        loseHistory(room, (error as FuserError).message);
        return;
      }
      if (kindOf(error) === "config") room.onConfigFailure?.();
      const before = byTask.get(task);
      const failure = { code, message, since: before?.since ?? clock.now() };
      byTask.set(task, failure);
      bySource.set(task.source, failure);
      if (before?.code === code) return;
      const fields = { source: task.source, code, hint };
      if (kindOf(error) === "transient") log.warn(message, fields);
      else log.error(message, fields);
    },
    succeeded(task) {
      const before = byTask.get(task);
      if (before === undefined) return;
      byTask.delete(task);
      const left = [...byTask].find(([other]) => other.source === task.source);
      if (left === undefined) bySource.delete(task.source);
      else bySource.set(task.source, left[1]);
      log.info("It works again", { source: task.source, code: before.code });
    },
  };
}
