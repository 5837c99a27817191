/** Statements of every shape that the shared code makes for a database, to be parsed there before anything is run. Their tables need not exist. */
import { fromSource, type Syntax, select, selectAround, selectSource } from "../../../connectors/source-select.ts";
import { bind, concat, type Statement, sql } from "../../../connectors/statement.ts";
import { sourceOf } from "./subject.ts";

const table = "fusertest_orders";
const source = sourceOf(table, ["client", "number"], ["client", "number", "title"], {
  scope: [{ column: "client", value: "001" }],
  where: [{ sql: "title <> :vars.hidden -- not that one", parameters: { "vars.hidden": "it's" } }],
  flags: [{ sql: "number > :vars.limit", parameters: { "vars.limit": 600 } }],
});
const byQuery = sourceOf("q", ["client"], ["client", "most"], {
  from: { query: `SELECT client, MAX(number) AS most FROM ${table} GROUP BY client -- the last`, parameters: {} },
});

/** Values are literals here: what is parsed is the statement's form. */
function written({ text, values }: Statement): string {
  return text.map((part, index) => part + (index < values.length ? literal(values[index]) : "")).join("");
}

const literal = (value: unknown): string =>
  typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : value === null ? "NULL" : String(value);

/** Reads, limited and ordered ones, counts, and the writes of plan steps. */
export function statementsToParse(syntax: Syntax): string[] {
  const { quote } = syntax;
  const number = quote("number");
  const condition = concat(`${number} > `, bind(5));
  const orderBy = [quote("client"), number];
  const own = quote(table);
  return [
    selectSource(syntax, source),
    selectSource(syntax, source, { condition, orderBy, limit: 500 }),
    selectSource(syntax, byQuery, { limit: 1 }),
    selectAround(syntax, source, { column: "number", table, condition, orderBy: [number], limit: 10 }),
    select(syntax, sql("COUNT(*) AS n"), fromSource(syntax, source), undefined),
    concat(`INSERT INTO ${own} (${quote("client")}, ${number}) VALUES (`, bind("001"), ", ", bind(1), ")"),
    concat(`UPDATE ${own} SET ${quote("title")} = `, bind("x"), ` WHERE ${number} = `, bind(1)),
  ].map(written);
}
