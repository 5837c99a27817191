import type { StatementSync } from "node:sqlite";
import { type DeclaredType, declaredType } from "../declared-type.ts";
import type { Cell } from "../wire-types.ts";
import type { CatalogueColumn } from "./catalogue.ts";
import type { TdsDatabase } from "./database.ts";
import type { Token } from "./lexer.ts";
import type { OutcomeColumn } from "./session.ts";
import { type Scope, translate } from "./translate.ts";

interface Asked {
  tokens: readonly Token[];
  scope: Scope;
  variables: ReadonlyMap<string, DeclaredType>;
}

const change: Readonly<Record<string, DeclaredType>> = {
  SYS_CHANGE_VERSION: declaredType("bigint"),
  SYS_CHANGE_OPERATION: declaredType("nchar(1)"),
};

/**
 * Types of a result's columns. A column of a table has the one it was declared with; an expression has the one it converts to, else the one that its values
 * have in any row, whatever the statement's conditions: the engine knows no types of expressions.
 */
export class ResultTypes {
  readonly #prepare: (text: string) => StatementSync;
  readonly #database: TdsDatabase;
  readonly #seen = new Map<string, DeclaredType[]>();

  constructor(prepare: (text: string) => StatementSync, database: TdsDatabase) {
    this.#prepare = prepare;
    this.#database = database;
  }

  forget(): void {
    this.#seen.clear();
  }

  of(statement: StatementSync, asked: Asked): OutcomeColumn[] {
    const columns = statement.columns();
    const known = columns.map((column) => this.#known(column, asked));
    const sampled = known.includes(undefined) ? this.#sampled(asked, columns.length) : [];
    return columns.map(({ name }, index) => ({
      name: /[()'",]/.test(name) || name.startsWith("@") ? "" : name,
      type: known[index] ?? (sampled[index] as DeclaredType),
    }));
  }

  /** The column of the catalogue that a result's column comes from. */
  origin(column: { table: string | null; column: string | null }): CatalogueColumn | undefined {
    if (column.table === null || column.column === null) return undefined;
    const wanted = column.column.toLowerCase();
    return this.#database.tableOf(column.table)?.columns.find(({ name }) => name.toLowerCase() === wanted);
  }

  statement(text: string): StatementSync {
    return this.#prepare(text);
  }

  #known(column: { name: string; table: string | null; column: string | null }, { variables }: Asked): DeclaredType | undefined {
    const origin = this.origin(column);
    if (origin) return origin.type;
    const converted = /^tsql_convert\('([^']+)'/.exec(column.name)?.[1];
    return converted === undefined ? (change[column.name] ?? variables.get(column.name)) : declaredType(converted);
  }

  #sampled({ tokens, scope }: Asked, count: number): DeclaredType[] {
    const text = translate(tokens, { ...scope, withoutWhere: true });
    const known = this.#seen.get(text);
    if (known) return known;
    const [row] = this.statement(`SELECT * FROM (${text}\n) LIMIT 1`).all() as unknown as Cell[][];
    const types = Array.from({ length: count }, (_, index) => typeOfCell(row?.[index] ?? null));
    if (row?.every((cell) => cell !== null)) this.#seen.set(text, types);
    return types;
  }
}

/** Nothing known is text: whatever comes later can be sent as that. */
function typeOfCell(cell: Cell): DeclaredType {
  if (cell === null || typeof cell === "string") return declaredType("nvarchar(4000)");
  if (typeof cell === "number") return declaredType("float");
  if (cell instanceof Uint8Array) return declaredType("varbinary(8000)");
  return declaredType(BigInt.asIntN(32, cell) !== cell ? "bigint" : "int");
}
