import { typeText } from "../declared-type.ts";
import type { Catalogue, CatalogueColumn, CatalogueTable } from "./catalogue.ts";
import { nameOf } from "./ddl.ts";
import { closing, splitAt, type Token, textOf } from "./lexer.ts";
import { SqlError, unknown } from "./sql-error.ts";
import { type Scope, translate } from "./translate.ts";

/** INSERT, UPDATE or DELETE as the engine writes it: what goes into a column is converted to the type that T-SQL declared. */
export interface WriteStatement {
  text: string;
  table: CatalogueTable | undefined;
  /** Table variable that takes the OUTPUT. */
  into: string | undefined;
}

export function writeStatement(statement: readonly Token[], catalogue: Catalogue, scope: Scope): WriteStatement {
  const tokens = trimmed(statement);
  switch (tokens[0]?.value) {
    case "INSERT":
      return insert(tokens, catalogue, scope);
    case "UPDATE":
      return update(tokens, catalogue, scope);
    default:
      return { text: translate(tokens, scope), table: undefined, into: undefined };
  }
}

function trimmed(tokens: readonly Token[]): Token[] {
  const first = tokens.findIndex(({ kind }) => kind !== "blank");
  const last = tokens.findLastIndex(({ kind }) => kind !== "blank");
  return tokens.slice(first, last + 1);
}

const wordAt = (tokens: readonly Token[], ...words: string[]): number =>
  tokens.findIndex(({ kind, value }) => kind === "word" && words.includes(value));

function insert(tokens: readonly Token[], catalogue: Catalogue, scope: Scope): WriteStatement {
  const source = wordAt(tokens, "VALUES", "SELECT");
  const output = wordAt(tokens, "OUTPUT");
  if (source < 0) throw unknown(textOf(tokens));
  const head = trimmed(tokens.slice(wordAt(tokens, "INTO") + 1, output < 0 ? source : output));
  const open = head.findIndex(({ text }) => text === "(");
  const table = tableOf(catalogue, nameOf(open < 0 ? head : head.slice(0, open)));
  const columns = open < 0 ? table.columns.filter(({ identity }) => !identity) : listed(head.slice(open), table);
  const body = tokens.slice(source);
  const values = body[0]?.value === "VALUES" ? rowsOf(body.slice(1), columns, scope) : selected(body, columns, scope);
  const { returning, into } = output < 0 ? { returning: "", into: undefined } : outputOf(tokens.slice(output + 1, source), scope);
  const names = columns.map(({ name }) => `"${name}"`).join(", ");
  return { text: `INSERT INTO "${table.name}" (${names}) ${values}${returning}`, table, into };
}

function tableOf(catalogue: Catalogue, name: string): CatalogueTable {
  const table = catalogue.find(name);
  if (table) return table;
  throw new SqlError(208, `Invalid object name '${name}'.`);
}

function listed(bracketed: readonly Token[], table: CatalogueTable): CatalogueColumn[] {
  return splitAt(bracketed.slice(1, closing(bracketed, 0)), ({ text }) => text === ",").map((part) =>
    columnOf(table, nameOf(part)),
  );
}

function columnOf(table: CatalogueTable, name: string): CatalogueColumn {
  const column = table.columns.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
  if (column) return column;
  throw new SqlError(207, `Invalid column name '${name}'.`);
}

const stored = ({ type }: CatalogueColumn, expression: string): string => `tsql_store('${typeText(type)}', ${expression})`;

/** A number with a fraction stays the text it is: the engine would make a float of it. */
function exactly(value: readonly Token[], scope: Scope): string {
  const text = textOf(trimmed(value));
  return /^-?\d+\.\d+$/.test(text) ? `'${text}'` : translate(value, scope);
}

function rowsOf(tokens: readonly Token[], columns: readonly CatalogueColumn[], scope: Scope): string {
  const rows = splitAt(trimmed(tokens), ({ text }) => text === ",").map((row) => {
    const bracketed = trimmed(row);
    const values = splitAt(bracketed.slice(1, -1), ({ text }) => text === ",");
    if (values.length !== columns.length) {
      throw new SqlError(213, "Column name or number of supplied values does not match table definition.");
    }
    return `(${values.map((value, index) => stored(columns[index] as CatalogueColumn, exactly(value, scope))).join(", ")})`;
  });
  return `VALUES ${rows.join(", ")}`;
}

function selected(tokens: readonly Token[], columns: readonly CatalogueColumn[], scope: Scope): string {
  const from = wordAt(tokens, "FROM");
  const list = splitAt(tokens.slice(1, from < 0 ? undefined : from), ({ text }) => text === ",");
  if (list.length !== columns.length) {
    throw new SqlError(213, "Column name or number of supplied values does not match table definition.");
  }
  const items = list.map((item, index) => stored(columns[index] as CatalogueColumn, translate(item, scope)));
  return `SELECT ${items.join(", ")}${from < 0 ? "" : ` ${translate(tokens.slice(from), scope)}`}`;
}

/** `OUTPUT INSERTED.a, … INTO @table`. */
function outputOf(tokens: readonly Token[], scope: Scope): { returning: string; into: string } {
  const at = wordAt(tokens, "INTO");
  const variable = tokens.slice(at + 1).find(({ kind }) => kind === "variable")?.text;
  const into = variable && scope.tableOf(variable);
  if (at < 0 || into === undefined || into === "") {
    throw new SqlError(
      334,
      "The target table of the DML statement cannot have any enabled triggers if the statement contains an OUTPUT clause without INTO clause.",
    );
  }
  const columns = splitAt(tokens.slice(0, at), ({ text }) => text === ",").map((part) => `"${nameOf(part)}"`);
  return { returning: ` RETURNING ${columns.join(", ")}`, into };
}

function update(tokens: readonly Token[], catalogue: Catalogue, scope: Scope): WriteStatement {
  const set = wordAt(tokens, "SET");
  const where = wordAt(tokens, "WHERE");
  const table = tableOf(catalogue, nameOf(tokens.slice(1, set)));
  const end = where < 0 ? tokens.length : where;
  const assignments = splitAt(tokens.slice(set + 1, end), ({ text }) => text === ",").map((part) => {
    const equals = part.findIndex(({ text }) => text === "=");
    const column = columnOf(table, nameOf(part.slice(0, equals)));
    return `"${column.name}" = ${stored(column, translate(part.slice(equals + 1), scope))}`;
  });
  const condition = where < 0 ? "" : ` ${translate(tokens.slice(where), scope)}`;
  return { text: `UPDATE "${table.name}" SET ${assignments.join(", ")}${condition}`, table, into: undefined };
}
