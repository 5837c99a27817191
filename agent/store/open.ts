/** Opens the store of a state directory: for the agent, which owns it, or for a CLI command that looks in while the agent runs. */
import { randomBytes } from "node:crypto";
import { accessSync, constants, existsSync, renameSync, statSync } from "node:fs";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { type ErrorDetails, FuserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Clock } from "../../base/time.ts";
import { createAsks } from "./asks.ts";
import { createCheckpoints } from "./checkpoints.ts";
import { Database } from "./database.ts";
import { createEntities } from "./entities/entities.ts";
import { createFacts } from "./facts.ts";
import { createFindings } from "./findings.ts";
import { createGuards } from "./guards.ts";
import { createInbox } from "./inbox.ts";
import { createJournal, type JournalLimits } from "./journal.ts";
import { lockDirectory } from "./lock.ts";
import { createLookups } from "./lookups.ts";
import { createMeta } from "./meta.ts";
import { migrate, requireCurrent } from "./migrate.ts";
import { createNames } from "./names.ts";
import { createOutOfScope } from "./out-of-scope.ts";
import { createOutbox } from "./outbox.ts";
import { createPending } from "./pending.ts";
import { createQuarantine } from "./quarantine.ts";
import { createReuses } from "./reuses.ts";
import { createSources } from "./sources.ts";
import { isDamage, storeError } from "./sqlite-errors.ts";
import type { CommitHook, Store, StoreReader } from "./store.ts";
import { createSuccessions } from "./successions.ts";

export interface StoreOptions {
  /** State directory; it must exist. */
  directory: string;
  clock: Clock;
  log: Log;
  /** Days that a settled command's payload is kept; default 30. */
  commandKeepDays?: number;
  /** Default: 90 days, 100 MB. */
  journal?: JournalLimits;
  /** Draws the key of the facts' hashes; default: 128 bits of the machine's chance. */
  drawKey?: () => string;
  /** Fault tests kill the process here. */
  onCommit?: CommitHook;
}

const dayMs = 86_400_000;
const storeFile = "store.db";
const defaultJournal: JournalLimits = { keepDays: 90, maxBytes: 100 * 1024 * 1024 };

/**
 * Opens or makes the store and locks its directory for this process. A damaged file is set aside under a dated name and a new store begins
 * (`wasSetAside`).
 * @throws FuserError `state-directory-missing`, `state-directory-not-writable`, `state-in-use`, `store-too-new`, `store-full`
 */
