/**
 * What every ERP database must be able to do, and what its answers mean. test/contract holds one suite for all of it. Types only, so that the
 * agent's parts may name them without opening anything.
 */
import type { Blanks } from "../base/blanks.ts";
import type { Finding } from "../base/findings.ts";
import type { Log } from "../base/log.ts";
import type { Clock } from "../base/time.ts";
import type { Capabilities } from "./capabilities.ts";
import type { Feed } from "./feed.ts";
import type { Comparison, GrantNeeds, GrantServer } from "./grants.ts";

/**
 * A value with fixed meaning on every database: text as string; decimal as exact string; integer as number while safe, else bigint; float as
 * number; boolean; date `YYYY-MM-DD`; time `HH:mm:ss[.f]`; datetime `YYYY-MM-DDTHH:mm:ss[.f]` without zone; instant the same with `Z`; bytes; null.
 * An impossible calendar date (MySQL's 0000-00-00) comes as the text it is.
 */
export type Value = string | number | bigint | boolean | Uint8Array | null;
export type ColumnType =
  | "text"
  | "integer"
  | "decimal"
  | "float"
  | "boolean"
  | "date"
  | "time"
  | "datetime"
  | "instant"
  | "bytes";

export interface Column {
  name: string;
  type: ColumnType;
  nullable: boolean;
  /** Most characters (text) or bytes it holds, where limited. */
  length: number | undefined;
  precision?: number;
  scale?: number;
  hasDefault: boolean;
  autoIncrement: boolean;
  comment?: string;
}

/** A table or view as the database describes it. */
export interface Table {
  name: string;
  kind: "table" | "view";
  columns: readonly Column[];
  primaryKey: readonly string[];
  /** Columns of each unique index, the primary key's included. */
  uniqueIndexes: readonly (readonly string[])[];
  foreignKeys: readonly { columns: readonly string[]; table: string; references: readonly string[] }[];
  /** First columns of every index: tells whether a cursor column can be read cheaply. */
  indexedColumns: readonly string[];
  /** An estimate. */
  rows: number | undefined;
  /** False for engines without transactions (MyISAM). */
  transactional: boolean;
  comment?: string;
}

/** Named values for the `:name` parameters of an SQL text of the configuration; names may hold dots (`row.MANDANT`). */
export type Parameters = Readonly<Record<string, Value>>;

/** Rows that hang on a source's row, read with it by the text of the mapping's `rows:`. */
export interface ChildQuery {
  /** SELECT with `:row.COLUMN` parameters that name columns of the parent row. */
  sql: string;
  /** Other parameters, e.g. `vars.mandant`. */
  parameters: Parameters;
}

/** The one source query: what a source's rows are. Scan and read by key use the same. */
export interface SourceQuery {
  /** Name of the source, for errors and logs. */
  source: string;
  from: { table: string } | { query: string; parameters: Parameters };
  key: readonly string[];
  /** Columns of a row, in this order, key columns included. */
  columns: readonly string[];
  /** SQL conditions of the configuration (`where`), AND-ed. */
  where: readonly { sql: string; parameters: Parameters }[];
  /** Column = value, AND-ed (company scope). */
  scope: readonly { column: string; value: string }[];
  /** SQL conditions computed per row after the columns, as boolean values (`deletes.flag`). */
  flags: readonly { sql: string; parameters: Parameters }[];
  children: readonly ChildQuery[];
}

/** Rows of one child query: values in the order of its SELECT list. */
export type ChildRows = readonly (readonly Value[])[];

/** A decoded row. */
export interface Row {
  /** Values in the order of `SourceQuery.columns`. */
  values: readonly Value[];
  /** In the order of `SourceQuery.flags`. */
  flags: readonly boolean[];
  /** In the order of `SourceQuery.children`. */
  children: readonly ChildRows[];
}

/**
 * How the bytes of a column stand for its values: `text`: UTF-8 of the text, if the ERP kept it well; `integer`: ASCII digits as `String` writes the value,
 * or with zeros in front of them; `plain`: ASCII that is the value as it is (decimal, date); `other`: only `value` tells.
 */
export type WrittenForm = "text" | "integer" | "plain" | "other";

