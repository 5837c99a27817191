import pg from "pg";
import { postgres } from "../../../connectors/postgres/connector.ts";
import { postgresSyntax } from "../../../connectors/postgres/sql.ts";
import type { Postgres, PostgresAccess, PostgresProgram } from "../../support/postgres.ts";
import { postgres as startServer } from "../../support/servers.ts";
import { type NamedPlace, type NamedServer, tablePrefix } from "./named.ts";
import { contextOf, type Procedures, type Subject } from "./subject.ts";

let last = 0;

/** A database on a PostgreSQL of its own, or on the given server. */
export async function postgresSubject(
  where: { program?: PostgresProgram; server?: Postgres; settings?: string[] } = {},
): Promise<Subject & { server: Postgres; database: string }> {
  const server = where.server ?? (await startServer(where));
  last += 1;
  const database = `contract_${last}`;
  const access = await server.createDatabase(database);
  const subject = await subjectAt(access, server.name);
  return {
    ...subject,
    server,
    database,
    async [Symbol.asyncDispose]() {
      await subject[Symbol.asyncDispose]();
      if (where.server === undefined) await server.stop();
    },
  };
}

/** Values as the text that the server prints; the blanks that fill CHAR(n) mean nothing to it (type 1042). */
const asText = { getTypeParser: (type: number) => (text: string) => (type === 1042 ? text.replace(/ +$/, "") : text) };
const collation = `${tablePrefix}german`;

/** A database that is there already. */
async function subjectAt(at: PostgresAccess & { database: string }, name: string): Promise<Subject> {
  const client = await connect(at);
  // As in a German telephone book: ä is ae, and case does not count.
  await client.query(
    `CREATE COLLATION IF NOT EXISTS ${collation} (provider = icu, locale = 'de-u-co-phonebk-ks-level1', deterministic = false)`,
  );
  for (const [type, text] of Object.entries(ownTypes)) {
    const { rows } = await client.query("SELECT to_regtype($1) IS NULL AS missing", [type]);
    if (rows[0]?.missing) await client.query(text);
  }
  return {
    name,
    open: (options) =>
      postgres.open(
        { server: at.host, port: at.port, database: at.database, user: at.user, password: { secret: "erp" } },
        async () => at.password,
        contextOf(options),
      ),
    async run(sql, values) {
      await client.query(values === undefined ? sql : numbered(sql), values?.map(bindable));
    },
    async rows(sql) {
      const { rows } = await client.query({ text: sql, rowMode: "array", types: asText });
      return rows as (string | null)[][];
    },
    literal: (text) => client.escapeLiteral(text),
    swallow: (table, column) =>
      `CREATE FUNCTION ${tablePrefix}swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.${column} := NULL; RETURN NEW; END $$;
       CREATE TRIGGER fuser_swallow BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${tablePrefix}swallow()`,
    unswallow: (table) => `DROP TRIGGER fuser_swallow ON ${table}; DROP FUNCTION ${tablePrefix}swallow()`,
    procedures,
    type: (kind) =>
      ({
        key: "VARCHAR(60)",
        germanKey: `VARCHAR(60) COLLATE ${collation}`,
        autoKey: "SERIAL PRIMARY KEY",
        stamp: "TIMESTAMP",
        words: "VARCHAR(40)",
      })[kind],
    async [Symbol.asyncDispose]() {
      await client.end();
    },
  };
}

/** A procedure that commits within a transaction of its caller does not exist here: the server refuses the COMMIT. */
const procedures: Procedures = {
  make: {
    next: [
      `CREATE PROCEDURE fusertest_next (circle VARCHAR, INOUT step INTEGER, INOUT nr BIGINT DEFAULT NULL, INOUT stamp TIMESTAMP DEFAULT NULL, INOUT amount NUMERIC DEFAULT NULL, INOUT words VARCHAR DEFAULT NULL)
      LANGUAGE plpgsql AS $$ BEGIN
        UPDATE fusertest_counters SET value = value + step WHERE name = circle RETURNING value INTO nr;
        step := step * 2; stamp := '2026-10-25 02:30:00.5'; amount := 1234567890.1234; words := 'Größe 🏠';
      END $$`,
    ],
    list: [
      `CREATE FUNCTION fusertest_list (circle VARCHAR) RETURNS TABLE (name VARCHAR, value INTEGER) LANGUAGE plpgsql AS $$ BEGIN
        RETURN QUERY SELECT c.name, c.value FROM fusertest_counters c ORDER BY c.name <> circle, c.name;
        INSERT INTO fusertest_counters VALUES ('listed', 0);
      END $$`,
    ],
    twice: ["CREATE FUNCTION fusertest_twice (n INTEGER) RETURNS INTEGER LANGUAGE sql AS 'SELECT n + n'"],
    refuse: [
      `CREATE PROCEDURE fusertest_refuse (words VARCHAR) LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO fusertest_counters VALUES ('refused', 0);
        RAISE EXCEPTION '%', words;
      END $$`,
    ],
    commits: [],
    commitsAndFails: [],
  },
  drop: ["next", "list", "twice", "refuse"].map((name) => `DROP ROUTINE IF EXISTS fusertest_${name}`),
};

/** Types of the ERP's own, for the golden table. */
const ownTypes = {
  [`${tablePrefix}mood`]: `CREATE TYPE ${tablePrefix}mood AS ENUM ('z', 'ü', 'a')`,
  [`${tablePrefix}rent`]: `CREATE DOMAIN ${tablePrefix}rent AS NUMERIC(10,2) CHECK (VALUE >= 0)`,
};

const numbered = (sql: string): string => sql.split("?").reduce((text, part, index) => `${text}$${index}${part}`);

const bindable = (value: string | number | null | Uint8Array): unknown =>
  value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;

async function connect(at: PostgresAccess & { database: string }): Promise<pg.Client> {
  const { host, port, user, password, database } = at;
  const client = new pg.Client({ host, port, user, password, database, ssl: false });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** A PostgreSQL that a user names. PREPARE parses a statement and looks its tables up, so that a missing table (42P01) says that the text is well-formed. */
export const namedPostgres: NamedServer = {
  port: 5432,
  syntax: postgresSyntax,
  subject: (place: NamedPlace) => subjectAt(place, `PostgreSQL at ${place.host}`),
  async look(place) {
    const client = await connect(place);
    return {
      async tables() {
        const { rows } = await client.query(
          "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid) AND relnamespace = ANY(SELECT oid FROM pg_namespace WHERE nspname = ANY(current_schemas(false)))",
        );
        return rows.map(({ name }: { name: string }) => name);
      },
      async drop(table) {
        await client.query(`DROP TABLE ${client.escapeIdentifier(table)} CASCADE`);
      },
      async parse(text) {
        try {
          await client.query(`PREPARE fusertest AS ${text}`);
          await client.query("DEALLOCATE fusertest");
        } catch (error) {
          const { code, message } = error as { code?: string; message: string };
          if (code !== "42P01") return message;
        }
        return undefined;
      },
      async [Symbol.asyncDispose]() {
        // Nothing uses them once the tables are gone.
        await client.query(`DROP COLLATION IF EXISTS ${collation}`).catch(() => {});
        for (const type of Object.keys(ownTypes)) await client.query(`DROP TYPE IF EXISTS ${type}`).catch(() => {});
        await client.end();
      },
    };
  },
};
