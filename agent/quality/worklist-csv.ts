/** The worklist as CSV that spreadsheets open by a double click: nothing in it is taken for a formula. Pure. */
import type { Language } from "./texts.ts";
import type { Entry } from "./worklist.ts";
import { columnHeads, columns } from "./worklist-heads.ts";

/** What Excel, LibreOffice and their like could calculate, also behind blanks and in its full width. */
const formula = /^[\s\p{Cc}]*[=+\-@＝＋－＠]/u;

function cell(value: string | number): string {
  const text = String(value);
  const harmless = formula.test(text) ? `'${text}` : text;
  return `"${harmless.replaceAll('"', '""')}"`;
}

/** With the mark by which Excel knows UTF-8; German Excel takes the semicolon for what separates. */
export function worklistCsv(entries: readonly Entry[], language: Language): string {
  const separator = language === "de" ? ";" : ",";
  const line = (values: readonly (string | number)[]): string => `${values.map(cell).join(separator)}\r\n`;
  const heads = columnHeads[language];
  const lines = entries.map((entry) => line(columns.map((column) => entry[column])));
  return `\uFEFF${line(columns.map((column) => heads[column]))}${lines.join("")}`;
}
