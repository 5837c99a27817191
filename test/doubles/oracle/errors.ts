// What SQLite says, as Oracle would have said it.
import { OracleError } from "../tns/database.ts";

const rules: readonly [RegExp, (match: RegExpExecArray, sql: string) => OracleError][] = [
  [
    /^ORA-(\d+)$/,
    ([, number]) =>
      new OracleError(Number(number), number === "01722" ? "invalid number" : "literal does not match format string"),
  ],
  [/no such table/, () => new OracleError(942, "table or view does not exist")],
  [/no such column: (.*)/, ([, name]) => new OracleError(904, `"${name}": invalid identifier`)],
  [/has no column named (.*)/, ([, name]) => new OracleError(904, `"${name}": invalid identifier`)],
  [/no such function: (.*)/, ([, name]) => new OracleError(904, `"${name}": invalid identifier`)],
  [/UNIQUE constraint failed/, () => new OracleError(1, "unique constraint (DOUBLE.UNIQUE) violated")],
  [
    /NOT NULL constraint failed: (\w+)\.(\w+)/,
    ([, table, column], sql) =>
      new OracleError(/^\s*update/i.test(sql) ? 1407 : 1400, `cannot insert NULL into ("DOUBLE"."${table}"."${column}")`),
  ],
  [
    /CHECK constraint failed: ORA(\d+)/,
    ([, number]) => new OracleError(Number(number), checkTexts[Number(number)] ?? "check constraint violated"),
  ],
  [/FOREIGN KEY constraint failed/, () => new OracleError(2291, "integrity constraint violated - parent key not found")],
  [/syntax error|incomplete input|unrecognized token|near "/, () => new OracleError(900, "invalid SQL statement")],
];

const checkTexts: Readonly<Record<number, string>> = {
  12899: "value too large for column",
  1722: "invalid number",
  1438: "value larger than specified precision allowed for this column",
};

/** @returns undefined for what is a fault of the double itself */
export function oracleError(error: unknown, sql: string): OracleError | undefined {
  if (error instanceof OracleError) return error;
  const message = error instanceof Error ? error.message : String(error);
  for (const [pattern, make] of rules) {
    const match = pattern.exec(message);
    if (match) return make(match, sql);
  }
  return undefined;
}

export const isBusy = (error: unknown): boolean => error instanceof Error && /database is locked|busy/i.test(error.message);
