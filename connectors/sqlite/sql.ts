import type { Dialect } from "../connector.ts";
import { limitAtEnd, type Syntax } from "../source-select.ts";
import { sqliteCapabilities } from "./capabilities.ts";

/** SQLite's way to write identifiers, strings and comments (sqlite.org/lang_keywords.html, lang_comment.html, lang_expr.html#varparam). */
export const sqliteSyntax: Syntax = {
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
    quotes: { "'": "'", '"': '"', "`": "`", "[": "]" },
    foreignMarks: "@$",
  },
};

export const sqliteDialect: Dialect = {
  name: "sqlite",
  quote: sqliteSyntax.quote,
  byteLength: (column) => `octet_length(${column})`,
  maxKeysPerRead: 200,
  powers: { lockFreeReads: true, nativeFeed: false, sessionLock: false, skipLocked: false },
  capabilities: sqliteCapabilities,
};
