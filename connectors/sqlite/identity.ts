import { closeSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { HistoryIdentity } from "../connector.ts";
import { sql } from "../statement.ts";
import { all, isWal } from "./database.ts";

/**
 * Who an SQLite database is. It has no id of its own. Taken: the file's real path and its `application_id`. Not taken: inode and birth time
 * (restoring a backup changes both, though it is the same database with an older history) and anything of the schema (an upgrade changes it).
 * So a copy at another path is another database, and a restored file is the same one gone back in time.
 *
 * Position: the schema cookie, which every change of the schema raises, and with a rollback journal the file change counter, which every
 * writing transaction raises (sqlite.org/fileformat2.html, 1.3.7 and 1.3.9). With a write-ahead log that counter stands still (tried: 200 commits
 * and a checkpoint left it at 2), and SQLite has no other that outlives a restart: there a restored file is recognised by its rows alone.
 */
export function identityOf(database: DatabaseSync, file: string, header: FileHeader): HistoryIdentity {
  const path = realpathSync(file);
  const applicationId = all(database, sql("PRAGMA application_id"))[0]?.[0];
  const schema = all(database, sql("PRAGMA schema_version"))[0]?.[0];
  const version = String(all(database, sql("SELECT sqlite_version()"))[0]?.[0]);
  return {
    database: `sqlite:${path}:${applicationId}`,
    label: `SQLite ${basename(path)}`,
    product: "SQLite",
    version,
    position: { schema: String(schema), ...(isWal(database) ? {} : { changes: header.changeCounter(path) }) },
  };
}

/**
 * Reads the file's header beside SQLite. The descriptor stays open as long as the connector: on POSIX systems closing any descriptor of a file
 * drops every lock that the process holds on it (sqlite.org/howtocorrupt.html, 2.2), those of our own write connection included.
 */
export class FileHeader implements Disposable {
  #open: { descriptor: number; file: string } | undefined;

  changeCounter(path: string): string {
    const file = fileId(path);
    if (this.#open?.file !== file) {
      this[Symbol.dispose]();
      this.#open = { descriptor: openSync(path, "r"), file };
    }
    const counter = Buffer.alloc(4);
    readSync(this.#open.descriptor, counter, 0, counter.length, 24);
    return String(counter.readUInt32BE(0));
  }

  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.#open.descriptor);
    this.#open = undefined;
  }
}

/** Changes when another file is put in this path's place, which open connections would not notice. */
export function fileId(path: string): string {
  const { dev, ino } = statSync(path);
  return `${dev}:${ino}`;
}
