/** A table of the portal read backwards: from what a command says to the code that the ERP keeps for it. A value that several codes stand for is refused, never guessed. */
import { decodeKey, splitId } from "../../base/key.ts";
import type { Read, Write } from "../../config/config.ts";
import type { Json } from "../../protocol/model.ts";
import { normaliseDecimal } from "./decimal.ts";
import type { FieldKind } from "./field-kind.ts";
import { indexOf, type LookupHolder } from "./lookups.ts";
import type { LookupTable } from "./mapped.ts";
import { Unwritable } from "./reader-texts.ts";
import type { WriteScope } from "./write-scope.ts";

type FromWrite = Write & { kind: "from" };

/** Codes that stand for a field's value; undefined for null. Throws Unwritable where the table did not come yet, or the value is no id of the source it must be one of. */
export type CodesOf = (value: Json) => readonly string[] | undefined;

/** Steps that leave a code as the ERP writes it, but for what a key of the table has none of. */
const harmless: readonly string[] = ["trim", "empty-to-null"];

/** Undefined after a fault. */
export function compileBackwards(write: FromWrite, kind: FieldKind, scope: WriteScope): CodesOf | undefined {
  const { field, lookup } = write;
  if (lookup === undefined) return undefined;
  const read = Object.hasOwn(scope.source.fields, field) ? scope.source.fields[field]?.read : undefined;
  const textOf = kind.references === undefined ? plainText(kind) : keyText(write, read, scope);
  const changed =
    read?.kind === "from" && read.lookup?.name === lookup.name ? read.do.filter((step) => !harmless.includes(step)) : [];
  if (changed.length > 0)
    scope.faults.add(
      write.at,
      `${field} is looked up after ${changed.join(", ")}, which can't be taken back`,
      "Let the portal's table hold the codes as the ERP has them, or write the column with a map.",
    );
  if (textOf === undefined || changed.length > 0) return undefined;
  const { needs, holder } = scope.lookups;
  needs.set(lookup.name, (needs.get(lookup.name) ?? new Set()).add(lookup.take));
  const codes = codesIn(holder, lookup, kind);
  return (value) => {
    if (value === null || value === "") return undefined;
    const found = codes();
    if (found === undefined) throw new Unwritable("lookup-missing", field);
    return found.get(textOf(value)) ?? [];
  };
}

/** The one code that stands for a value. */
export function onlyCode(codes: readonly string[] | undefined, field: string): string | null {
  if (codes === undefined) return null;
  if (codes.length > 1) throw new Unwritable("value-ambiguous", field);
  const [code] = codes;
  if (code === undefined) throw new Unwritable("value-unknown", field);
  return code;
}

/** By the text of their value; made when a command first asks for it, and anew after a change of the table. */
function codesIn(
  holder: LookupHolder,
  { name, take }: { name: string; take: string | undefined },
  kind: FieldKind,
): () => ReadonlyMap<string, readonly string[]> | undefined {
  let made: { of: LookupTable; codes: ReadonlyMap<string, readonly string[]> } | undefined;
  return () => {
    const table = holder.tables.of(name);
    if (table === undefined) return undefined;
    if (made?.of !== table) made = { of: table, codes: codesByValue(table, take, plainText(kind)) };
    return made.codes;
  };
}

/** @param textOf values of one text are the same to the field */
export function codesByValue(
  table: LookupTable,
  take: string | undefined,
  textOf: (value: Json) => string = String,
): ReadonlyMap<string, readonly string[]> {
  const at = indexOf(table, take);
  const codes = new Map<string, string[]>();
  for (const [code, row] of table.rows) {
    const value = row[at];
    if (value === undefined || value === null) continue;
    const text = textOf(value);
    const others = codes.get(text);
    if (others === undefined) codes.set(text, [code]);
    else others.push(code);
  }
  return codes;
}

/** As reading fits it: 1.50 of the table and 1.5 of a command are one amount. */
function plainText({ kind }: FieldKind): (value: Json) => string {
  if (kind !== "decimal" && kind !== "number") return String;
  return (value) => normaliseDecimal(String(value).trim()) ?? String(value);
}

/** The part of the key behind an id that the source reads through this table; undefined after a fault. */
function keyText(write: FromWrite, read: Read | undefined, scope: WriteScope): ((value: Json) => string) | undefined {
  const { field, lookup, at } = write;
  const target = read?.kind === "ref" ? scope.config.sources.find(({ name }) => name === read.source) : undefined;
  const part = read?.kind === "ref" ? read.key.findIndex((one) => one.kind === "lookup" && one.lookup.name === lookup?.name) : -1;
  if (target === undefined || part < 0) {
    scope.faults.add(
      at,
      `${field} is a reference, and source ${scope.source.name} does not read it through ${lookup?.name}`,
      "Read it through the same table, or write a part of its key: `${key(field).COLUMN}`.",
    );
    return undefined;
  }
  return (value) => {
    const { prefix, key } = splitId(String(value));
    const parts = prefix === target.prefix ? decodeKey(key) : undefined;
    if (parts?.length !== target.key.length) throw new Unwritable("reference-unknown", field);
    return parts[part] as string;
  };
}