/** The rows of a batch as the database wrote them: who wants no more than to pass values on needs no string for them. Good as long as the batch's `row`. */
export interface WrittenRows {
  readonly bytes: Buffer;
  /** Of the source's columns; the same for every batch of a scan. */
  readonly forms: readonly WrittenForm[];
  /** Finds the values of a row: from now on everything below is about this one. */
  open(index: number): void;
  /** Where each column's value begins and ends in the bytes; both are -1 where it is null. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** In the order of `SourceQuery.flags`. */
  flag(index: number): boolean;
  /** A column's value, decoded anew each time. */
  value(column: number): Value;
  /**
   * Writes the row's key in its base/key.ts form, all of it ASCII, at `at`; `into` must have room for three times the bytes of the key's values and a dot
   * for each. Gives its end; -1 where the key is null, or is not made of the bytes alone: then `RowBatch.key` tells.
   */
  writeKey(into: Buffer, at: number): number;
}

/**
 * A bounded batch of rows. Rows and keys are decoded one by one and only on demand; what a compare needs stands in arrays. `key` and `row` answer only
 * until the next batch is asked for: the bytes behind them are used again. What they gave, and the arrays, stay.
 */
export interface RowBatch {
  readonly length: number;
  /** base/key.ts form of a row's key; undefined where a key column is null. Made anew each time it is asked for. */
  key(index: number): string | undefined;
  /** `keyDigest` (base/key-digest.ts) of each row's key; 0n where a key column is null, which no key's digest is. */
  readonly keyDigests: BigUint64Array;
  /** 64-bit digest of everything that the query reads of the row (columns, flags, children). */
  readonly digests: BigUint64Array;
  /** Decodes a row, anew each time. */
  row(index: number): Row;
  /** Undefined where the connector has no bytes, and for sources with child queries. */
  readonly written: WrittenRows | undefined;
}

/** Columns of a source query as the database types them, including those of `query:` sources. */
export interface DescribedQuery {
  columns: readonly Column[];
  /** Per child query the columns of its SELECT list. */
  children: readonly (readonly Column[])[];
  /** Estimate of the rows of a scan, for progress. */
  rows: number | undefined;
}

/** How a table signals its changes by a column that only grows. */
export interface CursorQuery {
  table: string;
  column: string;
  kind: "timestamp" | "sequence";
  /** Columns that make the signalled key, in the order of the source's key. */
  key: readonly string[];
  /** Columns of the table's own key, where it is another one than `key` (touchedBy). */
  own: readonly string[];
}

/** One change seen by a cursor column. */
export interface CursorRow {
  /** undefined where a key column is null. */
  key: string | undefined;
  own: string | undefined;
  /** The column's value as text: integer, or datetime `YYYY-MM-DDTHH:mm:ss[.f]`. */
  mark: string;
}

export interface AskedRows {
  /** Mark from which on, inclusive. */
  from: string;
  most: number;
  signal: AbortSignal;
}

/** Changes of a source's own table, and the rows themselves. */
export interface ChangedRows {
  /** As `changedSince` tells them: of every row, whether it belongs to the source or not. */
  changes: readonly CursorRow[];
  /** The rows of the source among them, as a read by key would give them: read by the very statement that saw the change. */
  rows: RowBatch | undefined;
}

/** Which history the database tells: compared at each connect (architecture.md, idea 5). */
export interface HistoryIdentity {
  /** What must never change by itself: server and database identity, creation id. A change means another or a copied database. */
  database: string;
  /** For people: product, server, database name. */
  label: string;
  product: string;
  version: string;
  /**
   * Position of the database's own history (e.g. GTID by domain): whole numbers as text, none of which ever goes back; undefined where it
   * keeps none.
   */
  position: Readonly<Record<string, string>> | undefined;
  /** Where parts of this history ended that the position no longer counts (timelines before a server's own), where that is told: what was seen up to there is behind it. */
  past?: Readonly<Record<string, string>>;
  /** The position by the servers that wrote it: numbers that never go back either, as long as they are told at all. */
  parts?: Readonly<Record<string, string>>;
  /**
   * Where the configuration names several servers that have identities of their own: what they have in common. Another `database` of the same family has taken
   * over, and its position tells whether it went on where the other one stopped.
   */
  family?: string;
  /**
   * Where several servers share one `database`: the one that answers, told by the primary alone. Another one has taken over, and may lack what the one before
   * committed last, although its position is no longer behind.
   */
  server?: string;
}

