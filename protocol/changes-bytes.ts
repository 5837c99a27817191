/**
 * A way through a `changes` frame that makes nothing of it: one pass over its JSON as bytes finds tables, rows, ids and the texts that checks mark, and tells
 * that all is as the schema in messages.ts asks for. It knows the form in which an agent writes a frame and no other. A row that it is not sure of is parsed
 * alone; a frame whose form it does not know, one with notes on rows included, is left to JSON.parse and the schema, which alone decide and explain.
 */
import { isUtf8 } from "node:buffer";
import { type ByteFits, byteFitsOf, endOfWhole, type Marks, stands, wholeAt } from "./byte-fits.ts";
import { isPlainHead, isPlainRow } from "./changes-fit.ts";
import { entityId, type Json } from "./model.ts";

/** What a table says before its rows. */
export interface TableHead {
  type: string;
  op: "upsert" | "delete";
  fields: readonly string[];
}

/** Looks at the rows of tables with one head. */
export interface RowPlan {
  /** For the values behind id and time, in the order of the fields. */
  readonly columns: readonly ByteFits[];
}

/** A frame that fits its schema. Of the rows that are certain id, time and values fit the checks as well. */
export interface ScannedChanges<P extends RowPlan> {
  /** Number of the first item. */
  readonly from: number;
  readonly items: number;
  /** Its JSON. */
  readonly bytes: Uint8Array;
  readonly tables: readonly ScannedTable<P>[];
}

export interface ScannedTable<P extends RowPlan> {
  readonly head: TableHead;
  readonly plan: P;
  readonly rows: number;
  /** For each row the four numbers that `place` names. */
  readonly places: Int32Array;
  /** What the checks marked, see `Marks`. */
  readonly marks: Int32Array;
  /** The values of rows that are not certain. */
  readonly odd: ReadonlyMap<number, readonly Json[]>;
}

/**
 * Of a row: where it begins, where it ends, where the text of its id ends (it begins two bytes behind the row; -1 where the row is not certain), and how many
 * numbers of marks there are with it.
 */
export const place = { start: 0, end: 1, idEnd: 2, marksEnd: 3, size: 4 } as const;

/** The values of a row. */
export function parseRow(bytes: Uint8Array, { places, odd }: ScannedTable<RowPlan>, index: number): readonly Json[] {
  const at = index * place.size;
  const values = odd.get(index) ?? parsed(bytes, places[at + place.start] as number, places[at + place.end] as number);
  return values as readonly Json[];
}

/** @throws SyntaxError */
function parsed(bytes: Uint8Array, start: number, end: number): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8"));
}

/** Looks through a frame's JSON; undefined where it must be decoded. */
export type ScanChanges<P extends RowPlan> = (bytes: Uint8Array) => ScannedChanges<P> | undefined;

/** Tables have few heads, which are kept; a sender that keeps making up others gains nothing. */
const mostHeads = 200;
const longestHead = 8_192;

const opening = Buffer.from('{"type":"changes","from":');
const beforeTables = Buffer.from(',"tables":[');
const beforeRows = Buffer.from('"rows":[');
/** Ends the rows and their table, and likewise the tables and the frame. */
const closing = Buffer.from("]}");

const comma = 0x2c;
const quote = 0x22;
const bracket = 0x5b;
const bracketEnd = 0x5d;
const idFits = byteFitsOf(entityId, () => undefined);
const noneOdd: ScannedTable<RowPlan>["odd"] = new Map();

/** @param planOf what looks at the rows of tables with this head; undefined where they must be parsed */
export function changesScanner<P extends RowPlan>(planOf: (head: TableHead) => P | undefined): ScanChanges<P> {
  const headAt = headReader(planOf);
  const marks: Marks = { numbers: new Int32Array(1_024), length: 0 };
  const work: Work = { places: new Int32Array(1_024), rows: 0, marks, odd: undefined };
  return (bytes) => {
    if (!stands(bytes, 0, opening) || !isUtf8(bytes)) return undefined;
    const fromEnd = endOfWhole(bytes, opening.length);
    if (fromEnd < 0 || !stands(bytes, fromEnd, beforeTables)) return undefined;
    const tables: ScannedTable<P>[] = [];
    let items = 0;
    let at = fromEnd + beforeTables.length - 1;
    do {
      const read = headAt(bytes, at + 1);
      if (read === undefined) return undefined;
      const end = scanRows(work, read.plan.columns, bytes, at + 1 + read.bytes.length);
      if (end < 0 || !stands(bytes, end, closing)) return undefined;
      const { rows, places, odd } = work;
      const found = { places: places.slice(0, rows * place.size), marks: marks.numbers.slice(0, marks.length) };
      tables.push({ head: read.head, plan: read.plan, rows, odd: odd ?? noneOdd, ...found });
      items += rows;
      at = end + closing.length;
    } while (bytes[at] === comma);
    if (!stands(bytes, at, closing) || at + closing.length !== bytes.length) return undefined;
    return { from: wholeAt(bytes, opening.length, fromEnd), items, bytes, tables };
  };
}

