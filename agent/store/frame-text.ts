/**
 * The JSON of one `changes` frame, written row by row as UTF-8 (protocol/changes.ts says the same with objects). Each row is encoded by itself: one
 * character beyond Latin-1 would make a joined text twice as large in memory and slower to encode.
 */
import { quoted } from "../../protocol/canonical-json.ts";
import { type FieldNames, fieldNames } from "../../protocol/entity-text.ts";
import type { OutboxItem } from "./store.ts";

export interface FrameText {
  /** Starts a frame whose first item has this number; what was written before is gone. */
  begin(from: number, maxBytes: number): void;
  /** Writes one more item; false, and nothing was written, if the frame would be too large by it. */
  add(item: OutboxItem): boolean;
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

  const write = (text: string): void => {
    const needed = at + text.length * widest;
    if (needed > bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, needed));
      bytes.copy(larger, 0, 0, at);
      bytes = larger;
    }
    at += bytes.write(text, at);
  };

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
      const goesOn = table !== undefined && isOf(table, item, names);
      const into = goesOn ? (table as Table) : newTable(item, names);
      const opening = goesOn ? "," : `${table === undefined ? "" : `${tableEnd(table)},`}${tableStart(into)}`;
      const values = item.op === "delete" ? quoted(item.reason) : item.text.values;
      if (item.time !== time) {
        ({ time } = item);
        timeText = String(time);
      }
      const row = `${opening}[${quoted(item.id)},${timeText}${values === "" ? "]" : `,${values}]`}`;
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
    finish() {
      if (table !== undefined) write(tableEnd(table));
      write("]}");
      return bytes.subarray(0, at);
    },
  };
}

function isOf(table: Table, item: OutboxItem, names: FieldNames): boolean {
  return table.type === item.type && table.op === item.op && (table.names === names || table.names.json === names.json);
}

function newTable({ type, op }: OutboxItem, names: FieldNames): Table {
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
