// Blocks of PL/SQL, as far as the suite's procedures and the connector's own calls need them: declarations, assignments, calls by name, INSERT, UPDATE (RETURNING …
// INTO), OPEN … FOR, RETURN, RAISE_APPLICATION_ERROR and COMMIT. What is not known fails.
import { OracleError, type OutValue } from "../tns/database.ts";
import type { Cell } from "../tns/values.ts";
import { splitList } from "./catalogue.ts";
import type { Routine } from "./routines.ts";
import { cut } from "./translate.ts";

/** What blocks need of the session that runs them. Values go in by `:name` binds, whose names the text holds. */
export interface BlockSession {
  routines: ReadonlyMap<string, Routine>;
  /** The value of an expression. */
  evaluate(expression: string, values: Values): Cell;
  /** An INSERT, UPDATE or DELETE; gives the returned values of its one row. */
  write(sql: string, values: Values): Promise<Cell[]>;
  open(sql: string, values: Values): OutValue;
  commit(): void;
  rollback(): void;
}

export type Values = ReadonlyMap<string, Cell>;
type Variables = Map<string, OutValue | undefined>;

/** Names of the binds of a block in the order in which they first stand in it, as a client sends them. */
export const bindNames = (text: string): string[] => [
  ...new Set(cut(text).flatMap(({ kind, body }) => (kind === "bind" ? [body.slice(1).toUpperCase()] : []))),
];

/** Runs a block; gives what its binds hold in the end. */
export async function runBlock(text: string, binds: Values, session: BlockSession): Promise<ReadonlyMap<string, OutValue>> {
  const [, declared = "", body = ""] = /^\s*(?:DECLARE\s+(.*?)\s*)?BEGIN\s+(.*)\bEND;\s*$/is.exec(text) ?? [];
  if (body === "") throw new OracleError(6550, `the double does not know this block: ${text}`);
  const variables: Variables = new Map([...binds].map(([name, value]) => [`:${name}`, value]));
  for (const declaration of statementsOf(declared)) {
    const [, name = "", initial] = /^(\w+)\s+[^:]*?(?::=\s*(.*))?$/s.exec(declaration) ?? [];
    variables.set(name.toUpperCase(), initial === undefined ? null : evaluate(initial, variables, session));
  }
  await run(body, variables, session);
  return new Map(
    [...variables].flatMap(([name, value]) => (name.startsWith(":") && value !== undefined ? [[name.slice(1), value]] : [])),
  );
}

/** Cut at the semicolons outside of texts. */
function statementsOf(text: string): string[] {
  const statements: string[] = [""];
  for (const { kind, body } of cut(text)) {
    if (kind === "comment") continue;
    const parts = kind === "code" ? body.split(";") : [body];
    for (const [index, part] of parts.entries()) {
      if (index > 0) statements.push("");
      statements[statements.length - 1] += part;
    }
  }
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== "");
}

/** @returns what RETURN gave */
async function run(body: string, variables: Variables, session: BlockSession): Promise<OutValue | undefined> {
  for (const statement of statementsOf(body)) {
    const assigned = /^(:?\w+)\s*:=\s*(.*)$/s.exec(statement);
    const raised = /^RAISE_APPLICATION_ERROR\s*\(\s*-(\d+)\s*,\s*(.*)\)$/is.exec(statement);
    const opened = /^OPEN\s+(:?\w+)\s+FOR\s+(.*)$/is.exec(statement);
    const called = callOf(assigned?.[2] ?? statement);
    if (raised) throw new OracleError(Number(raised[1]), String(evaluate(raised[2] as string, variables, session)));
    if (/^COMMIT$/i.test(statement)) session.commit();
    else if (/^ROLLBACK$/i.test(statement)) session.rollback();
    else if (/^RETURN\b/i.test(statement)) return evaluate(statement.slice("RETURN".length), variables, session);
    else if (opened) set(variables, opened[1] as string, openCursor(opened[2] as string, variables, session));
    else if (called) {
      const result = await call(called, variables, session);
      if (assigned) set(variables, assigned[1] as string, result ?? null);
    } else if (assigned) set(variables, assigned[1] as string, evaluate(assigned[2] as string, variables, session));
    else if (/^(INSERT|UPDATE|DELETE)\b/i.test(statement)) await write(statement, variables, session);
    else throw new OracleError(6550, `the double does not know this statement: ${statement}`);
  }
  return undefined;
}

