// Oracle's SQL as the connector and the suite write it, as SQLite understands it. A shape that is not known here fails there: nothing is guessed.
import { OracleError } from "../tns/database.ts";
import { rowsPerBlock } from "./catalogue.ts";
import { versionsBetween } from "./versions.ts";

export interface Translated {
  sql: string;
  /** Names of the binds in the order of SQLite's `?1`, `?2` … */
  binds: readonly string[];
  /** Rows are to be locked; seconds to wait, undefined for without end. */
  lock: { seconds: number | undefined } | undefined;
  /** Versions of the rows of a table are asked for; between the binds at these positions. */
  versions: { table: string; from: number; to: number } | undefined;
}

/** What Oracle does not have: a statement with it would pass here and fail there. */
const foreign = /\b(LIMIT|IFNULL|AUTOINCREMENT|PRAGMA|ISNULL|NOTNULL|TOP|ILIKE|BOOLEAN|TRUE|FALSE)\b/i;

export interface Token {
  kind: "text" | "name" | "comment" | "bind" | "code";
  body: string;
}

const tokens = /('(?:[^']|'')*')|("[^"]*")|(--[^\n]*\n?|\/\*[\s\S]*?\*\/)|(:[A-Za-z0-9_]+)|([^'":-]+|[-:])/g;

export function cut(sql: string): Token[] {
  return [...sql.matchAll(tokens)].map(([body, text, name, comment, bind]) => {
    const kind =
      text !== undefined
        ? "text"
        : name !== undefined
          ? "name"
          : comment !== undefined
            ? "comment"
            : bind !== undefined
              ? "bind"
              : "code";
    return { kind, body };
  });
}

/** @throws OracleError 933 for what Oracle does not know */
export function translate(sql: string): Translated {
  const binds: string[] = [];
  const literals: string[] = [];
  // Texts are put aside so that no rule below finds anything within them.
  const marked = cut(sql)
    .map(({ kind, body }) => {
      if (kind === "comment") return " ";
      if (kind === "bind") {
        binds.push(body.slice(1));
        return `?${binds.length}`;
      }
      if (kind !== "text" && kind !== "name") return body;
      // An empty text is NULL.
      literals.push(body === "''" ? "NULL" : body);
      return `§${literals.length - 1}§`;
    })
    .join("");
  const found = foreign.exec(marked);
  if (found) throw new OracleError(933, `SQL command not properly ended: Oracle has no ${found[0]}`);
  let lock: Translated["lock"];
  let rest = marked.replace(/\s+FOR UPDATE(?:\s+WAIT\s+(\d+))?\s*$/i, (_, seconds?: string) => {
    lock = { seconds: seconds === undefined ? undefined : Number(seconds) };
    return "";
  });
  let versions: Translated["versions"];
  rest = rest
    .replace(/\bFROM (§\d+§|\w+) VERSIONS BETWEEN SCN \?(\d+) AND \?(\d+)/g, (_, name: string, from: string, to: string) => {
      const named = name.replace(/§(\d+)§/, (_all, index: string) => literals[Number(index)] as string).replaceAll('"', "");
      versions = { table: named.toUpperCase(), from: Number(from) - 1, to: Number(to) - 1 };
      return `FROM ${versionsBetween(versions.table, `?${from}`, `?${to}`)}`;
    })
    .replace(/\bSYSDATE\b/gi, "ora_now()")
    .replace(/\s+WHERE\s+ROWNUM\s*<=\s*(\d+)\s*$/i, " LIMIT $1")
    .replace(/CAST\(((?:[^()]|\([^()]*\))*) AS TIMESTAMP\(9\)\)/gi, "ora_timestamp($1)")
    // As of a moment the double reads what is there now.
    .replace(/\bFROM (§\d+§|\w+) AS OF SCN (\?\d+)/g, "FROM (SELECT * FROM $1 WHERE $2 > 0) $1")
    .replace(/\bROWID = (\?\d+)/g, "ROWID = chartorowid($1)")
    .replace(/\bDBMS_LOB\.GETLENGTH\b/gi, "ora_lob_length")
    .replace(/\bDBMS_FLASHBACK\.GET_SYSTEM_CHANGE_NUMBER\b/gi, "ora_scn()")
    .replace(/\bRETURNING\s+ROWID\s+INTO\s+\?\d+\s*$/i, () => {
      binds.pop();
      return "RETURNING rowid AS ROWID";
    });
  rest = rest.replace(/§(\d+)§/g, (_, index: string) => literals[Number(index)] as string);
  return { sql: withRowScn(rest), binds, lock, versions };
}

/** The pseudo column is what the row's block says. */
function withRowScn(sql: string): string {
  const table = /\bFROM\s+"?(\w+)"?/i.exec(sql)?.[1]?.toUpperCase();
  return sql.replace(
    /\bORA_ROWSCN\b/g,
    `(SELECT scn FROM fuser_blocks WHERE name = '${table}' AND block = "${table}".rowid / ${rowsPerBlock})`,
  );
}
