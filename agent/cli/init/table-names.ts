/** What housing ERPs call their tables, in German and English, by the type of the portal's model that they hold. */
import type { TypeName } from "../../../protocol/model.ts";
import { plainName, singularOf, tableName, wordsOf } from "./plain-names.ts";

export interface TypeWords {
  type: TypeName;
  /** Name of the source in the draft. */
  source: string;
  /** Names in the singular, as plainName gives them; the most telling first. */
  words: readonly string[];
}

/** Parents first: what comes later refers to what came before. */
export const typeWords: readonly TypeWords[] = [
  {
    type: "property",
    source: "properties",
    words: [
      ...["objekt", "wirtschaftseinheit", "liegenschaft", "immobilie", "property", "estate", "realestate", "wohnanlage"],
      ...["anlage", "siedlung", "complex", "site", "development", "we", "location", "standort"],
    ],
  },
  {
    type: "building",
    source: "buildings",
    words: ["haus", "gebaeude", "hauseingang", "building", "house", "block", "eingang", "entrance", "staircase"],
  },
  {
    type: "unit",
    source: "units",
    words: [
      ...["wohnung", "nutzungseinheit", "mieteinheit", "wohneinheit", "mietobjekt", "einheit", "verwaltungseinheit", "unit"],
      ...[
        "apartment",
        "flat",
        "dwelling",
        "rentalunit",
        "rentalobject",
        "mietsache",
        "whg",
        "wohn",
        "ne",
        "ve",
        "room",
        "zimmer",
      ],
    ],
  },
  {
    type: "person",
    source: "persons",
    words: [
      ...["person", "mieter", "tenant", "resident", "geschaeftspartner", "partner", "kontakt", "contact", "bewohner", "kunde"],
      ...["customer", "party", "adresse", "interessent", "renter", "personenstamm"],
    ],
  },
  {
    type: "teamMember",
    source: "teamMembers",
    words: ["sachbearbeiter", "mitarbeiter", "bearbeiter", "hauswart", "employee", "staff", "teammember", "caretaker", "janitor"],
  },
  {
    type: "serviceProvider",
    source: "serviceProviders",
    words: ["kreditor", "handwerker", "lieferant", "dienstleister", "vendor", "supplier", "contractor", "serviceprovider"],
  },
  {
    type: "utilisationPeriod",
    source: "periods",
    words: [
      ...["mietvertrag", "mietverhaeltnis", "nutzungsvertrag", "nutzungsverhaeltnis", "vertragsverhaeltnis", "belegung"],
      ...["lease", "tenancy", "rentalagreement", "rentalcontract", "leaseagreement", "occupancy", "letting", "vertrag"],
      ...["contract", "agreement", "vermietung", "mv"],
    ],
  },
  {
    type: "ticket",
    source: "tickets",
    words: [
      ...["auftrag", "schadensmeldung", "schadenmeldung", "meldung", "schaden", "vorgang", "stoerung", "reparatur", "anliegen"],
      ...["ticket", "maintenancerequest", "servicerequest", "request", "repair", "issue", "complaint", "case", "damage"],
      ...["maengel", "mangel", "workorder", "beschwerde", "maintenance"],
    ],
  },
  {
    type: "message",
    source: "messages",
    words: [
      ...["auftragtext", "auftragstext", "vorgangstext", "ticketmessage", "ticketcomment", "message", "comment", "kommentar"],
      ...["notiz", "auftrtext", "ticketnote", "ticketentry"],
    ],
  },
  {
    type: "invoice",
    source: "invoices",
    words: [
      ...["rechnung", "sollstellung", "forderung", "invoice", "bill", "charge", "claim", "receivable", "mietrechnung"],
      ...["rentinvoice", "abrechnung", "soll", "beleg"],
    ],
  },
  { type: "meter", source: "meters", words: ["zaehler", "meter", "messgeraet", "messstelle", "meteringpoint"] },
  {
    type: "meterReading",
    source: "readings",
    words: ["zaehlerstand", "ablesung", "zaehlerablesung", "meterreading", "reading", "messwert", "ablesewert"],
  },
];

/** Endings of tables that hold kinds, history, parts or copies of a thing, not the thing. */
const beside =
  /(art|arten|typ|typen|type|types|status|hist|history|historie|log|logs|archiv|archive|pos|position|positionen|line|lines|item|items|kategorie|category|categories|zuordnung|backup|bak|old|tmp|temp|config|setting|settings|template|vorlage|image|photo|bild|file|document|link|statistik|merkmal|zusatz|nummer|schluessel)$/;

/** How well a table's name says that it holds the type: 0 to 100; 100 is the very word. `comment` is what the database says of the table. */
export function nameScore(
  words: readonly string[],
  name: string,
  { prefix, comment }: { prefix: string; comment?: string },
): number {
  const own = scoreOf(words, tableName(name, prefix));
  if (own > 0 || comment === undefined) return own;
  const said = wordsOf(comment).map(singularOf);
  const at = said.findIndex((word) => words.includes(word));
  // A comment tells what the table is with its first words.
  return at === 0 ? 70 : at === 1 ? 50 : 0;
}

function scoreOf(words: readonly string[], name: string): number {
  const plain = singularOf(plainName(name));
  const rank = words.indexOf(plain);
  if (rank >= 0) return 100 - rank;
  const parts = wordsOf(name).map(singularOf);
  const last = parts.at(-1) ?? "";
  if (words.includes(last)) return 70 - parts.length;
  if (beside.test(plain)) return 0;
  if (parts.some((part) => words.includes(part))) return 55 - parts.length;
  const long = words.filter((word) => word.length >= 5);
  if (long.some((word) => plain.endsWith(word))) return 50;
  return long.some((word) => plain.startsWith(word)) ? 40 : 0;
}
