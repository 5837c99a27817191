import { has } from "../../support/servers.ts";
import { mysqlSubject } from "./mysql.ts";
import { sqliteSubject } from "./sqlite.ts";
import type { Subject } from "./subject.ts";

/** Every database that the contract suite runs on. */
export const subjects: { name: string; make: () => Promise<Subject> }[] = [
  { name: "SQLite with a write-ahead log", make: () => sqliteSubject("wal") },
  { name: "SQLite with a rollback journal", make: () => sqliteSubject("delete") },
  ...(has("mariadb") ? [{ name: "MariaDB", make: () => mysqlSubject() }] : []),
];

/** The same for what is promised of reads: where a connector has two ways to read, both. */
export const readers: typeof subjects = [
  ...subjects,
  ...(has("mariadb")
    ? [{ name: "MariaDB, rows parsed by the driver", make: () => mysqlSubject(undefined, { rawRows: false }) }]
    : []),
];
