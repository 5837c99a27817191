/** The store's schema by version, kept in SQLite's `user_version`. A newer file is refused, never touched. */
import { FuserError } from "../../base/errors.ts";
import type { Database } from "./database.ts";
import { begin } from "./migrations/0001-begin.ts";
import { asks } from "./migrations/0002-asks.ts";
import { pages } from "./migrations/0003-pages.ts";
import { quality } from "./migrations/0004-quality.ts";
import { guards } from "./migrations/0005-guards.ts";
import { lookups } from "./migrations/0006-lookups.ts";
import { outOfScope } from "./migrations/0007-out-of-scope.ts";
import { successions } from "./migrations/0008-successions.ts";
import { reuses } from "./migrations/0009-reuses.ts";

/** Entry n leads from version n to n + 1. */
export const migrations: readonly string[] = [begin, asks, pages, quality, guards, lookups, outOfScope, successions, reuses];

/**
 * Brings the file to this program's version, each step in a transaction of its own.
 * @throws FuserError `store-too-new` when a newer program has written the file
 */
export function migrate(database: Database, steps: readonly string[] = migrations): void {
  const version = versionOf(database);
  refuseNewer(database, version, steps.length);
  for (let step = version; step < steps.length; step++) {
    database.transaction(() => {
      database.exec(steps[step] as string);
      database.exec(`PRAGMA user_version = ${step + 1}`);
    }, "migrate");
  }
}

/** For a reader, which may not migrate. @throws FuserError `store-too-new` or `store-too-old` */
export function requireCurrent(database: Database): void {
  const version = versionOf(database);
  refuseNewer(database, version, migrations.length);
  if (version === migrations.length) return;
  throw new FuserError("config", "The state directory was written by an older version of the agent", {
    code: "store-too-old",
    operation: "open the store",
    place: database.file,
    hint: "Start the agent once: it brings its store up to date",
  });
}

function versionOf(database: Database): number {
  return Number(database.pragma("user_version"));
}

function refuseNewer(database: Database, version: number, known: number): void {
  if (version <= known) return;
  throw new FuserError("config", `The store has version ${version}, this program knows versions up to ${known}`, {
    code: "store-too-new",
    operation: "open the store",
    place: database.file,
    hint: "Install the newer program again; or delete the store's files, and the agent rebuilds its state by a full compare",
  });
}
