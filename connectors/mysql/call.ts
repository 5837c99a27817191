import { FuserError } from "../../base/errors.ts";
import type { ColumnType, Value } from "../connector.ts";
import { bind, concat, join, type Statement, sql } from "../statement.ts";
import type { ProcedureCall } from "../write-session.ts";
import { askServer, declaredType } from "./describe.ts";
import type { Link } from "./link.ts";
import { mysqlSyntax } from "./sql.ts";
import { boundFor } from "./values.ts";

/** A procedure or function of the ERP as the server describes it to this account. */
interface Routine {
  kind: "procedure" | "function";
  /** Quoted. */
  name: string;
  parameters: readonly Parameter[];
}

interface Parameter {
  name: string;
  mode: "IN" | "OUT" | "INOUT";
  type: ColumnType;
  /** As declared: `decimal(20,4)`. */
  declared: string;
}

/** What is to be run, in this order. */
export interface PreparedCall {
  kind: Routine["kind"];
  /** Gives INOUT parameters their values; undefined where there are none. */
  set: Statement | undefined;
  call: Statement;
  /** Reads OUT parameters in the order in which they were asked for. */
  read: Statement | undefined;
}

const operation = "call a procedure of the ERP";

/** What is wrong with a procedure that commands call, for `check`. */
export async function checkRoutine(
  link: Link,
  procedure: string,
  signal: AbortSignal,
): Promise<{ code: string; message: string; remedy: string } | undefined> {
  const [found] = await findRoutine(link, procedure, signal);
  if (found === undefined) {
    const { code, message, hint = "" } = missing(procedure);
    return { code, message, remedy: hint };
  }
  // Its text is shown to its owner alone; without it only a rehearsal tells.
  if (
    !/\b(COMMIT|ROLLBACK|START\s+TRANSACTION|TRUNCATE|(CREATE|ALTER|DROP)\s+(?!TEMPORARY)\w+)\b/i.test(
      found.routine_definition ?? "",
    )
  )
    return undefined;
  return {
    code: "erp-procedure-commits",
    message: `${procedure} seems to commit or roll back by itself: commands that call it end as uncertain`,
    remedy: "Ask the ERP's vendor for one that leaves the transaction to its caller.",
  };
}

/** @throws FuserError config where there is no such routine, or its parameters are others */
export async function prepareCall(link: Link, call: ProcedureCall, signal: AbortSignal): Promise<PreparedCall> {
  const routine = await describeRoutine(link, call.procedure, signal);
  const given = new Map(Object.entries(call.args).map(([name, value]) => [bare(name), value]));
  requireKnown(routine, call);
  const variable = (index: number): string => `@fuser_${index + 1}`;
  const passed = routine.parameters.map((parameter, index) =>
    parameter.mode === "IN" ? argumentFor(parameter, given) : sql(variable(index)),
  );
  const list = join(passed, ", ");
  if (routine.kind === "function") {
    return { kind: "function", set: undefined, call: concat(`SELECT ${routine.name}(`, list, ") AS returned"), read: undefined };
  }
  const set = routine.parameters.flatMap((parameter, index) =>
    parameter.mode === "IN"
      ? []
      : // What an earlier call left in the variable must not be seen.
        [concat(`${variable(index)} = `, parameter.mode === "OUT" ? sql("NULL") : argumentFor(parameter, given))],
  );
  const read = call.out.map((name) => {
    const index = routine.parameters.findIndex((parameter) => bare(parameter.name) === bare(name));
    return typedRead(variable(index), routine.parameters[index] as Parameter);
  });
  return {
    kind: "procedure",
    set: set.length > 0 ? concat("SET ", join(set, ", ")) : undefined,
    call: concat(`CALL ${routine.name}(`, list, ")"),
    read: read.length > 0 ? sql(`SELECT ${read.join(", ")}`) : undefined,
  };
}

/** Conditions on the schema and the name of a routine. */
function named(procedure: string): { schema: Statement; name: Statement } {
  const parts = procedure.split(".");
  return { schema: parts.length > 1 ? bind(parts[0] as string) : sql("DATABASE()"), name: bind(parts.at(-1) as string) };
}

