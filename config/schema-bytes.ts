/** `bytes:` of a source of documents as written. */
import { oneOrMore } from "./schema-read.ts";
import { keys, size, text } from "./schema-values.ts";

export const bytes = keys(
  {
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
    key: oneOrMore(text)
      .optional()
      .describe("Columns of that table that are this source's key, in order. Default: named as there"),
    max: size
      .prefault("25MB")
      .describe("Largest document that is sent; in the agent's memory there is room for one from a column at a time"),
  },
  { url: "Give the agent the folder that the addresses lead to, as `root` and `path`." },
);
