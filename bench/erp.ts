/** The ERP of the bench: utilisation periods of a housing company of any size, made by the server itself out of a counter, the same in every run. */
import type { Connection } from "mysql2/promise";

/** Rows of the periods' parents, by the number of periods. */
export interface Sizes {
  periods: number;
  units: number;
  properties: number;
  persons: number;
}

export const mandant = "001";
/** Tables beside the company's own, so that ten sources can be polled. */
export const catalogues = ["KATALOG1", "KATALOG2", "KATALOG3", "KATALOG4", "KATALOG5"];
export const catalogueRows = 100;

const periodsPerUnit = 10;
const unitsPerProperty = 50;
const rowsPerPerson = 5;

/** @param rows of utilisation periods; a multiple of 1,000 */
export function sizesOf(rows: number): Sizes {
  const units = Math.ceil(rows / periodsPerUnit);
  return {
    periods: rows,
    units,
    properties: Math.ceil(units / unitsPerProperty),
    persons: Math.ceil(rows / rowsPerPerson),
  };
}

/** Key of a unit, by its number from 0. */
export function unitKey(unit: number): string[] {
  const padded = (number: number, width: number): string => String(number).padStart(width, "0");
  return [
    mandant,
    padded(Math.floor(unit / unitsPerProperty) + 1, 6),
    padded((Math.floor(unit / 10) % 5) + 1, 4),
    padded((unit % 10) + 1, 6),
  ];
}

/** The same as the portal knows it. */
export const unitId = (unit: number): string => unitKey(unit).join(".");

/** The fourteen columns of a period that the mapping reads and the yardstick likewise. */
export const periodColumns = [
  "MANDANT",
  "OBJNR",
  "HAUSNR",
  "WOHNNR",
  "FOLGE",
  "VERTRAGNR",
  "ART",
  "BEGINN",
  "ENDE",
  "PERSNR",
  "NAME1",
  "MITPERSNR",
  "NAME2",
  "BUERGNR",
];

const unitColumns = "MANDANT CHAR(3) NOT NULL, OBJNR CHAR(6) NOT NULL, HAUSNR CHAR(4) NOT NULL, WOHNNR CHAR(6) NOT NULL";
const stamp = "AENDTS DATETIME(6) NOT NULL, INDEX (AENDTS)";

const tables = [
  `CREATE TABLE OBJEKT (MANDANT CHAR(3) NOT NULL, OBJNR CHAR(6) NOT NULL, BEZ VARCHAR(60) NOT NULL, ${stamp}, PRIMARY KEY (MANDANT, OBJNR))`,
  `CREATE TABLE WOHNUNG (${unitColumns}, LAGE VARCHAR(40) NOT NULL, ${stamp}, PRIMARY KEY (MANDANT, OBJNR, HAUSNR, WOHNNR))`,
  `CREATE TABLE PERSON (MANDANT CHAR(3) NOT NULL, PERSNR CHAR(10) NOT NULL, TEIL INT NOT NULL, NAME1 VARCHAR(60) NOT NULL, ${stamp},
    PRIMARY KEY (MANDANT, PERSNR, TEIL))`,
  // As old systems keep them: numbers padded with zeros, texts with blanks, dates as integers, 0 and 99991231 in place of null.
  `CREATE TABLE MIETVERTRAG (${unitColumns}, FOLGE INT NOT NULL, VERTRAGNR VARCHAR(60) NOT NULL, ART CHAR(2) NOT NULL, BEGINN INT NOT NULL,
    ENDE INT NOT NULL, PERSNR CHAR(10) NOT NULL, NAME1 VARCHAR(60) NOT NULL, MITPERSNR CHAR(10) NOT NULL, NAME2 VARCHAR(60) NOT NULL,
    BUERGNR CHAR(10) NOT NULL, ${stamp}, PRIMARY KEY (MANDANT, OBJNR, HAUSNR, WOHNNR, FOLGE))`,
  `CREATE TABLE NUMMERNKREIS (MANDANT CHAR(3) NOT NULL, KREIS VARCHAR(20) NOT NULL, NR INT NOT NULL, PRIMARY KEY (MANDANT, KREIS))`,
  `CREATE TABLE AUFTRAG (MANDANT CHAR(3) NOT NULL, AUFTRNR CHAR(8) NOT NULL, FREMDNR VARCHAR(40) NULL, OBJNR CHAR(6) NOT NULL,
    HAUSNR CHAR(4) NOT NULL, WOHNNR CHAR(6) NOT NULL, KURZTEXT VARCHAR(40) NOT NULL, STATUS CHAR(1) NOT NULL, ANLDAT INT NOT NULL,
    ANLZEIT INT NOT NULL, ${stamp}, PRIMARY KEY (MANDANT, AUFTRNR), UNIQUE (FREMDNR))`,
  ...catalogues.map((name) => `CREATE TABLE ${name} (CODE CHAR(6) NOT NULL PRIMARY KEY, TEXT_DE VARCHAR(60) NOT NULL, ${stamp})`),
];

