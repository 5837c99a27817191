/** The sample company in its database: made anew, or found as an earlier demo left it. Never over tables that are not the demo's own. */

import { FuserError } from "../../../base/errors.ts";
import { localStamp, splitStamp } from "../../../test/support/erp/calendar.ts";
import type { ErpDb, ErpDialect } from "../../../test/support/erp/db.ts";
import { generateErp } from "../../../test/support/erp/generate.ts";
import { tableNames } from "../../../test/support/erp/schema.ts";
import type { Session } from "../session.ts";
import type { ErpPlace } from "./erp-place.ts";

/** Marks a database as the demo's own: only then its tables may be dropped. */
const marker = "ERPFUSER_DEMO";

export interface CompanyOptions {
  place: ErpPlace;
  units: number;
  /** Go on with the company of an earlier demo. */
  keep: boolean;
  /** Drop tables of the same names even if the demo did not make them. */
  reset: boolean;
  /** The agent is going to live on the database's own feed. */
  fed: boolean;
}

export interface Company {
  db: ErpDb;
  /** Rows of all tables. */
  rows: number;
  /** False when it was found. */
  made: boolean;
}

/**
 * Opens the ERP's database and fills it with the sample company.
 * @throws FuserError `erp-unreachable` with what the database said, `erp-tables-not-ours`
 */
export async function prepareCompany(session: Session, options: CompanyOptions): Promise<Company> {
  const db = options.place.open();
  try {
    const { ours, theirs } = await tablesIn(db);
    if (options.keep && ours && theirs.length === tableNames.length) return { db, rows: await countRows(db), made: false };
    if (!ours && theirs.length > 0 && !options.reset) throw tablesNotOurs(options.place, theirs);
    await db.run(`CREATE TABLE IF NOT EXISTS ${marker} (UNITS INT NOT NULL)`);
    await db.run(`DELETE FROM ${marker}`);
    await db.run(`INSERT INTO ${marker} (UNITS) VALUES (?)`, [options.units]);
    const today = splitStamp(localStamp(session.clock.now())).day;
    await generateErp(db, { units: options.units, seed: 1, today });
    if (options.fed) await options.place.prepareFeed(db);
    return { db, rows: await countRows(db), made: true };
  } catch (error) {
    await db.close();
    throw error instanceof FuserError ? error : unreachable(options.place, error);
  }
}

const tablesSql: Record<ErpDialect, string> = {
  sqlite: "SELECT name AS NAME FROM sqlite_master WHERE type = 'table'",
  mysql: "SELECT TABLE_NAME AS NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()",
  postgres: "SELECT tablename AS NAME FROM pg_catalog.pg_tables WHERE schemaname = current_schema()",
};

/** Whether the marker is there, and which tables bear a name of the sample ERP's. */
async function tablesIn(db: ErpDb): Promise<{ ours: boolean; theirs: string[] }> {
  const names = (await db.query(tablesSql[db.dialect])).map((row) => String(row.NAME).toUpperCase());
  return { ours: names.includes(marker), theirs: tableNames.filter((name) => names.includes(name)) };
}

async function countRows(db: ErpDb): Promise<number> {
  let rows = 0;
  for (const name of tableNames) rows += Number((await db.query(`SELECT COUNT(*) AS N FROM ${name}`))[0]?.N ?? 0);
  return rows;
}

function tablesNotOurs(place: ErpPlace, tables: readonly string[]): FuserError {
  return new FuserError("config", `The database holds tables that the demo did not make: ${tables.join(", ")}`, {
    code: "erp-tables-not-ours",
    operation: "make the sample company",
    place: place.label,
    hint: "Name an empty database, or let the demo DROP these tables with --reset",
  });
}

const remedies: Record<string, string> = {
  ECONNREFUSED: "Nothing listens there: start the server, or correct host and port in --erp",
  ENOTFOUND: "The host name is unknown: correct it in --erp",
  ETIMEDOUT: "The host does not answer: check address, firewall and VPN",
  ER_ACCESS_DENIED_ERROR: "The server refuses user or password: correct them in --erp",
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: "The server refuses this user: correct user and password in --erp",
  ER_DBACCESS_DENIED_ERROR: "The user may not use or create this database: grant ALL on it",
  "28P01": "The server refuses user or password: correct them in --erp",
  "28000": "The server refuses this user from here: correct --erp, or the server's pg_hba.conf",
  "42501": "The user may not create this database, or tables in it: let the DBA create it for this user",
};

function unreachable(place: ErpPlace, error: unknown): FuserError {
  const { code = "", message } = error as { code?: string; message?: string };
  return new FuserError("config", `The demo's ERP can't be used: ${message || code}`, {
    code: "erp-unreachable",
    operation: "make the sample company",
    place: place.label,
    hint: remedies[code] ?? "Mend what the database says, then start the demo again",
    cause: error,
  });
}
