import type { ErpDb, ErpDialect } from "./db.ts";
import { postgresType } from "./schema-postgres.ts";

/** One table of the sample ERP. Like its models in the field it has composite keys, no foreign keys and many NOT NULL columns without default. */
export interface ErpTable {
  /** Column name and declared type, in order; `NULL` must be said, everything else is NOT NULL without a default. */
  readonly columns: readonly (readonly [name: string, type: string])[];
  readonly key: readonly string[];
  readonly unique?: readonly string[];
  readonly indexes?: readonly (readonly string[])[];
}

const unitKey = [
  ["MANDANT", "CHAR(3)"],
  ["OBJNR", "CHAR(6)"],
  ["HAUSNR", "CHAR(3)"],
  ["WOHNNR", "CHAR(6)"],
] as const;
const changed = [["AENDTS", "DATETIME"]] as const;

export const tables = {
  OBJEKT: {
    columns: [
      ...unitKey.slice(0, 2),
      ["BEZ", "VARCHAR(60)"],
      ["STRASSE", "VARCHAR(60)"],
      ["HNR", "VARCHAR(8)"],
      ["PLZ", "CHAR(5)"],
      ["ORT", "VARCHAR(40)"],
      ["VERWART", "CHAR(1)"],
      ["EIGNR", "CHAR(8)"],
    ],
    key: ["MANDANT", "OBJNR"],
  },
  HAUS: {
    columns: [
      ...unitKey.slice(0, 3),
      ["BEZ", "VARCHAR(60)"],
      ["STRASSE", "VARCHAR(60)"],
      ["HNR", "VARCHAR(8)"],
      ["PLZ", "CHAR(5)"],
      ["ORT", "VARCHAR(40)"],
      ["BAUJAHR", "INT"],
      ["AUFZUG", "CHAR(1)"],
    ],
    key: ["MANDANT", "OBJNR", "HAUSNR"],
  },
  WOHNUNG: {
    columns: [
      ...unitKey,
      ["LAGE", "VARCHAR(40)"],
      ["ART", "CHAR(2)"],
      ["ETAGE", "VARCHAR(10)"],
      ["FLAECHE", "DECIMAL(9,2)"],
      ["ZIMMER", "DECIMAL(4,1)"],
      ["EIGENTUM", "CHAR(1)"],
    ],
    key: ["MANDANT", "OBJNR", "HAUSNR", "WOHNNR"],
  },
  PERSON: {
    columns: [
      ["MANDANT", "CHAR(3)"],
      ["PERSNR", "CHAR(8)"],
      ["ART", "CHAR(1)"],
      ["ANREDE", "VARCHAR(20)"],
      ["NAME1", "VARCHAR(60)"],
      ["VORNAME1", "VARCHAR(40)"],
      ["NAME2", "VARCHAR(60)"],
      ["VORNAME2", "VARCHAR(40)"],
      ["EMAIL", "VARCHAR(120) NULL"],
      ["TELEFON", "VARCHAR(30)"],
      ["STRASSE", "VARCHAR(60)"],
      ["HNR", "VARCHAR(8)"],
      ["PLZ", "CHAR(5)"],
      ["ORT", "VARCHAR(40)"],
      ["GEBDAT", "INT"],
      ["MAHNSPERRE", "CHAR(1)"],
      ...changed,
    ],
    key: ["MANDANT", "PERSNR"],
    indexes: [["AENDTS"]],
  },
  MIETVERTRAG: {
    columns: [
      ...unitKey,
      ["FOLGE", "INT"],
      ["PERSNR", "CHAR(8)"],
      ["MITPERSNR", "CHAR(8)"],
      ["BEGINN", "INT"],
      ["ENDE", "INT"],
      ["LEERSTAND", "CHAR(1)"],
      ["STORNO", "CHAR(1)"],
      ["MIETE", "DECIMAL(11,2)"],
      ["KAUTION", "DECIMAL(11,2)"],
      ...changed,
    ],
    key: ["MANDANT", "OBJNR", "HAUSNR", "WOHNNR", "FOLGE"],
    indexes: [["AENDTS"], ["MANDANT", "PERSNR"], ["MANDANT", "MITPERSNR"]],
  },
  AUFTRAG: {
    columns: [
      ["MANDANT", "CHAR(3)"],
      ["AUFTRNR", "CHAR(8)"],
      ["FREMDNR", "VARCHAR(40) NULL"],
      ["OBJNR", "CHAR(6)"],
      ["HAUSNR", "CHAR(3)"],
      ["WOHNNR", "CHAR(6)"],
      ["MELDER", "CHAR(8)"],
      ["SBNR", "CHAR(4)"],
      ["KREDNR", "CHAR(8)"],
      ["ART", "CHAR(1)"],
      ["KURZTEXT", "VARCHAR(40)"],
      ["LANGTEXT", "TEXT"],
      ["STATUS", "CHAR(1)"],
      ["PRIO", "CHAR(1)"],
      ["KATEGORIE", "CHAR(4)"],
      ["KANAL", "CHAR(1)"],
      ["ANLDAT", "INT"],
      ["ANLZEIT", "INT"],
      ["ERLDAT", "INT"],
      ["ERLZEIT", "INT"],
      ["TERMIN", "INT"],
      ["GEWAEHR", "CHAR(1)"],
      ["KOSTST", "CHAR(6)"],
      ["SPARTE", "INT"],
      ...changed,
    ],
    key: ["MANDANT", "AUFTRNR"],
    unique: ["FREMDNR"],
    indexes: [["AENDTS"], ["MANDANT", "OBJNR", "HAUSNR", "WOHNNR"], ["MANDANT", "MELDER"]],
  },
  AUFTRTEXT: {
    columns: [
      ["MANDANT", "CHAR(3)"],
      ["AUFTRNR", "CHAR(8)"],
      ["LFDNR", "INT"],
      ["FREMDNR", "VARCHAR(40) NULL"],
      ["ART", "CHAR(1)"],
      ["VERFASSER", "VARCHAR(40)"],
      ["ZEILE", "TEXT"],
      ["ERFDAT", "INT"],
      ["ERFZEIT", "INT"],
    ],
    key: ["MANDANT", "AUFTRNR", "LFDNR"],
    unique: ["FREMDNR"],
  },
  NUMMERNKREIS: {
    columns: [
      ["MANDANT", "CHAR(3)"],
      ["KREIS", "CHAR(12)"],
      ["NR", "INT"],
    ],
    key: ["MANDANT", "KREIS"],
  },
  SACHBEARBEITER: {
    columns: [
      ["MANDANT", "CHAR(3)"],
      ["SBNR", "CHAR(4)"],
      ["NAME", "VARCHAR(60)"],
      ["EMAIL", "VARCHAR(120) NULL"],
      ["ROLLE", "CHAR(2)"],
    ],
    key: ["MANDANT", "SBNR"],
  },
  KREDITOR: {
    columns: [
      ["MANDANT", "CHAR(3)"],
      ["KREDNR", "CHAR(8)"],
      ["NAME", "VARCHAR(60)"],
      ["GEWERK", "CHAR(4)"],
      ["EMAIL", "VARCHAR(120) NULL"],
      ["PLZ", "CHAR(5)"],
      ["ORT", "VARCHAR(40)"],
      ["SPERRE", "CHAR(1)"],
    ],
    key: ["MANDANT", "KREDNR"],
  },
  SOLLSTELLUNG: {
    columns: [
      ["MANDANT", "CHAR(3)"],
      ["SOLLNR", "CHAR(10)"],
      ...unitKey.slice(1),
      ["FOLGE", "INT"],
      ["PERSNR", "CHAR(8)"],
      ["SOLLDAT", "INT"],
      ["FAELLIG", "INT"],
      ["BETRAG", "DECIMAL(13,2)"],
      ["OFFEN", "DECIMAL(13,2)"],
      ["STORNO", "CHAR(1)"],
      ...changed,
    ],
    key: ["MANDANT", "SOLLNR"],
    indexes: [["AENDTS"], ["MANDANT", "OBJNR", "HAUSNR", "WOHNNR", "FOLGE"], ["MANDANT", "PERSNR"]],
  },
  KATALOG: {
    columns: [
      ["KATALOG", "CHAR(8)"],
      ["CODE", "CHAR(4)"],
      ["TEXT_DE", "VARCHAR(60)"],
      ["TEXT_EN", "VARCHAR(60)"],
      ["OBERCODE", "CHAR(4)"],
      ["AKTIV", "CHAR(1)"],
    ],
    key: ["KATALOG", "CODE"],
  },
  ZAEHLER: {
    columns: [
      ["MANDANT", "CHAR(3)"],
      ["ZAEHLNR", "CHAR(10)"],
      ...unitKey.slice(1),
      ["ART", "CHAR(2)"],
      ["SERIENNR", "VARCHAR(30)"],
      ["EINHEIT", "VARCHAR(5)"],
      ["EINBAU", "INT"],
      ["FUNK", "CHAR(1)"],
    ],
    key: ["MANDANT", "ZAEHLNR"],
    indexes: [["MANDANT", "OBJNR", "HAUSNR", "WOHNNR"]],
  },
  ZAEHLERSTAND: {
    columns: [
      ["LFDID", "SEQUENCE"],
      ["MANDANT", "CHAR(3)"],
      ["ZAEHLNR", "CHAR(10)"],
      ["ABLDAT", "INT"],
      ["STAND", "DECIMAL(14,3)"],
      ["HERKUNFT", "CHAR(1)"],
    ],
    key: ["LFDID"],
    indexes: [["MANDANT", "ZAEHLNR"]],
  },
} as const satisfies Record<string, ErpTable>;

