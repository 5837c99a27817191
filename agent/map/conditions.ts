/** `when:` compiled: for a row's values, and where it asks no more than whether texts are empty or the same, for their bytes. */
import type { ASTNode } from "@marcbachmann/cel-js";
import type { Expression, Place } from "../../config/config.ts";
import type { FoundColumn } from "./columns.ts";
import { type Compiled, language, recordAccess, visit } from "./language.ts";
import type { ReadScope } from "./read-scope.ts";
import { type AskedOfBytes, type Condition, noteFailure, type RowReading } from "./row-reading.ts";

/** Compiles a condition; undefined after a fault of it. */
export function compileCondition(
  expression: Expression,
  { at, field, scope }: { at: Place; field: string; scope: ReadScope },
): Condition | undefined {
  const compiled = scope.expression(expression);
  if (compiled === undefined) return undefined;
  if (compiled.type !== "boolean") scope.faults.add(at, `The condition gives ${compiled.type}`, "A condition is true or false.");
  return conditionOf(compiled, { expression, field, scope });
}

/** A compiled `when:`; a failure is a fault of the row and counts as not met. */
export function conditionOf(
  compiled: Compiled<RowReading>,
  { expression, field, scope }: { expression: Expression; field: string; scope: ReadScope },
): Condition {
  return {
    columns: columnsIn(expression, scope),
    asked: askedOf(language.parse(expression.cel).ast, scope),
    test(reading) {
      try {
        return compiled.evaluate(reading) === true;
      } catch (error) {
        noteFailure(error, reading, { field, what: "the condition" });
        return false;
      }
    },
  };
}

/** Positions of the columns that an expression names. */
export function columnsIn(expression: Expression, scope: ReadScope): readonly number[] {
  const found = new Set<number>();
  visit(language.parse(expression.cel).ast, (node) => {
    const column = columnAt(node, scope);
    if (column !== undefined) found.add(column.index);
  });
  return [...found];
}

function columnAt(node: ASTNode, { columns }: ReadScope): FoundColumn | undefined {
  const record = recordAccess(node);
  const name = node.op === "id" ? node.args : record?.name === "row" ? record.field : undefined;
  return columns.all.find((column) => column.name === name);
}

/**
 * What a condition asks, if that can be told of bytes. It counts as met where it comes out as true: as long as nothing is negated but `empty()`, null is as
 * good as false within it.
 */
function askedOf(node: ASTNode, scope: ReadScope): AskedOfBytes | undefined {
  const text = (inner: ASTNode | undefined): number | undefined => {
    const found = inner && columnAt(inner, scope);
    return found?.column.type === "text" ? found.index : undefined;
  };
  if (node.op === "call" && node.args[0] === "empty") {
    const column = text(node.args[1][0]);
    return column === undefined ? undefined : { ask: "empty", column };
  }
  if (node.op === "!_") {
    const inner = askedOf(node.args, scope);
    return inner?.ask === "empty" ? { ask: "filled", column: inner.column } : undefined;
  }
  if (node.op === "&&" || node.op === "||") {
    const [left, right] = [askedOf(node.args[0], scope), askedOf(node.args[1], scope)];
    return left && right && { ask: node.op === "&&" ? "both" : "either", left, right };
  }
  if (node.op !== "==" && node.op !== "!=") return undefined;
  const [left, right] = node.args;
  const [column, literal] = right.op === "value" ? [text(left), right.args] : [text(right), left.op === "value" && left.args];
  // What is no UTF-8 is read with U+FFFD in its place: no such text is the same as its bytes.
  if (column === undefined || typeof literal !== "string" || literal.includes("\ufffd") || !literal.isWellFormed())
    return undefined;
  return { ask: node.op === "==" ? "same" : "other", column, text: Buffer.from(literal) };
}
