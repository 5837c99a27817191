import { FuserError } from "../../base/errors.ts";
import type { Value } from "../connector.ts";
import { bind, concat, join, type Statement } from "../statement.ts";
import type { CallResult, ProcedureCall } from "../write-session.ts";
import { askServer } from "./describe.ts";
import type { Link, ResultSet } from "./link.ts";
import { postgresSyntax, withLiterals } from "./sql.ts";
import { decoderOf } from "./values.ts";

const operation = "write to the ERP";

/** One procedure or function of a name, as pg_proc tells of it. */
interface Routine {
  /** Quoted, with its schema. */
  name: string;
  isProcedure: boolean;
  /** Gives rows, or columns of its own, in place of one value. */
  givesColumns: boolean;
  /** `i` in, `o` out, `b` both, `v` variadic, `t` column of the rows. */
  parameters: readonly { name: string; mode: string; hasDefault: boolean }[];
}

/**
 * Runs a procedure (`CALL`) or function (`SELECT * FROM`) with arguments by name. What a procedure gives are its OUT parameters as one row; a function
 * gives its rows, its OUT parameters, or its one value.
 * @throws FuserError config for a name or a parameter that is not there, or fits several
 */
export async function callRoutine(link: Link, call: ProcedureCall, signal: AbortSignal): Promise<CallResult> {
  const routine = chosen(call, await routinesOf(link, call.procedure, signal));
  const statement = statementOf(routine, call.args);
  const result = (await link.query(withLiterals(statement), signal, operation)).at(-1) as ResultSet;
  const columns = result.fields.map(({ name }) => name);
  const decoders = result.fields.map(decoderOf);
  const rows = result.rows.map((row) => row.map((value, index) => decoders[index]?.(value) as Value));
  const out = Object.fromEntries(call.out.map((name) => [name, outOf(call, name, { columns, row: rows[0] })]));
  const returned = routine.isProcedure || routine.givesColumns ? undefined : (rows[0]?.[0] ?? null);
  return { out, columns, rows, returned, statement };
}

async function routinesOf(link: Link, called: string, signal: AbortSignal): Promise<Routine[]> {
  const [name, schema] = called.split(".").reverse() as [string, string | undefined];
  const place = schema === undefined ? "pg_function_is_visible(p.oid)" : concat("n.nspname = ", bind(schema));
  const rows = await askServer(
    link,
    concat(
      "SELECT p.proname AS name, n.nspname AS schema, p.prokind AS kind, p.proretset AS rows, t.typtype AS returns, p.pronargs AS inputs, p.pronargdefaults AS defaults, to_json(p.proargnames) AS names, to_json(p.proargmodes) AS modes FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_type t ON t.oid = p.prorettype WHERE p.prokind IN ('f', 'p') AND p.proname IN (",
      join([...new Set([name, name.toLowerCase()])].map(bind), ", "),
      ") AND ",
      place,
    ),
    signal,
    operation,
  );
  return rows.map((row) => {
    const names = JSON.parse(row.names ?? "[]") as string[];
    const kinds = row.modes === null ? names.map(() => "i") : (JSON.parse(row.modes ?? "[]") as string[]);
    const inputs = names.flatMap((_, index) => (/[ibv]/.test(kinds[index] ?? "") ? [index] : []));
    // Only the last ones can have defaults.
    const defaults = new Set(inputs.slice(inputs.length - Number(row.defaults)));
    const givesColumns = row.rows === "t" || row.returns === "c" || kinds.some((mode) => /[obt]/.test(mode));
    return {
      name: postgresSyntax.quote(`${row.schema}.${row.name}`),
      isProcedure: row.kind === "p",
      givesColumns,
      parameters: names.map((parameter, index) => ({
        name: parameter,
        mode: kinds[index] ?? "i",
        hasDefault: defaults.has(index),
      })),
    };
  });
}

/** The routine that takes just these arguments and gives what is wanted: names may be overloaded. */
function chosen({ procedure, args, out }: ProcedureCall, routines: readonly Routine[]): Routine {
  if (routines.length === 0) throw unfit(procedure, "The ERP has no such procedure or function", "erp-object-missing");
  const given = Object.keys(args);
  const fitting = routines.filter(({ parameters }) => {
    const inputs = parameters.filter(({ mode }) => /[ibv]/.test(mode));
    const outputs = parameters.filter(({ mode }) => /[obt]/.test(mode));
    const taken = given.map((name) => inputs.find((input) => isNamed(input.name, name)));
    // What a function's own type gives is seen in its result.
    const gives = outputs.length === 0 && !parameters.some(({ name }) => out.some((wanted) => isNamed(name, wanted)));
    return (
      taken.every(Boolean) &&
      inputs.every((input) => input.hasDefault || taken.includes(input)) &&
      (gives || out.every((wanted) => outputs.some(({ name }) => isNamed(name, wanted))))
    );
  });
  const [fit, ...others] = fitting;
  if (fit !== undefined && others.length === 0) return fit;
  const known = routines.map(({ parameters }) => `(${parameters.map(({ name, mode }) => `${name} ${modes[mode]}`).join(", ")})`);
  const why = fit === undefined ? "has other parameters" : "exists several times with these parameters";
  const message = `The procedure ${why}: it has ${known.join(" and ")}, given are (${given.join(", ")}), wanted (${out.join(", ")})`;
  throw unfit(procedure, message, "erp-parameter-unknown");
}

const modes: Readonly<Record<string, string>> = { i: "IN", o: "OUT", b: "INOUT", v: "VARIADIC", t: "column" };

const isNamed = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

function statementOf({ name, isProcedure, parameters }: Routine, args: ProcedureCall["args"]): Statement {
  const pieces = parameters.flatMap((parameter): Statement[] => {
    const key = Object.keys(args).find((given) => isNamed(given, parameter.name));
    const named = `${postgresSyntax.quote(parameter.name)} => `;
    if (parameter.mode !== "o" && parameter.mode !== "t" && key !== undefined) return [concat(named, bind(args[key] as Value))];
    // CALL wants a place for each OUT parameter, too (PostgreSQL manual, CALL).
    return parameter.mode === "o" && isProcedure ? [concat(named, bind(null))] : [];
  });
  return concat(isProcedure ? `CALL ${name}(` : `SELECT * FROM ${name}(`, join(pieces, ", "), ")");
}

function outOf(
  { procedure }: ProcedureCall,
  name: string,
  { columns, row }: { columns: readonly string[]; row: readonly Value[] | undefined },
): Value {
  const index = columns.findIndex((column) => isNamed(column, name));
  if (index < 0) throw unfit(procedure, `The procedure gives no ${name}`, "erp-parameter-unknown");
  return row?.[index] ?? null;
}

function unfit(place: string, message: string, code: string): FuserError {
  return new FuserError("config", message, {
    code,
    operation,
    place,
    hint: "Correct the name and the arguments in the configuration, or ask whether the ERP was upgraded.",
  });
}
