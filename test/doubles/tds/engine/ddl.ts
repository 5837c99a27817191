import { declaredType } from "../declared-type.ts";
import type { CatalogueColumn, CatalogueIndex, CatalogueTable } from "./catalogue.ts";
import { closing, meaningful, splitAt, type Token, textOf } from "./lexer.ts";
import { unknown } from "./sql-error.ts";

type NewTable = Omit<CatalogueTable, "id" | "triggers" | "tracked">;

const constraintWords = new Set([
  "PRIMARY",
  "UNIQUE",
  "NOT",
  "NULL",
  "IDENTITY",
  "DEFAULT",
  "COLLATE",
  "REFERENCES",
  "CONSTRAINT",
  "CHECK",
]);

/** `CREATE TABLE name (…)`: columns with their types, keys and the few constraints that tests write. */
export function parseCreateTable(statement: readonly Token[]): NewTable {
  const tokens = meaningful(statement);
  const open = tokens.findIndex(({ text }) => text === "(");
  const name = nameOf(tokens.slice(2, open));
  const body = tokens.slice(open + 1, closing(tokens, open));
  const columns: CatalogueColumn[] = [];
  const indexes: CatalogueIndex[] = [];
  for (const item of splitAt(body, ({ text }) => text === ",")) {
    const [first, second] = item;
    if (first?.value === "PRIMARY" || first?.value === "UNIQUE") {
      indexes.push({ columns: listed(item), unique: true, primary: first.value === "PRIMARY" });
    } else if (first && second) columns.push(columnOf(item, indexes));
    else throw unknown(textOf(statement));
  }
  const key = indexes.find(({ primary }) => primary)?.columns ?? [];
  return {
    name,
    columns: columns.map((column) => (key.includes(column.name) ? { ...column, nullable: false } : column)),
    // The primary key's comes first, as the server numbers a clustered one.
    indexes: indexes.toSorted((one, other) => Number(other.primary) - Number(one.primary)),
  };
}

/** The last part of a name that may have a schema before it. */
export function nameOf(tokens: readonly Token[]): string {
  const parts = tokens.filter(({ kind }) => kind === "word" || kind === "quoted");
  const last = parts.at(-1);
  if (!last) throw unknown(`the name ${textOf(tokens)}`);
  return last.kind === "quoted" ? last.value : last.text;
}

function columnOf(item: readonly Token[], indexes: CatalogueIndex[]): CatalogueColumn {
  const name = nameOf(item.slice(0, 1));
  const rules = item.findIndex(({ kind, value }, index) => index > 0 && kind === "word" && constraintWords.has(value));
  const type = declaredType(textOf(item.slice(1, rules < 0 ? undefined : rules)));
  const words = rules < 0 ? [] : item.slice(rules).map(({ value }) => value);
  const has = (word: string): boolean => words.includes(word);
  if (has("PRIMARY") || has("UNIQUE")) indexes.push({ columns: [name], unique: true, primary: has("PRIMARY") });
  const collate = item.findIndex(({ value }) => value === "COLLATE");
  return {
    name,
    type,
    nullable: !has("PRIMARY") && !has("IDENTITY") && !words.join(" ").includes("NOT NULL"),
    identity: has("IDENTITY"),
    hasDefault: has("DEFAULT"),
    collation: collate < 0 ? undefined : item[collate + 1]?.text,
  };
}

function listed(item: readonly Token[]): string[] {
  const open = item.findIndex(({ text }) => text === "(");
  return splitAt(item.slice(open + 1, closing(item, open)), ({ text }) => text === ",").map((part) => nameOf(part.slice(0, 1)));
}

/** `CREATE [UNIQUE] INDEX name ON table (columns)`. */
export function parseCreateIndex(statement: readonly Token[]): { name: string; table: string; index: CatalogueIndex } {
  const tokens = meaningful(statement);
  const on = tokens.findIndex(({ value }) => value === "ON");
  const open = tokens.findIndex(({ text }) => text === "(");
  return {
    name: nameOf(tokens.slice(on - 1, on)),
    table: nameOf(tokens.slice(on + 1, open)),
    index: { columns: listed(tokens.slice(on + 1)), unique: tokens[1]?.value === "UNIQUE", primary: false },
  };
}
