/**
 * A server's binlog as a stream of events, over two connections made as all others are (TLS, time-outs). What it tells is held back by `pause`: the
 * server then waits, and after its net_write_timeout lets go of us.
 */
import { randomInt } from "node:crypto";
import ZongJi, { type AnyBinlogEvent, type BinlogEventByName, type BinlogEventName } from "@vlasky/zongji";
import type { Connection } from "mysql2";
import { placeOf } from "./config.ts";
import { type Access, type Connected, connectToPrimary, connectWithTls, hangUp } from "./connect.ts";
import { binlogError } from "./errors.ts";
import { Link } from "./link.ts";

/** Where the server begins: behind transactions that it knows by their GTIDs, or at an offset of a file. */
export type BinlogStart = { gtids: string } | { file: string; offset: number };

/** Tables whose rows are told: schema -> names, both as the server has stored them. */
export type BinlogTables = Readonly<Record<string, readonly string[]>>;

/** An idle server says so this often, ms. */
const heartbeatPeriodMs = 2_000;
/** A server that has said nothing for so long is gone, ms; it may be silent while it looks for the place to begin at. */
const silenceMs = 60_000;

/** How long a server that has just answered may take for another connection, ms. */
const controlTimeoutMs = 10_000;
/** What every server takes for wait_timeout (on Windows no more). */
const longestIdleSeconds = 2_147_483;

const operation = "read the binlog";

export function isEvent<N extends BinlogEventName>(event: AnyBinlogEvent, name: N): event is BinlogEventByName<N> {
  return event.getEventName() === name;
}

interface ChecksumChoice {
  _isChecksumEnabled(next: (error: null, enabled: boolean) => void): void;
}

/** The driver's part of a command of the library. */
interface DumpCommand extends NodeJS.EventEmitter {
  execute(packet: DumpPacket | undefined, connection: unknown): boolean;
}

interface DumpPacket {
  buffer: Buffer;
  offset: number;
  end: number;
}

/** From here on the binlog's entries have checksums, or have none any more: it must be read on by a stream that knows. */
export class ChecksumsChanged extends Error {
  readonly checksums: boolean;

  constructor(checksums: boolean) {
    super("The binlog goes on with other checksums");
    this.name = "ChecksumsChanged";
    this.checksums = checksums;
  }
}

const formatDescription = 15;
/** An entry: a zero byte, seconds, kind, and more (dev.mysql.com, "Binlog Event Header"). */
const kindAt = 5;
const shortestDescription = 60;
/** A file's first entry ends with the kind of checksum that all of its entries have, and a checksum of its own. */
const checksumKindAt = -5;

/** Whether a file's entries have checksums, where the packet is the file's first entry. */
function checksumsOf({ buffer, offset, end }: DumpPacket): boolean | undefined {
  if (end - offset < shortestDescription || buffer[offset] !== 0 || buffer[offset + kindAt] !== formatDescription)
    return undefined;
  return buffer[end + checksumKindAt] === 1;
}

export class BinlogStream implements AsyncDisposable {
  /** The connection that the events will come by: to ask who is at its other end, before it starts. */
  readonly link: Link;
  readonly #dump: Connection;
  readonly #control: Connection;
  readonly #access: Access;
  readonly #zongji: ZongJi;
  #state: "prepared" | "running" | "ended" = "prepared";
  #paused = false;
  #closed: Promise<void> | undefined;
  #fail: (reason: unknown) => void = () => {};
  #quiet: () => void = () => {};

  private constructor(access: Access, { connection: dump, server }: Connected, control: Connection) {
    this.#access = access;
    this.#dump = dump;
    this.#control = control;
    this.link = new Link({ connection: dump, server }, access);
    this.#zongji = new ZongJi({});
    this.#zongji.connection = dump;
    this.#zongji.ctrlConnection = control;
    for (const connection of [dump, control]) connection.on("error", () => {});
  }

  /** Connects; nothing is read yet. @param checksums whether entries have them; by default as the server is set now @throws FuserError config or transient */
  static async open(access: Access, signal: AbortSignal, checksums?: boolean): Promise<BinlogStream> {
    const dump = await connectToPrimary(access, "feed", signal);
    dump.connection.on("error", () => {});
    try {
      const opening = { server: dump.server, kind: "feed", timeoutMs: controlTimeoutMs } as const;
      const stream = new BinlogStream(access, dump, await connectWithTls(access, opening, signal));
      await stream.#prepare(checksums, signal);
      return stream;
    } catch (error) {
      hangUp(dump.connection);
      throw binlogError(error, operation, placeOf(access.settings));
    }
  }

