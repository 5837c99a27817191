/** `commands:` as written. */
import * as z from "zod";
import { durationMs } from "../base/time.ts";
import { complaint } from "./fault-text.ts";
import { blanks } from "./schema-blanks.ts";
import { numberStep } from "./schema-number.ts";
import { flag, identifier, keys, listOf, named, scalar, text, whole } from "./schema-values.ts";
import { characterRule, write } from "./schema-write.ts";

const writes = named(write);

const when = { when: text.optional().describe("Expression; the step is skipped where it is false") };

const filled = blanks.optional().describe("Fills every other NOT NULL column that has no default");

const step = z.union(
  [
    keys({
      insert: text.describe("Table to insert into"),
      values: writes.describe("Column: value"),
      blanks: filled,
      returning: named(text)
        .optional()
        .describe("Result name: column, read back from the new row (a generated number, for example)"),
      ...when,
    }).describe("Inserts a row"),
    keys({
      insertLines: text.describe("Table that takes a long text, one row for each line"),
      from: text.describe("Field of the command with the text; without it there is no row"),
      width: whole(1, 4_000).describe(
        "Most characters of a line. Texts are broken at line breaks and blanks, words only where they are longer than a line; nothing is lost",
      ),
      ...characterRule,
      values: writes.describe("Column: value; `line.number`, from 1, and `line.text` are the line's"),
      blanks: filled,
      ...when,
    }).describe("Inserts a row for each line of a text"),
    keys({
      update: text.describe("Table to update"),
      key: writes.describe("Column: value, which find the row"),
      values: writes.describe("Column: value; fields that the command does not carry are left alone"),
      version: keys({ column: text.describe("Whole number that counts the row's changes") })
        .optional()
        .describe(
          "For ERPs that notice by a counter what others have changed: it is raised by one with each change, and a row whose counter moves meanwhile is not written",
        ),
      expectRows: whole(0, 100_000).prefault("1").describe("Rows that must be found; otherwise the command is refused"),
      ...when,
    }).describe("Updates rows"),
    keys({
      ...numberStep,
      ...when,
    }).describe("Draws a number"),
    keys({
      sql: text.describe("One statement; `:command.id`, `:field.name`, `:result.name` and `:vars.name` are its parameters"),
      out: named(text).optional().describe("Result name: column of the statement's first row"),
      ...when,
    }).describe("Runs a statement"),
    keys({
      call: text.describe("Procedure or function, with its schema where it is in another one"),
      args: writes.prefault({}).describe("Parameter: value, by the names that the procedure gives them"),
      out: named(text).optional().describe("OUT or INOUT parameter: result name"),
      rows: named(text).optional().describe("Result name: column of the first row of the first result set"),
      returns: identifier.optional().describe("Result name of what a function returns, or of a procedure's return code"),
      ...when,
    }).describe("Calls a procedure or function of the ERP, within the same transaction"),
  ],
  { error: complaint("is no step", "Write `insert:`, `insertLines:`, `update:`, `number:`, `sql:` or `call:`.") },
);

const idempotency = z.union(
  [
    z
      .literal("base", {
        error: complaint("is no way to recognise a command", "Write `base`, `{ column: … }`, `{ ledger: … }` or `{ probe: … }`."),
      })
      .describe("By the fields' base values: for updates"),
    keys({ base: flag.describe("Always `true`") }).describe("The same as `base`"),
    keys({
      column: text.describe("TABLE.COLUMN under a unique index"),
      value: text.describe("Expression that contains `command.id`"),
    }).describe("By a column of the inserted row"),
    keys({ ledger: text.describe("The ledger's table, `schema.table`; `erpfuser grants` prints its script") }).describe(
      "By a table of the agent's own, written in the same transaction",
    ),
    keys({ probe: text.describe("SELECT that finds the command's row by `:command.id`") }).describe("By a query"),
  ],
  {
    error: complaint(
      "is no way to recognise a command",
      "Write `base`, `{ column: TABLE.COLUMN, value: … }`, `{ ledger: … }` or `{ probe: … }`.",
    ),
  },
);

export const command = keys({
  idempotency: idempotency
    .optional()
    .describe("How the ERP tells whether the command was carried out before. Default for updates: `base`"),
  steps: listOf(step, 100).describe("What is done, in order, in one transaction of the ERP"),
  staging: keys({
    status: text.describe("Column of the probe's row with the ERP's word"),
    accepted: listOf(text).describe(
      "Its values for a row that was taken over; the probe then gives the key of `result.source` too",
    ),
    refused: listOf(text).describe("Its values for a row that was refused; any other value means: not yet"),
    reason: text.optional().describe("Column with the ERP's reason of a refusal, which the portal's reader is shown"),
    poll: scalar(
      (value) => ((durationMs(value) ?? 0) >= 1_000 ? durationMs(value) : undefined),
      "a duration of at least 1s",
      "Write a number and a unit: 10s, 1m.",
    )
      .prefault("10s")
      .describe("Between two looks"),
  })
    .optional()
    .describe(
      "For staging tables, from which the ERP itself takes rows over later. Needs `idempotency: { probe: … }` that finds the command in the staging table, in its archive and where the ERP takes it: as long as it is looked for, it is never written again",
    ),
  result: keys({
    source: text.describe("Source of the entity that the command makes or changes"),
    key: z
      .union([write, listOf(write)])
      .optional()
      .describe(
        "Its key, as many parts as the source has key columns; left out with `staging` alone, where the ERP gives it later",
      ),
    number: write.optional().describe("The number that people read in the ERP"),
  }).describe("What the portal is told"),
  draft: flag.prefault("false").describe("`true`: each command waits for approval"),
  perHour: whole(1, 1_000_000).optional().describe("Most commands per hour; more become drafts"),
});

export type CommandNode = z.output<typeof command>;
export type StepNode = CommandNode["steps"][number];
