import { addDays } from "./calendar.ts";
import { clerks, pad, stampOf, type UnitPart } from "./company-part.ts";
import { crafts, damages, lastNames } from "./names.ts";
import { between, chance, pick } from "./random.ts";

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
/** At most one ticket of a unit, with its text lines. */
export function buildTickets({ options, counters, unit, mess, tenant, note }: UnitPart & { tenant: string }): void {
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
