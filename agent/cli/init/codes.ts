/**
 * Code maps out of the codes that a column really holds, with their counts. Only what looks like a code is written down: a column of codes that was guessed
 * wrongly may hold names.
 */
import type { Meanings } from "./code-words.ts";
import type { DraftedMap } from "./drafted.ts";
import type { CountedCodes } from "./evidence.ts";
import { plainName } from "./plain-names.ts";

export interface CodeQuestion {
  /** Name of the map. */
  name: string;
  /** TABLE.COLUMN. */
  column: string;
  counted: CountedCodes | undefined;
  meanings: Meanings;
  /** Value of codes that nobody knows; undefined: their rows are held. */
  otherwise?: string;
  /** Meanings that were found otherwise than by the code's own word, and by what. */
  learned?: { means: ReadonlyMap<string, string>; by: string };
  /** Texts in small letters that may not be shown. */
  personal: ReadonlySet<string>;
}

/** Undefined where no code is understood. */
export function mapOf(question: CodeQuestion): DraftedMap | undefined {
  const { counted, learned } = question;
  if (counted === undefined || counted.codes.length === 0) return undefined;
  const safe = counted.codes.filter((one) => isShown(one.code, one.rows, question));
  const known = safe.flatMap(({ code }) => {
    const value = meaningOf(code, question);
    return value === undefined ? [] : [{ code, value }];
  });
  if (known.length === 0) return undefined;
  const strange = safe.filter(({ code }) => !known.some((one) => one.code === code));
  const hidden = counted.codes.length - safe.length;
  const isGuess = known.some(({ code }) => learned?.means.has(code) !== true && plainName(code).length < 3);
  const unknown = question.otherwise === undefined ? "their rows are held" : `come as \`${question.otherwise}\``;
  return {
    name: question.name,
    column: question.column,
    read: known.map(({ code, value }) => [code, value] as const),
    unknown: question.otherwise === undefined ? "quarantine" : `{ value: ${question.otherwise} }`,
    notes: [
      `${question.column}, ${counted.of === "all" ? "rows" : "rows of those looked at"}: ${safe.map(({ code, rows }) => `${code} ${rows}`).join(", ")}`,
      ...(isGuess ? ["guessed from the letters: look at each"] : []),
      ...(learned !== undefined && learned.means.size > 0 ? [`guessed: ${learned.by}`] : []),
      ...(strange.length > 0
        ? [`not understood: ${strange.map(({ code }) => code).join(", ")}; ${unknown} until you say what they mean`]
        : []),
      ...(hidden > 0 ? [`${hidden} further values are not shown: they may be no codes`] : []),
    ],
  };
}

function meaningOf(code: string, { meanings, learned }: CodeQuestion): string | undefined {
  const plain = plainName(code) || code.trim();
  return learned?.means.get(code) ?? Object.keys(meanings).find((value) => meanings[value]?.includes(plain));
}

/** The codes of a column with their counts, for a remark on what was not understood; empty where nothing may be shown. */
export function codesSeen(counted: CountedCodes | undefined, personal: ReadonlySet<string>): string {
  const question: CodeQuestion = { name: "", column: "", counted, meanings: {}, personal };
  const shown = (counted?.codes ?? []).filter(({ code, rows }) => isShown(code, rows, question));
  return shown.length === 0 ? "" : ` (${shown.map(({ code, rows }) => `${code}: ${rows} rows`).join(", ")})`;
}

/** A word that is known, a few capitals and digits, or what many rows share; never what a person's row holds. */
function isShown(code: string, rows: number, question: CodeQuestion): boolean {
  if (meaningOf(code, question) !== undefined) return true;
  if (question.personal.has(code.toLowerCase()) || /@|\d{5,}/.test(code) || code.length > 30) return false;
  return /^[A-Z0-9_-]{1,4}$/.test(code) || (rows >= 3 && /^[\p{L}\p{N}_-]+( [\p{L}\p{N}_-]+)?$/u.test(code));
}

/** The code that says yes, among codes that say nothing but yes and no; undefined where they are something else. */
export function yesCode(
  counted: CountedCodes | undefined,
  words: { yes: readonly string[]; no: readonly string[] },
): string | undefined {
  if (counted === undefined) return undefined;
  const says = (list: readonly string[], code: string): boolean => list.includes(plainName(code) || code);
  const known = counted.codes.filter(({ code }) => says(words.yes, code) || says(words.no, code));
  if (known.length < counted.codes.length || known.length === 0) return undefined;
  const found = known.find(({ code }) => says(words.yes, code));
  if (found !== undefined) return found.code;
  // No row says yes today: the counterpart of what they say.
  const pairs: Readonly<Record<string, string>> = {
    N: "J",
    n: "j",
    "0": "1",
    no: "yes",
    NO: "YES",
    nein: "ja",
    F: "T",
    false: "true",
  };
  return pairs[known[0]?.code ?? ""];
}
