/** How a value of the model is read from a row, as written (mapping.md, rule 1): plain text is a column. */
import * as z from "zod";
import { complaint } from "./fault-text.ts";
import { anyText, currency, days, flag, keys, listOf, oneOf, text, whole } from "./schema-values.ts";

/** Steps of `do:`, in the words of the configuration. */
export const cleanSteps = [
  "trim",
  "lower",
  "upper",
  "empty-to-null",
  "collapse-spaces",
  "strip-zeros",
  "one-line",
  "html-to-text",
  "repair-utf8",
  "drop-control",
  "lines",
  "email-list",
  "phone-list",
] as const;
/** Those that make a list of a text. */
export const listSteps: readonly string[] = ["lines", "email-list", "phone-list"];

export type Texts = string | string[];
export interface FromNode {
  from: string;
  do?: Texts;
  as?: string;
  map?: string;
  lookup?: string;
  take?: string;
  missing?: "hold" | "omit";
  shift?: number;
  sign?: string;
  round?: number;
  currency?: string;
  default?: string;
}
export interface RefNode {
  ref: string;
  key: KeyPartNode | KeyPartNode[];
  missing: "hold" | "omit";
}
export type KeyPartNode = string | { value: string } | LookupPartNode;
export interface LookupPartNode {
  from: string;
  lookup: string;
  take?: string;
  missing?: "hold" | "omit";
}
export interface DateTimeNode {
  date: string;
  time: string;
  as: string[];
}
export interface RowsNode {
  rows: string;
  join?: string;
  item?: ReadNode;
}
export type ConstantNode = string | ConstantNode[] | { [key: string]: ConstantNode };
/** One of the forms above, `{ value }`, `{ object }`, `{ oneOf }`, or the fields of a nested object. */
export type ReadNode = string | ReadNode[] | { [key: string]: unknown };

export const oneOrMore = <T extends z.ZodType>(item: T) => z.union([item, listOf(item)]);

export const conflictPolicies = ["erp-wins", "portal-wins", "ask"] as const;

const forms = ["from", "ref", "date", "time", "rows", "value", "object", "oneOf", "empty"];
const notYet = {
  regex: "Cut the text in a query with the database's own functions.",
  html: "Write `do: [html-to-text]`.",
  blob: "The bytes of documents are named by `bytes` of their source.",
  path: "The bytes of documents are named by `bytes` of their source.",
  url: "The bytes of documents are named by `bytes` of their source.",
};

const constant: z.ZodType<ConstantNode> = z.lazy(() => z.union([anyText, z.array(constant), z.record(z.string(), constant)]));

const take = text.optional().describe("The field of that table to take. Default: its second one");
const whenNotThere = oneOf(["hold", "omit"])
  .optional()
  .describe(
    "What to do while that table is not there or has no such row: wait (`hold`, the default), or count as empty (`omit`)",
  );
const keyPart = z.union([
  text.describe("A column of this row, or an expression"),
  keys({ value: anyText.describe("A constant part of the key") }).describe("A constant part"),
  keys({
    from: text.describe("The column"),
    lookup: text.describe("Name of a table that the portal pushes; its first field is compared with the column"),
    take,
    missing: whenNotThere,
  }).describe("What a table of the portal says of the column"),
]);

