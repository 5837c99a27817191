/**
 * The outbox: one FIFO of immutable frames. Numbers are given in the commit that holds the entities' digests, and a frame goes only after the portal's
 * ack. Bounded in bytes: when it is full nothing is read from the ERP, and keys gather instead.
 */
import { FuserError } from "../../base/errors.ts";
import { expandChanges, type NumberedItem } from "../../protocol/changes.ts";
import { entityText } from "../../protocol/entity-text.ts";
import { decodeFrame } from "../../protocol/frames.ts";
import { changes } from "../../protocol/messages.ts";
import type { TypeName } from "../../protocol/model.ts";
import { createCommitBell } from "./commit-bell.ts";
import type { Database } from "./database.ts";
import { type BuiltFrame, createFrameCutter, cutFrames, idHash } from "./outbox-frames.ts";
import { storeOperation } from "./sqlite-errors.ts";
import type { MetaStore, OutboxAppender, OutboxFrame, OutboxItem, OutboxStore } from "./store.ts";

const maxBytes = 64 * 1024 * 1024;
/** Bulk work stays so far ahead, that a single change never waits long behind it. */
const maxBulkBytes = 8 * 1024 * 1024;
/** Until a portal has said its own in `welcome`. */
const defaultMaxFrameBytes = 1024 * 1024;

interface FrameRow {
  first: number;
  last: number;
  text: number;
  bytes: Uint8Array;
}

/** Kept beside the table, because they are asked for at each step of a scan. */
interface Totals {
  first: number | null;
  items: number;
  bytes: number;
  bulk: number;
}

export interface Outbox extends OutboxStore {
  /** Empties the outbox; numbers start over at 1. */
  restart(): void;
}

