/**
 * Messages of the output plugin `pgoutput`, protocol version 1 (postgresql.org, "Logical Replication Message Formats"). Values are left where they are until
 * somebody asks for a column: a feed wants keys, and rows can be long.
 */

export interface RelationColumn {
  name: string;
  /** Part of the replica identity: an old row brings its value along. */
  identity: boolean;
  /** Oid of its type; a domain's own. */
  type: number;
  modifier: number;
}

/** A table as it was when the rows behind this message were written. */
export interface Relation {
  oid: number;
  columns: readonly RelationColumn[];
}

export type Message =
  | { kind: "begin"; xid: number }
  /** `end`: position behind the commit. */
  | { kind: "commit"; end: bigint }
  | { kind: "relation"; relation: Relation }
  | { kind: "row"; row: RowMessage }
  | { kind: "truncate"; relations: readonly number[] }
  /** Origin, type and what later versions may add without being asked for it. */
  | { kind: "other" };

/** A row that was inserted, updated or deleted: where its tuples begin within the message. */
export interface RowMessage {
  relation: number;
  bytes: Buffer;
  inserted: boolean;
  /** The old row, or its replica identity alone; undefined where the server sent none. */
  old: number | undefined;
  /** Undefined of a deleted row. */
  now: number | undefined;
}

/** A column's text; null; undefined: not sent, for it lies outside the row (TOAST) and was not changed. */
export type Sent = string | null | undefined;

const tag = {
  begin: 0x42,
  commit: 0x43,
  relation: 0x52,
  insert: 0x49,
  update: 0x55,
  delete: 0x44,
  truncate: 0x54,
  key: 0x4b,
  oldRow: 0x4f,
  nothing: 0x6e,
  unchanged: 0x75,
} as const;

export function parseMessage(bytes: Buffer): Message {
  switch (bytes[0]) {
    case tag.begin:
      return { kind: "begin", xid: bytes.readUInt32BE(17) };
    case tag.commit:
      return { kind: "commit", end: bytes.readBigUInt64BE(10) };
    case tag.relation:
      return { kind: "relation", relation: relationOf(bytes) };
    case tag.insert:
      return { kind: "row", row: { relation: bytes.readUInt32BE(1), bytes, inserted: true, old: undefined, now: 6 } };
    case tag.update:
      return { kind: "row", row: { relation: bytes.readUInt32BE(1), bytes, inserted: false, ...updated(bytes) } };
    case tag.delete:
      return { kind: "row", row: { relation: bytes.readUInt32BE(1), bytes, inserted: false, old: 6, now: undefined } };
    case tag.truncate: {
      const count = bytes.readUInt32BE(1);
      return { kind: "truncate", relations: Array.from({ length: count }, (_, index) => bytes.readUInt32BE(6 + 4 * index)) };
    }
    default:
      return { kind: "other" };
  }
}

/** An update brings its old row only where the table's identity says so or was changed. */
function updated(bytes: Buffer): { old: number | undefined; now: number } {
  if (bytes[5] !== tag.key && bytes[5] !== tag.oldRow) return { old: undefined, now: 6 };
  return { old: 6, now: endOfTuple(bytes, 6) + 1 };
}

function endOfTuple(bytes: Buffer, start: number): number {
  const count = bytes.readUInt16BE(start);
  let at = start + 2;
  for (let column = 0; column < count; column++) at = endOfValue(bytes, at);
  return at;
}

function endOfValue(bytes: Buffer, at: number): number {
  const kind = bytes[at];
  return kind === tag.nothing || kind === tag.unchanged ? at + 1 : at + 5 + bytes.readUInt32BE(at + 1);
}

/**
 * Values of some columns of a tuple.
 * @param columns their positions within the relation, in any order
 */
export function valuesAt(bytes: Buffer, start: number, columns: readonly number[]): Sent[] {
  const values: Sent[] = new Array(columns.length);
  const last = Math.min(Math.max(...columns) + 1, bytes.readUInt16BE(start));
  let at = start + 2;
  for (let column = 0; column < last; column++) {
    const end = endOfValue(bytes, at);
    const wanted = columns.indexOf(column);
    if (wanted >= 0) values[wanted] = valueAt(bytes, at, end);
    at = end;
  }
  return values;
}

function valueAt(bytes: Buffer, at: number, end: number): Sent {
  if (bytes[at] === tag.nothing) return null;
  return bytes[at] === tag.unchanged ? undefined : bytes.toString("utf8", at + 5, end);
}

function relationOf(bytes: Buffer): Relation {
  const name = bytes.indexOf(0, 5) + 1;
  // One byte behind the name tells which kind of replica identity; the columns' flags say the same.
  let at = bytes.indexOf(0, name) + 2;
  const count = bytes.readUInt16BE(at);
  at += 2;
  const columns: RelationColumn[] = [];
  for (let column = 0; column < count; column++) {
    const end = bytes.indexOf(0, at + 1);
    columns.push({
      name: bytes.toString("utf8", at + 1, end),
      identity: bytes[at] === 1,
      type: bytes.readUInt32BE(end + 1),
      modifier: bytes.readInt32BE(end + 5),
    });
    at = end + 9;
  }
  return { oid: bytes.readUInt32BE(1), columns };
}
