import type { Random } from "../../../base/time.ts";
import { addDays } from "./calendar.ts";
import type { ErpRow } from "./db.ts";
import type { Manifest, messOf } from "./messes.ts";
import { between } from "./random.ts";
import type { TableName } from "./schema.ts";

export interface CompanyOptions {
  mandant: string;
  units: number;
  random: Random;
  /** YYYYMMDD: the day on which the company stands. */
  today: number;
  /** Receives every row as it is made, parents first. */
  emit: (table: TableName, row: ErpRow) => void;
  /** Where messes are noted; without it the company is clean. */
  manifest?: Manifest;
}

/** Last numbers given, per range of NUMMERNKREIS. */
export interface Counters {
  person: number;
  invoice: number;
  ticket: number;
  meter: number;
}

/** What the rows of one unit have in common. */
export interface Unit {
  MANDANT: string;
  OBJNR: string;
  HAUSNR: string;
  WOHNNR: string;
}

/** What the makers of one unit's rows share. */
export interface UnitPart {
  options: CompanyOptions;
  counters: Counters;
  unit: Unit;
  mess: ReturnType<typeof messOf>;
  note: (...key: readonly (string | number)[]) => void;
}

/** Number of the company's clerks; SBNR runs from 0001. */
export const clerks = 6;

export const pad = (value: number, width: number): string => String(value).padStart(width, "0");

/** A name as it goes into an e-mail address. */
export const plain = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[äöüß]/g, (letter) => ({ ä: "ae", ö: "oe", ü: "ue", ß: "ss" })[letter] ?? letter)
    .normalize("NFKD")
    .replace(/[^a-z]/g, "");

/** Stamps of the stock lie in the year before today, office hours. */
export function stampOf({ random, today }: CompanyOptions): string {
  const day = String(addDays(today, -between(random, 1, 365)));
  return `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)} ${pad(between(random, 7, 18), 2)}:${pad(between(random, 0, 59), 2)}:00`;
}
