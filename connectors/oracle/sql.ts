import type { Dialect } from "../connector.ts";
import type { Syntax } from "../source-select.ts";
import { concat } from "../statement.ts";
import { oracleCapabilities } from "./capabilities.ts";

/** A column that every table has and that is no column: never quoted, for a quoted one would be another. */
export const rowScn = "ORA_ROWSCN";

/**
 * Names as Oracle takes them: upper case unless they stand in double quotes. They are quoted for it, so that a reserved word may be a name.
 */
function quote(identifier: string): string {
  return [...identifier.matchAll(/"[^"]+"|[^."]+/g)].map(([part]) => quotePart(part)).join(".");
}

function quotePart(part: string): string {
  if (part.startsWith('"')) return part;
  const name = part.toUpperCase();
  return name === rowScn ? name : `"${name}"`;
}

/** The name in the catalogue that a name of the configuration stands for. */
export function catalogueName(part: string): string {
  return part.startsWith('"') ? part.slice(1, -1) : part.toUpperCase();
}

/** A catalogue's name as it has to be written so that `quote` finds it again. */
export function writtenName(name: string): string {
  return name === name.toUpperCase() && !name.includes(".") ? name : `"${name}"`;
}

/** Oracle's way to write identifiers, strings and comments (docs.oracle.com, "SQL Language Reference"). */
export const oracleSyntax: Syntax = {
  quote,
  // From 11g on: FETCH FIRST came with 12.1. The rows are ordered within, and cut off outside.
  limited: (list, rest, most) => concat("SELECT * FROM (SELECT ", list, rest, `) WHERE ROWNUM <= ${most}`),
  tokens: {
    backslash: false,
    hashComment: false,
    dashNeedsBlank: false,
    quotes: { "'": "'", '"': '"' },
    foreignMarks: "",
  },
};

export const oracleDialect: Dialect = {
  name: "oracle",
  quote,
  maxKeysPerRead: 200,
  feeds: ["flashback-versions"],
  powers: { lockFreeReads: true, nativeFeed: true, sessionLock: true, skipLocked: false },
  capabilities: oracleCapabilities,
};
