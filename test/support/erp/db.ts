/** The sample ERP behind one tiny interface, so that generator, life and oracle run alike on every database. */

export type ErpDialect = "sqlite" | "mysql" | "postgres";

/** What may be bound; amounts and other exact decimals are bound as text. */
export type ErpValue = string | number | null;

/** A row by column name. Exact decimals arrive as text, integers as numbers, timestamps as `YYYY-MM-DD HH:MM:SS`. */
export type ErpRow = Record<string, ErpValue>;

/** Statements that may run; `?` marks a bound value on every dialect. */
export interface ErpSession {
  readonly dialect: ErpDialect;
  /** All rows of a query. */
  query(sql: string, values?: readonly ErpValue[]): Promise<ErpRow[]>;
  /** The rows of a query one after the other, for results that should not stand in memory. */
  each(sql: string, values?: readonly ErpValue[]): AsyncIterable<ErpRow>;
  /** Runs a statement; returns the number of rows it touched. */
  run(sql: string, values?: readonly ErpValue[]): Promise<number>;
}

/**
 * One connection to the sample ERP. After the database died, the failing call throws and the next one connects anew: whether to repeat
 * the work is the caller's decision, since a commit whose answer got lost may have happened.
 */
export interface ErpDb extends ErpSession {
  /** Runs `work` in one ERP transaction; transactions and statements of one `ErpDb` never interleave. */
  transaction<T>(work: (session: ErpSession) => Promise<T>): Promise<T>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Runs the given pieces of work one after the other, whatever their outcome. */
export function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
}
