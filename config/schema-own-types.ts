/** `ownTypes:` as written: a part of JSON Schema (protocol/own-types.ts), every scalar of it a text like all others of the file. */
import type * as z from "zod";
import { longestOwnList, longestOwnText } from "../protocol/own-types.ts";
import { anyText, keys, listOf, named, oneOf, scalar, text, whole } from "./schema-values.ts";

const decimalNumber = scalar(
  (value) => (/^-?\d{1,15}(\.\d{1,6})?$/.test(value) ? Number(value) : undefined),
  "a number",
  "Write digits, with a point where there are decimals.",
);

const forms = ["string", "integer", "number", "boolean", "object"] as const;
const single = {
  maxLength: whole(1, longestOwnText).optional().describe("Of a text: most characters. Default: 2000"),
  format: oneOf(["date", "date-time", "decimal", "email", "money"])
    .optional()
    .describe(
      "Of a text: a calendar date, an instant, an exact decimal or an address; of an object: `money`, an amount with its currency",
    ),
  enum: listOf(anyText).optional().describe("Of a text: the values that it may have"),
  "x-references": listOf(text).optional().describe("Of a text: it is the id of an entity of one of these types"),
  minimum: decimalNumber.optional().describe("Of a number"),
  maximum: decimalNumber.optional().describe("Of a number"),
};
const required = listOf(text)
  .optional()
  .describe("Fields that are always there and never empty; the others may be absent or empty");
const inner = keys({ type: oneOf(forms).describe("What it holds"), ...single });
const item = keys({
  type: oneOf(forms).describe("What each item holds"),
  ...single,
  properties: named(inner).optional().describe("Of an object: its fields"),
  required,
});

export const ownType = keys({
  title: text.max(200).describe("What it is, shown at the portal"),
  properties: named(
    keys({
      type: oneOf([...forms, "array"]).describe("What it holds"),
      ...single,
      properties: named(inner).optional().describe("Of an object: its fields"),
      required,
      items: item.optional().describe("Of an array: what each item holds"),
      maxItems: whole(1, longestOwnList).optional().describe("Of an array: most items. Default: 200"),
    }),
  ).describe("The fields, beside `number` and `updatedAt`, which every type has"),
  required,
});

export type OwnTypeNode = z.output<typeof ownType>;
