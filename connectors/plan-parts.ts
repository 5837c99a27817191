/** What every step of a plan uses. */
import { FuserError } from "../base/errors.ts";
import type { Column, FieldConflict, PlanStep, Table, Value, WritePlan } from "./connector.ts";
import { type Statement, withMarks } from "./statement.ts";
import type { StatementResult, WriteSession } from "./write-session.ts";

export type Step<Kind extends PlanStep["kind"]> = Extract<PlanStep, { kind: Kind }>;

/** The plan's transaction as its steps see it. */
export interface Running {
  session: WriteSession;
  signal: AbortSignal;
  results: Map<string, Value>;
  /** Every statement run so far, with its bound values. */
  statements: { sql: string; parameters: readonly Value[] }[];
  /** What stands in the ERP against its base and is overwritten all the same; undefined where nothing may be. */
  overruled: FieldConflict[] | undefined;
  seen: WritePlan["seen"];
}

export async function run(statement: Statement, { session, signal, statements }: Running): Promise<StatementResult> {
  statements.push({ sql: withMarks(statement), parameters: statement.values });
  return session.run(statement, signal);
}

/** @throws FuserError rejected `erp-no-result` where a column or the row is not there */
export function takeFirstRow(
  wanted: Readonly<Record<string, string>>,
  { columns, rows }: Pick<StatementResult, "columns" | "rows">,
  { results, place }: { results: Map<string, Value>; place: string },
): void {
  for (const [name, column] of Object.entries(wanted)) {
    const index = columns.findIndex((candidate) => candidate.toLowerCase() === column.toLowerCase());
    const row = rows[0];
    if (!row || index < 0) {
      throw refused("erp-no-result", `A step of the plan gave no ${row ? `column ${column}` : "row"}`, place);
    }
    results.set(name, row[index] as Value);
  }
}

export async function writableTable(name: string, { session, signal }: Running): Promise<Table> {
  const table = await session.table(name, signal);
  if (table.transactional) return table;
  throw new FuserError("config", `The table ${table.name} has no transactions`, {
    code: "erp-table-not-transactional",
    operation: "write to the ERP",
    place: table.name,
    hint: "Half a write could not be undone. Ask the ERP's vendor to convert the table to InnoDB.",
  });
}

/** The values of a step, as the database keeps them. */
export function valuesByColumn(
  table: Table,
  values: Readonly<Record<string, Value>>,
  { emptyIsNull = false, kept = (value) => value }: Pick<WriteSession, "emptyIsNull" | "kept">,
): Map<Column, Value> {
  return new Map(
    Object.entries(values).map(([name, value]) => {
      const column = columnOf(table, name);
      return [column, emptyIsNull && value === "" ? null : kept(value, column)];
    }),
  );
}

/** @throws FuserError config `erp-object-missing` */
export function columnOf(table: Table, name: string): Column {
  const lower = name.toLowerCase();
  const column =
    table.columns.find((candidate) => candidate.name === name) ??
    table.columns.find((candidate) => candidate.name.toLowerCase() === lower);
  if (column) return column;
  throw new FuserError("config", `The table ${table.name} has no column ${name}`, {
    code: "erp-object-missing",
    operation: "write to the ERP",
    place: `${table.name}.${name}`,
    hint: "Correct the name in the configuration, or ask whether the ERP was upgraded.",
  });
}

export function requireRows(table: Table, found: number, expected: number): void {
  if (found === expected) return;
  const code = found === 0 ? "erp-row-missing" : "erp-rows-unexpected";
  throw refused(code, `The plan expects ${expected} row(s) of ${table.name} and meets ${found}`, table.name);
}

export function refused(code: string, message: string, place: string): FuserError {
  return new FuserError("rejected", message, {
    code,
    operation: "write to the ERP",
    place,
    hint: "Look at the ERP's rules for this table.",
  });
}
