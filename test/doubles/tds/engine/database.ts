import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Catalogue, type CatalogueTable, createViews, fillView, fillViews } from "./catalogue.ts";
import { fillPermissions } from "./permission-views.ts";
import { Permissions } from "./permissions.ts";
import { fillRoutines, type Routine } from "./procedures.ts";

export interface DatabaseOptions {
  name: string;
  /** READ_COMMITTED_SNAPSHOT, ALLOW_SNAPSHOT_ISOLATION. */
  versions?: { committed: boolean; snapshot: boolean };
  /** `@@SERVERNAME`. */
  server?: string;
  /** Its id in an availability group, the same on every replica. */
  group?: string;
  /** A secondary replica: it refuses to write. */
  secondary?: boolean;
  /** Until the passwords of logins expire, as LOGINPROPERTY says it. */
  passwordDays?: bigint;
}

/** Someone who may hold locks. */
export interface Holder {
  readonly id: number;
  readonly login: string;
  readonly program: string;
}

/**
 * The double's one database: a file of SQLite with a write-ahead log, which gives real transactions, snapshots and locks (of the whole database), and a
 * catalogue of what T-SQL declared.
 */
export class TdsDatabase {
  readonly options: DatabaseOptions;
  readonly catalogue = new Catalogue();
  readonly permissions = new Permissions();
  /** Procedures and functions, by their names in lower case. */
  readonly routines = new Map<string, Routine>();
  /** Last number of each sequence, by its name in lower case. */
  readonly sequences = new Map<string, bigint>();
  /** Locks of `sp_getapplock` by resource. */
  readonly appLocks = new Map<string, Holder>();
  readonly sessions = new Set<Holder>();
  /** First ROWVERSION that each open transaction gave out. */
  readonly openVersions = new Map<Holder, bigint>();
  readonly brokerId = "0F0E0D0C-0B0A-4908-8706-050403020100";
  /** Last ROWVERSION given out. */
  rowVersion = 2_000n;
  /** Change tracking: version of the last commit that changed a tracked table; undefined while it is off. */
  tracked: bigint | undefined;
  readonly minimumVersions = new Map<string, bigint>();
  /** At which version each table's tracking began, by name. */
  readonly beginVersions = new Map<string, bigint>();
  /** Is called as MIN_ACTIVE_ROWVERSION() is evaluated: what commits here commits while a statement runs. */
  onMinActive: (() => void) | undefined;
  /** What was asked and not known. */
  readonly refused: string[] = [];
  readonly #home = mkdtempSync(join(tmpdir(), "erpfuser-tds-"));
  readonly #main: DatabaseSync;

  constructor(options: DatabaseOptions) {
    this.options = options;
    this.#main = this.open();
    this.#main.exec("PRAGMA journal_mode = WAL");
    createViews(this.#main);
    this.describeItself();
  }

  /** To be called after a change of its options or of its state (0: open). */
  describeItself(state = 0n): void {
    const { committed, snapshot } = this.options.versions ?? { committed: true, snapshot: false };
    const flags = [committed, snapshot].map((on) => (on ? 1n : 0n));
    fillView(this.#main, "sys.databases", [
      [5n, this.options.name, ...flags, this.brokerId, this.options.group ?? null, state, 0n],
    ]);
  }

  /** A connection of its own, as each session has one. */
  open(): DatabaseSync {
    const database = new DatabaseSync(join(this.#home, "double.db"), { timeout: 0 });
    database.exec("PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON");
    return database;
  }

  /** To be called after each change of the schema, on the session's connection that made it. */
  described(on: DatabaseSync): void {
    fillViews(on, this.catalogue);
    fillRoutines(on, this.routines.values());
    fillPermissions(on, this);
    const tracked = this.catalogue.tables.filter((table) => table.tracked);
    const begun = tracked.map(({ id, name }) => [BigInt(id), this.beginVersions.get(name) ?? 0n]);
    fillView(on, "sys.change_tracking_tables", begun);
  }

  nextVersion(holder: Holder, within: boolean): bigint {
    this.rowVersion += 1n;
    if (within && !this.openVersions.has(holder)) this.openVersions.set(holder, this.rowVersion);
    return this.rowVersion;
  }

  minActiveVersion(): bigint {
    this.onMinActive?.();
    return [...this.openVersions.values()].reduce((least, version) => (version < least ? version : least), this.rowVersion + 1n);
  }

  /** Change tracking's cleanup: of all that was committed up to now nothing is kept. */
  cleanUp(): void {
    for (const { name } of this.catalogue.tables.filter((table) => table.tracked)) {
      this.#main.exec(`DELETE FROM "ct.${name}"`);
      this.minimumVersions.set(name, this.tracked ?? 0n);
    }
  }

  /** Id of a table, routine or sequence. */
  idOf(name: string): number | undefined {
    const known = name.toLowerCase();
    const sequence = [...this.sequences.keys()].indexOf(known);
    return this.catalogue.find(known)?.id ?? this.routines.get(known)?.id ?? (sequence < 0 ? undefined : 950_000 + sequence);
  }

  /** Its name in lower case. */
  nameOf(id: bigint): string | undefined {
    const names = [...this.catalogue.tables.map(({ name }) => name), ...this.routines.keys(), ...this.sequences.keys()];
    return names.find((name) => this.idOf(name) === Number(id))?.toLowerCase();
  }

  /** Table whose changes an engine's table of changes keeps. */
  tableOf(name: string): CatalogueTable | undefined {
    return this.catalogue.find(name.replace(/^ct\./, ""));
  }

  close(): void {
    this.#main.close();
    rmSync(this.#home, { recursive: true, force: true });
  }
}
