import { FuserError } from "../base/errors.ts";
import type { Parameters, SourceQuery } from "./connector.ts";
import { fillTemplate, parseTemplate, type Template, type TokenRules } from "./parameters.ts";
import { bind, concat, join, type Statement } from "./statement.ts";

/** What of a database's SQL the texts of a source need. */
export interface Syntax {
  quote(identifier: string): string;
  tokens: TokenRules;
  /** A SELECT of no more than `most` rows, from its list (what stands behind SELECT) and the rest (FROM and all behind it). */
  limited(list: Statement, rest: Statement, most: number): Statement;
}

/** `LIMIT` at the end, as many databases have it. */
export function limitAtEnd(list: Statement, rest: Statement, most: number): Statement {
  return concat("SELECT ", list, rest, ` LIMIT ${most}`);
}

export interface SelectOptions {
  /** AND-ed to the source's own conditions. */
  condition?: Statement;
  /** Quoted columns to order by. */
  orderBy?: readonly string[];
  limit?: number;
  /** Stands behind the name of the source's own table: the moment of which it is read, where the database can look back. */
  asOf?: Statement | undefined;
  /** What is read in place of each of the source's columns: expressions that keep what the database's driver would lose. */
  columns?: readonly string[];
}

/** An SQL text of the configuration with its named parameters bound. */
export function configured(syntax: Syntax, text: string, parameters: Parameters, place: string): Statement {
  const template = parseTemplate(text, syntax.tokens, place);
  return fillTemplate(template, (name) => (Object.hasOwn(parameters, name) ? parameters[name] : undefined), place);
}

/** The source's rows: its columns in order, then one 0 or 1 per flag. A line break guards each foreign text against its own last comment. */
export function selectSource(syntax: Syntax, source: SourceQuery, options: SelectOptions = {}): Statement {
  return select(syntax, listOf(syntax, source, options.columns), fromSource(syntax, source, options), options.limit);
}

/** Rows of a source's table whether they belong to the source or not: what `selectSource` gives of each, then 1 if it does, else 0, then one more column. */
export function selectAround(
  syntax: Syntax,
  source: SourceQuery,
  { column, table, ...options }: SelectOptions & { column: string; table: string },
): Statement {
  const own = ownConditions(syntax, source);
  const belongs = own.length === 0 ? "1" : concat("CASE WHEN ", join(own, " AND "), " THEN 1 ELSE 0 END");
  const list = concat(listOf(syntax, source, options.columns), ", ", belongs, ` AS fuser_belongs, ${syntax.quote(column)}`);
  const from = concat(` FROM ${syntax.quote(table)}`, ending(options.condition ? [options.condition] : [], options));
  return select(syntax, list, from, options.limit);
}

/** `SELECT list rest`, of no more rows than the limit where there is one. */
export function select(syntax: Syntax, list: Statement, rest: Statement, limit: number | undefined): Statement {
  return limit === undefined ? concat("SELECT ", list, rest) : syntax.limited(list, rest, limit);
}

function listOf(syntax: Syntax, source: SourceQuery, columns: readonly string[] = source.columns.map(syntax.quote)): Statement {
  const flags = source.flags.map((flag, index) =>
    concat(
      "CASE WHEN (",
      configured(syntax, flag.sql, flag.parameters, source.source),
      `\n) THEN 1 ELSE 0 END AS fuser_flag_${index}`,
    ),
  );
  return join([...columns, ...flags], ", ");
}

/** ` FROM … WHERE … ORDER BY …` of a source. */
export function fromSource(syntax: Syntax, source: SourceQuery, options: Omit<SelectOptions, "limit"> = {}): Statement {
  const { from } = source;
  const rows =
    "table" in from
      ? concat(syntax.quote(from.table), options.asOf ?? "")
      : concat("(", configured(syntax, from.query, from.parameters, source.source), "\n) q");
  const conditions = [...ownConditions(syntax, source), ...(options.condition ? [options.condition] : [])];
  return concat(" FROM ", rows, ending(conditions, options));
}

/** What makes a row one of the source. */
function ownConditions(syntax: Syntax, source: SourceQuery): Statement[] {
  return [
    ...source.scope.map(({ column, value }) => concat(syntax.quote(column), " = ", bind(value))),
    ...source.where.map(({ sql, parameters }) => concat("(", configured(syntax, sql, parameters, source.source), "\n)")),
  ];
}

function ending(conditions: readonly Statement[], { orderBy }: Omit<SelectOptions, "limit">): Statement {
  return concat(
    conditions.length > 0 ? concat(" WHERE ", join(conditions, " AND ")) : "",
    orderBy && orderBy.length > 0 ? ` ORDER BY ${orderBy.join(", ")}` : "",
  );
}

/** A child query whose `:row.COLUMN` parameters are positions within the parent's row. */
export interface ChildTemplate {
  readonly template: Template;
  /** Per parameter: position within the parent's row, or a value that is the same for every row. */
  readonly sources: readonly ({ column: number } | { name: string })[];
  readonly parameters: Parameters;
}

/** @throws FuserError config for a `:row.` parameter that names no column of the source's row */
export function childTemplates(syntax: Syntax, source: SourceQuery): ChildTemplate[] {
  return source.children.map((child) => {
    const template = parseTemplate(child.sql, syntax.tokens, source.source);
    const sources = template.names.map((name) => {
      if (!name.startsWith("row.")) return { name };
      const wanted = name.slice("row.".length);
      return { column: columnIndex(source, wanted) };
    });
    return { template, sources, parameters: child.parameters };
  });
}

/** Position of a column within the row, exact name first, then without regard to case. */
export function columnIndex(source: SourceQuery, wanted: string): number {
  const exact = source.columns.indexOf(wanted);
  if (exact >= 0) return exact;
  const lower = wanted.toLowerCase();
  const index = source.columns.findIndex((column) => column.toLowerCase() === lower);
  if (index >= 0) return index;
  throw new FuserError("config", `The source has no column ${wanted}`, {
    code: "erp-column-unknown",
    operation: "read an SQL text of the configuration",
    place: source.source,
    hint: "Name a column of the source's table or query.",
  });
}
