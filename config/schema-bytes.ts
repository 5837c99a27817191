/** `bytes:` of a source of documents as written. */
import { oneOrMore } from "./schema-read.ts";
import { duration, keys, listOf, size, text } from "./schema-values.ts";

export const bytes = keys({
  path: text
    .optional()
    .describe(
      'Where the file lies below `root`: a column, or a text with expressions in it, such as "${JAHR}/${DATEINAME}.pdf". `/` and `\\` both part folders',
    ),
  root: text
    .optional()
    .describe("Absolute path of the folder that all files lie in; with `path`. Nothing outside of it is ever read"),
  blob: text
    .optional()
    .describe("Column that holds the bytes. It is read by key when the portal asks for a document, and never in between"),
  table: text.optional().describe("Table of that column, where it is another one than the source's"),
  key: oneOrMore(text).optional().describe("Columns of that table that are this source's key, in order. Default: named as there"),
  url: text
    .optional()
    .describe(
      'Address of the document, http or https: a column, or a text with expressions in it, such as "https://dms.local/${ID}"',
    ),
  hosts: listOf(text.max(260))
    .optional()
    .describe(
      "Hosts that may be asked, with `url`, each with its port where that is not the usual one. No other is, whatever a row or an answer says",
    ),
  timeout: duration.prefault("30s").describe("Longest time for an answer, with `url`"),
  max: size
    .prefault("25MB")
    .describe("Largest document that is sent; in the agent's memory there is room for one from a column or an address at a time"),
});
