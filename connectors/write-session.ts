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

/** One ERP connection that writes, one transaction at a time. Errors are FuserErrors already. */
export interface WriteSession {
  readonly syntax: Syntax;
  /** Makes a SELECT lock its rows; empty where a transaction locks everything. */
  readonly forUpdate: string;
  /** Expression for the whole number that a text column holds. */
  castInteger(column: string): string;
  begin(signal: AbortSignal): Promise<void>;
  /** @throws FuserError transient `erp-commit-unknown` when the connection was lost and nobody knows whether it was done */
  commit(signal: AbortSignal): Promise<void>;
  /** Never throws: a connection that can't roll back is given up, and the server rolls back. */
  rollback(): Promise<void>;
  /** False once a statement of the plan has ended the transaction by itself. */
  inTransaction(): boolean;
  run(statement: Statement, signal: AbortSignal): Promise<StatementResult>;
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
