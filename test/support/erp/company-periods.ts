import { addDays, firstOfMonth, openEnd } from "./calendar.ts";
import { pad, stampOf, type UnitPart } from "./company-part.ts";
import { buildPerson } from "./company-persons.ts";
import type { ErpRow } from "./db.ts";
import { between, chance } from "./random.ts";

/** Persons, contracts and invoices of a unit; returns the number of the person who lives there, `""` for none. */
export function buildPeriods(part: UnitPart & { ordinal: number }): string {
  const { options, counters, unit, mess, ordinal, note } = part;
  const { random, today } = options;
  const began = addDays(today, -between(random, 200, 6_000));
  let FOLGE = 1;
  if (mess === "overlappingPeriods" || mess === "predecessorNeverClosed" || chance(random, 0.25)) {
    const PERSNR = buildPerson({ options, counters, mess: undefined, ordinal });
    const ENDE =
      mess === "overlappingPeriods" ? addDays(began, 45) : mess === "predecessorNeverClosed" ? openEnd : addDays(began, -1);
    emitPeriod(part, { FOLGE, PERSNR, BEGINN: addDays(began, -between(random, 100, 3_000)), ENDE });
    if (mess === "overlappingPeriods" || mess === "predecessorNeverClosed") note(...Object.values(unit), FOLGE);
    FOLGE++;
  }
  if (mess === "vacancy" || (mess === undefined && chance(random, 0.06))) {
    emitPeriod(part, { FOLGE, PERSNR: "", BEGINN: began, ENDE: openEnd, LEERSTAND: "J" });
    return "";
  }
  const PERSNR = buildPerson({ options, counters, mess, ordinal, note });
  const MITPERSNR = mess === "householdEmail" ? buildPerson({ options, counters, mess, ordinal, note }) : "";
  let BEGINN = began;
  let ENDE = openEnd;
  if (mess === "periodWithoutStart") BEGINN = 0;
  if (mess === "periodEndsBeforeStart") ENDE = addDays(began, -30);
  if (mess === "futureTenantOnly") BEGINN = addDays(today, between(random, 20, 90));
  if (mess === "invalidDate") BEGINN = 20_230_231;
  const STORNO = mess === "cancelledPeriod" ? "J" : "N";
  if (
    mess &&
    ["periodWithoutStart", "periodEndsBeforeStart", "futureTenantOnly", "invalidDate", "cancelledPeriod"].includes(mess)
  ) {
    note(...Object.values(unit), FOLGE);
  }
  const MIETE = `${between(random, 280, 1_900)}.${pad(between(random, 0, 99), 2)}`;
  emitPeriod(part, { FOLGE, PERSNR, MITPERSNR, BEGINN, ENDE, STORNO, MIETE });
  if (STORNO === "N") buildInvoices(part, { FOLGE, PERSNR, MIETE });
  return PERSNR;
}

function emitPeriod({ options, unit }: UnitPart, columns: ErpRow & { FOLGE: number }): void {
  const defaults = { MITPERSNR: "", LEERSTAND: "N", STORNO: "N", MIETE: "0.00", KAUTION: "900.00", AENDTS: stampOf(options) };
  options.emit("MIETVERTRAG", { ...unit, ...defaults, ...columns });
}

function buildInvoices(
  { options, counters, unit, mess }: UnitPart,
  period: { FOLGE: number; PERSNR: string; MIETE: string },
): void {
  const { random, today, emit, mandant } = options;
  const { MIETE, ...whose } = period;
  const { MANDANT: _, ...where } = unit;
  for (let month = 3; month >= 0; month--) {
    const SOLLDAT = firstOfMonth(today, -month);
    const last = month === 0;
    const BETRAG = last && mess === "creditNote" ? "-12.34" : last && mess === "hugeAmount" ? "12345678901.05" : MIETE;
    const OFFEN = last && chance(random, 0.3) ? BETRAG : "0.00";
    const SOLLNR = pad(++counters.invoice, 10);
    const AENDTS = stampOf(options);
    emit("SOLLSTELLUNG", {
      MANDANT: mandant,
      SOLLNR,
      ...where,
      ...whose,
      SOLLDAT,
      FAELLIG: addDays(SOLLDAT, 2),
      BETRAG,
      OFFEN,
      STORNO: "N",
      AENDTS,
    });
  }
}
