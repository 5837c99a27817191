import type { ErpDb } from "./db.ts";
import { openMysqlErp, parseMysqlUrl } from "./db-mysql.ts";
import { openSqliteErp } from "./db-sqlite.ts";

/** Opens the sample ERP at `mysql://user:password@host:port/database`, or in the SQLite file of any other text. */
export function openErp(place: string): ErpDb {
  return place.startsWith("mysql:") ? openMysqlErp(parseMysqlUrl(place)) : openSqliteErp(place);
}
