/** A value for the ERP as written: plain text is a constant (mapping.md, rule 1). */
import * as z from "zod";
import { complaint } from "./fault-text.ts";
import { anyText, flag, keys, text, whole } from "./schema-values.ts";

export const write = z
  .union(
    [
      anyText.describe("A constant, or `${...}`: an expression. A text around expressions (`AB-${pad(nr, 4, '0')}`) joins them"),
      keys(
        {
          from: text.describe("Field of the command"),
          map: text.optional().describe("Code map whose `write` side is used"),
          as: text.optional().describe("Name of the date format under `types`"),
          max: whole(1, 1_000_000)
            .optional()
            .describe("Most characters that the column takes; a longer text is refused, or goes on in `overflow`"),
          overflow: text.optional().describe("Field of the command that takes the rest of a text longer than `max`"),
          default: anyText.optional().describe("Written when the command does not carry the field"),
        },
        { lookup: "Use a code map under `maps`." },
      ).describe("A field of the command with options"),
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
