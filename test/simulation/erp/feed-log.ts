/** What the simulated ERP keeps for its feed: its transactions in their order, as long as nobody purges them, and how well it tells of them. */
import type { TableName } from "./schema.ts";
import type { Commit } from "./server.ts";

interface Entry {
  position: number;
  changes: Commit["changes"];
  /** It names its tables, and no rows. */
  untold: boolean;
}

/** One who reads the feed. `mute`: it lives and tells nothing; `deaf`: not even that it lives. */
export interface Reader {
  mood: "well" | "mute" | "deaf";
}

export class FeedLog {
  #entries: Entry[] = [];
  /** Another one after each restore. */
  history = 1;
  /** From this position on everything is kept. */
  kept: number;
  /** Readers of an earlier count are thrown out. */
  breaks = 0;
  /** Nobody gets at it. */
  away = false;
  /** The account has lost the right to it. */
  refused = false;
  /** Share of the transactions that name no rows. */
  untoldShare = 0;
  readonly readers = new Set<Reader>();
  readonly #counts = new Map<TableName, number>();

  constructor(position: number) {
    this.kept = position;
  }

  append(position: number, changes: Commit["changes"], chance: number): void {
    this.#entries.push({ position, changes, untold: chance < this.untoldShare });
    for (const { table } of changes) this.#counts.set(table, this.count(table) + 1);
  }

  /** Changes of a table so far. */
  count(table: TableName): number {
    return this.#counts.get(table) ?? 0;
  }

  after(position: number): readonly Entry[] {
    return this.#entries.filter((entry) => entry.position > position);
  }

  purge(position: number): void {
    this.kept = position;
    this.#entries = this.#entries.filter((entry) => entry.position > position);
  }

  /** The ERP was set back to a position: what is told from there on is another history. */
  setBack(position: number): void {
    this.history += 1;
    this.#entries = [];
    this.kept = position;
  }

  /** Nothing stands in its way any more; who reads it badly is thrown out. */
  calm(): void {
    this.away = this.refused = false;
    this.untoldShare = 0;
    for (const reader of this.readers) if (reader.mood !== "well") this.breaks += 1;
  }
}
