/** The cleaning steps of `do:`. Each takes a text and gives a text, null, or as the last one a list; each is a promise with a test. */
import * as z from "zod";
import { fitsOf } from "../../protocol/fits.ts";
import type { Json } from "../../protocol/model.ts";

export interface CleanStepRule {
  /** For the reference page. */
  says: string;
  gives: "text" | "emails" | "phones" | "texts";
  clean(text: string, left: () => void): Json;
}

const address = z.email().max(254);
const isAddress = fitsOf(address);
const markup = /<[^>]*>/g;
const blockEnd = /<(?:br\s*\/?|\/p|\/div|\/li|\/tr|\/h[1-6])\s*>/gi;
const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/** Addresses out of a text: split at comma, semicolon and blank, `Name <address>` and `mailto:` unwrapped; what is no address is left out and noted. */
function emailList(text: string, left: () => void): Json {
  const found: Json[] = [];
  const seen = new Set<string>();
  const wrapped = text.includes("<") ? [...text.matchAll(/<([^<>]+)>/g)].map((match) => match[1] as string) : [];
  const candidates = wrapped.length > 0 ? wrapped : /[\s,;]/.test(text) ? text.split(/[\s,;]+/) : [text];
  for (const candidate of candidates) {
    const plain = candidate.replace(/^mailto:/i, "").trim();
    if (plain === "" || seen.has(plain.toLowerCase())) continue;
    seen.add(plain.toLowerCase());
    if (isAddress(plain) || address.safeParse(plain).success) found.push({ address: plain });
    else left();
  }
  return found;
}

/** Numbers out of a text: split at comma, semicolon and line end; one without at least three digits or past 40 characters is left out and noted. */
function phoneList(text: string, left: () => void): Json {
  const found: Json[] = [];
  const seen = new Set<string>();
  for (const candidate of text.split(/[,;\r\n]+/)) {
    const number = candidate.replace(/\s+/g, " ").trim();
    if (number === "" || seen.has(number)) continue;
    seen.add(number);
    if (number.length <= 40 && (number.match(/\d/g)?.length ?? 0) >= 3) found.push({ number });
    else left();
  }
  return found;
}

function htmlToText(html: string): string {
  const text = html.replace(/\r?\n/g, " ").replace(blockEnd, "\n").replace(markup, "");
  const decoded = text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return entities[String(name).toLowerCase()] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10_ffff ? String.fromCodePoint(code) : whole;
  });
  return decoded
    .replace(/[ \t\u00a0]+/g, " ")
    .replace(/ *\n */g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

/** Leads of a cp1252 text that was taken for UTF-8's bytes, character by character: `MÃ¼ller`. */
function repairUtf8(text: string): string {
  if (!/[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0178\u02c6\u02dc\u2013-\u2122]/u.test(text)) return text;
  const bytes: number[] = [];
  for (const char of text) {
    const byte = cp1252Byte(char);
    if (byte === undefined) return text;
    bytes.push(byte);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes));
  } catch {
    return text;
  }
}

const cp1252 = new TextDecoder("windows-1252").decode(Uint8Array.from({ length: 128 }, (_, index) => index + 128));

function cp1252Byte(char: string): number | undefined {
  const code = char.codePointAt(0) as number;
  if (code < 0x80) return code;
  const index = cp1252.indexOf(char);
  return index < 0 ? undefined : index + 128;
}

const text = (says: string, clean: (value: string) => string | null): CleanStepRule => ({ says, gives: "text", clean });

/** As `trim`, which need not be asked where both ends are plain ASCII. */
function trimmed(value: string): string {
  return isPlainAt(value, 0) && isPlainAt(value, value.length - 1) ? value : value.trim();
}

function isPlainAt(value: string, at: number): boolean {
  const unit = value.charCodeAt(at);
  return unit > 0x20 && unit < 0x7f;
}

export const cleanSteps: Readonly<Record<string, CleanStepRule>> = {
  trim: text("Blanks, tabs and line ends at both ends are dropped.", trimmed),
  lower: text("All letters small.", (value) => value.toLowerCase()),
  upper: text("All letters capital.", (value) => value.toUpperCase()),
  "empty-to-null": text("An empty text is null.", (value) => (value === "" ? null : value)),
  "collapse-spaces": text("Runs of blanks become one, ends trimmed.", (value) => value.replace(/\s+/g, " ").trim()),
  "strip-zeros": text("Leading zeros are dropped; a zero alone stays.", (value) => value.replace(/^0+(?=.)/, "")),
  "one-line": text("Line ends become blanks.", (value) => value.replace(/\s*[\r\n]+\s*/g, " ").trim()),
  "html-to-text": text("Mark-up is dropped, paragraphs become lines.", htmlToText),
  "repair-utf8": text("UTF-8 that was read as Windows-1252 is mended (MÃ¼ller to Müller).", repairUtf8),
  "drop-control": text("Control characters but tab and line end are dropped.", (value) =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it drops.
    value.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, ""),
  ),
  lines: {
    says: "A list of the lines that hold something.",
    gives: "texts",
    clean: (value) =>
      value
        .split(/\r?\n/)
        .map((line) => line.trim())
        .filter((line) => line !== ""),
  },
  "email-list": { says: "A list of e-mail addresses; what is none is left out and noted.", gives: "emails", clean: emailList },
  "phone-list": { says: "A list of phone numbers; what is none is left out and noted.", gives: "phones", clean: phoneList },
};
