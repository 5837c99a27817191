/** Procedures and functions as the dictionary describes them: standing alone, in packages, behind synonyms, overloaded. */
import { FuserError } from "../../base/errors.ts";
import type { RawValue } from "../digest.ts";
import { bind, concat, join, sql } from "../statement.ts";
import type { ProcedureCall } from "../write-session.ts";
import { currentSchema } from "./describe.ts";
import type { Link } from "./link.ts";
import { catalogueName } from "./sql.ts";
import { synonymTarget } from "./synonyms.ts";

export interface Parameter {
  name: string;
  mode: "IN" | "OUT" | "IN/OUT";
  /** As ALL_ARGUMENTS has it: `NUMBER`, `REF CURSOR`, `PL/SQL BOOLEAN`. */
  type: string;
  hasDefault: boolean;
}

export interface Routine {
  owner: string;
  /** Of the package it is in. */
  package: string | undefined;
  name: string;
  parameters: readonly Parameter[];
  /** Type of what a function gives. */
  returns: string | undefined;
}

const operation = "call a procedure of the ERP";

/** Whose a name may be: the parts of `name`, `package.name`, `owner.name` or `owner.package.name`. */
interface Place {
  owner: string;
  package: string | undefined;
  name: string;
}

/** All routines of a name; none where there is none, or the account may not call it. */
export async function routinesOf(link: Link, called: string, signal: AbortSignal): Promise<Routine[]> {
  const schema = await currentSchema(link, signal);
  const parts = [...called.matchAll(/"[^"]+"|[^."]+/g)].map(([part]) => catalogueName(part));
  const own = await describe(link, placesOf(parts, schema), signal);
  if (own.length > 0) return own;
  const target = await synonymTarget(link, { schema, name: parts[0] as string }, signal);
  return target === undefined ? [] : describe(link, placesOf([target.owner, target.name, ...parts.slice(1)], schema), signal);
}

function placesOf(parts: readonly string[], schema: string): Place[] {
  const [first = "", second = "", third] = parts;
  if (parts.length === 1) return [{ owner: schema, package: undefined, name: first }];
  if (third !== undefined) return [{ owner: first, package: second, name: third }];
  return [
    { owner: schema, package: first, name: second },
    { owner: first, package: undefined, name: second },
  ];
}

async function describe(link: Link, places: readonly Place[], signal: AbortSignal): Promise<Routine[]> {
  const conditions = places.map(({ owner, package: within, name }) => {
    const alone = concat(
      "p.OBJECT_NAME = ",
      bind(name),
      " AND p.PROCEDURE_NAME IS NULL AND p.OBJECT_TYPE IN ('PROCEDURE', 'FUNCTION')",
    );
    const packaged = concat("p.OBJECT_NAME = ", bind(within ?? ""), " AND p.PROCEDURE_NAME = ", bind(name));
    return concat("(p.OWNER = ", bind(owner), " AND ", within === undefined ? alone : packaged, ")");
  });
  const { rows } = await link.execute(
    concat(
      sql(`SELECT p.OWNER, p.OBJECT_NAME, p.PROCEDURE_NAME, p.SUBPROGRAM_ID, a.ARGUMENT_NAME, a.POSITION, a.DATA_TYPE, a.IN_OUT, a.DEFAULTED FROM ALL_PROCEDURES p
 LEFT JOIN ALL_ARGUMENTS a ON a.OBJECT_ID = p.OBJECT_ID AND a.SUBPROGRAM_ID = p.SUBPROGRAM_ID AND a.DATA_LEVEL = 0 WHERE `),
      join(conditions, " OR "),
      " ORDER BY p.OWNER, p.OBJECT_NAME, p.SUBPROGRAM_ID, a.SEQUENCE",
    ),
    signal,
    { operation },
  );
  const groups = Map.groupBy(rows, (row) => row.slice(0, 4).join("\n"));
  return [...groups.values()].map(routineOf);
}

function routineOf(rows: readonly RawValue[][]): Routine {
  const [owner, object, procedure] = rows[0] as RawValue[];
  // A routine without arguments has no row in ALL_ARGUMENTS, or one without a type (before 18c).
  const described = rows.filter(([, , , , , , type]) => type !== null);
  const returned = described.find(([, , , , , position]) => Number(position) === 0);
  return {
    owner: String(owner),
    package: procedure === null ? undefined : String(object),
    name: String(procedure ?? object),
    returns: returned === undefined ? undefined : String(returned[6]),
    parameters: described
      .filter((row) => row !== returned)
      .map(([, , , , name, , type, mode, defaulted]) => ({
        name: String(name),
        mode: mode === "OUT" || mode === "IN/OUT" ? mode : "IN",
        type: String(type),
        hasDefault: defaulted === "Y",
      })),
  };
}

/** Names count without case, and may be written as a bind is: `:NR`. */
export const isNamed = (one: string, other: string): boolean => one.toLowerCase() === other.replace(/^:/, "").toLowerCase();

/**
 * The routine that takes just these arguments and gives what is wanted.
 * @throws FuserError config where there is none, or several fit
 */
export function chosenRoutine({ procedure, args, out }: ProcedureCall, routines: readonly Routine[]): Routine {
  if (routines.length === 0) throw missingRoutine(procedure);
  const given = Object.keys(args);
  const fitting = routines.filter(({ parameters }) => {
    const inputs = parameters.filter(({ mode }) => mode !== "OUT");
    const outputs = parameters.filter(({ mode }) => mode !== "IN");
    return (
      given.every((name) => inputs.some((input) => isNamed(input.name, name))) &&
      inputs.every((input) => input.hasDefault || given.some((name) => isNamed(input.name, name))) &&
      out.every((name) => outputs.some((output) => isNamed(output.name, name)))
    );
  });
  const [fit, ...others] = fitting;
  if (fit !== undefined && others.length === 0) return fit;
  const known = routines.map(
    ({ parameters }) => `(${parameters.map(({ name, mode, type }) => `${name} ${mode} ${type}`).join(", ")})`,
  );
  const why = fit === undefined ? "has other parameters" : "exists several times with these parameters";
  throw new FuserError("config", `${procedure} ${why}: given are (${given.join(", ")}), wanted (${out.join(", ")})`, {
    code: "erp-parameter-unknown",
    operation,
    place: procedure,
    hint: `Its parameters: ${known.join(" or ")}.`,
  });
}

export function missingRoutine(procedure: string): FuserError {
  return new FuserError("config", `The ERP has no procedure or function ${procedure}, or the account may not call it`, {
    code: "erp-object-missing",
    operation,
    place: procedure,
    hint: "Correct its name (`package.name`, `owner.package.name`), or ask the DBA for GRANT EXECUTE on it or its package.",
  });
}