export interface Aggregate {
  rows: number;
  /** Highest cursor mark, where asked for. */
  mark: string | undefined;
}

/** What a connector can do, as data; docs and checks are made from it. */
export interface Dialect {
  name: string;
  /** Quotes an identifier; a dotted name is quoted part by part. */
  quote(identifier: string): string;
  /** SQL that gives the length of a quoted column of bytes; absent where the connector bounds such columns by itself. */
  byteLength?(column: string): string;
  /** Largest number of keys in one read by key. */
  maxKeysPerRead: number;
  /** Names of the feeds by which the database tells of changes itself, as in `changes: { feed: NAME }`; none where it is left out. */
  feeds?: readonly string[];
  powers: {
    /** Reads that take no locks that a writer would wait for. */
    lockFreeReads: boolean;
    nativeFeed: boolean;
    /** A lock held by the session itself, released by the server when the session ends. */
    sessionLock: boolean;
    skipLocked: boolean;
    /** Columns that the database itself sets to a number that only grows, and a bound below which none is still to come. */
    rowVersions?: boolean;
  };
  /** What it can do and what not, for people and for the contract suite. */
  capabilities: Capabilities;
}

/** Values that a step of a plan may use: results of earlier steps by name. */
export type StepResults = ReadonlyMap<string, Value>;
export type StepValues = (results: StepResults) => Readonly<Record<string, Value>>;

/** Where the highest number of a column is looked for. */
export interface HighestOf {
  table: string;
  column: string;
  where: StepValues;
  /** Of a text column that holds more than the number. */
  part?: {
    /** Character at which the number begins, from 1; it goes on to the end. What is no number there counts for nothing. */
    from: number;
    /** Pattern of SQL's LIKE; no other row counts. */
    like: string | undefined;
  };
}

/** One step of an ERP transaction. `when` false: the step is skipped. */
export type PlanStep = { when?: (results: StepResults) => boolean } & (
  | {
      kind: "insert";
      table: string;
      values: StepValues;
      /** Fill every other NOT NULL column without default. */
      blanks?: Blanks;
      /** Result name -> column of the inserted row, read back after the insert (auto-increment included). */
      returning?: Readonly<Record<string, string>>;
    }
  | {
      kind: "update";
      table: string;
      values: StepValues;
      /** Key columns and their values. */
      key: StepValues;
      /** Base values by column: current = target counts as done, current = base is written, else a conflict (architecture.md, idea 4). */
      base?: StepValues;
      /** By column: groups of codes with one meaning to the portal. Any code of a group counts as the base or the target that is another of it. */
      alike?: Readonly<Record<string, readonly (readonly string[])[]>>;
      /**
       * Columns that are written only along with another one (a stamp, a user): where all others hold their target the update counts as done, and a
       * repetition must not stamp what somebody else has changed since.
       */
      along?: readonly string[];
      /** Columns that are written although they no longer hold their base (`WritePlan.overruling`). */
      overrule?: readonly string[];
      /** Counter of the row's changes: raised by one with each change, so that the ERP's own screens notice it, and none that goes on beside it is overwritten. */
      version?: string;
      expectRows: number;
    }
  | {
      kind: "number";
      /** Result name. */
      as: string;
      /** A counter row locked FOR UPDATE and raised by one, or the highest value of a column plus one. */
      from: { counter: { table: string; column: string; key: StepValues } } | { max: HighestOf };
      /** How it is written; absent: the result is the number itself. */
      written?: (number: bigint) => string;
    }
  | {
      kind: "sql";
      sql: string;
      parameters: StepValues;
      /** Result name -> column of the first row. */
      out?: Readonly<Record<string, string>>;
    }
  | {
      kind: "call";
      procedure: string;
      /** By parameter name; parameters that are not named keep their default. */
      args: StepValues;
      /** Result name -> OUT parameter. */
      out?: Readonly<Record<string, string>>;
      /** Result name -> column of the first row of the first result set. */
      rows?: Readonly<Record<string, string>>;
      /** Result name of what a function returns, or of a procedure's return code. */
      returns?: string;
    }
);

