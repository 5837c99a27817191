/**
 * The reference portal as a process that kills itself at a commit: `test/support/killed-portal.ts KIND:MOMENT:COUNT --store FILE ...`. KIND: `journal` (frames
 * and their ack), `apply` (into the tables). MOMENT: `before` or `after` the COMMIT itself. COUNT: at which such commit, from 1. The portal knows nothing of it.
 */
import { DatabaseSync, StatementSync } from "node:sqlite";

const [kind, moment, count] = (process.argv.splice(2, 1)[0] ?? "").split(":");
let writes: "journal" | "apply" | undefined;
let seen = 0;

const run = StatementSync.prototype.run as (...values: unknown[]) => unknown;
StatementSync.prototype.run = function (this: StatementSync, ...values: unknown[]) {
  if (this.sourceSQL.startsWith("INSERT INTO journal")) writes = "journal";
  if (this.sourceSQL.startsWith("DELETE FROM journal") || this.sourceSQL.startsWith("UPDATE journal")) writes = "apply";
  return run.apply(this, values);
} as typeof StatementSync.prototype.run;

const { exec } = DatabaseSync.prototype;
DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
  const isPoint = sql === "COMMIT" && writes === kind && ++seen === Number(count);
  if (sql === "COMMIT") writes = undefined;
  if (isPoint && moment === "before") process.kill(process.pid, "SIGKILL");
  exec.call(this, sql);
  if (isPoint && moment === "after") process.kill(process.pid, "SIGKILL");
};

await import("../../portal/main.ts");
