/** The `insertLines` step compiled: one insert for each line of a long text. */
import type { Step } from "../../config/config.ts";
import type { PlanStep, Table } from "../../connectors/connector.ts";
import { fitCharacters } from "./code-pages.ts";
import { type ColumnWrite, compileWrites, insertedValues, usesIn } from "./column-writes.ts";
import { wrapped } from "./line-wrap.ts";
import { checkInsert, checkTransactional } from "./write-checks.ts";
import { celTypeOfField, commandFields, type WriteFrame } from "./write-frame.ts";
import type { WriteScope } from "./write-scope.ts";

type LinesStep = Extract<Step, { kind: "insertLines" }>;

export function compileLines(step: LinesStep, scope: WriteScope) {
  const table = scope.table(step.table, step.at);
  const writes = table && compileWrites(step.values, table, scope.ofLines());
  if (table === undefined) return undefined;
  checkTransactional(table, step.at, scope);
  checkInsert(step, table, scope);
  checkText(step, scope);
  if (writes === undefined) return undefined;
  checkWidth(step, writes, scope);
  const { field, width } = step;
  const adapted = step.characters && fitCharacters(step.characters);
  return {
    uses: [field, ...usesIn(writes)],
    fixed: new Map<string, unknown>(),
    make(frame: WriteFrame): PlanStep[] {
      const text = frame.values[field];
      if (typeof text !== "string" || text === "") return [];
      return wrapped(adapted ? adapted(text, field) : text, width).map((line, index) =>
        insertOf(step, { table, writes, frame: { ...frame, line: { number: index + 1, text: line } } }),
      );
    },
  };
}

function insertOf(
  { blanks }: LinesStep,
  { table, writes, frame }: { table: Table; writes: readonly ColumnWrite[]; frame: WriteFrame },
): PlanStep {
  return { kind: "insert", table: table.name, ...(blanks && { blanks }), values: insertedValues(writes, blanks, frame) };
}

function checkText({ field, at }: LinesStep, scope: WriteScope): void {
  const kind = commandFields(scope)[field];
  if (kind !== undefined && celTypeOfField(kind) !== "text")
    scope.faults.add(at, `${field} is no text`, "Name a field with a text, or write it with `insert`.");
}

/** A line must fit where it is written: told before the first long text comes. */
function checkWidth({ width, at }: LinesStep, writes: readonly ColumnWrite[], { faults }: WriteScope): void {
  for (const { column, write } of writes) {
    if (write.kind !== "expression" || write.expression.cel.trim() !== "line.text") continue;
    if (column.length !== undefined && width > column.length)
      faults.add(
        at,
        `width is ${width}, but column ${column.name} holds ${column.length} characters`,
        `Say width: ${column.length}.`,
      );
  }
}
