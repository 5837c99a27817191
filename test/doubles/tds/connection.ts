import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocketOptions } from "node:tls";
import { ByteReader, ByteWriter } from "./bytes.ts";
import type { TdsDatabase } from "./engine/database.ts";
import { type Outcome, Session } from "./engine/session.ts";
import { SqlError } from "./engine/sql-error.ts";
import { isIntegrated, type Login, preloginAnswer, readLogin, wantsEncryption } from "./login.ts";
import { ntlmAnswer, ntlmChallenge } from "./ntlm.ts";
import { messagesOf, PacketWriter, packetSize, packetType } from "./packets.ts";
import { type Parameter, readParameter } from "./parameters.ts";
import { wrapTls } from "./tls.ts";
import { done, status, writeColumns, writeDone, writeError, writeSspi, writeTransaction, writeWelcome } from "./tokens.ts";
import { wireType } from "./wire-types.ts";

/** What befalls a statement: an error in its place, a connection that breaks before or after it was carried out, no answer at all. */
export type Fault = { error: SqlError } | "reset" | "reset-after" | "hang";

export interface ConnectionOptions {
  database: TdsDatabase;
  tls: TLSSocketOptions | undefined;
  /** Refuses a login by an error. */
  onLogin: (login: Login) => SqlError | undefined;
  onStatement: (text: string, session: Session) => Fault | undefined;
}

/** Bytes of an answer that are gathered before they are sent. */
const sendBytes = 32_768;

/** Serves one client. */
export function serve(socket: Socket, options: ConnectionOptions): void {
  socket.setNoDelay(true);
  const client = new TdsClient(socket, options);
  socket.on("error", () => {});
  socket.on("close", () => client.close());
}

class TdsClient {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  #stream: Duplex;
  #session: Session | undefined;
  /** Who wants to log in. */
  #asking: Login | undefined;
  #cancelled: (() => void) | undefined;
  #isCancelled = false;
  #chain: Promise<void> = Promise.resolve();
  #receive: (chunk: Buffer) => void;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#stream = socket;
    this.#options = options;
    const plain = messagesOf((type, body) => this.#take(type, body));
    this.#receive = plain;
    socket.on("data", (chunk) => this.#receive(chunk as Buffer));
  }

  #take(type: number, body: Buffer): void {
    if (type === packetType.attention) {
      this.#isCancelled = true;
      this.#cancelled?.();
    }
    this.#chain = this.#chain
      .then(() => this.#handle(type, body))
      .catch((error) => {
        this.#options.database.refused.push(`A client's message could not be handled: ${error?.stack ?? error}`);
        this.#socket.destroy();
      });
  }

  async #handle(type: number, body: Buffer): Promise<void> {
    switch (type) {
      case packetType.prelogin:
        return this.#prelogin(body);
      case packetType.login:
        this.#asking = readLogin(body);
        if (isIntegrated(body)) return this.#send((into) => writeSspi(into, ntlmChallenge("DOUBLE")));
        return this.#login(this.#asking);
      case packetType.sspi:
        return this.#login({ ...(this.#asking as Login), ...ntlmAnswer(body), password: undefined });
      case packetType.attention: {
        this.#isCancelled = false;
        return this.#send((into) => writeDone(into, done.batch, status.attention));
      }
      case packetType.batch: {
        const reader = afterHeaders(body);
        return this.#run(reader.rest().toString("utf16le"), [], "batch");
      }
      case packetType.rpc: {
        const { text, parameters } = readExecuteSql(afterHeaders(body));
        return this.#run(text, parameters, "procedure");
      }
      default:
        throw new Error(`The double takes no packet of the type ${type}`);
    }
  }

  async #send(write: (into: ByteWriter) => void): Promise<void> {
    const into = new ByteWriter();
    write(into);
    const writer = new PacketWriter(this.#stream);
    await writer.write(into.take());
    writer.end();
  }

