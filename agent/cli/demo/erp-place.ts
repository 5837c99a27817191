/** Where the demo's ERP stands: an SQLite file of its own, or a database on MariaDB or PostgreSQL that the user names; and how the agent reads it. */
import { FuserError } from "../../../base/errors.ts";
import { csvDropLines } from "../../../test/support/erp/csv-drops.ts";
import type { ErpDb, ErpDialect } from "../../../test/support/erp/db.ts";
import { openMysqlErp, parseMysqlUrl } from "../../../test/support/erp/db-mysql.ts";
import { openPostgresErp, parsePostgresUrl } from "../../../test/support/erp/db-postgres.ts";
import { openSqliteErp } from "../../../test/support/erp/db-sqlite.ts";
import { dropMarker } from "./drop-folder.ts";
import { publishTables } from "./publication.ts";

export interface ErpPlace {
  dialect: ErpDialect | "csv";
  /** For people, without the password. */
  label: string;
  /** The lines under `erp:` of the configuration. */
  connection: readonly string[];
  /** Goes into the agent's secrets, never into the configuration. */
  password: string | undefined;
  open(): ErpDb;
  /** What a DBA does for the database's own feed once the tables are there. */
  prepareFeed(db: ErpDb): Promise<void>;
  /** The server keeps its log for a feed until somebody says that it is not wanted any more. */
  keepsForFeed: boolean;
  /** Folder into which the ERP drops CSV files: all that the agent sees of it. */
  dropFolder?: string;
}

/** Name of the secret that holds the database's password. */
export const passwordSecret = "erp-password";

const nothingToPrepare = { prepareFeed: async () => undefined, keepsForFeed: false };

/**
 * Reads `mysql://user[:password]@host:port/database` or `postgres://…`.
 * @throws FuserError `usage-erp-url`
 */
export function serverPlace(url: string): ErpPlace {
  const server = serverOf(url);
  if (server === undefined) throw notUnderstood();
  const { host, port, user, password, database } = server.at;
  const connection = { server: host, port, user, database };
  return {
    ...server.place,
    label: `${server.product}, ${user}@${host}:${port}/${database}`,
    connection: [
      ...Object.entries(connection).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
      ...(password === undefined ? [] : [`password: { secret: ${passwordSecret} }`]),
    ],
    password,
  };
}

export function sqlitePlace(file: string): ErpPlace {
  return {
    ...nothingToPrepare,
    dialect: "sqlite",
    label: `SQLite, ${file}`,
    connection: [`file: ${JSON.stringify(file)}`],
    password: undefined,
    open: () => openSqliteErp(file),
  };
}

/** An ERP that allows no account: nobody but itself knows its database, an SQLite file here. */
export function csvPlace(folder: string, file: string): ErpPlace {
  return {
    ...sqlitePlace(file),
    dialect: "csv",
    label: `CSV files in ${folder}`,
    connection: csvDropLines(folder, dropMarker),
    dropFolder: folder,
  };
}

interface ServerPlace {
  product: string;
  at: ReturnType<typeof parseMysqlUrl>;
  place: Pick<ErpPlace, "dialect" | "open" | "prepareFeed" | "keepsForFeed">;
}

function serverOf(url: string): ServerPlace | undefined {
  try {
    if (/^(mysql|mariadb):\/\//.test(url)) {
      const at = parseMysqlUrl(url);
      return usable({ product: "MariaDB", at, place: { ...nothingToPrepare, dialect: "mysql", open: () => openMysqlErp(at) } });
    }
    if (/^postgres(ql)?:\/\//.test(url)) {
      const at = parsePostgresUrl(url);
      const prepareFeed = (db: ErpDb): Promise<void> => publishTables(db, at.database);
      const place = { dialect: "postgres", open: () => openPostgresErp(at), prepareFeed, keepsForFeed: true } as const;
      return usable({ product: "PostgreSQL", at, place });
    }
  } catch {
    // Not a URL at all: told by the caller, without repeating a text that may hold a password.
  }
  return undefined;
}

function usable(server: ServerPlace): ServerPlace | undefined {
  const { host, user, database } = server.at;
  return host !== "" && user !== "" && /^[A-Za-z0-9_$-]{1,63}$/.test(database) ? server : undefined;
}

function notUnderstood(): FuserError {
  return new FuserError("config", "--erp is not understood", {
    code: "usage-erp-url",
    operation: "read --erp",
    hint: "Write it as mysql://user:password@host:port/database, e.g. mysql://root@127.0.0.1:3306/erpfuser_demo, as postgres://user:password@host:port/database, or as csv:FOLDER; escape special characters of the password as in URLs",
  });
}
