// What the driver asks (TTC as a 19c server speaks it), read from its bytes.
import type { ByteReader } from "./bytes.ts";
import { type Cell, readValue, typeName, type WireType } from "./values.ts";

export type Request =
  | { kind: "protocol" | "types" | "commit" | "rollback" | "ping" | "logoff" }
  | { kind: "login"; proves: boolean; user: string; values: Readonly<Record<string, string>> }
  | Execute
  | { kind: "fetch"; cursor: number; rows: number };

export interface Execute {
  kind: "execute";
  /** 0 for a new statement. */
  cursor: number;
  sql: string;
  parseOnly: boolean;
  /** The rows of an executed cursor are wanted as other types than it has. */
  defines: readonly WireType[] | undefined;
  fetches: boolean;
  rows: number;
  binds: readonly WireType[];
  values: readonly Cell[];
  autoCommit: boolean;
  /** The statement's columns are known to the driver already. */
  again: boolean;
}

/** Statements that were parsed before, by cursor. */
export interface KnownCursors {
  get(cursor: number): { sql: string; binds: readonly WireType[] } | undefined;
  delete(cursor: number): void;
}

const messages = { protocol: 1, types: 2, call: 3, row: 7, piggyback: 17 } as const;
const options = { execute: 0x20, fetch: 0x40, commit: 0x100 } as const;
const bare: Readonly<Record<number, "commit" | "rollback" | "ping" | "logoff">> = {
  14: "commit",
  15: "rollback",
  147: "ping",
  9: "logoff",
};
/** Binds of more bytes come behind all others. */
const longest = 32_767;

/**
 * Reads one request with what rides on it.
 * @throws Incomplete while a part of it is still to come; Error for what the double does not know
 */
export function readRequest(reader: ByteReader, cursors: KnownCursors): Request {
  for (;;) {
    const message = reader.u8();
    if (message === messages.protocol) {
      reader.skip(2);
      while (reader.u8() !== 0);
      return { kind: "protocol" };
    }
    if (message === messages.types) {
      reader.skip(5);
      reader.bytes();
      reader.bytes();
      while (reader.u16be() !== 0) reader.skip(6);
      return { kind: "types" };
    }
    const piggyback = message === messages.piggyback;
    if (message !== messages.call && !piggyback) throw new Error(`The double does not know the message ${message}`);
    const code = reader.u8();
    reader.u8();
    if (!piggyback) return readCall(code, reader, cursors);
    skipPiggyback(code, reader, cursors);
  }
}

function skipPiggyback(code: number, reader: ByteReader, cursors: KnownCursors): void {
  if (code === 105 || code === 120) {
    reader.u8();
    // 105 closes cursors; 120 only gives up their rows.
    for (let left = reader.ub(); left > 0; left--) {
      const cursor = reader.ub();
      if (code === 105) cursors.delete(cursor);
    }
  } else if (code === 135) skipSessionAttributes(reader);
  else if (code === 152) {
    reader.u8();
    reader.ub();
    reader.bytes();
  } else throw new Error(`The double does not know the piggyback ${code}`);
}

/** Client identifier, module, action and the like: told for the DBA's eyes. */
function skipSessionAttributes(reader: ByteReader): void {
  reader.skip(2);
  reader.ub();
  let texts = 0;
  const attribute = (): void => {
    const given = reader.u8();
    if (reader.ub() > 0 && given) texts += 1;
  };
  for (let index = 0; index < 4; index++) attribute();
  reader.u8();
  reader.ub();
  attribute();
  reader.u8();
  reader.ub();
  reader.u8();
  reader.ub();
  attribute();
  while (texts-- > 0) reader.bytes();
}

function readCall(code: number, reader: ByteReader, cursors: KnownCursors): Request {
  const plain = bare[code];
  if (plain !== undefined) return { kind: plain };
  switch (code) {
    case 118:
    case 115:
      return readLogin(code === 115, reader);
    case 94:
      return readExecute(reader, cursors);
    case 4:
    case 78:
      return readExecuteAgain(code === 78, reader, cursors);
    case 5:
      return { kind: "fetch", cursor: reader.ub(), rows: reader.ub() };
    default:
      throw new Error(`The double does not know the function ${code}`);
  }
}

function readLogin(proves: boolean, reader: ByteReader): Request {
  const named = reader.u8();
  reader.skipUbs(2);
  reader.u8();
  const pairs = reader.ub();
  reader.skip(2);
  const user = named ? reader.text() : "";
  const values: Record<string, string> = {};
  for (let left = pairs; left > 0; left--) {
    reader.ub();
    const name = reader.text();
    values[name] = reader.ub() > 0 ? reader.text() : "";
    reader.ub();
  }
  return { kind: "login", proves, user, values };
}

