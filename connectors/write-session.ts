import type { Column, Table, Value } from "./connector.ts";
import type { Syntax } from "./source-select.ts";
import type { Statement } from "./statement.ts";

/** What a statement of a transaction gave. */
export interface StatementResult {
  /** Names of the result's columns; empty without a result. */
  columns: readonly string[];
  rows: readonly (readonly Value[])[];
  /** Rows inserted, matched by an update or deleted. */
  affected: number;
  /** Id that the database gave to the inserted row. */
  insertId: bigint | undefined;
}

export interface InsertedRow {
  table: Table;
  columns: readonly Column[];
  /** One per column. */
  values: readonly Statement[];
  returning: readonly Column[];
}

export interface ProcedureCall {
  procedure: string;
  /** By parameter name. */
  args: Readonly<Record<string, Value>>;
  /** OUT parameters that are wanted. */
  out: readonly string[];
}

export interface CallResult {
  /** By the name that was asked for. */
  out: Readonly<Record<string, Value>>;
  /** The first result set. */
  columns: readonly string[];
  rows: readonly (readonly Value[])[];
  /** What a function returned, or the procedure's return code; undefined where there is no such thing. */
  returned: Value | undefined;
  /** The statement that was run, for a rehearsal. */
  statement: Statement;
}

/** One ERP connection that writes, one transaction at a time. Errors are FuserErrors already. */
export interface WriteSession {
  readonly syntax: Syntax;
  /** An empty text is NULL there (Oracle): it is written, compared and looked for as that. */
  readonly emptyIsNull?: boolean;
  /** A value as the column keeps it, where the database rounds without a word: what is compared later must be the same. */
  kept?(value: Value, column: Column): Value;
  /** What makes a SELECT lock its rows: behind the table's name, and at the end of the statement. Both empty where a transaction locks everything. */
  readonly locking: { readonly table: string; readonly end: string };
  /** Expression for the whole number that a text holds; what else it may hold must not end the statement. */
  castInteger(text: string): string;
  /** Expression for the characters of a text column from this one on, counted from 1. Absent where SUBSTR gives them. */
  textFrom?(column: string, from: number): string;
  begin(signal: AbortSignal): Promise<void>;
  /** @throws FuserError transient `erp-commit-unknown` when the connection was lost and nobody knows whether it was done */
  commit(signal: AbortSignal): Promise<void>;
  /** Never throws: a connection that can't roll back is given up, and the server rolls back. */
  rollback(): Promise<void>;
  /** False once a statement of the plan has ended the transaction by itself. */
  inTransaction(): boolean;
  run(statement: Statement, signal: AbortSignal): Promise<StatementResult>;
  /**
   * Inserts a row and gives columns of it as it is stored, in one statement. Absent where the database can't: then the row is read back by the id it was
   * given or by a unique index.
   */
  insertReturning?(insert: InsertedRow, signal: AbortSignal): Promise<StatementResult>;
  /** Runs a procedure or function. Absent where the database has none. */
  call?(call: ProcedureCall, signal: AbortSignal): Promise<CallResult>;
  /** @throws FuserError config `erp-object-missing` */
  table(name: string, signal: AbortSignal): Promise<Table>;
  /** Forgets what was remembered of tables from earlier plans; true when this plan was built on it, so that it deserves another try. */
  forgetTables?(): boolean;
  /** Expression that reads a column as a value of the contract. */
  readable(column: Column): string;
  /** What is bound to write a value into a column. */
  toColumn(value: Value, column: Column): Statement;
  /** Condition that the column holds the value, null included; written so that an index can be used. */
  matches(column: Column, value: Value): Statement;
}