export function createOutbox(database: Database, meta: MetaStore): Outbox {
  const statements = prepareAll(database);
  const bell = createCommitBell(database);
  const cutter = createFrameCutter();
  let isOpen = false;
  /** Acked, and deleted with the next commit: an ack alone is not worth a write to disk, for the portal repeats it. */
  let ackedTo = 0;
  /** The same without what the transaction under way has acked. */
  let ackedBefore = 0;
  let next = 1;
  let maxFrameBytes = defaultMaxFrameBytes;
  let decoded: { first: number; last: number; items: readonly NumberedItem[] } | undefined;
  let totals: Totals = { first: null, items: 0, bytes: 0, bulk: 0 };

  const load = (): void => {
    next = Number(meta.get("outbox.next") ?? 1);
    maxFrameBytes = Number(meta.get("outbox.max-frame-bytes") ?? defaultMaxFrameBytes);
    totals = statements.totals.get<Totals>(ackedTo) as Totals;
  };
  const flush = (): void => {
    if (ackedTo > 0) statements.ack.run(ackedTo);
  };
  load();
  database.on("rolled-back", () => {
    // An ack within a transaction belongs to it: what it refused was rolled back with it, and must still be named when the portal repeats it.
    ackedTo = ackedBefore;
    decoded = undefined;
    isOpen = false;
    load();
  });
  database.on("before-commit", flush);
  database.on("committed", () => {
    ackedTo = 0;
    ackedBefore = 0;
  });

  const insert = (frame: BuiltFrame, bulk: boolean): void => {
    const { first, last, text, bytes, jsonSize, ids } = frame;
    statements.insert.run(first, last, Number(text), Number(bulk), bytes.length, jsonSize, asBytes(ids), bytes);
    totals.first ??= first;
    totals.items += last - first + 1;
    totals.bytes += bytes.length;
    if (bulk) totals.bulk += bytes.length;
  };
  const itemsOf = (row: FrameRow): readonly NumberedItem[] => {
    // Refusals ask for many items of one frame.
    if (decoded?.first === row.first && decoded.last === row.last) return decoded.items;
    const frame = row.text === 1 ? Buffer.from(row.bytes).toString("utf8") : row.bytes;
    const items = [...expandChanges(decodeFrame(frame, { maxBytes, schema: changes }))];
    decoded = { first: row.first, last: row.last, items };
    return items;
  };
  const latest = (wanted: readonly { type: TypeName; id: string }[]): (number | undefined)[] => {
    const places = new Map(wanted.map(({ type, id }, index) => [`${type}:${id}`, index]));
    const hashes = new Set(wanted.map(({ type, id }) => idHash(type, id)));
    const found: (number | undefined)[] = wanted.map(() => undefined);
    let left = places.size;
    for (const { first, ids } of statements.ids.all<{ first: number; ids: Uint8Array }>(ackedTo)) {
      if (left === 0) break;
      if (!new Uint32Array(ids.slice().buffer).some((hash) => hashes.has(hash))) continue;
      for (const item of itemsOf(statements.from.get<FrameRow>(first) as FrameRow).toReversed()) {
        const index = places.get(`${item.type}:${item.id}`);
        if (index === undefined || found[index] !== undefined) continue;
        found[index] = item.seq;
        left -= 1;
      }
    }
    return found;
  };
  /** Cuts frames anew that are larger than the portal now takes. An item too large by itself stays as it is: its number is given. */
  const recut = (): void => {
    for (const row of statements.larger.all<FrameRow & { bulk: number }>(ackedTo, maxFrameBytes)) {
      const { frames, seqs } = cutFrames(cutter, itemsOf(row).map(toOutboxItem), { from: row.first, maxFrameBytes });
      if (seqs.includes("too-large")) continue;
      statements.remove.run(row.first);
      for (const frame of frames) insert(frame, row.bulk === 1);
    }
    load();
  };

  const open = ({ bulk }: { bulk: boolean }): OutboxAppender => {
    database.requireTransaction();
    if (isOpen)
      throw new FuserError("bug", "Items are appended by one at a time", { code: "outbox-busy", operation: storeOperation });
    isOpen = true;
    cutter.begin(next, { maxFrameBytes, onFrame: (frame) => insert(frame, bulk) });
    return {
      add: cutter.add,
      addRow: cutter.addRow,
      end() {
        const before = next;
        next = cutter.end();
        isOpen = false;
        if (next === before) return;
        meta.set("outbox.next", String(next));
        bell.touch();
      },
    };
  };

  return {
    open,
    append(items, options) {
      if (items.length === 0) return [];
      return database.transaction(() => {
        const appender = open(options);
        const seqs = items.map(appender.add);
        appender.end();
        return seqs;
      });
    },
    hasRoom: (bulk) => totals.bytes < maxBytes && (!bulk || totals.bulk < maxBulkBytes),
    frameFrom(seq) {
      const row = statements.from.get<FrameRow>(Math.max(seq, ackedTo + 1));
      return row && toFrame(row);
    },
    ack(seq) {
      if (seq <= ackedTo) return;
      ackedTo = seq;
      if (!database.inTransaction) ackedBefore = seq;
      totals = statements.totals.get<Totals>(ackedTo) as Totals;
    },
    itemAt(seq) {
      const row = statements.from.get<FrameRow>(seq);
      const item = row && row.first <= seq ? itemsOf(row).find((candidate) => candidate.seq === seq) : undefined;
      return item && { op: item.op, type: item.type as TypeName, id: item.id };
    },
    seqOf: (type, id) => latest([{ type, id }])[0],
    latestSeqs: latest,
    bounds() {
      // Another process writes what a reader sees.
      if (database.readOnly) load();
      return { first: totals.first ?? next, next, items: totals.items, bytes: totals.bytes };
    },
    setMaxFrameBytes(bytes) {
      if (bytes === maxFrameBytes) return;
      database.transaction(() => {
        meta.set("outbox.max-frame-bytes", String(bytes));
        maxFrameBytes = bytes;
        recut();
      });
    },
    onAppend: (listener) => bell.listen(listener),
    restart() {
      statements.clear.run();
      ackedTo = 0;
      ackedBefore = 0;
      decoded = undefined;
      meta.set("outbox.next", "1");
      load();
    },
    flush() {
      if (ackedTo > 0) database.transaction(() => {});
    },
  };
}

/** An item of a frame as it was appended. */
function toOutboxItem({ seq: _, ...item }: NumberedItem): OutboxItem {
  const type = item.type as TypeName;
  if (item.op === "delete") return { op: "delete", type, id: item.id, time: item.time, reason: item.reason };
  const { fields, ...rest } = item;
  return { ...rest, type, text: entityText(fields) } as OutboxItem;
}

const toFrame = ({ first, last, text, bytes }: FrameRow): OutboxFrame => ({ first, last, bytes, text: text === 1 });
const asBytes = (ids: Uint32Array): Uint8Array => new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength);

function prepareAll(database: Database) {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    insert: prepare("INSERT INTO frame (first, last, text, bulk, size, json_size, ids, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
    from: prepare("SELECT first, last, text, bytes FROM frame WHERE last >= ? ORDER BY first LIMIT 1"),
    ids: prepare("SELECT first, ids FROM frame WHERE last > ? ORDER BY first DESC"),
    larger: prepare("SELECT first, last, text, bytes, bulk FROM frame WHERE last > ? AND json_size > ? ORDER BY first"),
    remove: prepare("DELETE FROM frame WHERE first = ?"),
    ack: prepare("DELETE FROM frame WHERE last <= ?"),
    clear: prepare("DELETE FROM frame"),
    totals: prepare(`SELECT min(first) AS first, coalesce(sum(last - first + 1), 0) AS items, coalesce(sum(size), 0) AS bytes,
      coalesce(sum(size) FILTER (WHERE bulk), 0) AS bulk FROM frame WHERE last > ?`),
  };
}
