import pg from "pg";
import { createQueue, type ErpDb, type ErpRow, type ErpSession, type ErpValue } from "./db.ts";

export interface PostgresErpOptions {
  host: string;
  port: number;
  user: string;
  password?: string;
  database: string;
}

/** Reads `postgres://user:password@host:port/database`, the form of the demo's `--erp`. */
export function parsePostgresUrl(text: string): PostgresErpOptions {
  const url = new URL(text);
  return {
    host: url.hostname,
    port: url.port === "" ? 5432 : Number(url.port),
    user: decodeURIComponent(url.username),
    ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
    database: url.pathname.slice(1),
  };
}

/** Opens a sample ERP on PostgreSQL; creates the database where it is missing. Connects at the first statement. */
export function openPostgresErp(options: PostgresErpOptions): ErpDb {
  const queue = createQueue();
  let open: Promise<pg.Client> | undefined;
  const connected = async (): Promise<pg.Client> => {
    open ??= connect(options);
    try {
      return await open;
    } catch (error) {
      open = undefined;
      throw error;
    }
  };
  /** Whatever failed, a connection in an unknown state is not used again. */
  const guarded = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = await connected();
    try {
      return await work(client);
    } catch (error) {
      open = undefined;
      await hangUp(client);
      throw error;
    }
  };
  const close = async (): Promise<void> => {
    const closing = open;
    open = undefined;
    await closing?.then(hangUp, () => undefined);
  };
  const session = (client: pg.Client): ErpSession => sessionOf(client, options);
  return {
    dialect: "postgres",
    query: (sql, values) => queue(() => guarded((client) => session(client).query(sql, values))),
    each: (sql, values) => streamRows(options, sql, values),
    run: (sql, values) => queue(() => guarded((client) => session(client).run(sql, values))),
    transaction: (work) =>
      queue(() =>
        guarded(async (client) => {
          await client.query("BEGIN");
          const result = await work(session(client));
          await client.query("COMMIT");
          return result;
        }),
      ),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Error code of a database that is not there. */
const noDatabase = "3D000";

async function connect(options: PostgresErpOptions): Promise<pg.Client> {
  try {
    return await login(options);
  } catch (error) {
    if ((error as { code?: string }).code !== noDatabase) throw error;
  }
  const admin = await login({ ...options, database: "postgres" });
  try {
    await admin.query(`CREATE DATABASE ${pg.escapeIdentifier(options.database)}`);
  } finally {
    await hangUp(admin);
  }
  return login(options);
}

/** Times of the office: what is written into a column with time zone is Berlin's, and is read so. */
async function login(options: PostgresErpOptions): Promise<pg.Client> {
  const client = new pg.Client({ ...options, types: { getTypeParser: () => String }, connectionTimeoutMillis: 5_000 });
  // A killed server also ends an idle connection; the next statement reports that.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("SET TimeZone = 'Europe/Berlin'; SET DateStyle = 'ISO'; SET client_min_messages = warning");
    return client;
  } catch (error) {
    await hangUp(client);
    throw error;
  }
}

async function hangUp(client: pg.Client): Promise<void> {
  await client.end().catch(() => undefined);
}

function sessionOf(client: pg.Client, options: PostgresErpOptions): ErpSession {
  return {
    dialect: "postgres",
    query: async (sql, values = []) => rowsOf(await client.query<string[]>(statement(sql, values))),
    each: (sql, values) => streamRows(options, sql, values),
    run: async (sql, values = []) => (await client.query(statement(sql, values))).rowCount ?? 0,
  };
}

const rowsPerFetch = 500;

/** A long result gets a connection and a cursor of its own, so that it may be left halfway. */
async function* streamRows(
  options: PostgresErpOptions,
  sql: string,
  values: readonly ErpValue[] = [],
): AsyncGenerator<ErpRow, void, undefined> {
  const client = await connect(options);
  try {
    await client.query("BEGIN");
    await client.query(statement(`DECLARE LINES NO SCROLL CURSOR FOR ${sql}`, values));
    for (;;) {
      const rows = rowsOf(await client.query<string[]>(statement(`FETCH ${rowsPerFetch} FROM LINES`, [])));
      yield* rows;
      if (rows.length < rowsPerFetch) return;
    }
  } finally {
    await hangUp(client);
  }
}

/** The server numbers what it binds. No text of the sample ERP holds a question mark of its own. */
function statement(sql: string, values: readonly ErpValue[]): pg.QueryArrayConfig {
  let number = 0;
  return { text: sql.replaceAll("?", () => `$${++number}`), values: [...values], rowMode: "array" };
}

/** Names that nobody quotes are small letters in PostgreSQL, and capitals in the sample ERP. */
function rowsOf({ fields, rows }: pg.QueryArrayResult<string[]>): ErpRow[] {
  const columns = fields.map(({ name, dataTypeID }) => ({ name: name.toUpperCase(), read: readers[dataTypeID] ?? String }));
  return rows.map((row) =>
    Object.fromEntries(columns.map(({ name, read }, place) => [name, row[place] === null ? null : read(row[place] as string)])),
  );
}

/** By the types' numbers (pg_type.oid): each value as the other databases of the sample ERP hold it. */
const readers: Record<number, (text: string) => ErpValue> = {
  16: (text) => (text === "t" ? "J" : "N"),
  20: Number,
  21: Number,
  23: Number,
  1042: (text) => text.trimEnd(),
  1082: (text) => Number(text.replaceAll("-", "")),
  1184: (text) => text.slice(0, 19),
};
