/** The databases on which the sample ERP's own tests run: SQLite always, MariaDB where it is installed. */
import { describe } from "vitest";
import type { ErpDb } from "../../support/erp/db.ts";
import { openMysqlErp } from "../../support/erp/db-mysql.ts";
import { openSqliteErp } from "../../support/erp/db-sqlite.ts";
import type { MariaDb } from "../../support/mariadb.ts";
import { has, mariadb } from "../../support/servers.ts";

export interface Bench {
  /** A new empty database. */
  open(): Promise<ErpDb>;
  /** The MariaDB behind it, to be killed. */
  server: MariaDb | undefined;
  end(): Promise<void>;
}

let databases = 0;

export const benches: readonly { name: string; start: () => Promise<Bench> }[] = [
  {
    name: "SQLite",
    start: async () => ({ open: async () => openSqliteErp(":memory:"), server: undefined, end: async () => undefined }),
  },
  {
    name: "MariaDB",
    start: async () => {
      const server = await mariadb();
      const open = async (): Promise<ErpDb> => openMysqlErp(await server.createDatabase(`erp${++databases}`));
      return { open, server, end: () => server.stop() };
    },
  },
];

/** Runs the promises of `body` on every database. */
export function onEveryDatabase(title: string, body: (start: () => Promise<Bench>) => void): void {
  for (const { name, start } of benches) {
    describe.skipIf(name === "MariaDB" && !has("mariadb"))(`${title}, on ${name}`, () => body(start));
  }
}