  async #prelogin(body: Buffer): Promise<void> {
    const { tls } = this.#options;
    const encrypts = tls !== undefined && wantsEncryption(body);
    await this.#send((into) => into.raw(preloginAnswer(encrypts)));
    if (!encrypts) return;
    const wrapped = wrapTls(this.#socket, tls);
    const shaking = messagesOf((_, flight) => wrapped.take(flight));
    this.#receive = (chunk) => (wrapped.ready ? wrapped.take(chunk) : shaking(chunk));
    const within = messagesOf((type, message) => this.#take(type, message));
    wrapped.stream.on("data", (chunk) => within(chunk as Buffer));
    this.#stream = wrapped.stream;
  }

  async #login(login: Login): Promise<void> {
    const { database, onLogin } = this.#options;
    const refused = onLogin(login);
    if (refused) {
      await this.#send((into) => {
        writeError(into, refused);
        writeDone(into, done.batch, status.error);
      });
      this.#stream.end();
      return;
    }
    this.#session = new Session(database, { login: login.user, program: login.program });
    await this.#send((into) => writeWelcome(into, { database: login.database, packetSize }));
  }

  async #run(text: string, parameters: readonly Parameter[], way: "batch" | "procedure"): Promise<void> {
    const session = this.#session;
    if (!session) throw new Error("A statement before its login");
    const fault = this.#options.onStatement(text, session);
    if (fault === "reset") this.#socket.destroy();
    if (fault === "hang") await this.#untilCancelled();
    if (fault === "reset" || fault === "hang") return;
    const outcomes = typeof fault === "object" ? failing(fault.error) : session.run(text, parameters);
    if (fault === "reset-after") {
      for await (const outcome of outcomes) if (outcome.kind === "rows") Array.from(outcome.rows);
      this.#socket.destroy();
      return;
    }
    await new Answer(this.#stream, way, () => this.#isCancelled).send(outcomes);
  }

  /** Waits for the client to give up; then the answer is empty. */
  async #untilCancelled(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#cancelled = resolve;
      if (this.#isCancelled || this.#socket.destroyed) resolve();
    });
    await this.#send(() => {});
  }

  close(): void {
    this.#cancelled?.();
    this.#isCancelled = true;
    void this.#chain.then(() => this.#session?.close());
  }
}

// biome-ignore lint/correctness/useYield: it fails before anything could come
async function* failing(error: SqlError): AsyncGenerator<Outcome> {
  throw error;
}

/** ALL_HEADERS tells of transactions, which the session knows itself. */
function afterHeaders(body: Buffer): ByteReader {
  const reader = new ByteReader(body);
  reader.raw(reader.u32() - 4);
  return reader;
}

const executeSql = 10;

/** The one procedure that the driver calls by itself: `sp_executesql` with its text, declarations and values. */
function readExecuteSql(reader: ByteReader): { text: string; parameters: Parameter[] } {
  const length = reader.u16();
  const id = length === 0xffff ? reader.u16() : undefined;
  if (id !== executeSql) throw new Error(`The double calls no procedure but sp_executesql, and not ${id ?? reader.text(length)}`);
  reader.u16();
  const all: Parameter[] = [];
  while (!reader.ended) all.push(readParameter(reader));
  return { text: String(all[0]?.value), parameters: all.slice(2) };
}

/** The answer to one request, sent while the statements still run. */
class Answer {
  readonly #writer: PacketWriter;
  readonly #into = new ByteWriter();
  readonly #way: "batch" | "procedure";
  readonly #isCancelled: () => boolean;
  /** The end of the statement before: only the next one tells whether there is more. */
  #held: { flags: number; count: number } | undefined;

  constructor(stream: Duplex, way: "batch" | "procedure", isCancelled: () => boolean) {
    this.#writer = new PacketWriter(stream);
    this.#way = way;
    this.#isCancelled = isCancelled;
  }

  async send(outcomes: AsyncGenerator<Outcome>): Promise<void> {
    let failed = false;
    try {
      for await (const outcome of outcomes) {
        if (this.#isCancelled()) break;
        this.#release(status.more);
        await this.#outcome(outcome);
      }
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      failed = true;
      this.#release(status.more);
      writeError(this.#into, error);
      this.#held = { flags: status.error, count: 0 };
    }
    this.#finish(failed);
    await this.#writer.write(this.#into.take());
    this.#writer.end();
  }

  async #outcome(outcome: Outcome): Promise<void> {
    if (outcome.kind === "transaction") writeTransaction(this.#into, outcome.change, outcome.id);
    if (outcome.kind === "count") this.#held = { flags: status.count, count: outcome.count };
    else if (outcome.kind === "rows") this.#held = { flags: status.count, count: await this.#rows(outcome) };
    else this.#held = { flags: status.final, count: 0 };
  }

  async #rows({ columns, rows }: Extract<Outcome, { kind: "rows" }>): Promise<number> {
    const types = columns.map(({ type }) => wireType(type));
    writeColumns(this.#into, columns);
    let count = 0;
    for (const row of rows) {
      this.#into.u8(0xd1);
      for (const [index, type] of types.entries()) {
        const value = row[index] ?? null;
        if (value === null) type.writeNull(this.#into);
        else type.write(this.#into, value);
      }
      count += 1;
      if (this.#into.length < sendBytes) continue;
      await this.#writer.write(this.#into.take());
      if (this.#isCancelled()) break;
    }
    return count;
  }

  #release(more: number): void {
    if (!this.#held) return;
    const token = this.#way === "batch" ? done.batch : done.within;
    writeDone(this.#into, token, this.#held.flags | more, this.#held.count);
    this.#held = undefined;
  }

  #finish(failed: boolean): void {
    if (this.#way === "batch") {
      this.#held ??= { flags: status.final, count: 0 };
      this.#release(status.final);
      return;
    }
    this.#release(status.more);
    this.#into.u8(0x79).i32(failed ? 1 : 0);
    writeDone(this.#into, done.procedure, failed ? status.error : status.final);
  }
}
