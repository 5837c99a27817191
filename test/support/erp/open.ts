import type { ErpDb } from "./db.ts";
import { openMysqlErp, parseMysqlUrl } from "./db-mysql.ts";
import { openPostgresErp, parsePostgresUrl } from "./db-postgres.ts";
import { openSqliteErp } from "./db-sqlite.ts";

/** Opens the sample ERP at `mysql://user:password@host:port/database`, `postgres://…`, or in the SQLite file of any other text. */
export function openErp(place: string): ErpDb {
  if (place.startsWith("postgres:")) return openPostgresErp(parsePostgresUrl(place));
  return place.startsWith("mysql:") ? openMysqlErp(parseMysqlUrl(place)) : openSqliteErp(place);
}
