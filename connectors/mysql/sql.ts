import type { Dialect, Value } from "../connector.ts";
import { limitAtEnd, type Syntax } from "../source-select.ts";
import type { Statement } from "../statement.ts";
import { mysqlCapabilities } from "./capabilities.ts";

/** MySQL's and MariaDB's way to write identifiers, strings and comments, under the sql_mode that every connection sets (link.ts). */
export const mysqlSyntax: Syntax = {
  quote: (identifier) =>
    identifier
      .split(".")
      .map((part) => `\`${part.replaceAll("`", "``")}\``)
      .join("."),
  limited: limitAtEnd,
  tokens: {
    backslash: true,
    hashComment: true,
    dashNeedsBlank: true,
    quotes: { "'": "'", '"': '"', "`": "`" },
    foreignMarks: "",
  },
};

export const mysqlDialect: Dialect = {
  name: "mysql",
  quote: mysqlSyntax.quote,
  byteLength: (column) => `OCTET_LENGTH(${column})`,
  maxKeysPerRead: 500,
  feeds: ["binlog"],
  powers: { lockFreeReads: true, nativeFeed: true, sessionLock: true, skipLocked: false },
  capabilities: mysqlCapabilities,
};

const escapes: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\n": "\\n",
  "\r": "\\r",
  "\x1a": "\\Z",
  "'": "\\'",
  '"': '\\"',
  "\\": "\\\\",
};

/** A string literal: safe because the connection speaks utf8mb4 and its sql_mode has backslash escapes. */
export function textLiteral(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are escaped (dev.mysql.com, "String Literals")
  return `'${text.replace(/[\0\n\r\x1a'"\\]/g, (char) => escapes[char] as string)}'`;
}

export function bytesLiteral(bytes: Uint8Array): string {
  return bytes.byteLength === 0 ? "''" : `X'${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}'`;
}

function literal(value: Value): string {
  if (value === null) return "NULL";
  if (typeof value === "string") return textLiteral(value);
  if (typeof value === "boolean") return value ? "1" : "0";
  if (value instanceof Uint8Array) return bytesLiteral(value);
  return String(value);
}

/** The statement with its values written into it: the text protocol is twice as fast as the binary one, and knows no other way. */
export function withLiterals(statement: Statement): string {
  let text = statement.text[0] as string;
  for (const [index, value] of statement.values.entries()) text += literal(value) + (statement.text[index + 1] as string);
  return text;
}
