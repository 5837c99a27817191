import type { DatabaseSync } from "node:sqlite";
import { type CatalogueTable, engineColumn, engineType, fillView } from "./catalogue.ts";
import type { TdsDatabase } from "./database.ts";
import { nameOf, parseCreateIndex, parseCreateTable } from "./ddl.ts";
import { meaningful, type Token, textOf } from "./lexer.ts";
import { parseRoutine } from "./procedures.ts";
import { SqlError, unknown } from "./sql-error.ts";

export function isSchemaChange([first]: readonly Token[]): boolean {
  return first !== undefined && ["CREATE", "DROP", "ALTER", "TRUNCATE"].includes(first.value);
}

/** Changes tables, indexes and triggers in the engine and in the catalogue. */
export function changeSchema(on: DatabaseSync, database: TdsDatabase, statement: readonly Token[]): void {
  const tokens = meaningful(statement);
  const what = tokens
    .slice(0, tokens[1]?.value === "UNIQUE" ? 3 : 2)
    .map(({ value }) => value)
    .filter((word) => word !== "UNIQUE")
    .join(" ");
  switch (what) {
    case "CREATE TABLE":
      createTable(on, database, statement);
      break;
    case "CREATE INDEX":
      createIndex(on, database, statement);
      break;
    case "CREATE TRIGGER":
      createTrigger(on, database, textOf(statement));
      break;
    case "CREATE PROCEDURE":
    case "CREATE FUNCTION": {
      const routine = parseRoutine(statement);
      database.routines.set(routine.name.toLowerCase(), routine);
      break;
    }
    case "DROP PROCEDURE":
    case "DROP FUNCTION":
      database.routines.delete(nameOf(tokens).toLowerCase());
      break;
    case "CREATE SEQUENCE":
      database.sequences.set(nameOf(tokens.slice(2, 3)).toLowerCase(), 0n);
      break;
    case "DROP TABLE":
      dropTable(on, database, nameOf(tokens.filter(({ value }) => !["DROP", "TABLE", "IF", "EXISTS"].includes(value))), tokens);
      break;
    case "DROP TRIGGER":
      on.exec(`DROP TRIGGER "${nameOf(tokens.slice(2))}"`);
      for (const table of database.catalogue.tables)
        table.triggers = table.triggers.filter((name) => name !== nameOf(tokens.slice(2)));
      break;
    case "TRUNCATE TABLE":
      truncate(on, database, nameOf(tokens.slice(2)));
      break;
    case "ALTER DATABASE":
      if (!/SET CHANGE_TRACKING\s*=\s*ON/i.test(textOf(statement))) throw unknown(textOf(statement));
      database.tracked ??= 0n;
      fillView(on, "sys.change_tracking_databases", [[5n, 7n, 3n, 1n]]);
      break;
    case "ALTER TABLE":
      alterTable(on, database, statement);
      break;
    default:
      throw unknown(textOf(statement));
  }
  database.described(on);
}

function createTable(on: DatabaseSync, database: TdsDatabase, statement: readonly Token[]): void {
  const table = parseCreateTable(statement);
  if (database.catalogue.find(table.name)) {
    throw new SqlError(2714, `There is already an object named '${table.name}' in the database.`);
  }
  const counted = table.columns.find(({ identity }) => identity);
  const columns = table.columns.map((column) =>
    column === counted ? `"${column.name}" INTEGER PRIMARY KEY AUTOINCREMENT` : engineColumn(column),
  );
  const keys = table.indexes
    .filter(({ columns: [first], columns: all }) => !(counted && all.length === 1 && first === counted.name))
    .map(({ columns: all, primary }) => `${primary ? "PRIMARY KEY" : "UNIQUE"} (${quoted(all)})`);
  on.exec(`CREATE TABLE "${table.name}" (${[...columns, ...keys].join(", ")})`);
  database.catalogue.add(table);
  const versioned = table.columns.find(({ type }) => type.name === "timestamp");
  if (!versioned) return;
  for (const event of ["INSERT", "UPDATE"]) {
    on.exec(
      `CREATE TRIGGER "version.${table.name}.${event}" AFTER ${event} ON "${table.name}" BEGIN UPDATE "${table.name}" SET "${versioned.name}" = tsql_next_version() WHERE rowid = NEW.rowid; END`,
    );
  }
}

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");

function createIndex(on: DatabaseSync, database: TdsDatabase, statement: readonly Token[]): void {
  const { name, table, index } = parseCreateIndex(statement);
  const known = requireTable(database, table);
  on.exec(`CREATE ${index.unique ? "UNIQUE " : ""}INDEX "${known.name}.${name}" ON "${known.name}" (${quoted(index.columns)})`);
  known.indexes.push(index);
}

