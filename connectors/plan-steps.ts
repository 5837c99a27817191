import { blankFor } from "../base/blanks.ts";
import { FuserError } from "../base/errors.ts";
import type { Column, FieldConflict, PlanStep, Table, Value } from "./connector.ts";
import { takeNumber } from "./plan-numbers.ts";
import {
  columnOf,
  type Running,
  refused,
  requireRows,
  run,
  type Step,
  takeFirstRow,
  valuesByColumn,
  writableTable,
} from "./plan-parts.ts";
import { isCode, sameValue } from "./same-value.ts";
import { configured } from "./source-select.ts";
import { concat, join, type Statement, withMarks } from "./statement.ts";
import type { InsertedRow, StatementResult, WriteSession } from "./write-session.ts";

/** Ends a plan with the outcome `conflict`. */
export class ConflictFound {
  readonly fields: readonly FieldConflict[];
  constructor(fields: readonly FieldConflict[]) {
    this.fields = fields;
  }
}

/**
 * Carries out one step.
 * @throws FuserError rejected when the ERP refuses it or quietly does something else; ConflictFound for base values that no longer hold
 */
export async function runStep(step: PlanStep, running: Running): Promise<void> {
  if (step.when && !step.when(running.results)) return;
  switch (step.kind) {
    case "insert":
      return insert(step, running);
    case "update":
      return update(step, running);
    case "number":
      return takeNumber(step, running);
    case "sql":
      return runSql(step, running);
    case "call":
      return runCall(step, running);
  }
}

async function insert(step: Step<"insert">, running: Running): Promise<void> {
  const { session, signal, results } = running;
  const table = await writableTable(step.table, running);
  const written = step.values(results);
  const given = valuesByColumn(table, written, session);
  const emptied = new Set(Object.keys(written).flatMap((name) => (written[name] === "" ? [columnOf(table, name)] : [])));
  const values = new Map([...given, ...blanks(table, { given, fill: step.blanks, emptied })]);
  for (const [column, value] of values) requireFits(table, column, value);
  const columns = [...values.keys()];
  const boundValues = columns.map((column) => session.toColumn(values.get(column) as Value, column));
  const bound = join(boundValues, ", ");
  const { quote } = session.syntax;
  const list = columns.map((column) => quote(column.name)).join(", ");
  const statement = concat(`INSERT INTO ${quote(table.name)} (${list}) VALUES (`, bound, ")");
  const wanted = Object.entries(step.returning ?? {});
  const direct = wanted.length > 0 && session.insertReturning !== undefined;
  const returning = wanted.map(([, column]) => columnOf(table, column));
  const inserted = direct
    ? await insertReturning({ table, columns, values: boundValues, returning }, statement, running)
    : await run(statement, running);
  if (inserted.affected !== 1) {
    throw refused(
      "erp-write-swallowed",
      `The ERP took the new row of ${table.name} without an error and did not store it`,
      table.name,
    );
  }
  if (wanted.length === 0) return;
  if (direct) return addResults(wanted, inserted.rows[0], results);
  const where = rowCondition(table, values, inserted.insertId, session);
  const selected = returning.map((column) => session.readable(column)).join(", ");
  const read = await session.run(concat(`SELECT ${selected} FROM ${quote(table.name)} WHERE `, where), signal);
  const row = read.rows[0];
  if (read.rows.length !== 1 || !row) {
    throw refused("erp-write-altered", `The new row of ${table.name} can't be found again by its own key`, table.name);
  }
  addResults(wanted, row, results);
}

function addResults(
  wanted: readonly (readonly [string, string])[],
  row: readonly Value[] | undefined,
  results: Map<string, Value>,
): void {
  for (const [index, [name]] of wanted.entries()) results.set(name, row?.[index] as Value);
}

/** @param statement what is told of it in a rehearsal */
async function insertReturning(
  insert: InsertedRow,
  statement: Statement,
  { session, signal, statements }: Running,
): Promise<StatementResult> {
  statements.push({ sql: withMarks(statement), parameters: statement.values });
  return (session.insertReturning as NonNullable<WriteSession["insertReturning"]>)(insert, signal);
}

/**
 * `blanks`: what stands in required columns that the plan does not write, or writes with an empty text where that is NULL.
 * @param emptied columns that the plan writes with an empty text: a null that it means is refused by the column
 */