function findRoutine(link: Link, procedure: string, signal: AbortSignal): ReturnType<typeof askServer> {
  const { schema, name } = named(procedure);
  const list = "SELECT ROUTINE_TYPE, ROUTINE_DEFINITION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ";
  return askServer(link, concat(list, schema, " AND ROUTINE_NAME = ", name), signal, operation);
}

async function describeRoutine(link: Link, procedure: string, signal: AbortSignal): Promise<Routine> {
  const { schema, name } = named(procedure);
  const [found] = await findRoutine(link, procedure, signal);
  if (found === undefined) throw missing(procedure);
  const rows = await askServer(
    link,
    concat(
      "SELECT PARAMETER_NAME, PARAMETER_MODE, DATA_TYPE, DTD_IDENTIFIER FROM information_schema.PARAMETERS WHERE SPECIFIC_SCHEMA = ",
      schema,
      " AND SPECIFIC_NAME = ",
      name,
      // Place 0 is what a function returns.
      " AND ORDINAL_POSITION > 0 ORDER BY ORDINAL_POSITION",
    ),
    signal,
    operation,
  );
  const parameters = rows.map((row): Parameter => {
    const declared = (row.dtd_identifier ?? "").toLowerCase();
    const mode = row.parameter_mode === "OUT" || row.parameter_mode === "INOUT" ? row.parameter_mode : "IN";
    return { name: row.parameter_name ?? "", mode, type: declaredType((row.data_type ?? "").toLowerCase(), declared), declared };
  });
  const kind = found.routine_type === "FUNCTION" ? "function" : "procedure";
  return { kind, name: mysqlSyntax.quote(procedure), parameters };
}

/** Names count without case, and may be written as SQL Server does: `@Nr`. */
const bare = (name: string): string => name.replace(/^@/, "").toLowerCase();

function requireKnown({ parameters }: Routine, { procedure, args, out }: ProcedureCall): void {
  const has = (name: string, modes: readonly string[]): boolean =>
    parameters.some((parameter) => bare(parameter.name) === bare(name) && modes.includes(parameter.mode));
  const wrongIn = Object.keys(args).find((name) => !has(name, ["IN", "INOUT"]));
  if (wrongIn !== undefined) throw unknownParameter(procedure, `takes no parameter ${wrongIn}`, parameters);
  const wrongOut = out.find((name) => !has(name, ["OUT", "INOUT"]));
  if (wrongOut !== undefined) throw unknownParameter(procedure, `gives no parameter ${wrongOut} back`, parameters);
  const lacking = parameters.find(
    ({ name, mode }) => mode !== "OUT" && !Object.keys(args).some((given) => bare(given) === bare(name)),
  );
  if (lacking !== undefined) throw unknownParameter(procedure, `needs a value for its parameter ${lacking.name}`, parameters);
}

function argumentFor({ name, type }: Parameter, given: ReadonlyMap<string, Value>): Statement {
  const value = given.get(bare(name)) ?? null;
  if ((type === "boolean" || type === "integer") && (value === "true" || value === "false")) return bind(value === "true");
  return boundFor(value, type);
}

/** A user variable keeps numbers and texts, and of dates only the text. */
function typedRead(variable: string, { type, declared }: Parameter): string {
  switch (type) {
    case "date":
      return `CAST(${variable} AS DATE)`;
    case "time":
      return `CAST(${variable} AS TIME(6))`;
    case "datetime":
    case "instant":
      return `CAST(${variable} AS DATETIME(6))`;
    case "decimal":
      return `CAST(${variable} AS ${declared.replace(/ (unsigned|zerofill)/g, "")})`;
    default:
      return variable;
  }
}

function missing(procedure: string): FuserError {
  return new FuserError("config", `The ERP has no procedure or function ${procedure}, or the account may not call it`, {
    code: "erp-object-missing",
    operation,
    place: procedure,
    hint: `Correct its name, or ask the DBA for: GRANT EXECUTE ON PROCEDURE ${mysqlSyntax.quote(procedure)} TO the account`,
  });
}

function unknownParameter(procedure: string, what: string, parameters: readonly Parameter[]): FuserError {
  const list = parameters.map(({ name, mode, declared }) => `${mode} ${name} ${declared}`).join(", ");
  return new FuserError("config", `${procedure} ${what}`, {
    code: "erp-parameter-unknown",
    operation,
    place: procedure,
    hint: list === "" ? "It has no parameters." : `Its parameters: ${list}.`,
  });
}
