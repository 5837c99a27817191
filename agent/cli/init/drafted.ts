/** A draft before it is written down: sources with their fields, and the formats and maps that they share. */
import type { Table } from "../../../connectors/connector.ts";
import type { TypeName } from "../../../protocol/model.ts";

export interface DraftedField {
  name: string;
  /** What stands behind the field's name. */
  yaml: string;
  /** Said behind it. */
  note?: string;
  /** Why it stands as a comment. */
  off?: string;
}

export interface DraftedSource {
  name: string;
  type: TypeName;
  table: Table;
  key: readonly string[];
  /** Comments above it. */
  lead: readonly string[];
  /** Further keys in the order in which they are written: `changes`, `where`, `deletes`. */
  settings: readonly DraftedField[];
  fields: readonly DraftedField[];
  /** Why all of it stands as a comment. */
  off?: string;
}

/** A named format under `types:`, gathered from all columns that use it. */
export interface DraftedType {
  name: string;
  form: string;
  empty: Set<string>;
  openEnd: Set<string>;
  columns: Set<string>;
  /** Values that are no date by this format, by column. */
  odd: Map<string, number>;
}

export interface DraftedMap {
  name: string;
  /** Where its codes stand: TABLE.COLUMN. */
  column: string;
  notes: readonly string[];
  read: readonly (readonly [code: string, value: string])[];
  unknown: string;
}

export interface Draft {
  types: readonly DraftedType[];
  maps: readonly DraftedMap[];
  sources: readonly DraftedSource[];
  /** Comments on all of it: the scope of one company, a feed that may be chosen. */
  remarks: readonly string[];
}

const plainScalar = /^[\p{L}_][\p{L}\p{N}_.-]*$/u;

/** As it is where YAML can't take it for anything else; `${` would begin an expression, and digits would look like a number. */
export const quoted = (text: string): string => (plainScalar.test(text) ? text : JSON.stringify(text));
export const quotedList = (texts: readonly string[]): string => `[${texts.map(quoted).join(", ")}]`;
/** A comment ends with its line. */
export const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();
/** A column in an expression: names that are no plain word are asked of the row. */
export const inExpression = (column: string): string =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(column) && !reserved.has(column.toLowerCase()) ? column : `row[${JSON.stringify(column)}]`;
const reserved = new Set([
  "in",
  "as",
  "true",
  "false",
  "null",
  "row",
  "vars",
  "if",
  "else",
  "for",
  "function",
  "namespace",
  "package",
  "return",
  "var",
  "void",
  "while",
  "import",
  "let",
  "loop",
  "const",
  "break",
  "continue",
]);
/** An expression as the value of a field or `when`. */
export const expression = (cel: string): string => JSON.stringify(`\${${cel}}`);