function blanks(
  table: Table,
  { given, fill, emptied }: { given: ReadonlyMap<Column, Value>; fill: Step<"insert">["blanks"]; emptied: ReadonlySet<Column> },
): [Column, Value][] {
  if (!fill) return [];
  return table.columns.flatMap((column): [Column, Value][] => {
    const written = given.has(column) && !(emptied.has(column) && given.get(column) === null);
    if (column.nullable || written || (!given.has(column) && (column.hasDefault || column.autoIncrement))) return [];
    const value = blankFor(column.type, fill);
    return value === undefined ? [] : [[column, value]];
  });
}

/** How an inserted row is found again: by the id it was given, else by a unique index that the plan filled. */
function rowCondition(
  table: Table,
  values: ReadonlyMap<Column, Value>,
  insertId: bigint | undefined,
  session: WriteSession,
): Statement {
  const counted = table.columns.find((column) => column.autoIncrement);
  if (counted && insertId !== undefined && (values.get(counted) ?? null) === null) return session.matches(counted, insertId);
  const index = [table.primaryKey, ...table.uniqueIndexes].find(
    (columns) => columns.length > 0 && columns.every((name) => (values.get(columnOf(table, name)) ?? null) !== null),
  );
  if (index) {
    const conditions = index.map((name) => session.matches(columnOf(table, name), values.get(columnOf(table, name)) as Value));
    return join(conditions, " AND ");
  }
  throw new FuserError("config", `The new row of ${table.name} can't be read back: no unique index of it is filled by the plan`, {
    code: "erp-row-not-identified",
    operation: "write to the ERP",
    place: table.name,
    hint: "Write all columns of a unique index, or leave out `returning`.",
  });
}

async function update(step: Step<"update">, running: Running): Promise<void> {
  const { session, signal, results } = running;
  const table = await writableTable(step.table, running);
  const { quote } = session.syntax;
  const wanted = valuesByColumn(table, step.values(results), session);
  const base = step.base ? valuesByColumn(table, step.base(results), session) : new Map<Column, Value>();
  const key = [...valuesByColumn(table, step.key(results), session)].map(([column, value]) => session.matches(column, value));
  if (key.length === 0 || wanted.size === 0) {
    throw new FuserError("config", `An update of ${table.name} has no key or no values`, {
      code: "erp-plan-invalid",
      operation: "write to the ERP",
      place: table.name,
      hint: "Give the step `key` and `values`.",
    });
  }
  const where = join(key, " AND ");
  const columns = [...wanted.keys()];
  const version = step.version === undefined ? undefined : columnOf(table, step.version);
  const { locking } = session;
  const read = version === undefined ? columns : [...columns, version];
  const list = `SELECT ${read.map((column) => session.readable(column)).join(", ")} FROM ${quote(table.name)}`;
  const before = await run(concat(`${list}${locking.table} WHERE `, where, locking.end), running);
  requireRows(table, before.rows.length, step.expectRows);
  const open = openColumns(columns, before.rows, {
    wanted,
    base,
    same: sameIn(step, table),
    may: mayOverwrite(step, table, running),
  });
  const along = columnsAlong(step, table);
  if (open.every((column) => along.has(column))) return;
  for (const column of open) requireFits(table, column, wanted.get(column) as Value);
  const assignments = open.map((column) =>
    concat(`${quote(column.name)} = `, session.toColumn(wanted.get(column) as Value, column)),
  );
  const same = version && sameVersion(table, version, { rows: before.rows, at: columns.length, session });
  if (same) assignments.push(concat(`${quote(same.column.name)} = `, session.toColumn(same.next, same.column)));
  const guarded = same ? concat(where, " AND ", same.condition) : where;
  const updated = await run(concat(`UPDATE ${quote(table.name)} SET `, join(assignments, ", "), " WHERE ", guarded), running);
  requireRows(table, updated.affected, step.expectRows);
  // A plan may change the key itself; then the row is no longer found under it and there is nothing to compare.
  const after = await session.run(concat(`${list} WHERE `, where), signal);
  if (after.rows.length === before.rows.length)
    requireTaken(table, open, { columns, wanted, before: before.rows, after: after.rows });
}

