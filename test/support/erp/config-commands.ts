/** What tenants and agents may do in the sample ERP: tickets and messages, written as its own screens write them. */
import type { ErpConfigOptions } from "./config.ts";
import { formsOf } from "./config-forms.ts";
import { ledgerTable } from "./schema.ts";

/** By the command's id in a unique column, in a ledger table of the agent's, or in a row that a query finds. */
function idempotency({ idempotency: way = "column" }: ErpConfigOptions, table: "AUFTRAG" | "AUFTRTEXT"): string {
  const key = table === "AUFTRAG" ? "MANDANT, AUFTRNR" : "MANDANT, AUFTRNR, LFDNR";
  if (way === "ledger") return `{ ledger: ${ledgerTable} }`;
  if (way === "probe") return `{ probe: "SELECT ${key} FROM ${table} WHERE FREMDNR = :command.id" }`;
  return `{ column: ${table}.FREMDNR, value: "\${short(command.id, 40)}" }`;
}

const mandant = `"\${vars.mandant}"`;

export function ticketCommands(options: ErpConfigOptions): string {
  const { day, stamp, today, blankTicket } = formsOf(options);
  return `commands:
  ticket.create:
    idempotency: ${idempotency(options, "AUFTRAG")}
    steps:
      - number: nr
        counter: { table: NUMMERNKREIS, column: NR, where: { MANDANT: ${mandant}, KREIS: AUFTRAG } }
      - insert: AUFTRAG
        values:
          MANDANT: ${mandant}
          AUFTRNR: "\${pad(nr, 8, '0')}"
          FREMDNR: "\${short(command.id, 40)}"
          OBJNR: "\${key(unitId).OBJNR}"
          HAUSNR: "\${key(unitId).HAUSNR}"
          WOHNNR: "\${key(unitId).WOHNNR}"
          MELDER: "\${coalesce(key(reporterId).PERSNR, '')}"
          SBNR: "0001"
          ART: { from: kind, map: orderKind, default: S }
          KURZTEXT: { from: title, max: 40, overflow: description }
          LANGTEXT: ""
          STATUS: { from: status, map: orderStatus, default: "0" }
          PRIO: { from: priority, map: priority, default: "2" }
          KATEGORIE: { from: category, default: SONS }
          KANAL: P${blankTicket}
          ANLDAT: "\${format(now, 'yyyyMMdd')}"
          ANLZEIT: "\${format(now, 'HHmmss')}"
          AENDTS: ${stamp}
        blanks: { text: "", integer: 0 }
      - insert: AUFTRTEXT
        values:
          MANDANT: ${mandant}
          AUFTRNR: "\${pad(nr, 8, '0')}"
          LFDNR: "1"
          ART: B
          VERFASSER: Portal
          ZEILE: { from: description, default: "" }
          ERFDAT: ${today}
          ERFZEIT: "\${format(now, 'HHmmss')}"
    result: { source: tickets, key: [${mandant}, "\${pad(nr, 8, '0')}"], number: "\${pad(nr, 8, '0')}" }
  ticket.update:
    idempotency: base
    steps:
      - update: AUFTRAG
        key: { MANDANT: "\${key(id).MANDANT}", AUFTRNR: "\${key(id).AUFTRNR}" }
        values:
          KURZTEXT: { from: title, max: 40 }
          STATUS: { from: status, map: orderStatus }
          PRIO: { from: priority, map: priority }
          TERMIN: { from: dueDate, as: ${day} }
          AENDTS: ${stamp}
    result: { source: tickets, key: ["\${key(id).MANDANT}", "\${key(id).AUFTRNR}"] }
  ticket.close:
    idempotency: base
    steps:
      - update: AUFTRAG
        key: { MANDANT: "\${key(id).MANDANT}", AUFTRNR: "\${key(id).AUFTRNR}" }
        values:
          STATUS: "9"
          ERLDAT: "\${format(now, 'yyyyMMdd')}"
          ERLZEIT: "\${format(now, 'HHmmss')}"
          AENDTS: ${stamp}
    result: { source: tickets, key: ["\${key(id).MANDANT}", "\${key(id).AUFTRNR}"] }
  message.create:
    idempotency: ${idempotency(options, "AUFTRTEXT")}
    steps:
      - number: line
        max: { table: AUFTRTEXT, column: LFDNR, where: { MANDANT: "\${key(ticketId).MANDANT}", AUFTRNR: "\${key(ticketId).AUFTRNR}" } }
      - insert: AUFTRTEXT
        values:
          MANDANT: "\${key(ticketId).MANDANT}"
          AUFTRNR: "\${key(ticketId).AUFTRNR}"
          LFDNR: "\${line}"
          FREMDNR: "\${short(command.id, 40)}"
          ART: N
          VERFASSER: { from: author, default: Portal }
          ZEILE: { from: body }
          ERFDAT: ${today}
          ERFZEIT: "\${format(now, 'HHmmss')}"
    result: { source: messages, key: ["\${key(ticketId).MANDANT}", "\${key(ticketId).AUFTRNR}", "\${line}"] }
`;
}
