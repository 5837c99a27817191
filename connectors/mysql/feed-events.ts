/**
 * From the events of a binlog to the batches of a feed. The position moves on only at the end of a transaction, while its changes may be told before:
 * whoever goes on behind a batch is told of the transaction under way once more, from its beginning.
 */
import type { AnyBinlogEvent } from "@vlasky/zongji";
import type { FeedBatch, FeedChange } from "../feed.ts";
import { isEvent } from "./binlog-stream.ts";
import { feedOff } from "./errors.ts";
import { type Cause, carriedBy } from "./feed-cascades.ts";
import { type FedTable, type LoggedRow, loggedKey } from "./feed-keys.ts";
import { type FeedPosition, type Gtids, gtidsOf, positionText } from "./feed-position.ts";
import { meaningOf, type StoredTable, xidText } from "./feed-statements.ts";

/** Changes that wait to be asked for before the stream is held back. */
const mostWaiting = 2_000;
/** Prepared transactions that are kept for their commit, and changes of each; what is more is told as tables. */
const mostPrepared = 1_000;
const mostKept = 1_000;

interface Told {
  changes: Map<string, FeedChange>;
  untold: Set<number>;
}

interface Group {
  gtid: string | undefined;
  /** MariaDB: one statement and no more. */
  alone: boolean;
  /** MySQL: a BEGIN was seen, so that a statement is not all of it. */
  begun: boolean;
  /** Where the changes of a transaction go that is prepared here and committed later. */
  prepared: Told | undefined;
}

/** A table of the stream, under the number that its rows are told with. */
interface Mapped {
  tables: readonly FedTable[];
  /** What the database carries on from it. */
  cause: Cause | undefined;
  columns: readonly string[];
  /** Its columns are not the ones that its rows are read by. */
  unreadable: boolean;
}

/** A binlog file, and when it was begun, in seconds since the epoch. */
export interface BegunFile {
  file: string;
  begun: number;
}

const nothing = (): Told => ({ changes: new Map(), untold: new Set() });

export class FeedEvents {
  readonly tables: readonly FedTable[];
  /** Tables whose rows tell that those of others have changed. */
  readonly causes: readonly Cause[];
  readonly #place: string;
  readonly #gtids: Gtids | undefined;
  readonly #mapped = new Map<number, Mapped>();
  /** Numbers of tables announced of which no row has come yet: the database itself may have changed them, for a cause that the account can't see. */
  readonly #announced = new Set<number>();
  /** Tables to which the database would have carried on what this transaction did before: whether it has is known. */
  readonly #explained = new Set<number>();
  readonly #prepared = new Map<string, Told>();
  #position: FeedPosition;
  #group: Group | undefined;
  #told = nothing();
  /** The file that the stream is in, and since when there is one of its name. */
  #start: BegunFile | undefined;
  #file: string | undefined;
  #begun: number | undefined;
  /** Columns may have changed in the transaction under way, or in one before. */
  #alters = false;
  #altered = false;

  constructor(options: {
    tables: readonly FedTable[];
    causes: readonly Cause[];
    position: FeedPosition;
    kind: "MariaDB" | "MySQL";
    place: string;
  }) {
    this.tables = options.tables;
    this.causes = options.causes;
    this.#position = options.position;
    this.#place = options.place;
    const { gtids } = options.position;
    this.#gtids = gtids === undefined ? undefined : gtidsOf(gtids, options.kind);
  }

  /** The file that the stream's first events came from and when that was begun, once it is known. */
  get start(): BegunFile | undefined {
    return this.#start;
  }