/** The row's version as it was read, and the next one: whoever writes between our look and our write is met by none of our rows. */
function sameVersion(
  table: Table,
  column: Column,
  { rows, at, session }: { rows: StatementResult["rows"]; at: number; session: WriteSession },
): { column: Column; next: Value; condition: Statement } {
  const held = rows[0]?.[at] ?? null;
  const text = String(held ?? "0").replace(/\.0*$/, "");
  if (rows.length !== 1 || !/^-?\d+$/.test(text)) {
    throw refused("erp-counter-invalid", `The version ${table.name}.${column.name} holds no whole number`, table.name);
  }
  const next = BigInt(text) + 1n;
  return {
    column,
    next: Number.isSafeInteger(Number(next)) ? Number(next) : next,
    condition: session.matches(column, held),
  };
}

/**
 * Whether updates look as if they had never been carried out: each row is gone, or holds the base value wherever that is not the target (without base
 * values: the target nowhere). Reads alone. False for a plan that does more than updates.
 */
export async function isAsBefore(steps: readonly PlanStep[], running: Running): Promise<boolean> {
  for (const step of steps) {
    if (step.kind !== "update" || !(await isUpdateUndone(step, running))) return false;
  }
  return steps.length > 0;
}

async function isUpdateUndone(step: Step<"update">, { session, signal, results }: Running): Promise<boolean> {
  const table = await session.table(step.table, signal);
  const wanted = valuesByColumn(table, step.values(results), session);
  const base = step.base ? valuesByColumn(table, step.base(results), session) : new Map<Column, Value>();
  const key = [...valuesByColumn(table, step.key(results), session)].map(([column, value]) => session.matches(column, value));
  if (key.length === 0 || wanted.size === 0) return false;
  const columns = [...wanted.keys()];
  const overrule = new Set((step.overrule ?? []).map((name) => columnOf(table, name)));
  const list = columns.map((column) => session.readable(column)).join(", ");
  const select = concat(`SELECT ${list} FROM ${session.syntax.quote(table.name)} WHERE `, join(key, " AND "));
  const { rows } = await session.run(select, signal);
  const same = sameIn(step, table);
  const along = columnsAlong(step, table);
  const telling = columns.filter((column) => {
    if (along.has(column)) return false;
    if (base.size === 0) return true;
    return base.has(column) && !same(base.get(column) as Value, wanted.get(column) as Value, column);
  });
  if (telling.length === 0) return rows.length === 0;
  return rows.every((row) =>
    telling.every((column) => {
      const current = row[columns.indexOf(column)] as Value;
      // One that is written over anything tells only by not being there.
      if (base.has(column) && !overrule.has(column)) return same(current, base.get(column) as Value, column);
      return !same(current, wanted.get(column) as Value, column);
    }),
  );
}

type Same = (one: Value, other: Value, column: Column) => boolean;

/** Equal, or two codes of one meaning. */
function sameIn({ alike = {} }: Step<"update">, table: Table): Same {
  const groups = new Map(Object.entries(alike).map(([name, codes]) => [columnOf(table, name), codes]));
  return (one, other, column) =>
    sameValue(one, other, column) ||
    (groups.get(column)?.some((codes) => isCode(one, codes, column) && isCode(other, codes, column)) ?? false);
}

function columnsAlong({ along = [] }: Step<"update">, table: Table): ReadonlySet<Column> {
  return new Set(along.map((name) => columnOf(table, name)));
}

/** What may be written over although it is neither base nor target. */
interface MayOverwrite {
  /** The value that the column holds was seen by a person. */
  seen(column: Column, current: Value): boolean;
  /** Whatever the column holds; it is noted. */
  anything(column: Column): boolean;
  note(overruled: readonly FieldConflict[]): void;
}

function mayOverwrite({ overrule = [] }: Step<"update">, table: Table, { overruled, seen = {} }: Running): MayOverwrite {
  const columns = new Set(overruled === undefined ? [] : overrule.map((name) => columnOf(table, name)));
  const byName = new Map(Object.entries(seen).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    seen(column, current) {
      const value = byName.get(column.name.toLowerCase());
      return value !== undefined && sameValue(current, value, column);
    },
    anything: (column) => columns.has(column),
    note: (fields) => overruled?.push(...fields),
  };
}

interface Settling {
  wanted: ReadonlyMap<Column, Value>;
  base: ReadonlyMap<Column, Value>;
  same: Same;
  may: MayOverwrite;
}

