/** Findings as a clerk works with them: what is wrong where in the ERP, and how it is mended. No value of a row is among it, only keys. */
import { decodeKey } from "../../base/key.ts";
import type { Config, Read, Source } from "../../config/config.ts";
import type { Raised } from "./judged.ts";
import { lackWords } from "./lack-words.ts";
import { fieldLabel, filled, findingTexts, type Language } from "./texts.ts";

/** A finding as it is kept. */
export interface Kept extends Raised {
  id: number;
  /** Epoch ms. */
  since: number;
  accepted: Acceptance | undefined;
}

/** A person's word that it may stay as it is. */
export interface Acceptance {
  reason: string;
  /** Epoch ms at which it ends; undefined: never. */
  until: number | undefined;
}

export interface Entry {
  /** Number of the finding, by which it is accepted. */
  finding: number;
  rule: string;
  /** The rule in words. */
  title: string;
  source: string;
  /** Table or view of the ERP. */
  table: string;
  /** Columns of the key with their values: `MANDANT 001, PERSNR 0004711`. */
  key: string;
  /** The number that people know the record by; empty where it has none. */
  number: string;
  /** The field in words, with its columns in the ERP. */
  field: string;
  wrong: string;
  mend: string;
  /** Day in the ERP's zone, as `2026-11-23`. */
  since: string;
  /** Why it may stay as it is, and until when; empty where nobody has said so. */
  accepted: string;
}

type Needed = Pick<Config, "sources" | "erp">;

/** Makes entries of findings as they stand at a time (epoch ms), in one language. */
export function entriesIn(language: Language, { sources, erp }: Needed, now: number): (finding: Kept) => Entry {
  const byName = new Map(sources.map((source) => [source.name, source]));
  // As ISO writes days.
  const days = new Intl.DateTimeFormat("sv-SE", { timeZone: erp.timezone });
  return (finding) => {
    const { rule, params } = finding;
    const source = byName.get(finding.source);
    const text = findingTexts[rule];
    const what = lackWords(String(params.what ?? ""), language);
    const named = {
      ...params,
      ...(what === "" ? undefined : { what }),
      field: fieldLabel(finding.field, language),
      other: otherOf(finding),
    };
    return {
      finding: finding.id,
      rule,
      title: text.title[language],
      source: finding.source,
      table: source === undefined ? "" : tableOf(source),
      key: keyOf(finding.key, source),
      number: String(params.number ?? ""),
      field: fieldOf(finding.field, source, language),
      wrong: filled(text.wrong, language, named),
      mend: filled(text.mend, language, named),
      since: days.format(finding.since),
      accepted: acceptedText(stands(finding.accepted, now), (at) => days.format(at), language),
    };
  };
}

/** An acceptance whose time is over counts no more. */
const stands = (accepted: Acceptance | undefined, now: number): Acceptance | undefined =>
  accepted?.until !== undefined && accepted.until <= now ? undefined : accepted;

function acceptedText(accepted: Acceptance | undefined, dayOf: (at: number) => string, language: Language): string {
  if (accepted === undefined) return "";
  const { reason, until } = accepted;
  // It ends with the day that was given.
  return until === undefined ? reason : `${reason} (${language === "de" ? "bis" : "until"} ${dayOf(until - 1)})`;
}

/** Of a query the table that signals for it, or else the first that it reads: mostly the one that the record lies in. */
function tableOf({ from, signal }: Source): string {
  if (from.kind === "table") return from.table;
  return signal?.table ?? /\bFROM\s+([^\s,();]+)/i.exec(from.query.sql)?.[1] ?? "";
}

const partsOf = (key: string): readonly string[] => decodeKey(key) ?? [key];

function keyOf(key: string, source: Source | undefined): string {
  if (key === "") return "";
  const parts = partsOf(key);
  if (source === undefined || source.key.length !== parts.length) return parts.join(", ");
  return parts.map((part, at) => `${source.key[at]} ${part}`).join(", ");
}

const otherOf = ({ other }: Raised): string => partsOf(other).join(", ");

function fieldOf(field: string, source: Source | undefined, language: Language): string {
  if (field === "") return "";
  const read = source?.fields[field]?.read;
  const columns = read === undefined ? [] : [...new Set(columnsOf(read))];
  const label = fieldLabel(field, language);
  return columns.length === 0 ? label : `${label} (${columns.join(", ")})`;
}

/** Those that are named as columns; what an expression or a query reads says little to a clerk. */
function columnsOf(read: Read): string[] {
  switch (read.kind) {
    case "column":
    case "from":
      return [read.column];
    case "dateTime":
      return [read.date, read.time];
    case "list":
    case "oneOf":
      return read.items.flatMap((item) => columnsOf(item.read));
    case "object":
      return Object.values(read.fields).flatMap(columnsOf);
    case "ref":
      return read.key.flatMap((part) => (part.kind === "column" ? [part.column] : []));
    case "constant":
    case "expression":
    case "rows":
      return [];
    default:
      return read satisfies never;
  }
}
