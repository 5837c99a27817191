/**
 * Looks whether the ERP's schema is still the one that the configuration was compiled against. An ERP is upgraded while the agent runs: what it drops must stop what
 * needs it within a minute, what it adds changes nothing, and what comes back goes on by itself.
 */
import { createHash } from "node:crypto";
import { FuserError, isAbort, kindOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Clock } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Connector, Table } from "../connectors/connector.ts";
import { createDoorbell } from "./capture/doorbell.ts";
import { inWindow } from "./capture/schedule.ts";
import { type Compiled, describeSource, tablesOf } from "./compile.ts";
import { compileWhatCan } from "./degrade.ts";
import { lackName } from "./schema-lacks.ts";

const lookEveryMs = 30_000;
/** Where the ERP takes long to describe itself it is asked less often: a sixtieth of its time at the most, but at least each hour. */
const restsFor = 60;
const lookAtLeastEveryMs = 3_600_000;
/** An upgrade seldom is one statement: once something has changed the next look comes sooner. */
const nextLookMs = 5_000;
/** Failures may be many: a look that they ask for comes no sooner behind the last one. */
const doubtedEveryMs = 2_000;

export interface SchemaWatch {
  /** Something failed as it would with another schema: it is looked at soon. */
  doubt(): void;
  /** Gives what is compiled anew once that is another result; undefined when the signal aborts. @throws what is a bug */
  run(signal: AbortSignal): Promise<Compiled | undefined>;
}

export interface SchemaWatchParts {
  config: Config;
  erp: Connector;
  clock: Clock;
  log: Log;
  compiled: Compiled;
  /** Compiled because something had changed. */
  again: boolean;
}

export function createSchemaWatch({ config, erp, clock, log, compiled, again }: SchemaWatchParts): SchemaWatch {
  const bell = createDoorbell(clock);
  const resultNow = resultOf(compiled, config);
  let seen: string | undefined;

  const look = async (signal: AbortSignal): Promise<Compiled | undefined> => {
    const outline = await outlineOf(config, erp, signal);
    if (outline === seen) return undefined;
    const now = await compileWhatCan(config, erp, signal);
    seen = outline;
    return resultOf(now, config) === resultNow ? undefined : now;
  };

  return {
    doubt: bell.ring,
    async run(signal) {
      let waitMs = again ? nextLookMs : lookEveryMs;
      try {
        for (;;) {
          const restedAt = clock.monotonic() + doubtedEveryMs;
          await bell.sleep(waitMs, signal);
          await clock.sleep(Math.max(0, restedAt - clock.monotonic()), signal);
          const began = clock.monotonic();
          if (!inWindow(config.erp.courtesy.blackout, clock.now(), config.erp.timezone)) {
            const changed = await look(signal).catch((error: unknown) => {
              if (isAbort(error) || kindOf(error) === "bug") throw error;
              // Whoever reads the ERP says so; here nothing is concluded from it.
              log.debug("The ERP's schema can't be looked at now", {
                code: error instanceof FuserError ? error.code : "unknown",
              });
              return undefined;
            });
            if (changed !== undefined) return changed;
          }
          waitMs = Math.min(lookAtLeastEveryMs, Math.max(lookEveryMs, restsFor * (clock.monotonic() - began)));
        }
      } catch (error) {
        if (signal.aborted || isAbort(error)) return undefined;
        throw error;
      }
    },
  };
}

/** What the ERP says of all that the configuration names: cheap to ask for, and to be looked into only when it has changed. */
async function outlineOf(config: Config, connector: Connector, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const tables = await connector.describe(signal, tablesOf(config));
  for (const { name, kind, columns, primaryKey, uniqueIndexes, transactional } of tables)
    hash.update(JSON.stringify([name, kind, columns, primaryKey, uniqueIndexes, transactional]));
  for (const source of config.sources) {
    // A plain table says nothing more of itself.
    const { from, where, deletes, fields } = source;
    const hasSql = from.kind === "query" || where !== undefined || deletes.flag !== undefined;
    if (!hasSql && !Object.values(fields).some(({ read }) => JSON.stringify(read).includes('"kind":"rows"'))) continue;
    const result = await describeSource(source, { config, connector, signal });
    const { described } = "described" in result ? result : {};
    hash.update(JSON.stringify("fault" in result ? result.fault.message : [described?.columns, described?.children]));
  }
  return hash.digest("hex");
}

/** Equal as long as the parts of the agent would be built in the same way. */
function resultOf({ mappings, sources, commands, lacks, written }: Compiled, config: Config): string {
  return JSON.stringify([
    mappings.map(({ source, fingerprint }) => [source, fingerprint]),
    sources.map(({ cursor, feed, children }) => [cursor, feed, children]),
    [...commands.values()].map(({ name, offer }) => [name, offer]),
    lacks.map(lackName).sort(),
    written.map((table) => [table.name, table.transactional, table.uniqueIndexes, columnsThatMatter(table, config)]),
  ]);
}

/** Columns that commands name, and those that an insert must fill; of others nobody takes notice. */
function columnsThatMatter({ columns }: Table, { commands }: Config): unknown[] {
  const words = new Set(
    JSON.stringify(commands)
      .toLowerCase()
      .match(/[\p{L}\p{N}_$#]+/gu),
  );
  return columns.filter(
    ({ name, nullable, hasDefault, autoIncrement }) =>
      words.has(name.toLowerCase()) || (!nullable && !hasDefault && !autoIncrement),
  );
}
