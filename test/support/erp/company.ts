import type { Random } from "../../../base/time.ts";
import { addDays, firstOfMonth, openEnd } from "./calendar.ts";
import type { ErpRow } from "./db.ts";
import { isBadRowKind, type Manifest, type MessKind, messOf } from "./messes.ts";
import { categories, cities, crafts, damages, firms, firstNames, lastNames, streets } from "./names.ts";
import { between, chance, pick } from "./random.ts";
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

interface Counters {
  person: number;
  invoice: number;
  ticket: number;
  meter: number;
}

/** What the rows of one unit have in common. */
interface Unit {
  MANDANT: string;
  OBJNR: string;
  HAUSNR: string;
  WOHNNR: string;
}

/** Number of the company's clerks; SBNR runs from 0001. */
export const clerks = 6;

const pad = (value: number, width: number): string => String(value).padStart(width, "0");
const plain = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[äöüß]/g, (letter) => ({ ä: "ae", ö: "oe", ü: "ue", ß: "ss" })[letter] ?? letter)
    .normalize("NFKD")
    .replace(/[^a-z]/g, "");

/** Makes all rows of one company (MANDANT), property by property. Deterministic for a given `random`. */
export function buildCompany(options: CompanyOptions): void {
  const { mandant, units, random, emit } = options;
  const counters: Counters = { person: 0, invoice: 0, ticket: 0, meter: 0 };
  emitStaff(options);
  let ordinal = 0;
  for (let property = 1; ordinal < units; property++) {
    const OBJNR = pad(property * 10, 6);
    const [PLZ, ORT] = pick(random, cities);
    const place = { STRASSE: pick(random, streets), PLZ, ORT };
    const name = chance(random, 0.3) ? `Wohnpark „${pick(random, lastNames)}“` : `${place.STRASSE} ${property}`;
    const row = {
      MANDANT: mandant,
      OBJNR,
      BEZ: name,
      ...place,
      HNR: String(property),
      VERWART: chance(random, 0.2) ? "W" : "M",
      EIGNR: "",
    };
    emit("OBJEKT", row);
    // The second and every fourth property after it is a single house: small enough to be moved about without a guard taking fright.
    const houses = property % 4 === 2 ? 1 : 6;
    const flats = property % 4 === 2 ? 2 : 10;
    for (let house = 1; house <= houses && ordinal < units; house++) {
      const HAUSNR = pad(house, 3);
      const HNR = `${house}${chance(random, 0.2) ? "a" : ""}`;
      const BAUJAHR = between(random, 1890, 2020);
      emit("HAUS", {
        MANDANT: mandant,
        OBJNR,
        HAUSNR,
        BEZ: `Haus ${HNR}`,
        ...place,
        HNR,
        BAUJAHR,
        AUFZUG: chance(random, 0.4) ? "J" : "N",
      });
      for (let flat = 1; flat <= flats && ordinal < units; flat++, ordinal++) {
        buildUnit(options, counters, { unit: { MANDANT: mandant, OBJNR, HAUSNR, WOHNNR: pad(flat, 4) }, ordinal });
      }
    }
  }
  const ranges = { AUFTRAG: counters.ticket, PERSON: counters.person, SOLL: counters.invoice, ZAEHLER: counters.meter };
  for (const [KREIS, NR] of Object.entries(ranges)) emit("NUMMERNKREIS", { MANDANT: mandant, KREIS, NR });
}

/** The code lists that both companies share. */
export function emitCatalogue(emit: CompanyOptions["emit"]): void {
  for (const [CODE, TEXT_DE, TEXT_EN, OBERCODE] of categories) {
    emit("KATALOG", { KATALOG: "AUFTRAG", CODE, TEXT_DE, TEXT_EN, OBERCODE, AKTIV: CODE === "ALTE" ? "N" : "J" });
  }
}

