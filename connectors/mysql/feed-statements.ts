/** What a statement in the binlog has changed without naming rows. Too much is told rather than too little: a table that is told is compared in full, no more. */

/** A table as the server has stored its name. */
export interface StoredTable {
  schema: string;
  name: string;
}

/**
 * What a statement means for what is being followed: `begin` and `end` of a transaction, `prepared` transactions ended by name, `nothing`, or tables changed:
 * those it names, or all where it may change what it does not name. `altered`: their columns may be other ones.
 */
export type Meaning =
  | { what: "begin" | "end" | "nothing" }
  | { what: "xa-end"; xid: string; committed: boolean }
  | { what: "changed"; tables: "all" | readonly StoredTable[]; altered: boolean };

const xid = /X'([0-9A-F]*)'(?:\s*,\s*X'([0-9A-F]*)'(?:\s*,\s*(\d+))?)?/i;
/** Statements about tables after which rows or columns may be others. */
const ofTables =
  /^(ALTER\s+(ONLINE\s+|OFFLINE\s+|IGNORE\s+)*TABLE|CREATE\s+(OR\s+REPLACE\s+)?TABLE|DROP\s+TABLES?|RENAME\s+TABLES?|TRUNCATE)\b/i;
const ofSchema = /^(DROP|ALTER)\s+(DATABASE|SCHEMA)\b/i;
const ofRows = /^(INSERT|UPDATE|DELETE|REPLACE|LOAD|CALL|SELECT|DO|WITH|IMPORT)\b/i;
const ofServer = /^(mysql|sys|performance_schema|information_schema)$/i;

/** @param schema the session's default one when the statement was run */
export function meaningOf(statement: string, schema: string, tables: readonly StoredTable[]): Meaning {
  const text = withoutComments(statement).trim();
  if (/^(BEGIN|START\s+TRANSACTION|XA\s+(START|BEGIN)\b)/i.test(text)) return { what: "begin" };
  if (/^(COMMIT|ROLLBACK)$/i.test(text)) return { what: "end" };
  const xaEnd = /^XA\s+(COMMIT|ROLLBACK)\b/i.exec(text);
  if (xaEnd) return { what: "xa-end", xid: xidIn(text), committed: /COMMIT/i.test(xaEnd[1] as string) };
  if (ofTables.test(text)) return { what: "changed", tables: named(text, schema, tables), altered: true };
  if (ofSchema.test(text)) return { what: "changed", tables: "all", altered: true };
  if (!ofRows.test(text)) return { what: "nothing" };
  const found = named(text, schema, tables);
  if (found.length > 0) return { what: "changed", tables: found, altered: false };
  // A view, a trigger, a function: what it changes need not be named. The server's own books are nobody's source.
  const target =
    /^(?:INSERT|UPDATE|DELETE|REPLACE)\b(?:\s+(?:INTO|FROM|IGNORE|LOW_PRIORITY|DELAYED|QUICK))*\s+`?(\w+)`?\s*\./i.exec(text);
  return ofServer.test(target?.[1] ?? "") ? { what: "nothing" } : { what: "changed", tables: "all", altered: false };
}

/** The name of a prepared transaction, the same for its statements and its events. */
export function xidText(gtrid: string, bqual: string, format: number): string {
  return `${gtrid.toLowerCase()},${bqual.toLowerCase()},${format}`;
}

function xidIn(text: string): string {
  const [, gtrid = "", bqual = "", format = "1"] = xid.exec(text) ?? [];
  return xidText(gtrid, bqual, Number(format));
}

/** Comments become blanks; what MySQL or MariaDB carries out though it stands in one stays. */
function withoutComments(text: string): string {
  return text
    .replace(/\/\*M?!\d*([\s\S]*?)\*\//g, " $1 ")
    .replace(/\/\*[\s\S]*?\*\//g, " ")
    .replace(/^\s*(#|-- )[^\n]*\n/gm, " ");
}

/** Names with or without quotes, and a schema in front. */
const word = '(?:`((?:[^`]|``)+)`|"((?:[^"]|"")+)"|([\\p{L}\\p{N}_$]+))';
const names = new RegExp(`${word}(?:\\s*\\.\\s*${word})?`, "gu");

function named(text: string, schema: string, tables: readonly StoredTable[]): readonly StoredTable[] {
  const found = new Set<StoredTable>();
  for (const match of text.matchAll(names)) {
    const [, ...parts] = match;
    const [first, second] = [partOf(parts.slice(0, 3)), partOf(parts.slice(3))];
    const [inSchema, name] = second === undefined ? [schema, first] : [first, second];
    for (const table of tables) if (alike(table.name, name) && alike(table.schema, inSchema)) found.add(table);
    // `table.column` looks like `schema.table`.
    if (second !== undefined)
      for (const table of tables) if (alike(table.name, first) && alike(table.schema, schema)) found.add(table);
  }
  return [...found];
}

function partOf([backticks, quotes, bare]: readonly (string | undefined)[]): string | undefined {
  return backticks?.replaceAll("``", "`") ?? quotes?.replaceAll('""', '"') ?? bare;
}

const alike = (stored: string, written: string | undefined): boolean => stored.toLowerCase() === written?.toLowerCase();