export type TableName = keyof typeof tables;
export const tableNames = Object.keys(tables) as TableName[];

export interface SchemaOptions {
  /** False leaves AUFTRAG.FREMDNR and AUFTRTEXT.FREMDNR without their unique index, so that a doubled ticket is possible. Default true. */
  uniqueFremdnr?: boolean;
}

/** Creates the tables; those of an earlier run are dropped first. */
export async function createSchema(db: ErpDb, options: SchemaOptions = {}): Promise<void> {
  for (const name of tableNames) {
    await db.run(`DROP TABLE IF EXISTS ${name}`);
    for (const statement of tableDdl(db.dialect, name, options)) await db.run(statement);
  }
}

/** Name of the ledger table in the `ledger` variant of the configuration. */
export const ledgerTable = "ERPFUSER_LEDGER";

/** Makes the agent's ledger, as a DBA does from the printed script (connectors/ledger.ts says the columns). */
export async function createLedger(db: ErpDb): Promise<void> {
  await db.run(`DROP TABLE IF EXISTS ${ledgerTable}`);
  const suffix = db.dialect === "mysql" ? " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" : "";
  await db.run(`CREATE TABLE ${ledgerTable} (command_id VARCHAR(64) NOT NULL PRIMARY KEY, results TEXT)${suffix}`);
}