function emitStaff({ mandant, random, emit }: CompanyOptions): void {
  for (let clerk = 1; clerk <= clerks; clerk++) {
    const NAME = `${pick(random, firstNames)} ${pick(random, lastNames)}`;
    const EMAIL = clerk === clerks ? null : `${plain(NAME)}@wohnbau-musterstadt.example.de`;
    emit("SACHBEARBEITER", { MANDANT: mandant, SBNR: pad(clerk, 4), NAME, EMAIL, ROLLE: clerk % 2 === 0 ? "HW" : "SB" });
  }
  for (const [index, [GEWERK, NAME]] of crafts.entries()) {
    const [PLZ, ORT] = pick(random, cities);
    const EMAIL = index === 0 ? "" : `auftrag@${plain(NAME)}.example.de`;
    emit("KREDITOR", { MANDANT: mandant, KREDNR: pad(70_000 + index, 8), NAME, GEWERK, EMAIL, PLZ, ORT, SPERRE: "N" });
  }
}

/** One unit with everyone who lives or lived there and all that was booked, reported and measured. */
function buildUnit(options: CompanyOptions, counters: Counters, { unit, ordinal }: { unit: Unit; ordinal: number }): void {
  const { random, emit, manifest } = options;
  const mess = manifest ? messOf(ordinal) : undefined;
  const note = (...key: readonly (string | number)[]): void => {
    if (manifest && mess) (isBadRowKind(mess) ? manifest.badRows[mess] : manifest.messes[mess]).push(key.join("/"));
  };
  if (mess === "missingBuilding") unit.HAUSNR = "999";
  if (mess === "specialKey") unit.WOHNNR = ["ST/1", "TG.3", "12 a", "Ü-%1"][Math.floor(ordinal / 200) % 4] ?? "A&B";
  if (mess === "missingBuilding") unit.WOHNNR = pad(ordinal % 10_000, 4);
  if (
    mess === "missingBuilding" ||
    mess === "specialKey" ||
    mess === "unitKindByDefault" ||
    mess === "paddedText" ||
    mess === "vacancy"
  ) {
    note(...Object.values(unit));
  }
  const floor = between(random, 0, 5);
  const side = pick(random, ["links", "Mitte", "rechts"]);
  const LAGE = floor === 0 ? `EG ${side}` : `${floor}. OG ${side}`;
  const ART = mess === "unitKindByDefault" ? "ZZ" : mess === "legalPerson" ? "GE" : chance(random, 0.05) ? "ST" : "WO";
  emit("WOHNUNG", {
    ...unit,
    LAGE: mess === "paddedText" ? `  ${LAGE}   ` : LAGE,
    ART,
    ETAGE: floor === 0 ? "EG" : String(floor),
    FLAECHE: `${between(random, 25, 140)}.${pad(between(random, 0, 99), 2)}`,
    ZIMMER: `${between(random, 1, 5)}.${chance(random, 0.3) ? 5 : 0}`,
    EIGENTUM: chance(random, 0.1) ? "J" : "N",
  });
  const tenant = buildPeriods({ options, counters, unit, mess, ordinal, note });
  if (mess === "creditNote" || mess === "hugeAmount") note(...Object.values(unit));
  buildTickets({ options, counters, unit, mess, tenant, note });
  if (chance(random, 0.6)) buildMeter(options, counters, unit);
}

interface UnitPart {
  options: CompanyOptions;
  counters: Counters;
  unit: Unit;
  mess: ReturnType<typeof messOf>;
  note: (...key: readonly (string | number)[]) => void;
}

