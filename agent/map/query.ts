/** The one query of a source: what is read of it, by scan and by key alike. */

import { didYouMean } from "../../base/nearest.ts";
import type { Config, Fault, Source } from "../../config/config.ts";
import type { Parameters, SourceQuery, Table } from "../../connectors/connector.ts";
import { needsOf } from "./mapping-needs.ts";
import { sqlParameters } from "./sql-parameters.ts";

/**
 * Builds the query from the configuration alone; compileMapping checks it against what the database describes. Columns that do not exist are in it
 * as they were written, so that the description can tell which.
 */
export function buildQuery(source: Source, config: Config): SourceQuery {
  const needs = needsOf(source, config);
  const withParameters = (sql: string): { sql: string; parameters: Parameters } => ({
    sql,
    parameters: parametersOf(sql, config),
  });
  return {
    source: source.name,
    from:
      source.from.kind === "table"
        ? { table: source.from.table }
        : { query: source.from.query.sql, parameters: parametersOf(source.from.query.sql, config) },
    key: source.key,
    columns: needs.columns,
    where: source.where === undefined ? [] : [withParameters(source.where.sql)],
    scope: source.scoped ? Object.entries(config.scope).map(([column, value]) => ({ column, value })) : [],
    flags: source.deletes.flag === undefined ? [] : [withParameters(source.deletes.flag.sql)],
    children: needs.children.map((child) => withParameters(child.sql)),
  };
}

/** Values of the `:vars.x` in an SQL text; `:row.X` is the connector's to fill, anything else compileMapping reports. */
function parametersOf(sql: string, config: Config): Parameters {
  const parameters: Record<string, string> = {};
  for (const name of sqlParameters(sql)) {
    const value = name.startsWith("vars.") ? config.vars[name.slice(5)] : undefined;
    if (value !== undefined) parameters[name] = value;
  }
  return parameters;
}

/**
 * Columns that a source names and its table does not have, each with its nearest neighbour. For the moment before the database is asked to describe the
 * query: it would stop at the first of them, and say no place. Query sources have no table to compare with.
 */
export function missingColumns(source: Source, config: Config, table: Table): Fault[] {
  const names = table.columns.map((column) => column.name);
  const there = new Set(names.map((name) => name.toLowerCase()));
  const scope = source.scoped ? Object.keys(config.scope) : [];
  return [...needsOf(source, config).places].flatMap(([name, at]): Fault[] => {
    if (there.has(name.toLowerCase())) return [];
    const remedy = scope.includes(name) ? "Say `scope: none` if all of its rows belong here." : didYouMean(name, names);
    return [{ path: at.path, line: at.line, message: `Table ${table.name} has no column ${name}`, remedy }];
  });
}
