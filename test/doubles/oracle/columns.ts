// What the columns of a result are: those of a table by the dictionary, expressions by their text.
import type { StatementSync } from "node:sqlite";
import type { ResultColumn } from "../tns/database.ts";
import type { TypeName } from "../tns/values.ts";
import type { Tables } from "./catalogue.ts";
import { wireColumn } from "./column-types.ts";
import { versionedTable } from "./versions.ts";

const numeric = /^(COUNT|SUM|AVG|LENGTH|ora_scn|TO_NUMBER|\d|\(?SELECT scn\b|CASE\b.*\bTHEN \d)/is;

/** @param asked the statement as the client wrote it: where a name stands for an expression, the text in front of it tells which */
export function resultColumns(statement: StatementSync, asked: string, tables: Tables): ResultColumn[] {
  return statement.columns().map(({ name, table, column }) => {
    // Names that nobody quoted are upper case.
    const shown = asked.includes(`"${name}"`) ? name : name.toUpperCase();
    const known =
      table && column ? tables.get(versionedTable(table))?.find((one) => one.name === column.toUpperCase()) : undefined;
    if (known) return wireColumn(shown, known.type, known.nullable);
    if (column === "rowid") return { name: shown, type: "VARCHAR2", size: 18 };
    if (column !== null && table !== null) return { name: shown, type: dictionaryType(column), size: 4000 };
    return expression(shown, asked, tables);
  });
}

const dictionaryNumbers =
  /^(COLUMN_ID|CHAR_LENGTH|DATA_LENGTH|DATA_PRECISION|DATA_SCALE|DEFAULT_LENGTH|POSITION|COLUMN_POSITION|NUM_ROWS|SEQUENCE|DATA_LEVEL|SUBPROGRAM_ID|scn)$/i;

function dictionaryType(column: string): "NUMBER" | "VARCHAR2" {
  return dictionaryNumbers.test(column) ? "NUMBER" : "VARCHAR2";
}

function expression(name: string, asked: string, tables: Tables): ResultColumn {
  const text = textOf(name, asked);
  const lob = /^CASE WHEN (?:DBMS_LOB\.GET)?LENGTH\(.*\) (?:<= \d+ THEN (?:q\.)?"(\w+)"|> \d+ THEN .*) END$/.exec(text);
  if (lob) return lob[1] === undefined ? { name, type: "NUMBER" } : { name, type: lobType(lob[1], asked, tables) };
  const highest = /^(?:MAX|MIN)\("?(\w+)"?\)$/i.exec(text)?.[1]?.toUpperCase();
  if (highest !== undefined) {
    const table = /\bFROM\s+"?(\w+)"?/i.exec(asked.slice(asked.indexOf(text)))?.[1]?.toUpperCase() ?? "";
    const type = tables.get(table)?.find((column) => column.name === highest)?.type;
    // Whatever was computed has no scale any more.
    if (type) return wireColumn(name, type.wire === "NUMBER" ? { ...type, precision: undefined, scale: undefined } : type, true);
  }
  const arithmetic = /^\w+ [-+*/] \w+$/.test(text);
  return numeric.test(text) || arithmetic ? { name, type: "NUMBER" } : { name, type: "VARCHAR2", size: 4000 };
}

/** Of the first table that is read from and has the column. */
function lobType(column: string, asked: string, tables: Tables): TypeName {
  for (const [, table = ""] of asked.matchAll(/\bFROM\s+"?(\w+)"?/gi)) {
    const found = tables.get(table.toUpperCase())?.find(({ name }) => name === column.toUpperCase());
    if (found) return found.type.wire;
  }
  return "CLOB";
}

/** The expression that a result's name stands for. */
function textOf(name: string, asked: string): string {
  const end = new RegExp(`\\s+AS\\s+"?${name.replace(/[^\w]/g, ".")}"?(?=[\\s,)]|$)`, "i").exec(asked);
  const before = end ? asked.slice(0, end.index) : name;
  let depth = 0;
  for (let at = before.length - 1; at >= 0; at--) {
    if (before[at] === ")") depth += 1;
    else if (before[at] === "(") depth -= 1;
    const begins = depth < 0 || (depth === 0 && (before[at] === "," || /\bSELECT\s$/i.test(before.slice(0, at + 1))));
    if (begins) return before.slice(at + 1).trim();
  }
  return before.trim();
}
