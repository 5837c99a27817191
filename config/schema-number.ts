/** The `number` step as written. */
import * as z from "zod";
import { identifier, keys, named, text, whole } from "./schema-values.ts";
import { write } from "./schema-write.ts";

const place = {
  table: text.describe("The table"),
  column: text.describe("The column with the number"),
  where: named(write).prefault({}).describe("Column = value, for the counter's row or the rows that are counted"),
};

const sources = {
  counter: keys(place).optional().describe("A counter row that is locked and raised by one"),
  max: keys({
    ...place,
    from: whole(1, 4_000)
      .optional()
      .describe("Of a text column: the character at which the number begins. Default: behind what `mask` has in front of it"),
    like: text
      .optional()
      .describe(
        "Of a text column: only rows that match, with `%`, `_` and dates in braces as in `mask`. Default: the mask with `%` for the number, so that each period counts anew",
      ),
  })
    .optional()
    .describe("The highest number of a column plus one; needs a unique index"),
};

const mask = text
  .optional()
  .describe(
    "How the number is written: `TS{yyMM}-{0000}` gives TS2611-0042. In braces zeros for the number, which may grow longer, or a date of `yyyy`, `yy`, `MM`, `dd`",
  );

export const numberStep = {
  number: z.union([
    identifier.describe("Name of the number for later steps"),
    keys({ as: identifier.describe("Name of the number for later steps"), ...sources, mask }),
  ]),
  ...sources,
  mask,
};
