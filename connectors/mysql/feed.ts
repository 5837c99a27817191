/**
 * The binlog as the native feed of MariaDB and MySQL. Promise: what was committed behind a position is told by its key, or its table is named as changed, or
 * the position is refused; nothing is passed over in silence.
 */
import { FuserError } from "../../base/errors.ts";
import { type Feed, type FeedBatch, type FeedTable, heartbeatMs } from "../feed.ts";
import type { LinkPool } from "../link-pool.ts";
import { BinlogStream, type BinlogTables, ChecksumsChanged } from "./binlog-stream.ts";
import { placeOf } from "./config.ts";
import type { Access } from "./connect.ts";
import { askServer } from "./describe.ts";
import { causesOf } from "./feed-cascades.ts";
import { checkFeed } from "./feed-checks.ts";
import { type BegunFile, FeedEvents } from "./feed-events.ts";
import { type FedTable, fedTable } from "./feed-keys.ts";
import { changeMarks } from "./feed-marks.ts";
import { type FeedPosition, otherHistory, parsePosition, positionText } from "./feed-position.ts";
import { askFeedServer, type BinlogFile, binlogEnd, type FeedServer, requireKept } from "./feed-server.ts";
import type { Link } from "./link.ts";

/** A batch without changes comes after so long, so that the longest time is kept on a slow machine too, ms. */
const quietMs = heartbeatMs / 4;