function readExecute(reader: ByteReader, cursors: KnownCursors): Request {
  const asked = reader.ub();
  const cursor = reader.ub();
  const hasSql = reader.u8();
  reader.ub();
  reader.u8();
  reader.ub();
  reader.skip(3);
  const rows = reader.ub();
  reader.ub();
  reader.u8();
  const bindCount = reader.ub();
  reader.skip(6);
  const defineCount = reader.ub();
  reader.ub();
  reader.skip(3);
  reader.ub();
  reader.u8();
  reader.skipUbs(2);
  reader.u8();
  reader.ub();
  reader.u8();
  // Statement signature, identifier and chunk identifiers: asked for by nobody.
  for (let index = 0; index < 2; index++) {
    reader.u8();
    reader.ub();
  }
  reader.u8();
  reader.u8();
  reader.ub();
  const known = cursors.get(cursor);
  const sql = hasSql ? reader.text() : (known?.sql ?? "");
  reader.ub();
  const executions = reader.ub();
  reader.skipUbs(5);
  const isQuery = reader.ub() === 1;
  reader.skipUbs(5);
  if (!isQuery && executions > 1) throw new Error("The double executes a statement with one row of binds");
  const defines = defineCount > 0 ? readTypes(reader, defineCount) : undefined;
  // The first rows of a cursor that a procedure opened.
  if ((asked & (options.execute | options.fetch)) === options.fetch && defines === undefined)
    return { kind: "fetch", cursor, rows };
  const types = defines === undefined && bindCount > 0 ? readTypes(reader, bindCount) : [];
  return {
    kind: "execute",
    cursor,
    sql,
    parseOnly: (asked & options.execute) === 0 && defines === undefined,
    defines,
    fetches: (asked & options.fetch) !== 0,
    rows,
    binds: types,
    values: readBinds(reader, types, sql),
    autoCommit: (asked & options.commit) !== 0,
    again: false,
  };
}

function readExecuteAgain(fetches: boolean, reader: ByteReader, cursors: KnownCursors): Execute {
  const cursor = reader.ub();
  const rows = reader.ub();
  reader.ub();
  const autoCommit = (reader.ub() & 1) !== 0;
  const known = cursors.get(cursor);
  if (known === undefined) throw new Error(`The cursor ${cursor} is not open`);
  const values = readBinds(reader, known.binds, known.sql);
  const { sql, binds } = known;
  return {
    kind: "execute",
    cursor,
    sql,
    parseOnly: false,
    defines: undefined,
    fetches,
    rows,
    binds,
    values,
    autoCommit,
    again: true,
  };
}

function readTypes(reader: ByteReader, count: number): WireType[] {
  return Array.from({ length: count }, () => {
    const type = typeName(reader.u8());
    if (reader.u8() & 0x40) throw new Error("The double binds no arrays");
    reader.skip(2);
    const size = reader.ub();
    reader.skipUbs(2);
    if (reader.ub() > 0) reader.bytes();
    reader.skipUbs(2);
    const form = reader.u8();
    reader.skipUbs(2);
    return { type, form, long: size > longest && type !== "CLOB" && type !== "BLOB" };
  });
}

export const isPlsql = (sql: string): boolean => /^\s*(begin|declare|call)\b/i.test(sql);

/** How many binds of a statement are filled by its RETURNING. */
export function returnedBinds(sql: string): number {
  if (isPlsql(sql)) return 0;
  const into = /\breturning\b[\s\S]*?\binto\b([\s\S]*)$/i.exec(sql)?.[1];
  return into?.match(/:\w+/g)?.length ?? 0;
}

function readBinds(reader: ByteReader, types: readonly WireType[], sql: string): Cell[] {
  const given = types.slice(0, types.length - returnedBinds(sql));
  if (given.length === 0) return [];
  if (reader.u8() !== messages.row) throw new Error("No row of binds where one was told");
  const late = (type: WireType): boolean => type.long && !isPlsql(sql);
  const values = given.map((type) => (late(type) ? null : readBind(reader, type)));
  for (const [index, type] of given.entries()) if (late(type)) values[index] = readBind(reader, type);
  return values;
}

function readBind(reader: ByteReader, type: WireType): Cell {
  if (type.type === "CLOB" || type.type === "BLOB") throw new Error("The double takes no LOB locators as binds");
  if (type.type !== "REF_CURSOR") return readValue(reader, type);
  reader.skip(2);
  return null;
}
