import { concat, join, type Statement, sql } from "./statement.ts";

/** Conditions over the columns of a key, always in the expanded AND/OR form: a row constructor took 100 times as long on MySQL (performance.md). */

/** A column and the value it stopped at; `value` undefined for NULL. */
export interface KeyPoint {
  column: string;
  value: Statement | undefined;
  /** True where the column can't be NULL. */
  filled?: boolean;
}

/** Where NULL sorts: `first` in SQLite, MySQL and SQL Server, `last` in PostgreSQL and Oracle. */
export type NullOrder = "first" | "last";

/** Rows that the database sorts behind the point. */
export function behind(points: readonly KeyPoint[], nulls: NullOrder = "first"): Statement {
  const last = points.length - 1;
  const levels = points.flatMap((point, depth) => {
    const above = beyond(point, ">", nulls);
    return above === undefined ? [] : [concat("(", join([...points.slice(0, depth).map(same), above], " AND "), ")")];
  });
  // Behind nothing but NULLs that sort last there is nothing.
  if (levels.length === 0) return sql("1 = 0");
  const first = points[0] as KeyPoint;
  // Says once more, in a form that every optimizer takes for a range, where the rows begin.
  const range = last > 0 && first.value !== undefined ? beyond(first, ">=", nulls) : undefined;
  return join([...(range === undefined ? [] : [range]), concat("(", join(levels, " OR "), ")")], " AND ");
}

/** That the column alone lies behind (`>`) or not before (`>=`) the point; undefined where nothing does. */
function beyond({ column, value, filled = false }: KeyPoint, sign: ">" | ">=", nulls: NullOrder): Statement | undefined {
  if (value === undefined) return nulls === "first" ? concat(column, " IS NOT NULL") : undefined;
  const above = concat(`${column} ${sign} `, value);
  return nulls === "first" || filled ? above : concat("(", above, ` OR ${column} IS NULL)`);
}

/** Rows whose key the database holds equal to the point (its collation decides). */
export function at(points: readonly KeyPoint[]): Statement {
  return join(points.map(same), " AND ");
}

function same(point: KeyPoint): Statement {
  return point.value === undefined ? concat(point.column, " IS NULL") : concat(point.column, " = ", point.value);
}

/**
 * Rows of any of these keys.
 * @param keys per key and column the values that may stand for it (a trimmed CHAR matches its padded form too)
 */
export function anyOf(columns: readonly string[], keys: readonly (readonly (readonly Statement[])[])[]): Statement {
  const among = (column: string, values: readonly Statement[]): Statement =>
    values.length === 1 ? concat(column, " = ", values[0] as Statement) : concat(column, " IN (", join(values, ", "), ")");
  if (columns.length === 1) {
    return among(
      columns[0] as string,
      keys.flatMap((key) => key[0] as readonly Statement[]),
    );
  }
  const one = (key: readonly (readonly Statement[])[]): Statement =>
    concat(
      "(",
      join(
        columns.map((column, index) => among(column, key[index] as readonly Statement[])),
        " AND ",
      ),
      ")",
    );
  return concat("(", join(keys.map(one), " OR "), ")");
}

/** What tells rows apart that an order holds equal: the key's digest, or the row's where a key column is null. */
export interface RowIdentities {
  readonly keyDigests: BigUint64Array;
  readonly digests: BigUint64Array;
}

export function identityAt({ keyDigests, digests }: RowIdentities, index: number): bigint {
  return (keyDigests[index] as bigint) || (digests[index] as bigint);
}

/**
 * Remembers the last rows handed out, so that a continued scan can read the group of rows equal to its last key once more and leave out what
 * was handed out already: a collation may hold keys equal that differ, and a key may not be unique.
 */
export class Tail {
  readonly #ring: BigUint64Array;
  #next = 0;
  #count = 0;

  /** @param limit how many rows are remembered; a larger group of equal keys is handed out twice */
  constructor(limit = 4096) {
    this.#ring = new BigUint64Array(limit);
  }

  note(rows: RowIdentities): void {
    const { keyDigests } = rows;
    const limit = this.#ring.length;
    const identities = keyDigests.includes(0n) ? keyDigests.map((_, index) => identityAt(rows, index)) : keyDigests;
    for (let from = Math.max(0, identities.length - limit); from < identities.length; ) {
      const some = identities.subarray(from, from + limit - this.#next);
      this.#ring.set(some, this.#next);
      this.#next = (this.#next + some.length) % limit;
      from += some.length;
    }
    this.#count = Math.min(limit, this.#count + identities.length);
  }

  /** Answers, row by row, whether a row of the group was handed out before. */
  filter(): (identity: bigint) => boolean {
    const counts = new Map<bigint, number>();
    for (const identity of this.#ring.subarray(0, this.#count)) counts.set(identity, (counts.get(identity) ?? 0) + 1);
    return (identity) => {
      const left = counts.get(identity) ?? 0;
      if (left > 0) counts.set(identity, left - 1);
      return left > 0;
    };
  }
}