  async #prepare(checksums: boolean | undefined, signal: AbortSignal): Promise<void> {
    const period = heartbeatPeriodMs * 1_000_000;
    try {
      // MySQL 8 reads the second name of each, all others the first. Checksums come as they stand in the files, whatever is set here.
      const settings = ["heartbeat_period", period, "binlog_checksum", "@@GLOBAL.binlog_checksum"] as const;
      const sets = [settings.slice(0, 2), settings.slice(2)].map(
        ([name, value]) => `@master_${name} = ${value}, @source_${name} = ${value}`,
      );
      await this.link.query(`SET ${sets.join(", ")}`, signal, operation);
      // It is asked what columns a table has, and for nothing else: for days it may be idle, which not every server bears.
      const idle = new Link({ connection: this.#control, server: this.link.server }, this.#access);
      await idle.query(`SET SESSION wait_timeout = ${longestIdleSeconds}`, signal, operation);
      const [result] = await this.link.query("SELECT @@GLOBAL.binlog_checksum", signal, operation);
      const set = String(result?.rows[0]?.[0]) !== "NONE";
      // The library goes by the server's setting alone, and would take the checksums of an older file for part of its rows.
      (this.#zongji as unknown as ChecksumChoice)._isChecksumEnabled = (next) => next(null, checksums ?? set);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Starts to tell events. `onEvent` is called for each as it comes; `onEnd` once, with what ended the stream: an error, the reason of the abort, or
   * undefined after it was closed.
   */
  start(
    from: BinlogStart,
    tables: BinlogTables,
    handlers: { onEvent: (event: AnyBinlogEvent) => void; onEnd: (reason: unknown) => void },
  ): void {
    this.#state = "running";
    this.#fail = (reason) => {
      if (this.#state === "ended") return;
      this.#state = "ended";
      this.#quiet();
      this.#hangUp();
      const expected = reason === undefined || reason instanceof ChecksumsChanged;
      handlers.onEnd(expected ? reason : binlogError(reason, operation, placeOf(this.#access.settings)));
    };
    for (const connection of [this.#dump, this.#control]) {
      connection.on("error", (error) => this.#fail(error));
      connection.on("end", () => this.#fail(new Error("Connection closed")));
    }
    this.#zongji.on("error", (error) => this.#fail(error));
    this.#zongji.on("binlog", (event) => {
      if (this.#state !== "running") return;
      this.#hear();
      try {
        handlers.onEvent(event);
      } catch (error) {
        this.#fail(error);
      }
    });
    this.#watchCommand();
    this.#hear();
    const where = "gtids" in from ? { gtidSet: from.gtids } : { filename: from.file, position: from.offset };
    // A server ends the stream of one who comes with the id of another.
    const serverId = randomInt(2 ** 31, 2 ** 32 - 1);
    this.#zongji.start({ ...where, serverId, includeSchema: tables as Record<string, string[]> });
  }

  /** The server's refusal, and the end that it sends when it shuts down, come to the command alone, which the library does not listen to. */
  #watchCommand(): void {
    const connection = this.#dump as unknown as { addCommand(command: DumpCommand): unknown };
    const add = connection.addCommand.bind(connection);
    connection.addCommand = (command) => {
      if ("binlogData" in command) {
        command.on("error", (error: unknown) => this.#fail(error));
        command.on("end", () => this.#fail(new Error("Connection closed")));
        const execute = command.execute.bind(command);
        command.execute = (packet, from) => {
          const checksums = packet === undefined ? undefined : checksumsOf(packet);
          if (checksums === undefined || checksums === this.#zongji.useChecksum) return execute(packet, from);
          this.#fail(new ChecksumsChanged(checksums));
          return true;
        };
      }
      return add(command);
    };
  }

  /** Something came: the server lives. */
  #hear(): void {
    this.#quiet();
    if (this.#paused || this.#state === "ended") return;
    this.#quiet = this.#access.context.clock.after(silenceMs, () => this.#fail(new Error("Connection closed")));
  }

  /** Reads no more from the socket; what was read already may still come. */
  pause(): void {
    if (this.#paused || this.#state !== "running") return;
    this.#paused = true;
    this.#quiet();
    this.#dump.pause();
  }

  resume(): void {
    if (!this.#paused || this.#state !== "running") return;
    this.#paused = false;
    this.#hear();
    this.#dump.resume();
  }

  /** Ends it at once, with this reason. */
  end(reason: unknown): void {
    this.#fail(reason);
  }

  /** The socket of the events is closed at once; the other one after a KILL for them, as the server would only notice when it next has something to send. */
  #hangUp(): void {
    this.#closed = new Promise((resolve) => {
      this.#zongji.once("stopped", () => {
        hangUp(this.#control);
        resolve();
      });
      this.#zongji.stop();
      hangUp(this.#dump);
    });
  }

  /** Closes both sockets. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(undefined);
    if (this.#state === "prepared") {
      this.#state = "ended";
      this.#hangUp();
    }
    await this.#closed;
  }
}
