/** Columns of the worklist and the words around it. */
import type { Language } from "./texts.ts";
import type { Entry } from "./worklist.ts";

/** In their order. */
export const columns = [
  ...(["finding", "title", "rule", "source", "table", "key", "number", "field"] as const),
  ...(["wrong", "mend", "since", "accepted"] as const),
] as const satisfies readonly (keyof Entry)[];

type Heads = Readonly<Record<(typeof columns)[number], string>>;

export const columnHeads: Readonly<Record<Language, Heads>> = {
  de: {
    finding: "Nr.",
    title: "Befund",
    rule: "Regel",
    source: "Quelle",
    table: "Tabelle",
    key: "Schlüssel",
    number: "Nummer",
    field: "Feld",
    wrong: "Was nicht stimmt",
    mend: "Was zu tun ist",
    since: "Seit",
    accepted: "In Ordnung, weil",
  },
  en: {
    finding: "No.",
    title: "Finding",
    rule: "Rule",
    source: "Source",
    table: "Table",
    key: "Key",
    number: "Number",
    field: "Field",
    wrong: "What is wrong",
    mend: "What to do",
    since: "Since",
    accepted: "Accepted because",
  },
};