function set(variables: Variables, name: string, value: OutValue): void {
  variables.set(name.toUpperCase(), value);
}

interface Call {
  name: string;
  args: string;
}

/** `"OWNER"."NAME"(…)` or `name(…)`, of a name that stands alone. */
function callOf(text: string): Call | undefined {
  const match = /^(?:"\w+"\.)*"(\w+)"\s*(?:\((.*)\))?$/s.exec(text.trim());
  return match ? { name: (match[1] as string).toUpperCase(), args: match[2] ?? "" } : undefined;
}

async function call({ name, args }: Call, variables: Variables, session: BlockSession): Promise<OutValue | undefined> {
  const routine = session.routines.get(name);
  if (routine === undefined) throw new OracleError(6550, `PLS-00201: identifier '${name}' must be declared`);
  const given = new Map(
    (args.trim() === "" ? [] : splitList(args)).map((part, index) => {
      const byPlace = [part, routine.parameters[index]?.name ?? "", part];
      const [, parameter = "", passed = ""] = /^"?(\w+)"?\s*=>\s*(.*)$/s.exec(part) ?? byPlace;
      return [parameter.toUpperCase(), passed.trim()];
    }),
  );
  const unknown = [...given.keys()].find((parameter) => !routine.parameters.some((one) => one.name === parameter));
  if (unknown !== undefined) throw new OracleError(6550, `PLS-00306: wrong number or types of arguments in call to '${name}'`);
  const own: Variables = new Map();
  for (const { name: parameter, mode, fallback } of routine.parameters) {
    const passed = given.get(parameter) ?? fallback;
    if (passed === undefined) throw new OracleError(6550, `PLS-00306: wrong number or types of arguments in call to '${name}'`);
    own.set(parameter, mode === "OUT" ? null : evaluate(passed, variables, session));
  }
  const result = await run(routine.body, own, session);
  for (const { name: parameter, mode } of routine.parameters) {
    if (mode !== "IN") set(variables, given.get(parameter) as string, own.get(parameter) ?? null);
  }
  return result;
}

/** The text with a bind in place of each variable. */
function bound(text: string, variables: Variables): { sql: string; values: Values } {
  const values = new Map<string, Cell>();
  const use = (name: string): string | undefined => {
    const value = variables.get(name.toUpperCase());
    if (value === undefined || (typeof value === "object" && value !== null && "columns" in value)) return undefined;
    const bind = `V_${name.replace(":", "").toUpperCase()}`;
    values.set(bind, value);
    return `:${bind}`;
  };
  const sql = cut(text)
    .map(({ kind, body }) => {
      if (kind === "bind") return use(body) ?? body;
      return kind === "code" ? body.replace(/\b[A-Za-z_]\w*\b/g, (word) => use(word) ?? word) : body;
    })
    .join("");
  return { sql, values };
}

function evaluate(expression: string, variables: Variables, session: BlockSession): Cell {
  const { sql, values } = bound(expression, variables);
  return session.evaluate(sql, values);
}

function openCursor(text: string, variables: Variables, session: BlockSession): OutValue {
  const { sql, values } = bound(text, variables);
  return session.open(sql, values);
}

async function write(statement: string, variables: Variables, session: BlockSession): Promise<void> {
  const [, text = "", columns, into] = /^(.*?)(?:\s+RETURNING\s+(.*?)\s+INTO\s+(.*))?$/is.exec(statement) ?? [];
  const { sql, values } = bound(text, variables);
  const returned = await session.write(columns === undefined ? sql : `${sql} RETURNING ${columns}`, values);
  for (const [index, name] of (into ?? "").split(",").entries()) {
    if (into !== undefined) set(variables, name.trim(), returned[index] ?? null);
  }
}