/** Of the table being looked at; the memory is used again for the next. */
interface Work {
  places: Int32Array;
  rows: number;
  marks: Marks;
  odd: Map<number, readonly Json[]> | undefined;
}

/** Looks at the rows that begin at `at`; the place behind the last one, -1 where the frame must be decoded. */
function scanRows(work: Work, columns: readonly ByteFits[], bytes: Uint8Array, at: number): number {
  const { marks } = work;
  marks.length = 0;
  work.rows = 0;
  work.odd = undefined;
  let end = at - 1;
  do {
    const start = end + 1;
    const marked = marks.length;
    let idEnd = bytes[start] === bracket ? idFits(bytes, start + 1, marks) : -1;
    end = idEnd < 0 ? -1 : endOfValues(columns, bytes, idEnd, marks);
    if (end < 0) {
      marks.length = marked;
      idEnd = 0;
      end = endOfValue(bytes, start);
      if (end < 0 || !keepOdd(work, columns.length, { bytes, start, end })) return -1;
    }
    notePlace(work, { start, end, idEnd: idEnd - 1 });
  } while (bytes[end] === comma);
  return end;
}

function notePlace(work: Work, { start, end, idEnd }: { start: number; end: number; idEnd: number }): void {
  const at = work.rows * place.size;
  if (at + place.size > work.places.length) {
    const larger = new Int32Array(work.places.length * 2);
    larger.set(work.places);
    work.places = larger;
  }
  const { places } = work;
  places[at + place.start] = start;
  places[at + place.end] = end;
  places[at + place.idEnd] = idEnd;
  places[at + place.marksEnd] = work.marks.length;
  work.rows += 1;
}

/** Behind a row whose id ends at `at`; -1 where it is not certain. */
function endOfValues(columns: readonly ByteFits[], bytes: Uint8Array, at: number, marks: Marks): number {
  if (bytes[at] !== comma) return -1;
  let end = endOfWhole(bytes, at + 1);
  for (let index = 0; index < columns.length; index++) {
    if (end < 0 || bytes[end] !== comma) return -1;
    end = (columns[index] as ByteFits)(bytes, end + 1, marks);
  }
  return end >= 0 && bytes[end] === bracketEnd ? end + 1 : -1;
}

/**
 * Parses a row that is not certain; false where the frame must be decoded. If what lies between two places is JSON by itself, it is what JSON.parse would find
 * there in the whole frame.
 */
function keepOdd(work: Work, fields: number, { bytes, start, end }: { bytes: Uint8Array; start: number; end: number }): boolean {
  let row: unknown;
  try {
    row = parsed(bytes, start, end);
  } catch {
    return false;
  }
  if (!isPlainRow(row, fields)) return false;
  work.odd ??= new Map();
  work.odd.set(work.rows, row);
  return true;
}

/** Where a list ends if it is JSON. */
function endOfValue(bytes: Uint8Array, start: number): number {
  let depth = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === quote) {
      for (at += 1; at < bytes.length && bytes[at] !== quote; at++) if (bytes[at] === 0x5c) at += 1;
    } else if (byte === bracket || byte === 0x7b) depth += 1;
    else if (byte === bracketEnd || byte === 0x7d) depth -= 1;
    if (depth <= 0) return depth < 0 ? -1 : at + 1;
  }
  return -1;
}

interface ReadHead<P> {
  /** From the table's brace to the bracket of its rows. */
  bytes: Uint8Array;
  head: TableHead;
  plan: P;
}

/** Reads heads, each form of them once. */
function headReader<P>(planOf: (head: TableHead) => P | undefined): (bytes: Uint8Array, at: number) => ReadHead<P> | undefined {
  const heads = new Map<string, ReadHead<P> | undefined>();
  let last: ReadHead<P> | undefined;
  return (bytes, at) => {
    if (last !== undefined && stands(bytes, at, last.bytes)) return last;
    const rest = Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(bytes.length - at, longestHead));
    const rowsAt = rest.indexOf(beforeRows);
    if (rowsAt < 0) return undefined;
    const end = rowsAt + beforeRows.length;
    const text = rest.toString("latin1", 0, end);
    if (!heads.has(text)) {
      if (heads.size === mostHeads) heads.clear();
      const head = headOf(text);
      const plan = head && planOf(head);
      heads.set(text, plan && { bytes: Uint8Array.from(rest.subarray(0, end)), head, plan });
    }
    last = heads.get(text) ?? last;
    return heads.get(text);
  };
}

/** With rows instead of none a head is JSON as well, and the same one. */
function headOf(text: string): TableHead | undefined {
  if (!/^[\x20-\x7e]*$/.test(text)) return undefined;
  try {
    const table: unknown = JSON.parse(`${text}]}`);
    return isPlainHead(table) ? table : undefined;
  } catch {
    return undefined;
  }
}
