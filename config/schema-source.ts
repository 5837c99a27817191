/** `sources:` as written. */
import * as z from "zod";
import { bytes } from "./schema-bytes.ts";
import { field, oneOrMore } from "./schema-read.ts";
import { duration, flag, keys, listOf, named, never, oneOf, pollSchedule, schedule, text } from "./schema-values.ts";

const everyHint =
  "How often the column is asked (default 5s), or the feed whether it still tells of everything (default 30s; it tells of changes at once)";

const changes = keys({
  column: text
    .optional()
    .describe("Column that only grows and tells what changed; without it and without a feed the source lives on `compare`"),
  feed: text
    .optional()
    .describe(
      "Feed by which the database tells of each change itself, deleted rows included: binlog, logical-replication, change-tracking or flashback-versions, by the connector. What it needs is said by `erpfuser check`; while it can't be used the source is compared each 15m",
    ),
  kind: oneOf(["timestamp", "sequence", "rowversion"])
    .optional()
    .describe(
      "What the column holds: time of the last change, a number that only grows, or SQL Server's own rowversion, which needs no overlap. Default: timestamp",
    ),
  every: pollSchedule.optional().describe(everyHint),
  overlap: text
    .optional()
    .describe(
      "How far behind the highest value is read again, for transactions that commit late: a duration for a timestamp (default 30s, 1d at the grain of a day), a count for a sequence (default 1000; of a rowversion 0)",
    ),
  grain: oneOf(["second", "day", "fraction"]).optional().describe("Smallest step of a timestamp column. Default: second"),
  compare: z
    .union([schedule, never])
    .optional()
    .describe(
      'When all rows are compared with what was sent. Default: 15m without a column; "0 3 * * *" with one, since a column tells nothing of deleted rows, and with a feed, as its net. `never` only with `append: true`',
    ),
});

const touchedBy = keys({
  table: text.describe("The child table"),
  key: oneOrMore(text).describe("Columns of the child table that are this source's key, in order"),
  own: oneOrMore(text).optional().describe("Columns of the child table's own key. Default: its primary key"),
  changes: changes.describe("How the child table tells of its changes"),
});

export const source = keys(
  {
    type: text.describe("Type of the portal's model that the rows become"),
    table: text.optional().describe("Table or view to read; `${vars.name}` is replaced once at load"),
    query: text.optional().describe("SELECT in place of a table. It is used as a derived table: no ORDER BY, no WITH at the top"),
    key: oneOrMore(text).describe("Columns that identify a row"),
    prefix: text.optional().describe("Prefix of the ids, needed where several sources feed one type"),
    where: text.optional().describe("SQL condition; a row that leaves it is deleted at the portal"),
    scope: oneOf(["none"]).optional().describe("`none`: the source does not have the columns of `scope`"),
    changes: changes.optional().describe("How changes are noticed. Default: `{ compare: 15m }`"),
    signal: keys({
      table: text.describe("Table that is watched for the query"),
      column: text.optional().describe("Its column that only grows"),
      feed: text.optional().describe("Feed that tells of its changes, in place of a column"),
      key: oneOrMore(text).describe("Its columns that are this source's key, in order"),
    })
      .optional()
      .describe("For a query: the table that tells of changes"),
    touchedBy: listOf(touchedBy).optional().describe("Child tables a change of which changes this entity"),
    deletes: keys({
      flag: text.optional().describe("SQL condition that marks a row as deleted"),
      grace: duration.prefault("1h").describe("How long a row must be gone before its deletion is sent; a flag is sent at once"),
    })
      .prefault({})
      .describe("How deletes are recognised"),
    append: flag
      .prefault("false")
      .describe("`true`: rows are only added, never changed or deleted. Needs `changes` with a column"),
    identity: keys(
      {
        reusedWhen: oneOrMore(text).describe(
          "Columns that say whose record it is: where one of them gets another value under the same key, the key was given to somebody new, and the record is another one at the portal. What is empty says nothing",
        ),
      },
      { natural: "Leave it out: a record under a new key counts as a new one." },
    )
      .optional()
      .describe("What tells that a record is no longer the same, although its key is"),
    refresh: z
      .union([
        schedule,
        keys({
          at: schedule.describe("When"),
          send: oneOf(["changed", "all"])
            .prefault("changed")
            .describe("`all`: everything is read and sent again, whether it differs or not"),
        }),
      ])
      .optional()
      .describe(
        'When what the portal holds is compared with what was sent, and what differs is sent again: `"0 4 * * 0"`. Once a night that is done by itself (`reconcile`)',
      ),
    fields: named(field).describe("Fields of the model, each with how it is read"),
    bytes: bytes
      .optional()
      .describe("Of documents: where their bytes are. They are read when the portal asks for them, and at no other time"),
  },
  {
    send: "Write `refresh: { at: …, send: all }`.",
    call: "Read from a table, a view or a query.",
    lookup: "Join the table in a query.",
  },
);

export type SourceNode = z.output<typeof source>;
export type ChangesNode = z.output<typeof changes>;