/** How the ERP itself remembers the command (architecture.md, idea 4). */
export type Idempotency =
  /** The command's value in a column under a unique index, written by an insert of the plan. */
  | { way: "column"; table: string; column: string; value: string }
  /** A table of our own that the DBA made from a printed script; written in the same transaction. */
  | { way: "ledger"; table: string; commandId: string }
  /** A SELECT that returns a row if the command was carried out; `exact` when it holds the command's id, else it can only make uncertain. */
  | { way: "probe"; sql: string; parameters: Parameters; exact: boolean }
  /** Base values alone (updates). */
  | { way: "base" };

/** A row that the ERP takes over by itself, later: what became of it stands in columns of the row that the plan's probe finds. */
export interface Staging {
  /** Column of the probe's row with the ERP's word. */
  status: string;
  /** Its values that mean it was taken over, and refused; any other one: not yet. */
  accepted: readonly string[];
  refused: readonly string[];
  /** Column with what the ERP says of a refusal, for the portal's reader. */
  reason: string | undefined;
  /** Between two looks. */
  pollMs: number;
}

export interface WritePlan {
  commandId: string;
  idempotency: Idempotency;
  /** True when this may be a repetition: the plan is looked up in the ERP before anything is written. */
  mayBeRepeated: boolean;
  steps: readonly PlanStep[];
  /** Key parts of the entity it makes or changes, from the results or, for a repetition, from the row found. */
  resultKey: (results: StepResults) => readonly Value[];
  /**
   * Result name -> column (of the idempotency table or probe row) that makes `resultKey` when the command is found already carried out. A ledger
   * keeps the results itself.
   */
  found: Readonly<Record<string, string>>;
  /** Its effect is the ERP's own work, after the commit; needs an exact probe that finds the command wherever the ERP may have moved it. */
  staging?: Staging;
  /**
   * Told of what a step's `overrule` is about to overwrite, before the commit, and durable when it returns. Absent: nothing is overruled. Nor is it where the plan may be a
   * repetition that only base values can tell: what they meet then may be newer than its own first effect.
   */
  overruling?: (fields: readonly FieldConflict[]) => void;
  /** By column: another value than its base that may be overwritten, for a person has seen it. As text. */
  seen?: Readonly<Record<string, string | null>>;
  /** Roll back in the end (rehearsal). */
  rehearse: boolean;
}

export interface FieldConflict {
  column: string;
  base: Value;
  current: Value;
  wanted: Value;
}

/** What became of a plan. */
export type WriteOutcome =
  /** `repeated`: it had been carried out before and nothing was written now. */
  | { state: "applied"; key: string; repeated: boolean; results: StepResults }
  | { state: "rehearsed"; results: StepResults; statements: readonly { sql: string; parameters: readonly Value[] }[] }
  | { state: "conflict"; fields: readonly FieldConflict[] }
  /** The ERP refused for good: constraint, rule, missing row. `reason`: its own words for the portal's reader, of a staged row. */
  | { state: "rejected"; code: string; message: string; reason?: string }
  /** It is stored, and the ERP has not said yet whether it takes it over: `lookup` tells later. */
  | { state: "staged" }
  /** The ERP can't tell whether it was carried out. */
  | { state: "uncertain"; message: string };

/** What the ERP knows of a plan, by the plan's way of idempotency. */
export type LookupOutcome =
  | { state: "found"; key: string; results: StepResults }
  /** Stored, and not taken over yet. */
  | { state: "staged" }
  /** Stored, and refused by the ERP's own work. */
  | { state: "rejected"; code: string; message: string; reason?: string }
  /** Certainly not carried out. */
  | { state: "absent" }
  /**
   * The plan's way can't tell: base values, a probe by content, a ledger entry without results. `asBefore`: the rows that a plan of updates is about
   * are gone, or stand as if it had never been carried out. A person may conclude that its effect is lost; the agent may not.
   */
  | { state: "unknown"; message: string; asBefore?: boolean };

/** Named moments of `write`, where the fault tests kill the process. */
export type CommitPoint = "before-erp-commit" | "after-erp-commit";

export type WriteRight = "insert" | "update";

/** What the configuration is going to do with the ERP's tables, for `check`. */
export interface CheckNeeds {
  /** Tables that are read. */
  read: readonly string[];
  /** Tables that are written. */
  write: readonly string[];
  /** What is done in each of them; a table that is not named here may need either. */
  rights?: Readonly<Record<string, readonly WriteRight[]>>;
  /** Procedures and functions that are called. */
  calls?: readonly string[];
  /** Tables that are asked for changes by a column. */
  polls?: readonly Poll[];
}