  get #here(): BegunFile | undefined {
    return this.#file === undefined || this.#begun === undefined ? undefined : { file: this.#file, begun: this.#begun };
  }

  /** Whether something waits to be told. */
  get waiting(): boolean {
    return this.#told.changes.size > 0 || this.#told.untold.size > 0;
  }

  get full(): boolean {
    return this.#told.changes.size >= mostWaiting;
  }

  /** Whether columns may have changed: what follows is to be read by a new description, from the position of the last batch on. */
  get altered(): boolean {
    return this.#altered;
  }

  get position(): FeedPosition {
    return this.#position;
  }

  take(): FeedBatch {
    const { changes, untold } = this.#told;
    this.#told = nothing();
    return { position: positionText(this.#position), changes: [...changes.values()], untold: [...untold] };
  }

  /** @throws FuserError config where rows no longer say what their columns are called */
  see(event: AnyBinlogEvent): void {
    if (this.#altered) return;
    if (isEvent(event, "rotate")) {
      this.#file = event.binlogName;
      this.#begun = undefined;
      // The binlog's own word at a file's end; the one at a stream's beginning has no time.
      if (event.timestamp > 0 && this.#group === undefined && this.#gtids === undefined)
        this.#position = { ...this.#position, file: event.binlogName, offset: event.position, begun: 0 };
    } else if (isEvent(event, "format")) {
      this.#begun ??= Math.floor(event.timestamp / 1_000);
      this.#start ??= this.#here;
      // A quiet server begins new files too; the file that the stream begins in says nothing new.
      if (this.#group === undefined && this.#file !== this.#position.file) this.#move(event.nextPosition);
    } else if (isEvent(event, "mariadbgtid")) {
      this.#open({ gtid: event.gtid, alone: event.standalone, begun: false, prepared: event.preparedXa ? nothing() : undefined });
    } else if (isEvent(event, "gtid")) this.#open({ gtid: event.gtid, alone: false, begun: false, prepared: undefined });
    else if (isEvent(event, "anonymousgtid")) this.#open({ gtid: undefined, alone: false, begun: false, prepared: undefined });
    else if (isEvent(event, "xid")) this.#close(event.nextPosition);
    else if (isEvent(event, "xaprepare")) this.#closePrepared(event);
    else if (isEvent(event, "query")) this.#seeStatement(event);
    else if (isEvent(event, "tablemap")) this.#map(event);
    else if (isEvent(event, "writerows")) this.#seeRows(event, event.rows);
    else if (isEvent(event, "deleterows")) {
      this.#seeRows(event, event.rows);
      const cause = this.#mapped.get(event.tableId)?.cause;
      if (cause !== undefined) this.#carryOn(cause, cause.onDelete);
    } else if (isEvent(event, "updaterows")) this.#seeUpdates(event);
    // An incident, or a kind of statement that names no rows.
    else if (isEvent(event, "unknown") && event.size > 0) this.#tellAll();
  }

  #open(group: Group): void {
    // The transaction before had an end that is not known here.
    if (this.#group !== undefined) this.#close(this.#position.offset);
    this.#group = group;
  }

  #close(offset: number): void {
    for (const number of this.#announced) this.#tellAnnounced(number);
    this.#announced.clear();
    this.#explained.clear();
    const group = this.#group;
    this.#group = undefined;
    if (group?.gtid !== undefined) this.#gtids?.add(group.gtid);
    this.#move(offset);
    this.#altered = this.#alters;
  }

  #move(offset: number): void {
    const gtids = this.#gtids?.toString();
    const { file, begun } = this.#here ?? this.#position;
    this.#position = { ...this.#position, gtids, file, begun, offset };
  }

  #closePrepared(event: AnyBinlogEvent & { onePhase: boolean; xidGtrid: Buffer; xidBqual: Buffer; xidFormatId: number }): void {
    const prepared = this.#group?.prepared;
    this.#close(event.nextPosition);
    if (prepared === undefined) return;
    if (event.onePhase) this.#add(prepared);
    else this.#prepared.set(xidText(event.xidGtrid.toString("hex"), event.xidBqual.toString("hex"), event.xidFormatId), prepared);
    // Who is forgotten here is told as all tables when it is committed.
    const [oldest] = this.#prepared.keys();
    if (this.#prepared.size > mostPrepared && oldest !== undefined) this.#prepared.delete(oldest);
  }

  #add({ changes, untold }: Told): void {
    for (const [id, change] of changes) this.#told.changes.set(id, change);
    for (const table of untold) this.#told.untold.add(table);
  }

  #seeStatement(event: AnyBinlogEvent & { query: string; schema: string }): void {
    const meaning = meaningOf(event.query, event.schema, this.tables);
    const group = this.#group;
    switch (meaning.what) {
      case "begin":
        this.#group = {
          gtid: group?.gtid,
          alone: false,
          begun: true,
          prepared: /^\s*XA/i.test(event.query) ? nothing() : group?.prepared,
        };
        return;
      case "end":
        this.#close(event.nextPosition);
        return;
      case "xa-end": {
        const told = this.#prepared.get(meaning.xid);
        this.#prepared.delete(meaning.xid);
        // Prepared before this stream began: nobody here knows what it changed.
        if (meaning.committed && told === undefined) this.#tellAll();
        else if (meaning.committed && told !== undefined) this.#add(told);
        this.#close(event.nextPosition);
        return;
      }
      case "changed":
        if (meaning.tables === "all") this.#tellAll();
        else this.#tellTables(this.#fed(meaning.tables));
        break;
      case "nothing":
        break;
    }
    this.#alters ||= meaning.what === "changed" && meaning.altered && meaning.tables.length > 0;
    if (group === undefined || !this.#isOpen(group)) this.#close(event.nextPosition);
  }

  /** Whether more than the statement at hand belongs to the transaction. */
  #isOpen(group: Group): boolean {
    const mariadb = group.gtid !== undefined && !group.gtid.includes(":");
    return mariadb ? !group.alone : group.begun;
  }

  #fed(stored: readonly StoredTable[]): FedTable[] {
    return this.tables.filter((table) => stored.some(({ schema, name }) => table.schema === schema && table.name === name));
  }

  #map(
    event: AnyBinlogEvent & { tableId: number; schemaName: string; tableName: string; columnNames?: string[]; tableMap: unknown },
  ): void {
    const tables = this.#fed([{ schema: event.schemaName, name: event.tableName }]);
    const cause = this.causes.find(({ schema, name }) => schema === event.schemaName && name === event.tableName);
    if (tables.length === 0 && cause === undefined) return;
    if (event.columnNames === undefined) {
      throw feedOff("The binlog no longer names the columns of its rows", "SET GLOBAL binlog_row_metadata = FULL", this.#place);
    }
    if (this.#announced.has(event.tableId)) this.#tellAnnounced(event.tableId);
    this.#announced.add(event.tableId);
    const known = event.tableMap as Record<number, { columns?: { name: string }[] }>;
    const columns = known[event.tableId]?.columns?.map(({ name }) => name) ?? [];
    const unreadable = columns.join("\n") !== event.columnNames.join("\n");
    this.#mapped.set(event.tableId, { tables, cause, columns, unreadable });
  }

  #seeRows(event: AnyBinlogEvent & { tableId: number }, rows: readonly LoggedRow[]): void {
    const mapped = this.#mapped.get(event.tableId);
    this.#announced.delete(event.tableId);
    if (mapped === undefined) return;
    const has = presence(event, "columns_present_bitmap", mapped);
    for (const row of rows) this.#tellRow(mapped, pick(row, has));
  }

  #seeUpdates(event: AnyBinlogEvent & { tableId: number; rows: { before: LoggedRow; after: LoggedRow }[] }): void {
    const mapped = this.#mapped.get(event.tableId);
    this.#announced.delete(event.tableId);
    if (mapped === undefined) return;
    const before = presence(event, "columns_present_bitmap", mapped);
    const after = presence(event, "columns_present_bitmap2", mapped);
    for (const row of event.rows) {
      const old = pick(row.before, before);
      // A session that logs less than all columns leaves out what did not change.
      const now = { ...old, ...pick(row.after, after) };
      this.#tellRow(mapped, old);
      this.#tellRow(mapped, now);
      if (mapped.cause !== undefined)
        this.#carryOn(mapped.cause, mapped.unreadable ? mapped.cause.onDelete : carriedBy(mapped.cause, old, now));
    }
  }

  #carryOn({ onDelete, onUpdate }: Cause, changed: readonly number[]): void {
    for (const index of [...onDelete, ...onUpdate.flatMap(({ tables }) => tables)]) this.#explained.add(index);
    for (const index of changed) (this.#group?.prepared ?? this.#told).untold.add(index);
  }

  #tellAnnounced(number: number): void {
    this.#tellTables((this.#mapped.get(number)?.tables ?? []).filter(({ index }) => !this.#explained.has(index)));
  }

  #tellRow({ tables, unreadable }: Mapped, row: LoggedRow): void {
    const told = this.#group?.prepared ?? this.#told;
    for (const table of tables) {
      const key = unreadable ? "untold" : loggedKey(table.key, row);
      const own = unreadable ? "untold" : loggedKey(table.own, row);
      if (key === "untold" || own === "untold") told.untold.add(table.index);
      else if (told !== this.#told && told.changes.size >= mostKept) told.untold.add(table.index);
      else told.changes.set(`${table.index} ${key} ${own}`, { table: table.index, key, own });
    }
  }

  #tellTables(tables: readonly FedTable[]): void {
    for (const { index } of tables) (this.#group?.prepared ?? this.#told).untold.add(index);
  }

  #tellAll(): void {
    this.#tellTables(this.tables);
  }
}

/** Columns that a row event holds, by name; undefined for all of them. */
function presence(
  event: object,
  bitmap: "columns_present_bitmap" | "columns_present_bitmap2",
  { columns }: Mapped,
): Set<string> | undefined {
  const bits = (event as Record<string, Buffer | undefined>)[bitmap];
  const present = columns.filter((_, index) => bits === undefined || ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0);
  return present.length === columns.length ? undefined : new Set(present);
}

function pick(row: LoggedRow, present: Set<string> | undefined): LoggedRow {
  return present === undefined ? row : Object.fromEntries(Object.entries(row).filter(([name]) => present.has(name)));
}
