import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sqlite } from "../../../connectors/sqlite/connector.ts";
import { observed } from "../../support/servers.ts";
import { contextOf, type Subject } from "./subject.ts";

/** An SQLite file with or without a write-ahead log. */
export async function sqliteSubject(journal: "wal" | "delete"): Promise<Subject & { file: string }> {
  const home = await mkdtemp(join(tmpdir(), "fuser-contract-"));
  const file = join(home, "erp.db");
  const database = new DatabaseSync(file, { timeout: 5_000 });
  database.exec(`PRAGMA journal_mode = ${journal}; PRAGMA synchronous = OFF`);
  database.exec("CREATE TABLE anything (a)");
  observed("sqlite", String(database.prepare("SELECT sqlite_version() AS version").get()?.version));
  return {
    name: `SQLite (journal ${journal})`,
    file,
    open: (options) => sqlite.open({ file }, async () => "", contextOf(options)),
    async run(sql, values) {
      if (values) database.prepare(sql).run(...values);
      else database.exec(sql);
    },
    async rows(sql) {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      statement.setReadBigInts(true);
      return (statement.all() as unknown as unknown[][]).map((row) =>
        row.map((value) => (value === null ? null : String(value))),
      );
    },
    type: (name) =>
      ({
        key: "VARCHAR(60)",
        germanKey: "VARCHAR(60)",
        autoKey: "INTEGER PRIMARY KEY AUTOINCREMENT",
        stamp: "DATETIME",
        words: "VARCHAR(40)",
      })[name],
    literal: (text) => `'${text.replaceAll("'", "''")}'`,
    swallow: (table, column) =>
      `CREATE TRIGGER fuser_swallow AFTER INSERT ON ${table} BEGIN UPDATE ${table} SET ${column} = NULL WHERE rowid = NEW.rowid; END`,
    unswallow: () => "DROP TRIGGER fuser_swallow",
    async [Symbol.asyncDispose]() {
      database.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
