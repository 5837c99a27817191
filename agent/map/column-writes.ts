/** Columns of a step with the values that they are written with. */
import { blankFor } from "../../base/blanks.ts";
import { FuserError } from "../../base/errors.ts";
import type { Step, Write, Writes } from "../../config/config.ts";
import type { Column, StepValues, Table } from "../../connectors/connector.ts";
import { Unwritable } from "./reader-texts.ts";
import type { WriteFrame } from "./write-frame.ts";
import type { WriteScope } from "./write-scope.ts";
import { type CompiledWrite, compileWrite } from "./write-values.ts";

export interface ColumnWrite {
  column: Column;
  write: Write;
  compiled: CompiledWrite;
}

export function compileWrites(writes: Writes, table: Table, scope: WriteScope): ColumnWrite[] | undefined {
  const compiled = Object.entries(writes).map(([name, write]) => {
    const column = scope.column(table, name, write.at);
    const value = column && compileWrite(write, column, scope);
    return value && { column, write, compiled: value };
  });
  return compiled.includes(undefined) ? undefined : (compiled as ColumnWrite[]);
}

export const usesIn = (writes: readonly ColumnWrite[]): string[] => writes.flatMap(({ compiled }) => compiled.uses);

/** Values of columns within the transaction: what can't be written there is the ERP's refusal, since the plan's trial did not see it. */
export function stepValues(writes: readonly ColumnWrite[], frame: WriteFrame): StepValues {
  return (results) => {
    const now = { ...frame, results };
    return Object.fromEntries(writes.map(({ column, compiled }) => [column.name, refusing(() => compiled.value(now))]));
  };
}

export function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Unwritable)) throw error;
    throw refusalOf(error);
  }
}

function refusalOf(cause: Unwritable): FuserError {
  return new FuserError("rejected", cause.message, { code: cause.code, operation: "write to the ERP", cause });
}

type Blanks = Extract<Step, { kind: "insert" }>["blanks"];

/** Values of a new row, without those that stay at the column's default or blank. */
export function insertedValues(writes: readonly ColumnWrite[], blanks: Blanks, frame: WriteFrame): StepValues {
  const values = stepValues(writes, frame);
  const known = new Map(writes.map((write) => [write.column.name, write]));
  return (results) =>
    Object.fromEntries(
      Object.entries(values(results)).filter(
        ([name, value]) => value !== null || keepsNull(known.get(name) as ColumnWrite, blanks),
      ),
    );
}

/** Null for a NOT NULL column is left out, so that its default or blank stands; without either the field is missing. */
function keepsNull({ column, compiled }: ColumnWrite, blanks: Blanks): boolean {
  if (column.nullable) return true;
  if (column.hasDefault || column.autoIncrement || blankFor(column.type, blanks) !== undefined) return false;
  throw refusalOf(new Unwritable("field-missing", compiled.uses[0]));
}
