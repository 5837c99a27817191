/** A document as a column of the ERP: read by key when it is asked for, whole, and no longer than what is allowed. */
import type { DocumentBytes } from "../../config/config.ts";
import type { Connector, RowBatch, SourceQuery } from "../../connectors/connector.ts";
import { type BytesFault, type Content, wholeContent } from "./content.ts";

export interface ColumnPlace {
  /** Key and column (`columnQuery`). */
  query: SourceQuery;
  bytes: DocumentBytes & { kind: "column" };
  key: string;
}

/** Key and column, under the conditions of the source where it is a column of its own. */
export function columnQuery(source: SourceQuery, { column, table }: ColumnPlace["bytes"]): SourceQuery {
  const key = table?.key ?? source.key;
  const bare = { ...source, key, columns: [...key, column], flags: [], children: [] };
  return table === undefined ? bare : { ...bare, from: { table: table.name }, where: [], scope: [] };
}

/** @throws FuserError what the connector throws */
export async function readColumn(erp: Connector, place: ColumnPlace, signal: AbortSignal): Promise<Content | BytesFault> {
  const { query, bytes, key } = place;
  const fault = await lookAtLength(erp, place, signal);
  if (fault !== undefined) return fault;
  const column = erp.dialect.quote(bytes.column);
  const length = erp.dialect.byteLength?.(column);
  // Once more, and by the statement itself: what has grown since the look would come whole.
  const bounded = length === undefined ? [] : [{ sql: `${length} <= ${bytes.maxBytes}`, parameters: {} }];
  const take = (batch: RowBatch) => batch.row(0).values.at(-1);
  const value = await firstOf(erp, { ...query, where: [...query.where, ...bounded] }, key, { signal, take });
  if (value === undefined || value === null) return "missing";
  const all = typeof value === "string" ? Buffer.from(value) : value;
  if (!(all instanceof Uint8Array)) return "unreadable";
  return all.length > bytes.maxBytes ? "too-large" : wholeContent(all);
}

/** Its length alone, where the database can tell it: nothing of it travels that is not to be sent. */
async function lookAtLength(
  erp: Connector,
  { query, bytes, key }: ColumnPlace,
  signal: AbortSignal,
): Promise<BytesFault | undefined> {
  const column = erp.dialect.quote(bytes.column);
  const length = erp.dialect.byteLength?.(column);
  const flags = [`${column} IS NULL`, ...(length === undefined ? [] : [`${length} > ${bytes.maxBytes}`])];
  const asked = { ...query, columns: query.key, flags: flags.map((sql) => ({ sql, parameters: {} })) };
  const found = await firstOf(erp, asked, key, { signal, take: (batch) => batch.row(0).flags });
  if (found === undefined || found[0]) return "missing";
  return found[1] ? "too-large" : undefined;
}

async function firstOf<T>(
  erp: Connector,
  query: SourceQuery,
  key: string,
  { signal, take }: { signal: AbortSignal; take: (batch: RowBatch) => T },
): Promise<T | undefined> {
  for await (const batch of erp.readKeys(query, [key], signal)) if (batch.length > 0) return take(batch);
  return undefined;
}
