/** Whose record a row is (`identity.reusedWhen`): where that changes under the same key, the ERP gave the key to somebody new. */
import { encodeKey } from "../../base/key.ts";
import type { Source } from "../../config/config.ts";
import type { Row, Value } from "../../connectors/connector.ts";
import { codeText } from "./code-maps.ts";
import type { Mapped } from "./mapped.ts";
import type { ReadScope } from "./read-scope.ts";
import { visitReads } from "./used-names.ts";

type Bearer = NonNullable<Extract<Mapped, { kind: "entity" }>["bearer"]>;

/** Undefined for a row that does not say it: all of the columns are empty. */
export type ReadBearer = (row: Row) => Bearer | undefined;

/** Undefined where the configuration names no columns for it. */
export function bearerReader(source: Source, { columns, faults }: ReadScope): ReadBearer | undefined {
  const { reusedWhen, at } = source;
  if (reusedWhen.length === 0) return undefined;
  const indexes = reusedWhen.map((name) => columns.find(name, at)?.index ?? 0);
  visitReads(source, (read) => {
    if (read.kind !== "ref" || read.source !== source.name) return;
    const message = `Source ${source.name} refers to itself: which of two records under one key is meant can't be known`;
    faults.add(read.at, message, "Leave `identity` out.");
  });
  const named = encodeKey(reusedWhen.map((name) => name.toLowerCase()));
  return ({ values }) => {
    const texts = indexes.map((index) => textOf(values[index]));
    return texts.every((text) => text === "") ? undefined : { columns: named, values: encodeKey(texts) };
  };
}

const textOf = (value: Value | undefined): string => (value === null || value === undefined ? "" : codeText(value).trim());