const first = "'Jürgen','Anneliese','Günther','Wolfgang','Käthe','Sören','Bärbel','Hans-Jörg','Ursula','Friederike','Matthias'";
const last = "'Müller','Schäfer','Großmann','Weiß','Krämer','Böhm','Jäger','Schröder','Lindenberger','Höfer','Straßburger'";

/** Whole number in [0, below), the same for the same row and purpose. */
const hash = (purpose: string, below: number): string => `(CRC32(CONCAT('${purpose}', seq)) % ${below})`;
const padded = (number: string, width: number): string => `LPAD(${number}, ${width}, '0')`;
const name = (purpose: string, width: number): string =>
  `RPAD(CONCAT(ELT(${hash(`${purpose}f`, 11)} + 1, ${first}), ' ', ELT(${hash(`${purpose}l`, 11)} + 1, ${last})), ${width}, ' ')`;
/** Each a minute after the one before: as of rows that were changed one by one, long ago. */
const longAgo = "'2010-01-01' + INTERVAL seq MINUTE";
const day = (expression: string): string =>
  `CAST(DATE_FORMAT('1990-01-01' + INTERVAL (${expression}) DAY, '%Y%m%d') AS UNSIGNED)`;

/** Parts of a unit's key, by the unit's number from 0. */
const unitParts = (unit: string): string =>
  [
    `'${mandant}'`,
    padded(`${unit} DIV ${unitsPerProperty} + 1`, 6),
    padded(`(${unit} DIV 10) % 5 + 1`, 4),
    padded(`${unit} % 10 + 1`, 6),
  ].join(", ");

/** Creates the tables in the connection's database and fills them. */
export async function fillErp(connection: Connection, sizes: Sizes): Promise<void> {
  for (const table of tables) await connection.query(table);
  await connection.query("SET SESSION sql_log_bin = 0, unique_checks = 0");
  const { properties, units, persons, periods } = sizes;
  await connection.query(
    `INSERT INTO OBJEKT SELECT '${mandant}', ${padded("seq", 6)}, CONCAT('Siedlung ', seq), ${longAgo} FROM seq_1_to_${properties}`,
  );
  await connection.query(
    `INSERT INTO WOHNUNG SELECT ${unitParts("(seq - 1)")}, CONCAT('Geschoss ', seq % 9, ' '), ${longAgo} FROM seq_1_to_${units}`,
  );
  await connection.query(
    `INSERT INTO PERSON SELECT '${mandant}', ${padded("seq", 10)}, 1, ${name("n", 50)}, ${longAgo} FROM seq_1_to_${persons}`,
  );
  const share = 100_000;
  for (let from = 1; from <= periods; from += share) {
    await connection.query(periodInsert(sizes, from, Math.min(periods, from + share - 1)));
  }
  await connection.query(`INSERT INTO NUMMERNKREIS VALUES ('${mandant}', 'AUFTRAG', 0)`);
  for (const table of catalogues) {
    await connection.query(
      `INSERT INTO ${table} SELECT ${padded("seq", 6)}, CONCAT('Eintrag ', seq), ${longAgo} FROM seq_1_to_${catalogueRows}`,
    );
  }
  await connection.query("ANALYZE TABLE OBJEKT, WOHNUNG, PERSON, MIETVERTRAG, AUFTRAG");
}

function periodInsert({ persons }: Sizes, from: number, to: number): string {
  const begins = `(seq - 1) % ${periodsPerUnit} * 1300 + ${hash("b", 1_200)}`;
  const person = (purpose: string): string => padded(`${hash(purpose, persons)} + 1`, 10);
  const parts = unitParts(`((seq - 1) DIV ${periodsPerUnit})`);
  return `INSERT INTO MIETVERTRAG SELECT ${parts}, (seq - 1) % ${periodsPerUnit} + 1,
    RPAD(CONCAT_WS('/', 'MV ${mandant}', ${padded("(seq - 1) DIV 500 + 1", 6)}, ${padded("CRC32(CONCAT('v', seq))", 10)}), 60, ' '),
    ELT(${hash("a", 10)} + 1, 'MV','MV','MV','MV','MV','MV','MV','MV','EV','LE'),
    ${day(begins)},
    CASE WHEN ${hash("e", 10)} < 2 THEN 0 WHEN ${hash("e", 10)} < 5 THEN 99991231 ELSE ${day(`${begins} + 400 + ${hash("d", 900)}`)} END,
    ${person("p")}, ${name("x", 50)},
    IF(${hash("m", 10)} < 4, ${person("q")}, ''), IF(${hash("m", 10)} < 4, ${name("y", 30)}, ''),
    IF(${hash("g", 20)} = 0, ${person("r")}, ''), ${longAgo}
    FROM seq_${from}_to_${to}`;
}

/** Bytes of a period as text, as a table dump writes it: the values, and one byte behind each. */
export async function rowBytes(connection: Connection): Promise<number> {
  const lengths = periodColumns.map((column) => `LENGTH(${column}) + 1`).join(" + ");
  const [rows] = await connection.query(`SELECT AVG(${lengths}) AS bytes FROM MIETVERTRAG`);
  return Number((rows as { bytes: string }[])[0]?.bytes);
}
