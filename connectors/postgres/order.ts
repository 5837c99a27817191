import { askServer } from "./describe.ts";
import type { Link } from "./link.ts";
import { postgresSyntax } from "./sql.ts";
import type { ContinuedSelect } from "./stream.ts";
import { type Field, orderExpression } from "./values.ts";

/** A column that rows are to be ordered by. */
export interface OrderColumn {
  name: string;
  /** Position of its value within a row. */
  position: number;
  field: Field;
}

/**
 * What the rows are ordered by: the columns, which an index may serve, or their text where a type has no order.
 * @param inTable whether the columns are a table's own: within a query an outer join may leave any of them empty
 */
export async function orderOf(
  link: Link,
  columns: readonly OrderColumn[],
  { inTable, operation, signal }: { inTable: boolean; operation: string; signal: AbortSignal },
): Promise<ContinuedSelect["order"]> {
  const list = (numbers: readonly number[]): string => [...new Set(numbers)].join(", ");
  const fields = columns.map(({ field }) => field);
  const rows = await askServer(
    link,
    `SELECT 'type' AS kind, oid AS id, 0 AS nr FROM pg_type WHERE oid IN (${list(fields.map(({ oid }) => oid))}) AND (typtype = 'e' OR typcategory = 'S')
    UNION ALL SELECT 'filled', attrelid, attnum FROM pg_attribute WHERE attnotnull AND attrelid IN (${list(fields.map(({ table }) => table))})`,
    signal,
    operation,
  );
  const ordered = new Set(rows.filter(({ kind }) => kind === "type").map(({ id }) => Number(id)));
  const filled = new Set(rows.filter(({ kind }) => kind === "filled").map(({ id, nr }) => `${id}.${nr}`));
  return columns.map(({ name, position, field }) => ({
    expression: orderExpression(postgresSyntax.quote(name), field.oid, ordered),
    position,
    filled: inTable && filled.has(`${field.table}.${field.column}`),
  }));
}
