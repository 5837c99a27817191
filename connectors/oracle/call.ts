import oracledb from "oracledb";
import { FuserError } from "../../base/errors.ts";
import type { Value } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { bind, concat, join, type Statement, sql } from "../statement.ts";
import type { CallResult, ProcedureCall } from "../write-session.ts";
import type { Link } from "./link.ts";
import { chosenRoutine, isNamed, type Parameter, type Routine, routinesOf } from "./routine.ts";
import { boundFor, decodeComputed, decoderOf, type NativeType } from "./values.ts";

const operation = "call a procedure of the ERP";

/** How an argument of a type is passed: the variable that takes it, and what brings its value out as text of one form whatever the session's NLS settings. */
interface Passing {
  native: NativeType;
  declared: string;
  read: (variable: string) => string;
}

const plain = (variable: string): string => variable;
const numberRead = (variable: string): string => `TO_CHAR(${variable}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')`;
const fractions = 'YYYY-MM-DD"T"HH24:MI:SS.FF9';

/** By ALL_ARGUMENTS.DATA_TYPE. A CHAR parameter pads up to its variable's length; a LOB that is no longer than a variable goes out as text or bytes, a longer one fails. */
const passings: readonly [RegExp, Passing][] = [
  [/^N?VARCHAR2?$|^LONG$|^U?ROWID$/, { native: "text", declared: "VARCHAR2(32767)", read: plain }],
  [/^N?CHAR$/, { native: "char", declared: "VARCHAR2(32767)", read: (variable) => `RTRIM(${variable})` }],
  [/^N?CLOB$/, { native: "text", declared: "CLOB", read: plain }],
  [/^(BINARY_DOUBLE|BINARY_FLOAT)$/, { native: "float", declared: "BINARY_DOUBLE", read: numberRead }],
  [
    /^(NUMBER|FLOAT|INTEGER|BINARY_INTEGER|PLS_INTEGER|REAL|DECIMAL)$/,
    { native: "number", declared: "NUMBER", read: numberRead },
  ],
  [/^DATE$/, { native: "date", declared: "DATE", read: (variable) => `TO_CHAR(${variable}, 'YYYY-MM-DD"T"HH24:MI:SS')` }],
  [
    /^TIMESTAMP( WITH.*)$/,
    {
      native: "instant",
      declared: "TIMESTAMP(9) WITH TIME ZONE",
      read: (variable) => `TO_CHAR(SYS_EXTRACT_UTC(${variable}), '${fractions}')`,
    },
  ],
  [/^TIMESTAMP$/, { native: "timestamp", declared: "TIMESTAMP(9)", read: (variable) => `TO_CHAR(${variable}, '${fractions}')` }],
  [/^RAW$/, { native: "bytes", declared: "RAW(32767)", read: plain }],
  [/^BLOB$/, { native: "bytes", declared: "BLOB", read: plain }],
  [
    /BOOLEAN$/,
    {
      native: "boolean",
      declared: "BOOLEAN",
      read: (variable) => `CASE WHEN ${variable} THEN '1' WHEN NOT ${variable} THEN '0' END`,
    },
  ],
];

const isCursor = (type: string): boolean => type === "REF CURSOR";

function passingOf(type: string, { procedure }: ProcedureCall, name: string): Passing {
  const found = passings.find(([pattern]) => pattern.test(type));
  if (found !== undefined) return found[1];
  throw new FuserError("config", `The parameter ${name} of ${procedure} has the type ${type}, which can't be passed`, {
    code: "erp-parameter-unknown",
    operation,
    place: procedure,
    hint: "Let the DBA write a procedure around it that takes and gives texts, numbers and dates.",
  });
}

/** What is to be run, and what it gives. */
interface Prepared {
  block: Statement;
  out: oracledb.BindParameters;
  /** Natives of the values that come out, by the name of their bind. */
  natives: ReadonlyMap<string, NativeType>;
  /** Binds of wanted parameters, in their order. */
  wanted: readonly (string | undefined)[];
  returned: string | undefined;
  /** The first ref cursor. */
  cursor: string | undefined;
}

/**
 * Runs a procedure or function by an anonymous block, its arguments by name. Results come out as texts; the first ref cursor gives the rows.
 * @throws FuserError config for a name or a parameter that is not there, fits several, or is of a type that can't be passed
 */
