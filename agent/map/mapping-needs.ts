/** What a source's mapping needs of its rows: found by walking the configuration, before the database has described anything. */
import type { Config, Expression, KeyPart, Place, Read, Source, SqlText } from "../../config/config.ts";
import { namesIn } from "./language.ts";
import { sqlParameters } from "./sql-parameters.ts";

export interface Needs {
  /** Key first, then in order of use, each once. */
  columns: readonly string[];
  /** Where each column is named first. */
  places: ReadonlyMap<string, Place>;
  /** Child queries, each SQL text once. */
  children: readonly SqlText[];
  /** The column that holds the id of the command that made a row, and how. */
  cause: CauseColumn | undefined;
}

export interface CauseColumn {
  column: string;
  /** Constant text before the id. */
  prefix: string;
}

export function needsOf(source: Source, config: Config): Needs {
  const columns = new Map<string, Place>();
  const add = (name: string, at: Place): void => {
    if (!columns.has(name)) columns.set(name, at);
  };
  for (const name of source.key) add(name, source.at);
  const children = new Map<string, SqlText>();
  const addExpression = (expression: Expression | undefined): void => {
    if (expression === undefined) return;
    for (const name of namesIn(expression.cel) ?? []) if (name !== "vars") add(name, expression.at);
  };
  const addPart = (part: KeyPart): void => {
    if (part.kind === "column" || part.kind === "lookup") add(part.column, part.at);
    if (part.kind === "expression") addExpression(part.expression);
  };
  const addRead = (read: Read): void => {
    switch (read.kind) {
      case "constant":
        return;
      case "column":
        add(read.column, read.at);
        return;
      case "from":
        add(read.column, read.at);
        addExpression(read.sign);
        return;
      case "expression":
        return addExpression(read.expression);
      case "ref":
        for (const part of read.key) addPart(part);
        return;
      case "dateTime":
        add(read.date, read.at);
        add(read.time, read.at);
        return;
      case "rows":
        // Columns of `item` belong to the child's rows; only what the SQL asks of the parent's row is needed here.
        children.set(read.query.sql, read.query);
        for (const name of sqlParameters(read.query.sql)) if (name.startsWith("row.")) add(name.slice(4), read.at);
        return;
      case "list":
      case "oneOf":
        for (const item of read.items) {
          addExpression(item.when);
          addRead(item.read);
        }
        return;
      case "object":
        for (const field of Object.values(read.fields)) addRead(field);
    }
  };
  // The company scope must be there to be checked; as a rule it is part of the key anyway.
  if (source.scoped) for (const column of Object.keys(config.scope)) add(column, source.at);
  for (const column of source.reusedWhen) add(column, source.at);
  for (const field of Object.values(source.fields)) {
    addExpression(field.when);
    addRead(field.read);
  }
  const cause = causeOf(source, config);
  if (cause !== undefined) add(cause.column, source.at);
  return { columns: [...columns.keys()], places: columns, children: [...children.values()], cause };
}

const idExpression = /^(?:'([^'\\]*)'\s*\+\s*)?(?:command\.id|short\(\s*command\.id\s*,\s*\d+\s*\))$/;

/** Only a command that keeps its id in a column of this very table tells the cause in the row. */
function causeOf(source: Source, config: Config): CauseColumn | undefined {
  if (source.from.kind !== "table") return undefined;
  const { table } = source.from;
  for (const command of config.commands) {
    const way = command.idempotency;
    if (command.result.source !== source.name || way.way !== "column" || way.table !== table) continue;
    const match = idExpression.exec(way.value.cel.trim());
    if (match) return { column: way.column, prefix: match[1] ?? "" };
  }
  return undefined;
}
