import type { Dialect, Value } from "../connector.ts";
import { limitAtEnd, type Syntax } from "../source-select.ts";
import type { Statement } from "../statement.ts";
import { postgresCapabilities } from "./capabilities.ts";

/** PostgreSQL's way to write identifiers, strings and comments, under the settings that every session has (session.ts). */
export const postgresSyntax: Syntax = {
  quote: (identifier) =>
    identifier
      .split(".")
      .map((part) => `"${part.replaceAll('"', '""')}"`)
      .join("."),
  limited: limitAtEnd,
  tokens: {
    backslash: false,
    hashComment: false,
    dashNeedsBlank: false,
    quotes: { "'": "'", '"': '"' },
    // $1, and texts in dollars, which could hide what looks like a parameter.
    foreignMarks: "$",
  },
};

/** The feed's name in the configuration. */
export const logicalReplication = "logical-replication";

export const postgresDialect: Dialect = {
  name: "postgres",
  quote: postgresSyntax.quote,
  byteLength: (column) => `octet_length(${column})`,
  maxKeysPerRead: 500,
  powers: { lockFreeReads: true, nativeFeed: true, sessionLock: true, skipLocked: true },
  feeds: [logicalReplication],
  capabilities: postgresCapabilities,
};

/** A string literal, of the type that its place wants: safe because the session has standard_conforming_strings and speaks UTF-8. */
export function textLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A value as the text that every type's own input takes: the server types it by its place, as it does a bound parameter. */
function literal(value: Value): string {
  if (value === null) return "NULL";
  if (value instanceof Uint8Array) {
    return `'\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}'`;
  }
  return textLiteral(String(value));
}

/** The statement with its values written into it: the simple protocol gives text and needs one round trip. */
export function withLiterals(statement: Statement): string {
  let text = statement.text[0] as string;
  for (const [index, value] of statement.values.entries()) text += literal(value) + (statement.text[index + 1] as string);
  return text;
}
