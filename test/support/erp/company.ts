import { addDays, firstOfMonth } from "./calendar.ts";
import { type CompanyOptions, type Counters, clerks, pad, plain, type Unit } from "./company-part.ts";
import { buildPeriods } from "./company-periods.ts";
import { buildTickets } from "./company-tickets.ts";
import { isBadRowKind, messOf } from "./messes.ts";
import { categories, cities, crafts, firstNames, lastNames, streets } from "./names.ts";
import { between, chance, pick } from "./random.ts";

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
