import type { Dialect, Value } from "../connector.ts";
import type { Syntax } from "../source-select.ts";
import { concat, type Statement } from "../statement.ts";
import { mssqlCapabilities } from "./capabilities.ts";

/** SQL Server's way to write identifiers, strings and comments (learn.microsoft.com, "Database identifiers", "Transact-SQL syntax conventions"). */
export const mssqlSyntax: Syntax = {
  quote: (identifier) =>
    identifier
      .split(".")
      .map((part) => `[${part.replaceAll("]", "]]")}]`)
      .join("."),
  limited: (list, rest, most) => concat(`SELECT TOP (${most}) `, list, rest),
  tokens: {
    backslash: false,
    hashComment: false,
    dashNeedsBlank: false,
    quotes: { "'": "'", '"': '"', "[": "]" },
    foreignMarks: "@",
  },
};

export const mssqlDialect: Dialect = {
  name: "mssql",
  quote: mssqlSyntax.quote,
  byteLength: (column) => `DATALENGTH(${column})`,
  maxKeysPerRead: 200,
  // Only where the database keeps row versions, which is its owner's choice: `check` tells.
  powers: { lockFreeReads: false, nativeFeed: true, sessionLock: true, skipLocked: false, rowVersions: true },
  feeds: ["change-tracking"],
  capabilities: mssqlCapabilities,
};

/** Parameters of one request, at most (2,100 by the server, of which two are the text's and the declarations'). */
export const mostParameters = 2_000;

/** The text with `@p0`, `@p1`, … for its values. NULL is written into the text: a parameter of one type is not NULL of every other. */
export function withParameters(statement: Statement): { text: string; values: Exclude<Value, null>[] } {
  const values: Exclude<Value, null>[] = [];
  let text = statement.text[0] as string;
  for (const [index, value] of statement.values.entries()) {
    if (value === null) text += "NULL";
    else {
      text += `@p${values.length}`;
      values.push(value);
    }
    text += statement.text[index + 1] as string;
  }
  return { text, values };
}
