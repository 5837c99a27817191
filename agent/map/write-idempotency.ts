/** How the ERP remembers a command: checked at load, filled in for each command. */
import type { IdempotencyConfig } from "../../config/config.ts";
import type { Idempotency, Table } from "../../connectors/connector.ts";
import { celText } from "./cel-values.ts";
import { checkIdColumn } from "./write-checks.ts";
import type { WriteFrame } from "./write-frame.ts";
import { columnIn, type WriteScope } from "./write-scope.ts";
import { compileParameters } from "./write-steps.ts";
import { evaluated } from "./write-values.ts";

/** The longest id that a portal may give a command (protocol/messages.ts). */
const longestId = "x".repeat(64);

export function compileIdempotency(scope: WriteScope): ((frame: WriteFrame) => Idempotency) | undefined {
  const way = scope.command.idempotency;
  switch (way.way) {
    case "base":
      return () => ({ way: "base" });
    case "ledger":
      return ({ command }) => ({ way: "ledger", table: way.table, commandId: command.id });
    case "probe": {
      const exact = isExact(way);
      const parameters = compileParameters(way.sql, scope, { late: false });
      return parameters && ((frame) => ({ way: "probe", sql: way.sql.sql, parameters: parameters(frame), exact }));
    }
    case "column": {
      const table = scope.table(way.table, way.at);
      const column = table && scope.column(table, way.column, way.at);
      const compiled = scope.expression(way.value);
      if (table === undefined || column === undefined || compiled === undefined) return undefined;
      const value = (frame: WriteFrame): string => celText(evaluated(compiled, frame, undefined) ?? "");
      checkIdColumn({ table, column, longest: value(sample).length, fixed: constantColumns(table, scope), at: way.at }, scope);
      return (frame) => ({ way: "column", table: table.name, column: column.name, value: value(frame) });
    }
  }
}

const isExact = (way: IdempotencyConfig & { way: "probe" }): boolean => /:command\.id\b/.test(way.sql.sql);

/** True for a way by which the ERP can't tell who has done what a command wants, and so not whether it was carried out. */
export function isBlindWay(way: IdempotencyConfig): boolean {
  return way.way === "base" || (way.way === "probe" && !isExact(way));
}

/** Columns of the inserted row that every command writes alike: an index over them and the id's column tells ids apart as well. */
function constantColumns(table: Table, { command }: WriteScope): string[] {
  return command.steps.flatMap((step) => {
    if (step.kind !== "insert" || step.table.toLowerCase() !== table.name.toLowerCase()) return [];
    const constant = Object.entries(step.values).filter(
      ([, write]) => write.kind === "constant" || (write.kind === "expression" && /^vars\.\w+$/.test(write.expression.cel)),
    );
    return constant.map(([name]) => columnIn(table, name)?.name ?? name);
  });
}

const sample: WriteFrame = {
  values: {},
  id: null,
  command: { type: "command", id: longestId, command: "", values: {}, issuedAt: "2000-01-01T00:00:00Z" },
  now: 0,
  results: new Map(),
  isCurrent: () => true,
};