/** The one trigger that the suite makes: it empties a column of every new row. */
const emptying =
  /^\s*CREATE TRIGGER (\w+) ON (\w+) AFTER INSERT AS UPDATE t SET (\w+) = NULL FROM (\w+) AS t JOIN inserted AS i ON t\.(\w+) = i\.\5\s*$/i;

function createTrigger(on: DatabaseSync, database: TdsDatabase, text: string): void {
  const match = emptying.exec(text);
  if (!match) throw unknown(text);
  const [, name = "", table = "", column, , key] = match;
  requireTable(database, table).triggers.push(name);
  on.exec(
    `CREATE TRIGGER "${name}" AFTER INSERT ON "${table}" BEGIN UPDATE "${table}" SET "${column}" = NULL WHERE "${key}" = NEW."${key}"; END`,
  );
}

function dropTable(on: DatabaseSync, database: TdsDatabase, name: string, tokens: readonly Token[]): void {
  if (!database.catalogue.find(name)) {
    if (tokens.some(({ value }) => value === "EXISTS")) return;
    throw new SqlError(3701, `Cannot drop the table '${name}', because it does not exist or you do not have permission.`);
  }
  on.exec(`DROP TABLE "${name}"; DROP TABLE IF EXISTS "ct.${name}"`);
  database.catalogue.drop(name);
}

/** What truncating leaves of the changes: nothing, and nobody is told which rows there were. It is no commit that has a version of its own. */
function truncate(on: DatabaseSync, database: TdsDatabase, name: string): void {
  const table = requireTable(database, name);
  on.exec(`DELETE FROM "${table.name}"`);
  if (!table.tracked) return;
  on.exec(`DELETE FROM "ct.${table.name}"`);
  begunAt(database, table.name);
}

function begunAt(database: TdsDatabase, name: string): void {
  const version = database.tracked ?? 0n;
  database.minimumVersions.set(name, version);
  database.beginVersions.set(name, version);
}

function alterTable(on: DatabaseSync, database: TdsDatabase, statement: readonly Token[]): void {
  const tokens = meaningful(statement);
  const table = requireTable(database, nameOf(tokens.slice(2, 3)));
  const change = tokens
    .slice(3)
    .map(({ value }) => value)
    .join(" ");
  if (change === "ENABLE CHANGE_TRACKING") track(on, database, table);
  else if (change === "DISABLE CHANGE_TRACKING") {
    for (const event of ["INSERT", "UPDATE", "DELETE"]) on.exec(`DROP TRIGGER "ct.${table.name}.${event}"`);
    on.exec(`DROP TABLE "ct.${table.name}"`);
    table.tracked = false;
  } else throw unknown(textOf(statement));
}

function track(on: DatabaseSync, database: TdsDatabase, table: CatalogueTable): void {
  if (database.tracked === undefined) throw new SqlError(22115, "Change tracking is not enabled in the database.");
  const key = table.indexes.find(({ primary }) => primary)?.columns ?? [];
  if (key.length === 0)
    throw new SqlError(4997, `Cannot enable change tracking on table '${table.name}'. Change tracking requires a primary key.`);
  const columns = key.map((name) => {
    const column = table.columns.find((candidate) => candidate.name === name);
    return `"${name}" ${column ? engineType(column.type) : ""} COLLATE NOCASE`;
  });
  on.exec(`CREATE TABLE "ct.${table.name}" (version INTEGER, operation TEXT, ${columns.join(", ")})`);
  const note = (operation: string, row: "NEW" | "OLD"): string =>
    `INSERT INTO "ct.${table.name}" SELECT tsql_track_version(), '${operation}', ${key.map((name) => `${row}."${name}"`).join(", ")}`;
  const moved = key.map((name) => `OLD."${name}" IS NOT NEW."${name}"`).join(" OR ");
  const trigger = (event: string, body: string): void =>
    on.exec(`CREATE TRIGGER "ct.${table.name}.${event}" AFTER ${event} ON "${table.name}" BEGIN ${body}; END`);
  trigger("INSERT", note("I", "NEW"));
  trigger("UPDATE", `${note("D", "OLD")} WHERE ${moved}; ${note("U", "NEW")}`);
  trigger("DELETE", note("D", "OLD"));
  table.tracked = true;
  begunAt(database, table.name);
}

function requireTable(database: TdsDatabase, name: string): CatalogueTable {
  const table = database.catalogue.find(name);
  if (table) return table;
  throw new SqlError(208, `Invalid object name '${name}'.`);
}