/** Columns still to be written: current = target is done, current = base is written, anything else is a conflict, or overruled. */
function openColumns(
  columns: readonly Column[],
  rows: readonly (readonly Value[])[],
  { wanted, base, same, may }: Settling,
): Column[] {
  const open = new Set<Column>();
  const conflicts: FieldConflict[] = [];
  const overruled: FieldConflict[] = [];
  for (const row of rows) {
    for (const [index, column] of columns.entries()) {
      const current = row[index] as Value;
      const target = wanted.get(column) as Value;
      if (same(current, target, column)) continue;
      const known = base.get(column);
      open.add(column);
      if (known === undefined || same(current, known, column) || may.seen(column, current)) continue;
      const conflict = { column: column.name, base: known, current, wanted: target };
      (may.anything(column) ? overruled : conflicts).push(conflict);
    }
  }
  may.note(overruled);
  // One command is one change: where a part of it may not be, nothing of it is, and all that is in dispute is told.
  if (conflicts.length > 0) throw new ConflictFound([...conflicts, ...overruled]);
  return [...open];
}

/** A rule of the ERP may correct a value; one that leaves the old value in place swallowed the write. */
function requireTaken(
  table: Table,
  open: readonly Column[],
  rows: {
    columns: readonly Column[];
    wanted: ReadonlyMap<Column, Value>;
    before: StatementResult["rows"];
    after: StatementResult["rows"];
  },
): void {
  for (const column of open) {
    const index = rows.columns.indexOf(column);
    const target = rows.wanted.get(column) as Value;
    const swallowed = rows.after.some((row, at) => {
      const now = row[index] as Value;
      const then = rows.before[at]?.[index] as Value;
      return !sameValue(then, target, column) && sameValue(now, then, column);
    });
    if (swallowed) {
      throw refused(
        "erp-write-swallowed",
        `The ERP took the change of ${table.name}.${column.name} without an error and kept the old value`,
        table.name,
      );
    }
  }
}

/** First words of statements that end a transaction or have no place in one. */
const forbidden =
  /^\s*(COMMIT|ROLLBACK|BEGIN|START\s|END\b|SAVEPOINT|RELEASE|CREATE|ALTER|DROP|TRUNCATE|RENAME|LOCK|UNLOCK|GRANT|REVOKE|ATTACH|DETACH|PRAGMA|VACUUM|SET\s)/i;

async function runSql(step: Step<"sql">, running: Running): Promise<void> {
  if (forbidden.test(step.sql)) {
    throw new FuserError("config", "An SQL step may not end the transaction or change the schema", {
      code: "erp-sql-forbidden",
      operation: "write to the ERP",
      place: step.sql.trim().split(/\s/, 1)[0] ?? "",
      hint: "Leave BEGIN, COMMIT, SET and all DDL out of `sql:` steps.",
    });
  }
  const statement = configured(running.session.syntax, step.sql, step.parameters(running.results), "sql step");
  const result = await run(statement, running);
  takeFirstRow(step.out ?? {}, result, { results: running.results, place: "sql step" });
}

async function runCall(step: Step<"call">, { session, signal, results, statements }: Running): Promise<void> {
  if (session.call === undefined) {
    throw new FuserError("config", "This database has no procedures", {
      code: "erp-call-unsupported",
      operation: "write to the ERP",
      place: step.procedure,
      hint: "Write the work as `insert`, `update`, `number` or `sql` steps.",
    });
  }
  const { out = {}, rows = {} } = step;
  const call = { procedure: step.procedure, args: step.args(results), out: Object.values(out) };
  const result = await session.call(call, signal);
  statements.push({ sql: withMarks(result.statement), parameters: result.statement.values });
  for (const [name, parameter] of Object.entries(out)) results.set(name, result.out[parameter] ?? null);
  if (step.returns !== undefined) results.set(step.returns, result.returned ?? null);
  takeFirstRow(rows, result, { results, place: step.procedure });
}

/** Not every database refuses a text that is too long, and none names what was lost. */
function requireFits(table: Table, column: Column, value: Value): void {
  if (column.type !== "text" || column.length === undefined || typeof value !== "string") return;
  if (value.length <= column.length || [...value].length <= column.length) return;
  throw refused(
    "erp-value-too-long",
    `A text of ${[...value].length} characters does not fit ${table.name}.${column.name} (${column.length})`,
    table.name,
  );
}
