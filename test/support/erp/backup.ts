import type { ErpDb, ErpRow } from "./db.ts";
import { insertRows } from "./generate.ts";
import { createSchema, type SchemaOptions, type TableName, tableNames } from "./schema.ts";

/** All rows of the sample ERP at one moment, as a nightly dump holds them. */
export interface ErpBackup {
  /** Puts the ERP back to that moment: tables are dropped, made anew and filled. */
  restore(db: ErpDb, options?: SchemaOptions): Promise<void>;
}

/** Takes a consistent copy of the whole sample ERP. */
export async function backUpErp(db: ErpDb): Promise<ErpBackup> {
  const rows = await db.transaction(async (session) => {
    const copied: [TableName, ErpRow[]][] = [];
    for (const table of tableNames) copied.push([table, await session.query(`SELECT * FROM ${table}`)]);
    return copied;
  });
  return {
    async restore(target, options) {
      await createSchema(target, options);
      await target.transaction(async (session) => {
        for (const [table, copied] of rows) await insertRows(session, table, copied);
      });
    },
  };
}
