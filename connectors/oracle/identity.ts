import { FuserError } from "../../base/errors.ts";
import type { HistoryIdentity } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { type Statement, sql } from "../statement.ts";
import type { Link } from "./link.ts";

const operation = "identify the ERP's database";

/**
 * Who an Oracle database is. What every account can see: name of the database and of the pluggable one, the schema and when it was made; a schema that was
 * imported anew is another one. With SELECT on V$DATABASE also DBID, which differs for a clone that was made as one.
 *
 * Position: the system change number, which grows with every commit and goes back when a backup or snapshot is restored. From V$DATABASE, else by EXECUTE on
 * DBMS_FLASHBACK; with neither right there is none. Where V$DATABASE tells the incarnation, the number is that incarnation's: a recovery to a point in time, and a
 * standby that takes over, open the database with RESETLOGS and begin another history of the same database, however far its numbers have come.
 */
export async function identityOf(link: Link, signal: AbortSignal): Promise<HistoryIdentity> {
  // Version 11 has no pluggable databases, and refuses to be asked.
  const container = /^(9|10|11)\./.test(link.version) ? "DB_NAME" : "CON_NAME";
  const seen = await one(
    link,
    sql(`SELECT SYS_CONTEXT('USERENV', 'DB_NAME') AS DB, SYS_CONTEXT('USERENV', '${container}') AS PDB, SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AS OWNER,
 SYS_CONTEXT('USERENV', 'SERVER_HOST') AS HOST, TO_CHAR(u.CREATED, 'YYYY-MM-DD"T"HH24:MI:SS') AS CREATED
 FROM ALL_USERS u WHERE u.USERNAME = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')`),
    signal,
  );
  const [db, pdb, owner, host, created] = seen ?? [];
  const incarnation = await ifAllowed(() =>
    one(link, sql("SELECT DBID, RESETLOGS_CHANGE#, CURRENT_SCN FROM V$DATABASE"), signal),
  );
  const scn = incarnation?.[2] ?? (await currentScn(link, signal));
  const [clone, counter] = incarnation === undefined ? ["", "scn"] : [`:${incarnation[0]}`, `scn since ${incarnation[1]}`];
  return {
    database: `oracle:${db}:${pdb ?? db}:${owner}:${created}${clone}`,
    label: `Oracle ${pdb ?? db} (${owner}) on ${host}`,
    product: "Oracle",
    version: link.version,
    position: scn === undefined || scn === null ? undefined : { [counter]: String(scn) },
  };
}

const scnWays = [
  "SELECT DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER AS SCN FROM DUAL",
  "SELECT CURRENT_SCN FROM V$DATABASE",
] as const;
export type ScnWay = (typeof scnWays)[number];

/** The number of the last commit; undefined without the right to ask. */
export async function currentScn(link: Link, signal: AbortSignal): Promise<RawValue | undefined> {
  return (await scnAndWay(link, signal))?.scn;
}

/** With the way by which it was asked, so that whoever asks often asks no other. */
export async function scnAndWay(link: Link, signal: AbortSignal): Promise<{ scn: RawValue; way: ScnWay } | undefined> {
  for (const way of scnWays) {
    const scn = (await ifAllowed(() => one(link, sql(way), signal)))?.[0];
    if (scn !== undefined && scn !== null) return { scn, way };
  }
  return undefined;
}

async function one(link: Link, statement: Statement, signal: AbortSignal): Promise<RawValue[] | undefined> {
  return (await link.execute(statement, signal, { operation })).rows[0];
}

/** A view or package that the account may not use looks as if it were not there. */
export async function ifAllowed<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FuserError && ["erp-object-missing", "erp-rights", "erp-sql-invalid"].includes(error.code))
      return undefined;
    throw error;
  }
}