export async function callRoutine(link: Link, call: ProcedureCall, signal: AbortSignal): Promise<CallResult> {
  const routine = chosenRoutine(call, await routinesOf(link, call.procedure, signal));
  const prepared = prepare(call, routine);
  const { block, out, natives } = prepared;
  const result = await link.execute(block, signal, { operation, out, ...(prepared.cursor ? { cursor: prepared.cursor } : {}) });
  const value = (name: string | undefined): Value => {
    if (name === undefined) return null;
    return decoded((result.out[name] ?? null) as RawValue, natives.get(name) as NativeType);
  };
  const columns = result.fields.map(({ name }) => name);
  return {
    out: Object.fromEntries(call.out.map((name, index) => [name, value(prepared.wanted[index])])),
    columns,
    rows: result.rows.map((row) =>
      row.map((raw, index) => (/^(NUMBER|FLOAT)$/.test(result.fields[index]?.type ?? "") ? decodeComputed(raw) : raw)),
    ),
    returned: prepared.returned === undefined ? undefined : value(prepared.returned),
    statement: block,
  };
}

function prepare(call: ProcedureCall, routine: Routine): Prepared {
  const declarations: Statement[] = [];
  const reads: string[] = [];
  const out: Record<string, oracledb.BindDefinition> = {};
  const natives = new Map<string, NativeType>();
  const byParameter = new Map<Parameter, string>();
  let cursor: string | undefined;
  /** A variable of the type, whose value comes out by a bind; a ref cursor is its own bind. */
  const variable = (type: string, name: string, initial?: Statement): { passed: string; bound: string } => {
    const bound = `o${natives.size}`;
    if (isCursor(type)) {
      natives.set(bound, "other");
      out[bound] = { dir: oracledb.BIND_OUT, type: oracledb.CURSOR };
      cursor ??= bound;
      return { passed: `:${bound}`, bound };
    }
    const { native, declared, read } = passingOf(type, call, name);
    natives.set(bound, native);
    out[bound] = { dir: oracledb.BIND_OUT, type: native === "bytes" ? oracledb.BUFFER : oracledb.STRING, maxSize: 32_767 };
    const held = `v${declarations.length}`;
    declarations.push(initial === undefined ? sql(`${held} ${declared}; `) : concat(`${held} ${declared} := `, initial, "; "));
    reads.push(`:${bound} := ${read(held)}; `);
    return { passed: held, bound };
  };
  const passed = routine.parameters.flatMap((parameter): Statement[] => {
    const given = Object.keys(call.args).find((name) => isNamed(parameter.name, name));
    const named = `"${parameter.name}" => `;
    if (given === undefined && parameter.mode !== "OUT" && parameter.hasDefault) return [];
    const value =
      given === undefined ? undefined : argument(call.args[given] as Value, passingOf(parameter.type, call, parameter.name));
    if (parameter.mode === "IN") return [concat(named, value as Statement)];
    const { passed: place, bound } = variable(parameter.type, parameter.name, value);
    byParameter.set(parameter, bound);
    return [sql(`${named}${place}`)];
  });
  const returned = routine.returns === undefined ? undefined : variable(routine.returns, "its result");
  const name = [routine.owner, ...(routine.package === undefined ? [] : [routine.package]), routine.name];
  const arguments_ = passed.length === 0 ? "" : concat("(", join(passed, ", "), ")");
  const block = concat(
    declarations.length === 0 ? "" : concat("DECLARE ", ...declarations),
    `BEGIN ${returned === undefined ? "" : `${returned.passed} := `}${name.map((part) => `"${part}"`).join(".")}`,
    arguments_,
    `; ${reads.join("")}END;`,
  );
  const wanted = call.out.map((asked) =>
    byParameter.get(routine.parameters.find((one) => isNamed(one.name, asked)) as Parameter),
  );
  // What a ref cursor returns are rows, and no value.
  const isValue = returned !== undefined && !isCursor(routine.returns as string);
  return { block, out, natives, wanted, returned: isValue ? returned.bound : undefined, cursor };
}

function argument(value: Value, { native }: Passing): Statement {
  if (value === null || value === "") return sql("NULL");
  const truth = value === "true" || value === true ? 1 : value === "false" || value === false ? 0 : undefined;
  if (native === "boolean") return concat("(", bind(truth ?? (value === "1" ? 1 : 0)), " = 1)");
  if (native === "number" && truth !== undefined) return bind(truth);
  // A value that its type can't hold is left to the server's own words.
  return boundFor(value, native) ?? bind(value);
}

function decoded(raw: RawValue, native: NativeType): Value {
  if (native === "number") return decodeComputed(raw);
  if (native === "boolean") return raw === null ? null : raw === "1";
  if (native === "float") return raw === null ? null : Number(raw);
  return decoderOf({ native, type: "text" })(raw);
}
