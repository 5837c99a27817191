/**
 * The JSON of one `changes` frame, written row by row as UTF-8 (protocol/changes.ts says the same with objects). Each row is encoded by itself: one
 * character beyond Latin-1 would make a joined text twice as large in memory and slower to encode.
 */
import { quoted } from "../../protocol/canonical-json.ts";
import { type FieldNames, fieldNames } from "../../protocol/entity-text.ts";
import type { OutboxItem, OutboxRow } from "./store.ts";

export interface FrameText {
  /** Starts a frame whose first item has this number; what was written before is gone. */
  begin(from: number, maxBytes: number): void;
  /** Writes one more item; false, and nothing was written, if the frame would be too large by it. */
  add(item: OutboxItem): boolean;
  /** The same of a row that is bytes already. */
  addRow(row: OutboxRow): boolean;
  /** The frame's bytes, good until the next `begin`. */
  finish(): Uint8Array;
}

/** What may accompany a row, by the row's index behind the rows of its table. */
const noteNames = ["cause", "replaces", "withheld"] as const;
type Notes = Readonly<Record<(typeof noteNames)[number], string>>;

interface Table {
  type: string;
  op: OutboxItem["op"];
  names: FieldNames;
  rows: number;
  notes: Notes;
  /** Bytes that the notes will take. */
  noteBytes: number;
}

const noNotes: Notes = { cause: "", replaces: "", withheld: "" };
const reasonAlone = fieldNames(["reason"]);
/** Ends the table's rows, the table, the tables and the frame. */
const closing = "]}]}".length;
const [comma, quote, bracket, closingBracket] = [0x2c, 0x22, 0x5b, 0x5d];
/** Most bytes of UTF-8 that a UTF-16 unit takes. */
const widest = 3;

/** One after the other, frames are written into the same memory. */
export function createFrameText(): FrameText {
  let bytes = Buffer.allocUnsafe(64 * 1024);
  let at = 0;
  let most = 0;
  let table: Table | undefined;
  /** Items of one read have one time, and a number is slow to write. */
  let time = 0;
  let timeText = "0";
  let rowTime = 0;
  let rowTimeText: Uint8Array = Buffer.from("0");

  const reserve = (more: number): void => {
    if (at + more <= bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, at + more));
    bytes.copy(larger, 0, 0, at);
    bytes = larger;
  };
  const write = (text: string): void => {
    reserve(text.length * widest);
    at += bytes.write(text, at);
  };
  const textOf = (of: number): string => {
    if (of !== time) {
      time = of;
      timeText = String(of);
    }
    return timeText;
  };
  const openingOf = (into: Table): string =>
    into === table ? "," : `${table === undefined ? "" : `${tableEnd(table)},`}${tableStart(into)}`;

  return {
    begin(from, maxBytes) {
      at = 0;
      most = maxBytes;
      table = undefined;
      write(`{"type":"changes","from":${from},"tables":[`);
    },
    add(item) {
      const start = at;
      const names = item.op === "delete" ? reasonAlone : item.text.names;
      const into = table !== undefined && isOf(table, item.type, item.op, names) ? table : newTable(item.type, item.op, names);
      const values = item.op === "delete" ? quoted(item.reason) : item.text.values;
      const row = `${openingOf(into)}[${quoted(item.id)},${textOf(item.time)}${values === "" ? "]" : `,${values}]`}`;
      // Each unit is a byte or more: a row of any length takes no memory that a frame could not have taken.
      if (at + row.length > most) return false;
      write(row);
      const noted = hasNotes(item) ? withNotes(into, item) : into;
      if (at + noted.noteBytes + closing > most) {
        at = start;
        return false;
      }
      table = noted;
      table.rows += 1;
      return true;
    },
    addRow(row) {
      const start = at;
      const { names, values, bytes: id, idEnd } = row;
      const goesOn = table !== undefined && isOf(table, row.type, "upsert", names);
      const into = goesOn ? (table as Table) : newTable(row.type, "upsert", names);
      if (!goesOn) write(openingOf(into));
      if (row.time !== rowTime) {
        rowTime = row.time;
        rowTimeText = Buffer.from(String(rowTime));
      }
      const size = Number(goesOn) + idEnd + rowTimeText.length + (values.length === 0 ? 5 : 6 + values.length);
      if (at + size + into.noteBytes + closing > most) {
        at = start;
        return false;
      }
      reserve(size);
      if (goesOn) bytes[at++] = comma;
      bytes[at++] = bracket;
      bytes[at++] = quote;
      for (let from = 0; from < idEnd; from++) bytes[at++] = id[from] as number;
      bytes[at++] = quote;
      bytes[at++] = comma;
      for (let from = 0; from < rowTimeText.length; from++) bytes[at++] = rowTimeText[from] as number;
      if (values.length > 0) {
        bytes[at++] = comma;
        bytes.set(values, at);
        at += values.length;
      }
      bytes[at++] = closingBracket;
      table = into;
      table.rows += 1;
      return true;
    },
    finish() {
      if (table !== undefined) write(tableEnd(table));
      write("]}");
      return bytes.subarray(0, at);
    },
  };
}

function isOf(table: Table, type: string, op: Table["op"], names: FieldNames): boolean {
  return table.type === type && table.op === op && (table.names === names || table.names.json === names.json);
}

function newTable(type: string, op: Table["op"], names: FieldNames): Table {
  return { type, op, names, rows: 0, notes: noNotes, noteBytes: 0 };
}

function tableStart({ type, op, names }: Table): string {
  return `{"type":${quoted(type)},"op":"${op}","fields":${names.json},"rows":[`;
}

function tableEnd({ notes }: Table): string {
  return `]${noteNames.map((name) => (notes[name] === "" ? "" : `,"${name}":{${notes[name]}}`)).join("")}}`;
}

type Noted = Extract<OutboxItem, { op: "upsert" }>;

function hasNotes(item: OutboxItem): item is Noted {
  if (item.op === "delete") return false;
  return item.cause !== undefined || item.replaces !== undefined || (item.withheld !== undefined && item.withheld.length > 0);
}

/** The table with the notes of its next row. */
function withNotes(table: Table, item: Noted): Table {
  const notes = { ...table.notes };
  let { noteBytes } = table;
  for (const name of noteNames) {
    const note = item[name];
    if (note === undefined || note.length === 0) continue;
    const first = notes[name] === "";
    const text = `${first ? "" : ","}"${table.rows}":${JSON.stringify(note)}`;
    notes[name] += text;
    noteBytes += Buffer.byteLength(text) + (first ? `,"${name}":{}`.length : 0);
  }
  return { ...table, notes, noteBytes };
}
