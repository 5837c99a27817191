/** Numbers that a plan draws for its own row. */
import type { HighestOf, StepResults, Value } from "./connector.ts";
import { columnOf, type Running, refused, requireRows, run, type Step, valuesByColumn, writableTable } from "./plan-parts.ts";
import { bind, concat, join } from "./statement.ts";

export async function takeNumber(step: Step<"number">, running: Running): Promise<void> {
  const { results } = running;
  const number =
    "counter" in step.from ? await fromCounter(step.from.counter, running) : await fromHighest(step.from.max, running);
  if (step.written) results.set(step.as, step.written(number));
  else results.set(step.as, Number.isSafeInteger(Number(number)) ? Number(number) : number);
}

/** The counter's value raised by one; its row stays locked until the commit. Zeros in front of a text counter are kept. */
async function fromCounter(
  counter: { table: string; column: string; key: (results: StepResults) => Readonly<Record<string, Value>> },
  running: Running,
): Promise<bigint> {
  const { session, results } = running;
  const table = await writableTable(counter.table, running);
  const { quote } = session.syntax;
  const column = columnOf(table, counter.column);
  const conditions = [...valuesByColumn(table, counter.key(results), session)].map(([of, value]) => session.matches(of, value));
  const where = conditions.length > 0 ? concat(" WHERE ", join(conditions, " AND ")) : "";
  const { locking } = session;
  const select = `SELECT ${quote(column.name)} FROM ${quote(table.name)}${locking.table}`;
  const read = await run(concat(select, where, locking.end), running);
  requireRows(table, read.rows.length, 1);
  const text = String(read.rows[0]?.[0] ?? "");
  if (!/^\s*\d+(\.0*)?\s*$/.test(text)) {
    throw refused("erp-counter-invalid", `The counter ${table.name}.${column.name} holds no whole number`, table.name);
  }
  const next = BigInt(text.trim().replace(/\..*$/, "")) + 1n;
  const written = column.type === "text" ? String(next).padStart(text.trim().length, "0") : next;
  const set = concat(`UPDATE ${quote(table.name)} SET ${quote(column.name)} = `, session.toColumn(written, column), where);
  const updated = await run(set, running);
  requireRows(table, updated.affected, 1);
  return next;
}

/** The highest value plus one; another writer may take it first, then the whole plan is tried again. */
async function fromHighest(max: HighestOf, running: Running): Promise<bigint> {
  const { session, results, signal } = running;
  const table = await session.table(max.table, signal);
  const { quote } = session.syntax;
  const column = columnOf(table, max.column);
  const conditions = [...valuesByColumn(table, max.where(results), session)].map(([of, value]) => session.matches(of, value));
  const name = quote(column.name);
  const text = max.part === undefined ? name : (session.textFrom ?? substring)(name, max.part.from);
  const number = column.type === "text" ? session.castInteger(text) : name;
  if (max.part?.like !== undefined) conditions.push(concat(`${name} LIKE `, bind(max.part.like)));
  const where = conditions.length > 0 ? concat(" WHERE ", join(conditions, " AND ")) : "";
  const read = await run(concat(`SELECT MAX(${number}) FROM ${quote(table.name)}`, where), running);
  const highest = String(read.rows[0]?.[0] ?? "0").replace(/\.0*$/, "");
  if (/^-?\d+$/.test(highest)) return BigInt(highest) + 1n;
  throw refused("erp-counter-invalid", `The highest value of ${table.name}.${column.name} is no whole number`, table.name);
}

const substring = (column: string, from: number): string => `SUBSTR(${column}, ${from})`;
