import { createConnection as createStreamConnection } from "mysql2";
import { type Connection, createConnection } from "mysql2/promise";
import { createQueue, type ErpDb, type ErpRow, type ErpSession, type ErpValue } from "./db.ts";

export interface MysqlErpOptions {
  host: string;
  port: number;
  user: string;
  password?: string;
  database: string;
}

/** Reads `mysql://user:password@host:port/database`, the form of the demo's `--erp`. */
export function parseMysqlUrl(text: string): MysqlErpOptions {
  const url = new URL(text);
  return {
    host: url.hostname,
    port: url.port === "" ? 3306 : Number(url.port),
    user: decodeURIComponent(url.username),
    ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
    database: url.pathname.slice(1),
  };
}

const connectionOptions = {
  charset: "utf8mb4_german2_ci",
  decimalNumbers: false,
  dateStrings: true,
  supportBigNumbers: true,
  connectTimeout: 5_000,
} as const;

/** Opens a sample ERP on MariaDB or MySQL; creates the database where it is missing. Connects at the first statement. */
export function openMysqlErp(options: MysqlErpOptions): ErpDb {
  const queue = createQueue();
  let open: Promise<Connection> | undefined;
  const connected = async (): Promise<Connection> => {
    open ??= connect(options);
    try {
      return await open;
    } catch (error) {
      open = undefined;
      throw error;
    }
  };
  /** Whatever failed, a connection in an unknown state is not used again. */
  const guarded = async <T>(work: (connection: Connection) => Promise<T>): Promise<T> => {
    const connection = await connected();
    try {
      return await work(connection);
    } catch (error) {
      open = undefined;
      hangUp(connection);
      throw error;
    }
  };
  const close = async (): Promise<void> => {
    const closing = open;
    open = undefined;
    await closing?.then((connection) => connection.end()).catch(() => undefined);
  };
  const session = (connection: Connection): ErpSession => sessionOf(connection, options);
  return {
    dialect: "mysql",
    query: (sql, values) => queue(() => guarded((connection) => session(connection).query(sql, values))),
    each: (sql, values) => streamRows(options, sql, values),
    run: (sql, values) => queue(() => guarded((connection) => session(connection).run(sql, values))),
    transaction: (work) =>
      queue(() =>
        guarded(async (connection) => {
          await connection.beginTransaction();
          const result = await work(session(connection));
          await connection.commit();
          return result;
        }),
      ),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function connect(options: MysqlErpOptions): Promise<Connection> {
  const { database, ...server } = options;
  const connection = await createConnection({ ...server, ...connectionOptions });
  // A killed server also ends an idle connection; the next statement reports that.
  connection.on("error", () => undefined);
  try {
    await connection.query(`CREATE DATABASE IF NOT EXISTS \`${database}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_german2_ci`);
    await connection.query(`USE \`${database}\``);
    return connection;
  } catch (error) {
    hangUp(connection);
    throw error;
  }
}

function sessionOf(connection: Connection, options: MysqlErpOptions): ErpSession {
  return {
    dialect: "mysql",
    query: async (sql, values = []) => (await connection.query(sql, [...values]))[0] as ErpRow[],
    each: (sql, values) => streamRows(options, sql, values),
    run: async (sql, values = []) => ((await connection.query(sql, [...values]))[0] as { affectedRows: number }).affectedRows,
  };
}

/** A long result gets a connection of its own, so that it may be left halfway. */
async function* streamRows(options: MysqlErpOptions, sql: string, values: readonly ErpValue[] = []): AsyncIterable<ErpRow> {
  const connection = createStreamConnection({ ...options, ...connectionOptions });
  connection.on("error", () => undefined);
  try {
    yield* connection.query(sql, [...values]).stream({ highWaterMark: 500 }) as AsyncIterable<ErpRow>;
  } finally {
    hangUp(connection);
  }
}

/** The driver only says goodbye: with rows unread, or a server that does not answer, the socket would stay. */
function hangUp(connection: { destroy(): void }): void {
  connection.destroy();
  const { stream, connection: inner } = connection as unknown as Hidden;
  (stream ?? inner?.stream)?.destroy();
}

/** Where the driver keeps the socket, with callbacks and with promises. */
interface Hidden {
  stream?: { destroy(): void };
  connection?: { stream?: { destroy(): void } };
}