/** Persons, contracts and invoices of a unit; returns the number of the person who lives there, `""` for none. */
function buildPeriods(part: UnitPart & { ordinal: number }): string {
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

/** Stamps of the stock lie in the year before today, office hours. */
function stampOf({ random, today }: CompanyOptions): string {
  const day = String(addDays(today, -between(random, 1, 365)));
  return `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)} ${pad(between(random, 7, 18), 2)}:${pad(between(random, 0, 59), 2)}:00`;
}

interface PersonPart {
  options: CompanyOptions;
  counters: Counters;
  mess: ReturnType<typeof messOf>;
  ordinal: number;
  note?: UnitPart["note"];
}

function buildPerson({ options, counters, mess, ordinal, note }: PersonPart): string {
  const { random, emit, mandant } = options;
  const PERSNR = pad(++counters.person, 8);
  const legal = mess === "legalPerson";
  const NAME1 = legal ? pick(random, firms) : pick(random, lastNames);
  const VORNAME1 = legal ? "" : pick(random, firstNames);
  const couple = mess === undefined && chance(random, 0.15);
  const [PLZ, ORT] = pick(random, cities);
  const row = {
    MANDANT: mandant,
    PERSNR,
    ART: legal ? "J" : "N",
    ANREDE: legal ? "Firma" : chance(random, 0.5) ? "Frau" : "Herr",
    NAME1,
    VORNAME1,
    NAME2: couple ? NAME1 : "",
    VORNAME2: couple ? pick(random, firstNames) : "",
    EMAIL: emailOf({
      random,
      mess,
      ordinal,
      name: `${[plain(VORNAME1), plain(NAME1)].filter((part) => part !== "").join(".")}${counters.person}`,
    }),
    TELEFON:
      mess === "invalidPhone"
        ? "auf Anfrage!"
        : chance(random, 0.7)
          ? `0${between(random, 30, 999)} / ${between(random, 10_000, 9_999_999)}`
          : "",
    STRASSE: pick(random, streets),
    HNR: String(between(random, 1, 140)),
    PLZ,
    ORT,
    GEBDAT: legal || mess === "sentinelBirthDate" || chance(random, 0.1) ? 0 : addDays(19_400_101, between(random, 0, 23_000)),
    MAHNSPERRE: "N",
    AENDTS: stampOf(options),
  };
  emit("PERSON", row);
  if (note && mess && personMesses.has(mess)) note(mandant, PERSNR);
  if (note && (mess === "lookalikePersons" || mess === "personWithoutPeriod")) {
    const twin = mess === "lookalikePersons" ? { ...row } : { ...row, NAME1: pick(random, lastNames), EMAIL: null };
    twin.PERSNR = pad(++counters.person, 8);
    emit("PERSON", twin);
    note(mandant, twin.PERSNR);
  }
  return PERSNR;
}

const personMesses: ReadonlySet<string> = new Set<MessKind>([
  "sharedEmail",
  "householdEmail",
  "placeholderEmail",
  "throwawayEmail",
  "staffEmail",
  "invalidEmail",
  "untidyEmail",
  "invalidPhone",
  "legalPerson",
  "sentinelBirthDate",
]);

function emailOf({
  random,
  mess,
  ordinal,
  name,
}: {
  random: Random;
  mess: PersonPart["mess"];
  ordinal: number;
  name: string;
}): string | null {
  switch (mess) {
    case "sharedEmail":
      return "verwaltung.sammel@posteo.example.de";
    case "householdEmail":
      return `familie.${ordinal}@web.example.de`;
    case "placeholderEmail":
      return "keine@email.de";
    case "throwawayEmail":
      return `${name}@mailinator.com`;
    case "staffEmail":
      return `${name}@wohnbau-musterstadt.example.de`;
    case "invalidEmail":
      return `${name}(at)web`;
    case "untidyEmail":
      return `  ${name.toUpperCase()}@Web.Example.DE  `;
    default:
      return chance(random, 0.6) ? `${name}@web.example.de` : chance(random, 0.5) ? null : "";
  }
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

const ticketMesses: ReadonlySet<string> = new Set([
  "codeByDefault",
  "emojiText",
  "longText",
  "danglingReporter",
  "ticketWithoutDate",
  "ticketOfBuilding",
  "severalTextLines",
  "unknownStatus",
]);

function buildTickets({ options, counters, unit, mess, tenant, note }: UnitPart & { tenant: string }): void {
  const { random, today, emit, mandant } = options;
  const wanted = mess !== undefined && ticketMesses.has(mess);
  if (!wanted && !chance(random, 0.3)) return;
  const AUFTRNR = pad(++counters.ticket, 8);
  const [KATEGORIE, KURZTEXT, text] = pick(random, damages);
  const ANLDAT = mess === "ticketWithoutDate" ? 0 : addDays(today, -between(random, 0, 300));
  const ANLZEIT = ANLDAT === 0 ? 0 : between(random, 7, 18) * 10_000 + between(random, 0, 59) * 100 + between(random, 0, 59);
  const closed = ANLDAT > 0 && chance(random, 0.5);
  const LANGTEXT =
    mess === "emojiText" ? `${text} 🔥🚿👨‍👩‍👧 „schnell“ – bitte!` : mess === "longText" ? `${text} `.repeat(80) : text;
  emit("AUFTRAG", {
    ...unit,
    WOHNNR: mess === "ticketOfBuilding" ? "" : unit.WOHNNR,
    AUFTRNR,
    FREMDNR: null,
    MELDER: mess === "danglingReporter" ? "99999999" : tenant,
    SBNR: pad(between(random, 1, clerks), 4),
    KREDNR: chance(random, 0.3) ? pad(70_000 + between(random, 0, crafts.length - 1), 8) : "",
    ART: pick(random, ["S", "S", "A", "M"]),
    KURZTEXT,
    LANGTEXT,
    STATUS: mess === "unknownStatus" ? "X" : closed ? "9" : pick(random, ["0", "1"]),
    PRIO: mess === "codeByDefault" ? "7" : pick(random, ["1", "2", "3"]),
    KATEGORIE,
    KANAL: pick(random, ["T", "E", "B"]),
    ANLDAT,
    ANLZEIT,
    ERLDAT: closed ? addDays(ANLDAT, between(random, 1, 20)) : 0,
    ERLZEIT: closed ? 161_500 : 0,
    TERMIN: chance(random, 0.2) ? addDays(today, between(random, 1, 20)) : 0,
    GEWAEHR: "N",
    KOSTST: "",
    SPARTE: 0,
    AENDTS: stampOf(options),
  });
  if (wanted) note(mandant, AUFTRNR);
  const lines =
    mess === "severalTextLines"
      ? ["B", "B", "B", "I", "N"]
      : mess !== undefined
        ? ["B", "I", "N"]
        : ["B", "I", "N"].slice(0, between(random, 0, 3));
  const ERFDAT = ANLDAT === 0 ? today : ANLDAT;
  for (const [index, ART] of lines.entries()) {
    const remark = pick(random, ["Firma beauftragt", "Mieter erreicht – Termin folgt", "Rückruf nötig ☎"]);
    const ZEILE = ART !== "B" ? remark : index === 0 ? LANGTEXT : `Ergänzung ${index + 1}: „${KURZTEXT}“ – siehe Foto`;
    const VERFASSER = chance(random, 0.8) ? pick(random, lastNames) : "";
    emit("AUFTRTEXT", {
      MANDANT: mandant,
      AUFTRNR,
      LFDNR: index + 1,
      FREMDNR: null,
      ART,
      VERFASSER,
      ZEILE,
      ERFDAT,
      ERFZEIT: 91_500 + index,
    });
  }
}

function buildMeter({ random, today, emit, mandant }: CompanyOptions, counters: Counters, unit: Unit): void {
  const ZAEHLNR = pad(++counters.meter, 10);
  const [ART, EINHEIT] = pick(random, [
    ["KW", "m³"],
    ["WW", "m³"],
    ["ST", "kWh"],
    ["HK", "Einh."],
  ] as const);
  const SERIENNR = chance(random, 0.1) ? "" : `SN-${between(random, 100_000, 999_999)}`;
  emit("ZAEHLER", {
    ...unit,
    MANDANT: mandant,
    ZAEHLNR,
    ART,
    SERIENNR,
    EINHEIT,
    EINBAU: addDays(today, -1_000),
    FUNK: chance(random, 0.3) ? "J" : "N",
  });
  for (const monthsAgo of [12, 0]) {
    const STAND = `${between(random, 0, 99_999)}.${pad(between(random, 0, 999), 3)}`;
    emit("ZAEHLERSTAND", {
      LFDID: null,
      MANDANT: mandant,
      ZAEHLNR,
      ABLDAT: firstOfMonth(today, -monthsAgo),
      STAND,
      HERKUNFT: pick(random, ["F", "M", "A"]),
    });
  }
}
