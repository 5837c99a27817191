/** Procedures and functions of the ERP as the server's catalogue has them. */
import { FuserError } from "../../base/errors.ts";
import { bind, concat } from "../statement.ts";
import { declaredOf } from "./declared.ts";
import type { Asked, Link } from "./link.ts";
import { ask, type Told } from "./session.ts";
import { mssqlSyntax } from "./sql.ts";
import { type NativeType, nativeType } from "./types.ts";

export interface RoutineParameter {
  /** Without its @. */
  name: string;
  type: NativeType;
  /** Declared OUTPUT: the server does not tell whether it is read, too. */
  output: boolean;
}

export interface Routine {
  /** `rows`: a function that gives a table. */
  kind: "procedure" | "function" | "rows";
  /** Quoted, with its schema. */
  name: string;
  /** In their order. */
  parameters: readonly RoutineParameter[];
}

const kinds: Readonly<Record<string, Routine["kind"]>> = {
  P: "procedure",
  PC: "procedure",
  X: "procedure",
  FN: "function",
  FS: "function",
  IF: "rows",
  TF: "rows",
  FT: "rows",
};

/** @throws FuserError config `erp-object-missing` where there is none of this name, or the account has no right on it */
export async function describeRoutine(link: Link, name: string, asked: Asked): Promise<Routine> {
  const rows = await ask(
    link,
    concat(
      "SELECT RTRIM(o.type) AS kind, SCHEMA_NAME(o.schema_id) AS owner, o.name AS routine, p.name AS name, p.parameter_id AS number, p.is_output AS output, COALESCE(TYPE_NAME(p.system_type_id), TYPE_NAME(p.user_type_id)) AS type, p.max_length AS size, p.precision AS digits, p.scale AS scale, COLLATIONPROPERTY(CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS nvarchar(128)), 'CodePage') AS page FROM sys.objects AS o LEFT JOIN sys.parameters AS p ON p.object_id = o.object_id WHERE o.object_id = OBJECT_ID(",
      bind(mssqlSyntax.quote(name)),
      ") ORDER BY p.parameter_id",
    ),
    asked,
  );
  const [first] = rows;
  const kind = kinds[first?.kind ?? ""];
  if (first === undefined || kind === undefined) throw missingRoutine(name, asked.operation);
  const named = rows.filter(({ number }) => number !== null && number !== "0");
  return { kind, name: mssqlSyntax.quote(`${first.owner}.${first.routine}`), parameters: named.map(parameterOf) };
}

function parameterOf(row: Told): RoutineParameter {
  return { name: bareName(row.name ?? ""), type: nativeType(declaredOf(row), undefined, row.page), output: row.output === "1" };
}

/** Names of parameters are written with or without their @. */
export const bareName = (name: string): string => name.replace(/^@/, "");

export function missingRoutine(name: string, operation: string): FuserError {
  return new FuserError("config", `The ERP has no procedure or function ${name}, or the account may not call it`, {
    code: "erp-object-missing",
    operation,
    place: name,
    hint: `Correct its name, or ask the DBA for: GRANT EXECUTE ON ${mssqlSyntax.quote(name)} TO the account`,
  });
}