/** The forms of a value, with further keys that the place allows (`when`, `owner`). */
function readForms<E extends z.ZodRawShape>(extra: E) {
  return z.union(
    [
      text.describe("A column, or `${...}`: an expression over the columns"),
      listOf(item).describe("A list written out item by item"),
      keys(
        {
          from: text.describe("The column"),
          do: oneOrMore(oneOf(cleanSteps)).optional().describe("Cleaning steps, in order"),
          as: text.optional().describe("Name of the date format under `types`"),
          map: text.optional().describe("Name of the code map under `maps`"),
          lookup: text
            .optional()
            .describe(
              "Name of a table that the portal pushes; its first field is compared with the column, another one is taken",
            ),
          take,
          missing: whenNotThere,
          shift: days
            .optional()
            .describe(
              "Days added to a date; `-1d` where the ERP's end is exclusive. A command that writes the same column takes them back",
            ),
          sign: text
            .optional()
            .describe("Expression; where it is true the number counts negated (a column that says debit or credit)"),
          round: whole(0, 12)
            .optional()
            .describe("Digits behind the point, rounded half away from zero: for amounts that the ERP keeps as floats"),
          currency: currency.optional().describe("Makes money of a decimal"),
          default: anyText.optional().describe("Constant in place of an empty value"),
          ...extra,
        },
        notYet,
      ).describe("A column with options, applied in the order do, as, map or lookup, and sign, round, currency for a number"),
      keys({
        ref: text.describe("Name of the source that the value points at"),
        key: oneOrMore(keyPart).describe("The key there, made from this row; as many parts as that source has key columns"),
        missing: oneOf(["hold", "omit"])
          .prefault("hold")
          .describe("What to do while the other entity does not exist: wait for it, or leave the field out"),
        ...extra,
      }).describe("The id of an entity of another source"),
      keys({
        date: text.describe("Column with the date"),
        time: text.describe("Column with the time"),
        as: listOf(text).describe("Names of the two formats under `types`: date, time"),
        ...extra,
      }).describe("A point in time made of two columns"),
      keys({
        rows: text.describe("SELECT of the child rows; `:row.COLUMN` names a column of this row"),
        join: anyText.optional().describe("Joins the first column of all rows to one text, with this between"),
        item: inner.optional().describe("Makes an item of a list from each row; columns are those of the SELECT"),
        ...extra,
      }).describe("Child rows"),
      keys({ value: constant.describe("The constant"), ...extra }).describe("A constant"),
      keys({ empty: flag.describe("Always `true`"), ...extra }).describe("Known to be empty, in every row"),
      keys({
        object: z.record(z.string(), inner).describe("The fields of the nested object"),
        ...extra,
      }).describe("A nested object one of whose fields is called like a form (from, date, value, …)"),
      keys({
        oneOf: listOf(item).describe("Values, each with its `when`; one without is taken in any case"),
        ...extra,
      }).describe("The first of several values whose `when` holds: where a column says what another one points at"),
      nested.describe("A nested object, field by field"),
    ],
    {
      error: complaint(
        "is no way to read a value",
        "Write a column, `{ value: … }`, `{ from: … }`, `{ ref: … }`, `{ date: …, time: … }`, `{ rows: … }`, `{ oneOf: … }` or an expression `${…}`.",
      ),
    },
  );
}

const nested = z.lazy(
  (): z.ZodType<Record<string, unknown>> => z.record(z.string().regex(new RegExp(`^(?!(${forms.join("|")})$)`)), inner),
);
const inner: z.ZodType<ReadNode> = z.lazy(() => readForms({}) as unknown as z.ZodType<ReadNode>).meta({ id: "value" });
const item: z.ZodType<ReadNode> = z
  .lazy(
    () =>
      readForms({
        when: text.optional().describe("Expression; the item is left out where it is false"),
      }) as unknown as z.ZodType<ReadNode>,
  )
  .meta({ id: "item" });

/** A field of an entity as written. */
export const field: z.ZodType<ReadNode> = z
  .lazy(
    () =>
      readForms({
        when: text.optional().describe("Expression; the field is left out where it is false"),
        owner: oneOf(["erp", "portal", "shared"])
          .prefault("erp")
          .describe(
            "Who may change the field: a portal command may only where it is `portal` or `shared`. A field that is not mapped is the portal's, but for name, e-mails and phones of a person",
          ),
        conflict: oneOf(conflictPolicies)
          .optional()
          .describe(
            "Of a shared field that both sides have changed: the ERP's value stays (`erp-wins`, the default), the portal's is written over it (`portal-wins`), or the command waits for `erpfuser commands resolve` (`ask`). Reported in every case",
          ),
      }) as unknown as z.ZodType<ReadNode>,
  )
  .meta({ id: "field" });
