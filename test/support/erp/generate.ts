import { buildCompany, emitCatalogue } from "./company.ts";
import type { ErpDb, ErpRow, ErpSession, ErpValue } from "./db.ts";
import { emptyManifest, type Manifest } from "./messes.ts";
import { seededRandom } from "./random.ts";
import { createSchema, type ErpTable, type SchemaOptions, type TableName, tableNames, tables } from "./schema.ts";
import { postgresValue } from "./schema-postgres.ts";

export interface GenerateOptions extends SchemaOptions {
  /** Rentable units of the main company (MANDANT 001); about ten rows each. */
  units: number;
  seed: number;
  /** YYYYMMDD: the day on which the company stands. Default 20261120. */
  today?: number;
}

/** The company that takes part; MANDANT 002 is another one in the same tables and must never be seen by the portal. */
export const mainMandant = "001";

const rowsPerInsert = 400;

/**
 * Creates the tables and fills them with a housing company and a small second one. The same seed and size give the same rows on every
 * database. Loads in one transaction.
 * @returns what was planted: every mess and every bad row with its keys
 */
export async function generateErp(db: ErpDb, options: GenerateOptions): Promise<Manifest> {
  const { units, seed, today = 20_261_120 } = options;
  await createSchema(db, options);
  const manifest = emptyManifest(units);
  const rows = Object.fromEntries(tableNames.map((name) => [name, []])) as unknown as Record<TableName, ErpRow[]>;
  const emit = (table: TableName, row: ErpRow): void => {
    rows[table].push(row);
  };
  emitCatalogue(emit);
  buildCompany({ mandant: mainMandant, units, random: seededRandom(seed), today, emit, manifest });
  buildCompany({ mandant: "002", units: Math.max(2, Math.floor(units / 25)), random: seededRandom(seed + 1), today, emit });
  await db.transaction(async (session) => {
    for (const table of tableNames) {
      manifest.rows[table] = rows[table].length;
      await insertRows(session, table, rows[table]);
    }
  });
  return manifest;
}

/** Inserts rows of one table, many per statement. Each row must name every column of the table. */
export async function insertRows(session: ErpSession, name: TableName, rows: readonly ErpRow[]): Promise<void> {
  const table: ErpTable = tables[name];
  const given = table.columns.filter(([column, type]) => type !== "SEQUENCE" || rows.some((row) => row[column] !== null));
  const columns = given.map(([column]) => column);
  for (let from = 0; from < rows.length; from += rowsPerInsert) {
    const chunk = rows.slice(from, from + rowsPerInsert);
    const values: ErpValue[] = [];
    for (const row of chunk) {
      for (const column of columns) {
        const value = row[column];
        if (value === undefined) throw new TypeError(`${name}.${column} has no value`);
        values.push(session.dialect === "postgres" ? postgresValue(name, column, value) : value);
      }
    }
    const tuple = `(${columns.map(() => "?").join(",")})`;
    await session.run(`INSERT INTO ${name} (${columns.join(",")}) VALUES ${chunk.map(() => tuple).join(",")}`, values);
  }
}
