import type { FeedBatch, FeedChange, FeedTable } from "../feed.ts";
import { unpublished, wanderedOff } from "./feed-errors.ts";
import { type FeedPosition, positionText } from "./feed-position.ts";
import { lacksOf } from "./feed-published.ts";
import { RowReader } from "./feed-rows.ts";
import type { FeedServer } from "./feed-server.ts";
import type { Heard } from "./feed-stream.ts";
import { type Watched, watchedTables } from "./feed-tables.ts";
import { shows, snapshotNow } from "./feed-visible.ts";
import { parseMessage } from "./pgoutput.ts";

export interface FeedReading {
  server: FeedServer;
  tables: readonly FeedTable[];
  /** Name of the slot and of the publication. */
  name: string;
  position: string;
  signal: AbortSignal;
}

/** What was heard and not yet told. */
interface Pending {
  changes: FeedChange[];
  bytes: number;
  untold: Set<number>;
  xids: Set<number>;
}

/** Gathers what the server says into batches, and knows up to where everything was said. */
export class Gathering {
  readonly #reading: FeedReading;
  readonly #instance: string;
  readonly #rows: RowReader;
  readonly #from: FeedPosition;
  #signatures: Readonly<Record<string, string>>;
  #unseen: readonly number[];
  #pending: Pending = nothing();
  /** End of the last transaction that was heard whole, or a place before which no other began. */
  #complete: bigint;
  #told: bigint;
  #transaction: number | undefined;
  /** The server asked, and nothing was told since. */
  #asked = false;

  /** @param instance the server that is read from (`instanceText`) */
  constructor(reading: FeedReading, from: FeedPosition, instance: string) {
    this.#reading = reading;
    this.#instance = instance;
    this.#from = from;
    this.#rows = new RowReader(reading.server, reading.tables);
    this.#signatures = from.tables;
    this.#unseen = from.unseen;
    this.#complete = from.lsn;
    this.#told = from.lsn;
  }

  /** Transactions of what was gathered. */
  get xids(): ReadonlySet<number> {
    return this.#pending.xids;
  }

  get full(): boolean {
    const { batchRows, batchBytes } = this.#reading.server.context.limits;
    return this.#pending.changes.length >= batchRows || this.#pending.bytes >= batchBytes;
  }

  /** Whether there is something to tell, and no more of its transaction to come. */
  get settled(): boolean {
    return this.#transaction === undefined && (this.#pending.changes.length > 0 || this.#pending.untold.size > 0);
  }

  /** Whether the server waits for a position that can be given. */
  get answerDue(): boolean {
    return this.#asked && this.#complete > this.#told;
  }

  /**
   * Compares the tables with what was last told of them: their rows may have changed without a word, or while they were not published.
   * @throws FuserError config where a table is not published in full
   */
  async look(): Promise<void> {
    const { server, tables, name, signal } = this.#reading;
    const watched = await watchedTables(server, { tables, publication: name }, signal);
    if (watched.instance !== this.#instance) throw wanderedOff(server.place);
    this.#rows.watch(watched);
    const now: Record<string, string> = {};
    for (const [index, signature] of requirePublished(this.#reading, watched).entries()) {
      const { table } = tables[index] as FeedTable;
      if (this.#signatures[table] !== signature) this.#pending.untold.add(index);
      now[table] = signature;
    }
    this.#signatures = now;
    await this.#lookForUnseen();
  }

  /** What they wrote is told by nobody, and the compare that followed the beginning may have missed it. */
  async #lookForUnseen(): Promise<void> {
    if (this.#unseen.length === 0) return;
    const { server, tables, signal } = this.#reading;
    const snapshot = await snapshotNow(server, signal);
    if (!this.#unseen.every((xid) => shows(snapshot, xid))) return;
    for (const index of tables.keys()) this.#pending.untold.add(index);
    this.#unseen = [];
  }

  async hear(heard: Heard): Promise<void> {
    if (heard.kind === "standing") {
      // Everything before it was sent: outside a transaction it was heard whole, too.
      if (this.#transaction === undefined && heard.lsn > this.#complete) this.#complete = heard.lsn;
      this.#asked ||= heard.asked;
      return;
    }
    const message = parseMessage(heard.bytes);
    switch (message.kind) {
      case "begin":
        this.#transaction = message.xid;
        return;
      case "commit":
        this.#complete = message.end;
        this.#transaction = undefined;
        return;
      case "relation":
        // It comes before the first rows, and after every change of the table's shape.
        await this.look();
        this.#rows.know(message.relation);
        return;
      case "truncate":
        this.#add(
          [],
          message.relations.flatMap((relation) => this.#rows.indicesOf(relation)),
        );
        // The table has another file, which is the same news.
        await this.look();
        return;
      case "row": {
        const { changes, untold } = this.#rows.read(message.row);
        this.#add(changes, untold);
        return;
      }
      case "other":
        return;
    }
  }

  #add(changes: readonly FeedChange[], untold: readonly number[]): void {
    if (changes.length === 0 && untold.length === 0) return;
    const pending = this.#pending;
    for (const index of untold) pending.untold.add(index);
    for (const change of changes) {
      pending.changes.push(change);
      pending.bytes += 64 + (change.key?.length ?? 0) + (change.own?.length ?? 0);
    }
    if (this.#transaction !== undefined) pending.xids.add(this.#transaction);
  }

  /** What was gathered, for the time being: it will be told again. */
  early(): FeedBatch {
    return this.#batch(this.#told, this.#pending);
  }

  /** Nothing, at the position of the last batch. */
  still(): FeedBatch {
    return this.#batch(this.#told, nothing());
  }

  /** What was gathered, and the position behind all of it that was heard whole. */
  take(): { batch: FeedBatch; lsn: bigint } {
    const batch = this.#batch(this.#complete, this.#pending);
    this.#told = this.#complete;
    this.#pending = nothing();
    this.#asked = false;
    return { batch, lsn: this.#told };
  }

  #batch(lsn: bigint, { changes, untold }: Pending): FeedBatch {
    return {
      position: positionText({ ...this.#from, lsn, tables: this.#signatures, unseen: this.#unseen }),
      changes,
      untold: [...untold],
    };
  }
}

function nothing(): Pending {
  return { changes: [], bytes: 0, untold: new Set(), xids: new Set() };
}

/** The tables' signatures. @throws FuserError config where the publication is lacking, or tells less than everything of a table */
export function requirePublished(
  { server, tables, name }: Pick<FeedReading, "server" | "tables" | "name">,
  watched: Watched,
): string[] {
  const [lack] = lacksOf({ tables, watched, name });
  if (lack !== undefined) throw unpublished(lack.what, server.place);
  return watched.signatures as string[];
}
