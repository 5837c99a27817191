/**
 * The simulated ERP database: committed rows, rows that are not visible yet, row locks, a history that a restore sets back. It knows nothing of agents; who
 * reads or writes comes through a connection (connector.ts, session.ts) or is a clerk (life/).
 */
import type { Value } from "../../../connectors/connector.ts";
import type { Chance } from "../world/chance.ts";
import type { SimulatedTime } from "../world/time.ts";
import { epoch } from "../world/time.ts";
import { FeedLog } from "./feed-log.ts";
import { shapeOf, type TableName, tables } from "./schema.ts";

export type Row = Readonly<Record<string, Value>>;

export interface Change {
  table: TableName;
  key: string;
  /** undefined: the row goes. */
  row: Row | undefined;
}

/** A transaction that was committed. */
export interface Commit {
  /** Of the agents' sessions: the command that is carried out. */
  command: string | undefined;
  changes: readonly (Change & { before: Row | undefined })[];
}

interface Hidden {
  visibleAt: number;
  table: TableName;
  key: string;
  before: Row | undefined;
}

/** A copy of everything, as a backup holds it. */
export interface Backup {
  rows: ReadonlyMap<TableName, ReadonlyMap<string, Row>>;
  position: number;
  versions: number;
}

/** What the owner of a run may set. All of it may be changed at any time. */
export interface Moods {
  /** Longest time by which a row becomes visible after its change was signalled, ms. */
  lateVisibleMs: number;
  /** Share of the statements of a writing session that end in a deadlock. */
  deadlocks: number;
  /** Share of the reads that fail. */
  failures: number;
  /** Share of the commits whose answer is lost. */
  lostAnswers: number;
  /** What every call takes beside the usual, ms. */
  slowMs: number;
  /** What a scan rests between two batches beside the usual, ms: its snapshot grows old. */
  snapshotMs: number;
}

export const usualMoods: Moods = { lateVisibleMs: 10, deadlocks: 0, failures: 0, lostAnswers: 0, slowMs: 0, snapshotMs: 0 };

/** Which rows need which. The reporter of a ticket is not among them: nobody minds where he goes. */
const references: readonly { child: TableName; columns: readonly string[]; parent: TableName }[] = [
  { child: "HAUS", columns: ["OBJ"], parent: "OBJEKT" },
  { child: "WOHNUNG", columns: ["OBJ", "HAUS"], parent: "HAUS" },
  { child: "MIETE", columns: ["OBJ", "HAUS", "WOHN"], parent: "WOHNUNG" },
  { child: "MIETE", columns: ["PERS"], parent: "PERSON" },
  { child: "AUFTRAG", columns: ["OBJ", "HAUS", "WOHN"], parent: "WOHNUNG" },
  { child: "BESCHR", columns: ["AUFTR"], parent: "AUFTRAG" },
  { child: "NOTIZ", columns: ["AUFTR"], parent: "AUFTRAG" },
];

export const keyOf = (table: TableName, row: Row): string =>
  shapeOf(table)
    .key.map((column) => String(row[column]))
    .join("|");

export class ErpServer {
  readonly time: SimulatedTime;
  readonly moods: Moods = { ...usualMoods };
  /** Sessions of an earlier incarnation are lost. */
  incarnation = 1;
  up = true;
  /** By how much its wall clock is off, ms. */
  clockOffsetMs = 0;
  /** Number of transactions in the history that it tells. */
  position = 1_000;
  /** What it keeps for its feed. */
  readonly log = new FeedLog(this.position);
  #versions = 500;
  /** Tables that nobody's statements find for a while, as when a backup is loaded or the ERP is upgraded. */
  readonly away = new Set<TableName>();
  /** The session that holds the agent's lock. */
  agentLock: object | undefined;
  readonly #rows = new Map<TableName, Map<string, Row>>(tables.map(({ name }) => [name as TableName, new Map()]));
  readonly #locks = new Map<string, object>();
  #hidden: Hidden[] = [];
  readonly #chance: Chance;
  readonly #listeners: ((commit: Commit) => void)[] = [];
  readonly #asked: ((position: number) => void)[] = [];
  readonly #unasked: ((what: string) => void)[] = [];

  constructor(time: SimulatedTime, chance: Chance) {
    this.time = time;
    this.#chance = chance;
  }

  onCommit(listener: (commit: Commit) => void): void {
    this.#listeners.push(listener);
  }

  /** Called with the position of its history whenever somebody asks who it is. */
  onIdentity(listener: (position: number) => void): void {
    this.#asked.push(listener);
  }

  /** Called with each statement of an agent that found it away, and has not asked since who it is. */
  onUnasked(listener: (what: string) => void): void {
    this.#unasked.push(listener);
  }