/** @param short connections that the ERP's rows are read by: the feed must reach the same server */
export function createFeed(access: Access, short: LinkPool<Link>): Feed {
  const place = placeOf(access.settings);

  async function describe(tables: readonly FeedTable[], signal: AbortSignal): Promise<FedTable[]> {
    const described: FedTable[] = [];
    for (const [index, table] of tables.entries()) {
      try {
        described.push(await short.use(signal, (link) => fedTable(link, index, table, signal)));
      } catch (error) {
        // A table that is away for a while: the statement that brings it back is told by its name.
        if (!(error instanceof FuserError) || error.kind !== "config") throw error;
        described.push(await absent(index, table, signal));
      }
    }
    return described;
  }

  async function absent(index: number, { table }: FeedTable, signal: AbortSignal): Promise<FedTable> {
    const [row] = await short.use(signal, (link) => askServer(link, "SELECT DATABASE() AS db", signal, "describe a table"));
    const parts = table.split(".");
    const name = parts.pop() as string;
    const untold = [{ name: "", part: () => undefined }];
    return { index, schema: parts.pop() ?? row?.db ?? "", name, key: untold, own: untold };
  }

  /** A connection to the binlog of the server that rows are read from. @throws FuserError config where it reaches another one */
  async function connect(signal: AbortSignal, checksums?: boolean): Promise<{ stream: BinlogStream; server: FeedServer }> {
    const stream = await BinlogStream.open(access, signal, checksums);
    try {
      const server = await askFeedServer(stream.link, place, signal);
      const reading = await short.use(signal, (link) => askFeedServer(link, place, signal));
      if (reading.database === server.database) return { stream, server };
      const other = new FuserError("config", "The binlog comes from another server than the rows", {
        code: "erp-feed-other-server",
        operation: "connect to the binlog",
        place,
        hint: "Let `erp: server:` name one server, the primary, in place of a proxy or a name that stands for several.",
      });
      throw access.servers.doubtFor(other);
    } catch (error) {
      await stream[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** When a file was begun. */
  async function fileBegun(file: string, signal: AbortSignal, checksums?: boolean): Promise<number> {
    await using running = new Reading(access, await BinlogStream.open(access, signal, checksums));
    const position = { database: "", gtids: undefined, file, offset: 4, begun: 0 };
    running.start(new FeedEvents({ tables: [], causes: [], position, kind: "MySQL", place }), signal);
    const stands = await running.begun();
    return stands === undefined ? fileBegun(file, signal, running.checksums) : stands.begun;
  }

  return {
    name: "binlog",
    check: (tables, signal) => checkFeed({ access, short, tables, signal }),
    async begin(tables, signal) {
      const described = await describe(tables, signal);
      const { stream, server } = await connect(signal);
      await using running = new Reading(access, stream);
      const end = await binlogEnd(stream.link, signal);
      const here: FeedPosition = { database: server.database, gtids: server.gtids, ...end, begun: 0 };
      running.start(new FeedEvents({ tables: described, causes: [], position: here, kind: server.kind, place }), signal);
      return positionText({ ...here, ...(await running.begun()) });
    },
    async *read(tables, from, signal) {
      let position = from;
      let checksums: boolean | undefined;
      for (;;) {
        const described = await describe(tables, signal);
        const { stream, server } = await connect(signal, checksums);
        const { epoch } = access.servers;
        await using running = new Reading(access, stream);
        const parsed = parsePosition(position, place);
        const files = await requireKept(server, parsed, { place, signal });
        const gtids = server.gtids === undefined ? undefined : parsed.gtids;
        const events = new FeedEvents({
          tables: described,
          causes: await short.use(signal, (link) => causesOf(link, described, signal)),
          position: standsOn(server.database, { ...parsed, gtids }),
          kind: server.kind,
          place,
        });
        running.start(events, signal);
        const stands = await running.begun();
        if (stands !== undefined && server.database === parsed.database) await requireSameFile(parsed, stands, files);
        // When another server has taken over, rows are read there.
        while (!running.over && epoch === access.servers.epoch) {
          signal.throwIfAborted();
          const batch = await running.next();
          position = batch.position;
          yield batch;
        }
        // Columns or the entries' form have changed: another stream goes on from here, by a new description.
        if (running.over) position = positionText(events.position);
        checksums = running.checksums;
      }

      /** A binlog of the same name that was begun at another time is not the one that was read. */
      async function requireSameFile(
        { file, begun }: FeedPosition,
        stands: BegunFile,
        files: readonly BinlogFile[],
      ): Promise<void> {
        if (begun === 0 || (file !== stands.file && !files.some(({ name }) => name === file))) return;
        const now = file === stands.file ? stands.begun : await fileBegun(file, signal);
        if (now !== begun) throw otherHistory(`The binlog ${file} is not the one that was last read`, place);
      }
    },
    marks: (tables, signal) => short.use(signal, (link) => changeMarks(link, tables, signal)),
  };
}

/** Where a stream of this server begins: file and offset are those of the server that wrote them, and mean nothing on another one, whatever its files are called. */
function standsOn(database: string, position: FeedPosition): FeedPosition {
  return position.database === database ? position : { ...position, database, file: "", offset: 0, begun: 0 };
}

/** A stream being read: what has come waits here until it is asked for, up to a bound. */
class Reading implements AsyncDisposable {
  readonly #access: Access;
  readonly #stream: BinlogStream;
  #events: FeedEvents | undefined;
  #ended: { reason: unknown } | undefined;
  #first = true;
  #heard = false;
  #wake: () => void = () => {};
  #forget: () => void = () => {};

  constructor(access: Access, stream: BinlogStream) {
    this.#access = access;
    this.#stream = stream;
  }

  start(events: FeedEvents, signal: AbortSignal): void {
    this.#events = events;
    const { gtids, file, offset } = events.position;
    const tables: Record<string, string[]> = {};
    for (const { schema, name } of [...events.tables, ...events.causes]) tables[schema] = [...(tables[schema] ?? []), name];
    const onAbort = (): void => this.#stream.end(signal.reason);
    this.#forget = () => signal.removeEventListener("abort", onAbort);
    signal.throwIfAborted();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#stream.start(gtids === undefined ? { file, offset } : { gtids }, tables as BinlogTables, {
      onEvent: (event) => {
        events.see(event);
        this.#heard = true;
        if (events.full || events.altered) this.#stream.pause();
        this.#wake();
      },
      onEnd: (reason) => {
        this.#ended = { reason };
        this.#wake();
      },
    });
  }

  /** Where the stream begins; undefined where the entries there have another form (`checksums`). @throws what ended it */
  async begun(): Promise<BegunFile | undefined> {
    for (;;) {
      const start = this.#events?.start;
      if (start !== undefined || this.checksums !== undefined) return start;
      await this.#something();
    }
  }

  /** Whether this stream has given all that it can, and another one is to go on behind it. */
  get over(): boolean {
    const { altered, waiting } = this.#events as FeedEvents;
    return !waiting && (altered || this.checksums !== undefined);
  }

  /** Whether entries have checksums from here on, where that has changed. */
  get checksums(): boolean | undefined {
    const reason = this.#ended?.reason;
    return reason instanceof ChecksumsChanged ? reason.checksums : undefined;
  }

  /** What has come; waits for it. Without changes once the server has shown that it lives. @throws what ended the stream */
  async next(): Promise<FeedBatch> {
    const events = this.#events as FeedEvents;
    const { clock } = this.#access.context;
    // The first one comes at once: it tells that the feed lives.
    const dueAt = clock.monotonic() + (this.#first ? 0 : quietMs);
    this.#first = false;
    const done = (): boolean => events.waiting || this.over || (this.#heard && clock.monotonic() >= dueAt);
    while (!done()) await this.#something(dueAt);
    this.#heard = false;
    const batch = events.take();
    if (!events.altered) this.#stream.resume();
    return batch;
  }

  /** Waits for an event or the end, or until a time. @throws what ended the stream */
  async #something(dueAt?: number): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended.reason;
    const { clock } = this.#access.context;
    const waitMs = dueAt === undefined ? 0 : dueAt - clock.monotonic();
    await new Promise<void>((resolve) => {
      const cancel = waitMs > 0 ? clock.after(waitMs, () => this.#wake()) : () => {};
      this.#wake = () => {
        cancel();
        this.#wake = () => {};
        resolve();
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forget();
    await this.#stream[Symbol.asyncDispose]();
  }
}
