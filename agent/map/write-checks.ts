/** What must be true of the ERP's tables before the first command comes. */
import { blankFor } from "../../base/blanks.ts";
import type { Place, Step } from "../../config/config.ts";
import type { Column, Table } from "../../connectors/connector.ts";
import { columnIn, type WriteScope } from "./write-scope.ts";

export function checkTransactional(table: Table, at: Place, { faults }: WriteScope): void {
  if (table.kind === "view") return;
  if (!table.transactional)
    faults.add(
      at,
      `Table ${table.name} knows no transactions: a broken command would leave half of its work`,
      "Ask the ERP's vendor to convert it to InnoDB.",
    );
}

/** NOT NULL columns that nobody fills would refuse every command. */
export function checkInsert(step: Extract<Step, { kind: "insert" | "insertLines" }>, table: Table, { faults }: WriteScope): void {
  const given = new Set(Object.keys(step.values).map((name) => columnIn(table, name)?.name));
  const open = table.columns.filter(
    (column) =>
      !column.nullable &&
      !column.hasDefault &&
      !column.autoIncrement &&
      !given.has(column.name) &&
      blankFor(column.type, step.blanks) === undefined,
  );
  if (open.length === 0) return;
  const names = open.map((column) => column.name).join(", ");
  faults.add(
    step.at,
    `Table ${table.name} needs values for: ${names}`,
    `Write them, or fill them with \`blanks: { ${[...new Set(open.map(blankKey))].join(", ")} }\`.`,
  );
}

/** What would fill a column. */
function blankKey({ type }: Column): string {
  if (type === "date") return "date: 1900-01-01";
  if (type === "datetime" || type === "instant") return "datetime: 1900-01-01 00:00:00";
  if (type === "time") return "time: 00:00:00";
  if (type === "boolean") return "boolean: false";
  return type === "text" || type === "bytes" ? 'text: ""' : "integer: 0";
}

/** Two writers can draw the same MAX + 1; only a unique index makes one of them try again. */
export function checkMax(
  { table, column, where, at }: { table: Table; column: Column; where: readonly string[]; at: Place },
  { faults }: WriteScope,
): void {
  const fits = (index: readonly string[]): boolean =>
    index.includes(column.name) && index.every((name) => name === column.name || where.includes(name));
  if (table.uniqueIndexes.some(fits)) return;
  const wanted = [...where, column.name].join(", ");
  faults.add(
    at,
    `Under the number ${table.name}.${column.name} there is no unique index over ${wanted}: two writers could take the same`,
    "Use a counter, or ask the ERP's vendor for the index.",
  );
}

/** The id's column must hold the whole id and refuse a second one. */
export function checkIdColumn(
  { table, column, longest, fixed, at }: { table: Table; column: Column; longest: number; fixed: readonly string[]; at: Place },
  { faults }: WriteScope,
): void {
  if (column.type !== "text")
    faults.add(at, `Column ${table.name}.${column.name} is ${column.type} and can't hold a command's id`, "Name a text column.");
  else if (column.length !== undefined && longest > column.length) {
    const remedy = `Write \${short(command.id, ${column.length})}, which always fits.`;
    faults.add(
      at,
      `Column ${table.name}.${column.name} holds ${column.length} characters, the command's id has up to ${longest}`,
      remedy,
    );
  }
  const fits = (index: readonly string[]): boolean =>
    index.includes(column.name) && index.every((name) => name === column.name || fixed.includes(name));
  if (table.uniqueIndexes.some(fits)) return;
  faults.add(
    at,
    `Column ${table.name}.${column.name} is under no unique index: a command could be carried out twice`,
    "Ask the DBA for a unique index on it, or use `ledger`.",
  );
}
