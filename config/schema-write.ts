/** A value for the ERP as written: plain text is a constant (mapping.md, rule 1). */
import * as z from "zod";
import { complaint } from "./fault-text.ts";
import { anyText, flag, keys, oneOf, text, whole } from "./schema-values.ts";

/** Of texts for columns whose code page lacks characters. */
export const characterRule = {
  characters: oneOf(["refuse", "replace", "transliterate"])
    .optional()
    .describe(
      "What becomes of characters that the column's code page lacks, such as emoji: `refuse` the command, `replace` each by `?`, or `transliterate` (`ł` to `l`, `…` to `...`) and replace what is left. Default: the database decides",
    ),
  codePage: oneOf(["windows-1252", "iso-8859-1", "iso-8859-15", "ascii"])
    .optional()
    .describe("The column's code page, for `characters`. Default: `windows-1252`, which is also what MySQL calls latin1"),
};

export const write = z
  .union(
    [
      anyText.describe("A constant, or `${...}`: an expression. A text around expressions (`AB-${pad(nr, 4, '0')}`) joins them"),
      keys({
        from: text.describe("Field of the command"),
        map: text.optional().describe("Code map whose `write` side is used"),
        lookup: text
          .optional()
          .describe(
            "Name of a table that the portal pushes, read backwards: the first field of the row that says the value is written. A value that several rows say is refused",
          ),
        take: text.optional().describe("The field of that table that is compared with the value. Default: its second one"),
        as: text.optional().describe("Name of the date format under `types`"),
        max: whole(1, 1_000_000)
          .optional()
          .describe("Most characters that the column takes; a longer text is refused, or goes on in `overflow`"),
        overflow: text.optional().describe("Field of the command that takes the rest of a text longer than `max`"),
        ...characterRule,
        default: anyText.optional().describe("Written when the command does not carry the field"),
      }).describe("A field of the command with options"),
      keys({ value: anyText.describe("The constant, taken as it stands") }).describe("A constant, even if it contains `${`"),
      keys({ empty: flag.describe("Always `true`") }).describe("NULL"),
    ],
    {
      error: complaint(
        "is no way to write a value",
        "Write a constant, an expression `${…}`, `{ from: field }` or `{ empty: true }`.",
      ),
    },
  )
  .meta({ id: "write" });

export type WriteNode = z.output<typeof write>;