/** The statements that create one table with its indexes. */
export function tableDdl(dialect: ErpDialect, name: TableName, options: SchemaOptions = {}): string[] {
  const table: ErpTable = tables[name];
  const columns = table.columns.map(
    ([column, type]) => `${column} ${columnDdl(dialect, dialect === "postgres" ? postgresType(name, column, type) : type)}`,
  );
  const sequence = table.columns.some(([, type]) => type === "SEQUENCE");
  if (!sequence || dialect !== "sqlite") columns.push(`PRIMARY KEY (${table.key.join(", ")})`);
  if (options.uniqueFremdnr !== false) for (const column of table.unique ?? []) columns.push(`UNIQUE (${column})`);
  const suffix = dialect === "mysql" ? " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_german2_ci" : "";
  return [
    `CREATE TABLE ${name} (\n  ${columns.join(",\n  ")}\n)${suffix}`,
    ...(table.indexes ?? []).map((index, place) => `CREATE INDEX IX_${name}_${place + 1} ON ${name} (${index.join(", ")})`),
  ];
}

function columnDdl(dialect: ErpDialect, type: string): string {
  if (type === "SEQUENCE") return dialect === "mysql" ? "BIGINT NOT NULL AUTO_INCREMENT" : "INTEGER PRIMARY KEY AUTOINCREMENT";
  return type.endsWith(" NULL") ? type : `${type} NOT NULL`;
}