  tellUnasked(what: string): void {
    for (const listener of this.#unasked) listener(what);
  }

  /** Says at which position of its history it is. */
  tellPosition(): number {
    for (const listener of this.#asked) listener(this.position);
    return this.position;
  }

  /** Its wall clock as ERP columns hold it: local time in whole seconds. */
  stamp(): string {
    const berlin = epoch + this.time.now + this.clockOffsetMs + 3_600_000;
    return new Date(Math.floor(berlin / 1_000) * 1_000).toISOString().slice(0, 19);
  }

  /** The next number of its row versions: given at once, whenever the row that carries it is committed. */
  nextVersion(): number {
    this.#versions += 1;
    return this.#versions;
  }

  /** The committed row, visible or not. */
  row(table: TableName, key: string): Row | undefined {
    return this.#rows.get(table)?.get(key);
  }

  /** All committed rows, visible or not. */
  rows(table: TableName): Row[] {
    return [...(this.#rows.get(table)?.values() ?? [])];
  }

  /** What a reader is shown of a key now. */
  visible(table: TableName, key: string): Row | undefined {
    for (const hidden of this.#stillHidden()) if (hidden.table === table && hidden.key === key) return hidden.before;
    return this.row(table, key);
  }

  /** What a reader is shown of a table now. */
  visibleRows(table: TableName): Row[] {
    const late = this.#stillHidden().filter((hidden) => hidden.table === table);
    if (late.length === 0) return this.rows(table);
    const shown = new Map(this.#rows.get(table));
    for (const { key, before } of late.toReversed()) {
      if (before === undefined) shown.delete(key);
      else shown.set(key, before);
    }
    return [...shown.values()];
  }

  /** Some statement has shown these rows: from here on every other one does. */
  reveal(table: TableName, keys: ReadonlySet<string>): void {
    this.#hidden = this.#hidden.filter((hidden) => hidden.table !== table || !keys.has(hidden.key));
  }

  #stillHidden(): Hidden[] {
    if (this.#hidden.length > 0) this.#hidden = this.#hidden.filter(({ visibleAt }) => visibleAt > this.time.now);
    return this.#hidden;
  }

  /** Why a transaction breaks what belongs together, as foreign keys would see it; undefined when it does not. */
  breach(changes: readonly Change[]): string | undefined {
    const after = (table: TableName, key: string): Row | undefined => {
      const change = changes.find((one) => one.table === table && one.key === key);
      return change === undefined ? this.row(table, key) : change.row;
    };
    for (const { table, key, row } of changes) {
      for (const { child, columns, parent } of references) {
        if (
          child === table &&
          row !== undefined &&
          after(parent, columns.map((name) => String(row[name])).join("|")) === undefined
        )
          return `${child} ${key} needs its row of ${parent}`;
        if (parent !== table || row !== undefined) continue;
        for (const other of this.rows(child)) {
          if (columns.map((name) => String(other[name])).join("|") !== key) continue;
          if (after(child, keyOf(child, other)) !== undefined)
            return `${parent} ${key} is needed by ${child} ${keyOf(child, other)}`;
        }
      }
    }
    return undefined;
  }

  /** Commits; returns when its rows are visible, ms since the beginning. */
  commit(changes: readonly Change[], command: string | undefined): number {
    this.position += 1;
    const visibleAt = this.time.now + this.#chance.next() ** 2 * this.moods.lateVisibleMs;
    const done = changes.map((change) => ({ ...change, before: this.row(change.table, change.key) }));
    for (const { table, key, row, before } of done) {
      this.#hidden.push({ visibleAt, table, key, before });
      const rows = this.#rows.get(table) as Map<string, Row>;
      if (row === undefined) rows.delete(key);
      else rows.set(key, row);
    }
    this.log.append(this.position, done, this.log.untoldShare > 0 ? this.#chance.next() : 1);
    for (const listener of this.#listeners) listener({ command, changes: done });
    return visibleAt;
  }

  /** Takes a row's lock; false when somebody else holds it. */
  lock(table: TableName, key: string, owner: object): boolean {
    const name = `${table}/${key}`;
    const holder = this.#locks.get(name);
    if (holder !== undefined && holder !== owner) return false;
    this.#locks.set(name, owner);
    return true;
  }

  unlockAll(owner: object): void {
    for (const [name, holder] of this.#locks) if (holder === owner) this.#locks.delete(name);
  }

  /** Ends every session; what was not committed is undone. */
  stop(): void {
    this.up = false;
    this.incarnation += 1;
    this.#locks.clear();
    this.#hidden = [];
    this.agentLock = undefined;
  }

  backup(): Backup {
    return {
      rows: new Map([...this.#rows].map(([table, rows]) => [table, new Map(rows)])),
      position: this.position,
      versions: this.#versions,
    };
  }

  /** Takes the place of everything; the server must have been stopped before. */
  restore(backup: Backup): void {
    for (const [table, rows] of backup.rows) this.#rows.set(table, new Map(rows));
    this.position = backup.position;
    this.#versions = backup.versions;
    this.log.setBack(backup.position);
  }
}
