import { type DeclaredType, declaredType, typeText } from "../declared-type.ts";
import type { Cell } from "../wire-types.ts";
import { closing, meaningful, splitAt, type Token, tokensOf } from "./lexer.ts";
import type { ResultTypes } from "./result-types.ts";
import type { Outcome } from "./session.ts";
import { asSqlError, unknown } from "./sql-error.ts";
import { translate } from "./translate.ts";

const columns = [
  { name: "name", type: declaredType("nvarchar(128)") },
  { name: "type", type: declaredType("nvarchar(256)") },
  { name: "collation", type: declaredType("nvarchar(128)") },
  { name: "page", type: declaredType("int") },
  { name: "nullable", type: declaredType("bit") },
  { name: "error", type: declaredType("int") },
  { name: "message", type: declaredType("nvarchar(4000)") },
];

/** `SELECT … FROM sys.dm_exec_describe_first_result_set(text, declarations, 0)`, as the connector asks it. */
export function describedStatement(tokens: readonly Token[], cellOf: (variable: string) => Cell, types: ResultTypes): Outcome {
  const words = meaningful(tokens);
  const open = words.findIndex(({ value }) => value === "DM_EXEC_DESCRIBE_FIRST_RESULT_SET") + 1;
  const [text = [], declarations = []] = splitAt(words.slice(open + 1, closing(words, open)), (token) => token.text === ",");
  const given = (part: readonly Token[]): string => String(cellOf(part[0]?.text ?? "") ?? "");
  try {
    return { kind: "rows", columns, rows: described(given(text), declared(given(declarations)), types) };
  } catch (error) {
    const said = asSqlError(error);
    return { kind: "rows", columns, rows: [[null, null, null, null, null, BigInt(said.number), said.message]] };
  }
}

function declared(text: string): Map<string, DeclaredType> {
  const parts = splitAt(meaningful(tokensOf(text)), (token) => token.text === ",").filter(({ length }) => length > 0);
  return new Map(parts.map(([name, ...type]) => [name?.text ?? "", declaredType(type.map((token) => token.text).join(""))]));
}

function described(text: string, variables: ReadonlyMap<string, DeclaredType>, types: ResultTypes): Cell[][] {
  const tokens = tokensOf(text);
  const undeclared = tokens.find((token) => token.kind === "variable" && !variables.has(token.text));
  if (undeclared) throw unknown(`the undeclared ${undeclared.text}`);
  const scope = {
    system: (name: string): string => {
      throw unknown(name);
    },
    tableOf: () => undefined,
    changes: (table: string): string => {
      throw unknown(`CHANGETABLE of ${table}`);
    },
  };
  const statement = types.statement(translate(tokens, scope));
  const origins = statement.columns().map((column) => types.origin(column));
  return types.of(statement, { tokens, scope, variables }).map(({ name, type }, index) => {
    const origin = origins[index];
    const isText = /char|text/.test(type.name);
    const collation = isText ? (origin?.collation ?? "Latin1_General_CI_AS") : null;
    return [
      name,
      typeText(type),
      collation,
      collation === null ? null : 1_252n,
      (origin?.nullable ?? true) ? 1n : 0n,
      null,
      null,
    ];
  });
}
