/** Characters that a column's code page lacks: refused, replaced or written with letters that it has, by rule and never by the database's own habit. */
import type { CharacterRule } from "../../config/config.ts";
import { Unwritable } from "./reader-texts.ts";

/** Gives the text as the column can hold it. Throws Unwritable where the rule is to refuse. */
export type FitCharacters = (text: string, field: string) => string;

const pages = {
  ascii: (character: string) => character <= "\u007f",
  "iso-8859-1": (character: string) => character <= "\u00ff",
  "iso-8859-15": decodable("iso-8859-15"),
  "windows-1252": decodable("windows-1252"),
} as const;

/** What the page's 256 bytes stand for. */
function decodable(page: string): (character: string) => boolean {
  let known: Set<string> | undefined;
  return (character) => {
    known ??= new Set(new TextDecoder(page).decode(Uint8Array.from({ length: 256 }, (_, byte) => byte)));
    return known.has(character);
  };
}

/** Where the letters that Unicode itself takes apart do not help. */
const spelled: Readonly<Record<string, string>> = {
  ...{
    ä: "ae",
    ö: "oe",
    ü: "ue",
    Ä: "Ae",
    Ö: "Oe",
    Ü: "Ue",
    ß: "ss",
    ẞ: "SS",
    æ: "ae",
    Æ: "AE",
    œ: "oe",
    Œ: "OE",
    ø: "o",
    Ø: "O",
  },
  ...{ ł: "l", Ł: "L", đ: "d", Đ: "D", ð: "d", þ: "th", Þ: "Th", ħ: "h", ı: "i", "€": "EUR", "•": "*", "\u2044": "/", "−": "-" },
  ...{ "„": '"', "“": '"', "”": '"', "«": '"', "»": '"', "‚": "'", "‘": "'", "’": "'", "–": "-", "—": "-", "‐": "-", "‑": "-" },
  // Without width.
  ...{ "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": "", "\u00ad": "" },
};

let segmenter: Intl.Segmenter | undefined;
/** Its tables take 10 ms and 2.6 MB, which an agent that only reads does without. */
function graphemesOf(text: string): string[] {
  segmenter ??= new Intl.Segmenter("de", { granularity: "grapheme" });
  return [...segmenter.segment(text)].map(({ segment }) => segment);
}

export function fitCharacters({ rule, codePage }: CharacterRule): FitCharacters {
  const has = pages[codePage];
  const fits = (text: string): boolean => [...text].every(has);
  return (text, field) => {
    if (fits(text)) return text;
    // An umlaut may come as a letter and its dots.
    const composed = text.normalize("NFC");
    return graphemesOf(composed)
      .map((segment) => {
        if (fits(segment)) return segment;
        if (rule === "refuse") throw new Unwritable("characters-unfit", field);
        return (rule === "transliterate" && spelt(segment, fits)) || replacement(segment);
      })
      .join("");
  };
}

/** One mark for what a reader sees as one character; nothing for what nobody sees. */
const replacement = (segment: string): string => (spelled[segment] === "" ? "" : "?");

function spelt(segment: string, fits: (text: string) => boolean): string | undefined {
  const letters = [...(spelled[segment] ?? segment.normalize("NFKD"))].filter((character) => !/\p{M}/u.test(character));
  const text = letters.map((letter) => (fits(letter) ? letter : (spelled[letter] ?? letter))).join("");
  return fits(text) ? text : undefined;
}