export function openStore(options: StoreOptions): Store {
  const { directory, log } = options;
  requireStateDirectory(directory);
  const lock = lockDirectory(directory);
  try {
    const file = path.join(directory, storeFile);
    let wasSetAside: string | undefined;
    let database = openSound(file, options.onCommit);
    if (database === undefined) {
      wasSetAside = setAside(file, options.clock.now());
      const hint = "Nothing was deleted; the agent rebuilds its state by a full compare";
      log.error("The store's file was damaged and is set aside", { code: "store-set-aside", file: wasSetAside, hint });
      database = openSound(file, options.onCommit);
    }
    if (database === undefined)
      throw new FuserError("bug", "A new store is damaged", { code: "store-damaged", operation: "open the store", place: file });
    return assemble(database, options, { wasSetAside, release: () => lock.release() });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A store on a database that somebody else has opened and keeps for this agent alone: nothing is locked, checked or set aside. */
export function openStoreOn(sqlite: DatabaseSync, options: Omit<StoreOptions, "directory">): Store {
  const database = new Database(sqlite, { hook: options.onCommit });
  migrate(database);
  return assemble(database, options, { wasSetAside: undefined, release() {} });
}

/** The store as it stands, brought to this version; undefined when the file is damaged. */
function openSound(file: string, hook: CommitHook | undefined): Database | undefined {
  let database: Database | undefined;
  try {
    database = new Database(file, { hook });
    // Reads every page once: a truncated or torn file shows here, not weeks later.
    if (database.pragma("quick_check(1)") === "ok") {
      migrate(database);
      return database;
    }
  } catch (error) {
    const damaged = isDamage(error) || isDamage((error as Error).cause);
    if (!damaged) {
      database?.close();
      throw storeError(error, file);
    }
  }
  database?.close();
  return undefined;
}

/** Moves the file and what belongs to it out of the way. Returns its new path. */
function setAside(file: string, now: number): string {
  const stamp = new Date(now).toISOString().replace(/[:.]/g, "-");
  let target = `${file}.damaged-${stamp}`;
  for (let copy = 2; existsSync(target); copy++) target = `${file}.damaged-${stamp}-${copy}`;
  for (const suffix of ["-wal", "-shm", ""]) if (existsSync(file + suffix)) renameSync(file + suffix, target + suffix);
  return target;
}

function assemble(
  database: Database,
  options: Omit<StoreOptions, "directory">,
  held: { wasSetAside: string | undefined; release(): void },
): Store {
  const parts = createParts(database, options);
  const { meta, outbox, entities, successions } = parts;
  const endCheckpoints = createCheckpoints(database, options.clock);
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    endCheckpoints();
    try {
      outbox.flush();
    } finally {
      database.close();
      held.release();
    }
  };
  return {
    ...parts,
    wasSetAside: held.wasSetAside,
    transaction: (action, name) => database.transaction(action, name),
    repeatable: (action, name) => database.repeatable(action, name),
    get commits() {
      return database.commits;
    },
    renewEpoch(epoch) {
      database.transaction(() => {
        meta.set("epoch", epoch);
        outbox.restart();
        entities.voidAll();
        successions.owe();
        database.exec("UPDATE source SET reconciled = 0");
        // Results are told again in the new epoch, where a number of the old one would name another item.
        database.exec("UPDATE command SET result = json_remove(result, '$.seq') WHERE json_extract(result, '$.seq') IS NOT NULL");
      }, "renew-epoch");
    },
    close,
    async [Symbol.asyncDispose]() {
      close();
    },
  };
}

function createParts(database: Database, options: Pick<StoreOptions, "commandKeepDays" | "journal" | "clock" | "drawKey">) {
  const names = createNames(database);
  const meta = createMeta(database);
  // Before the pending keys: a commit tells the channel first, which then sends before the drain looks for what is due.
  const outbox = createOutbox(database, meta);
  return {
    meta,
    outbox,
    sources: createSources(database, names),
    pending: createPending(database, names),
    entities: createEntities(database, names),
    facts: createFacts(database, names, { meta, drawKey: options.drawKey ?? (() => randomBytes(16).toString("hex")) }),
    findings: createFindings(database, names),
    lookups: createLookups(database, names),
    outOfScope: createOutOfScope(database, names),
    successions: createSuccessions(database, names),
    reuses: createReuses(database, names),
    inbox: createInbox(database, names, { clock: options.clock, payloadKeepMs: (options.commandKeepDays ?? 30) * dayMs }),
    quarantine: createQuarantine(database, names),
    guards: createGuards(database, names),
    journal: createJournal(database, options.journal ?? defaultJournal),
    asks: createAsks(database),
  };
}

/**
 * Looks into a store while its agent runs, or while none does; only questions (`asks`) can be left.
 * @throws FuserError `store-missing`, `store-too-new`, `store-too-old`, `store-damaged`
 */
export function openStoreForReading(directory: string, clock: Clock): StoreReader {
  requireDirectory(directory, constants.R_OK | constants.X_OK);
  const file = path.join(directory, storeFile);
  if (!existsSync(file)) {
    throw new FuserError("config", "There is no store yet", {
      code: "store-missing",
      operation: "open the store",
      place: directory,
      hint: "Start the agent once, or name its configuration",
    });
  }
  const database = opened(file, true);
  try {
    requireCurrent(database);
    const parts = createParts(database, { clock });
    const post = (...ask: Parameters<typeof parts.asks.post>): number => {
      const writer = opened(file, false);
      try {
        return createAsks(writer).post(...ask);
      } finally {
        writer.close();
      }
    };
    return { ...parts, asks: { post, answerOf: parts.asks.answerOf }, [Symbol.dispose]: () => database.close() };
  } catch (error) {
    database.close();
    throw error;
  }
}

function opened(file: string, readOnly: boolean): Database {
  try {
    return new Database(file, { readOnly });
  } catch (error) {
    throw storeError(error, file);
  }
}

/**
 * The directory that an agent is going to write to.
 * @throws FuserError `state-directory-missing`, `state-directory-not-writable`
 */
export function requireStateDirectory(directory: string): void {
  requireDirectory(directory, constants.R_OK | constants.W_OK | constants.X_OK);
}

function requireDirectory(directory: string, rights: number): void {
  let isThere: boolean | undefined;
  try {
    // Throws where a directory above it may not be entered.
    isThere = statSync(directory, { throwIfNoEntry: false })?.isDirectory();
    if (isThere) accessSync(directory, rights);
  } catch (cause) {
    const hint = "Give the agent's account the right to read and write it";
    const details = { code: "state-directory-not-writable", place: directory, hint, cause };
    throw directoryError("The agent's account may not use the state directory", details);
  }
  if (isThere) return;
  const hint = "Make the directory, owned by the agent's account, or set `agent.state` to another one";
  throw directoryError("The state directory does not exist", { code: "state-directory-missing", place: directory, hint });
}

function directoryError(message: string, details: Omit<ErrorDetails, "operation">): FuserError {
  return new FuserError("config", message, { ...details, operation: "open the store" });
}