export interface Poll {
  table: string;
  column: string;
  /** Undefined where it is asked by a cron line. */
  everyMs: number | undefined;
}

export interface Connector {
  readonly dialect: Dialect;
  /** Server, database and history. */
  identity(signal: AbortSignal): Promise<HistoryIdentity>;
  /** Every problem of server, rights and settings, each with its remedy; never throws for a problem it can describe. */
  check(signal: AbortSignal, needs?: CheckNeeds): Promise<Finding[]>;
  /** Tables and views the account can see; with `tables` only those. */
  describe(signal: AbortSignal, tables?: readonly string[]): Promise<Table[]>;
  describeQuery(source: SourceQuery, signal: AbortSignal): Promise<DescribedQuery>;
  /**
   * All rows. No single statement holds a snapshot longer than 60 s: the scan goes on behind its last key. A row is at least as new as the
   * call. Batches are bounded in rows and bytes; the next is read only when asked for.
   */
  scan(source: SourceQuery, signal: AbortSignal): AsyncIterable<RowBatch>;
  /** The current rows of these keys; a key without row is simply not among them. A row's own key may differ in case from the key asked for. */
  readKeys(source: SourceQuery, keys: readonly string[], signal: AbortSignal): AsyncIterable<RowBatch>;
  /** Rows with mark ≥ `from` in order of the mark, all of them, batch by batch; from undefined: only the highest mark as one row, if any. */
  changedSince(query: CursorQuery, from: string | undefined, signal: AbortSignal): AsyncIterable<readonly CursorRow[]>;
  /**
   * The same of a few rows of a source's own table, whose key is the signalled one, and the rows with them. Undefined where there are more than `most`. Not
   * every connector has it: what it saves is the read by key.
   */
  changedRows?(source: SourceQuery, query: CursorQuery, asked: AskedRows): Promise<ChangedRows | undefined>;
  /** Undefined where the database tells nothing by itself. */
  readonly feed?: Feed;
  /** Whose account it is, and what it may beside what it needs; absent where the connector can't tell yet. */
  readonly grants?: {
    server(signal: AbortSignal): Promise<GrantServer>;
    compare(needs: GrantNeeds, signal: AbortSignal): Promise<Comparison>;
  };
  aggregate(source: SourceQuery, cursor: CursorQuery | undefined, signal: AbortSignal): Promise<Aggregate>;
  /**
   * One ERP transaction, idempotent by the plan's id. Throws `transient` only when nothing was written or the way of idempotency can tell
   * later; `commitPoint` is awaited at the named moments.
   */
  write(plan: WritePlan, signal: AbortSignal, commitPoint?: (point: CommitPoint) => Promise<void>): Promise<WriteOutcome>;
  /**
   * Asks the ERP whether a plan was carried out, in the same session and under the same lock as `write`; writes nothing and runs none of its steps.
   * For commands that must not be executed any more (expired) and for effects that a restored ERP has lost.
   */
  lookup(plan: WritePlan, signal: AbortSignal): Promise<LookupOutcome>;
  close(): Promise<void>;
}

/** Limits that keep the ERP undisturbed (operations.md, "Courtesy"). */
export interface ConnectorLimits {
  statementTimeoutMs: number;
  lockTimeoutMs: number;
  /** Rows per batch, at most. */
  batchRows: number;
  /** The same where a connector holds nothing of the rows but their bytes; default: as others. */
  packedBatchRows?: number;
  /** Bytes per batch, about. */
  batchBytes: number;
  /** Longest life of one scan statement. */
  snapshotMs: number;
  /** The same where the statement gave its first row well before: as long as it lives nobody can alter its tables, and all who use them wait behind. */
  alterableMs?: number;
  /** So long after a feed has told of a row it is read once more: by then it must be visible. Undefined where nobody reads a feed. */
  confirmAfterMs?: number;
}

export interface ConnectorContext {
  clock: Clock;
  log: Log;
  limits: ConnectorLimits;
  /** Name of the agent's session lock and of its connections in the ERP's process list. */
  sessionName: string;
  /** Where a connector may keep files of its own, under names that begin with its own; undefined before there is one (`init`). */
  stateDirectory?: string;
}
