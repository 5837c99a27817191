import type { Random } from "../../../base/time.ts";
import { addDays } from "./calendar.ts";
import { type CompanyOptions, type Counters, pad, plain, stampOf, type UnitPart } from "./company-part.ts";
import type { MessKind, messOf } from "./messes.ts";
import { cities, firms, firstNames, lastNames, streets } from "./names.ts";
import { between, chance, pick } from "./random.ts";

export interface PersonPart {
  options: CompanyOptions;
  counters: Counters;
  mess: ReturnType<typeof messOf>;
  ordinal: number;
  note?: UnitPart["note"];
}

/** A person, with the mess of its unit where that is one of persons; returns the number. */
export function buildPerson({ options, counters, mess, ordinal, note }: PersonPart): string {
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
