import type { Subject } from "./subject.ts";

/** A database whose own feed is under the contract suite: what the suite does to it beside the statements that all databases know. */
export interface FeedSubject extends Subject {
  /** A session of the ERP with a transaction of its own. */
  session(): Promise<ErpSession>;
  /** Whether the server keeps what follows a position for one reader alone, and only until it was stored. */
  readonly keepsForOne?: boolean;
  /** Whether the server has nothing by which a changed table could be told beside the feed. */
  readonly hasNoMarks?: boolean;
  /** Ends the connections that feeds are read by, in the server. */
  cut(): Promise<void>;
  /** Ends the server as a crash would, and brings it back. */
  crash(): Promise<void>;
  /** Makes the server forget all that it kept for feeds, after a change of the table: what follows an earlier position is gone. */
  forget(change: string): Promise<void>;
  /** A position of the same form that another server has given. */
  foreign(table: string): Promise<string>;
  /** Types of key columns and literals of values for them, all of which must be told in the form that a read gives. */
  readonly keyValues: readonly { type: string; values: readonly string[] }[];
  /** Statements that change the rows of `fusertest_untold` without naming them. */
  readonly untold: readonly { title: string; statements: readonly string[] }[];
}

export interface ErpSession extends AsyncDisposable {
  run(sql: string): Promise<void>;
}
