/** The agent's configuration for the bench: the mapping as in the design's example, with what each measurement needs of pace and polls. */
import { catalogues, mandant } from "./erp.ts";

export interface Wishes {
  /** Lines under `erp:` that say how to reach the database. */
  connection: readonly string[];
  portalUrl: string;
  /** The agent's state directory. */
  state: string;
  /** False leaves the periods out, so that their parents come first and alone. */
  periods: boolean;
  /** How often cursor columns are asked; undefined: no source is polled. */
  polls?: { periods: string; others: string } | undefined;
  /** Rows are read by the portable path. */
  portable?: boolean | undefined;
  /** Content of `courtesy:`. */
  courtesy: string;
}

/** No compare comes due by itself while the bench runs. */
const never = "10000d";

export function configuration(wishes: Wishes): string {
  const changes = changesOf(wishes.polls?.others);
  return `agent: { name: Bench, portal: "${wishes.portalUrl}", stage: live, state: "${wishes.state}" }
erp:
  connector: mysql
${wishes.connection.map((line) => `  ${line}`).join("\n")}${wishes.portable === true ? "\n  rawRows: false" : ""}
  timezone: Europe/Berlin
  courtesy: ${wishes.courtesy}
vars: { mandant: "${mandant}" }
scope: { MANDANT: "\${vars.mandant}" }
types:
  ymd: { integer: yyyyMMdd, empty: ["0"], openEnd: ["99991231"], invalid: quarantine }
  hms: { integer: HHmmss }
maps:
  periodKind: { read: { MV: tenant, EV: ownership, LE: vacant }, unknown: quarantine }
  orderStatus: { read: { "0": open, "9": closed }, write: { open: "0", closed: "9" }, unknown: quarantine }
sources:
${parents(changes)}
${wishes.periods ? periods(changesOf(wishes.polls?.periods)) : ""}
${tickets(changes)}
${catalogues.map((table, index) => catalogue(table, index, changes)).join("\n")}
${commands}
`;
}

function changesOf(every: string | undefined): string {
  if (every === undefined) return `{ compare: ${never} }`;
  return `{ column: AENDTS, kind: timestamp, grain: fraction, overlap: 1s, every: ${every}, compare: ${never} }`;
}

const unitRef = "{ ref: units, key: [MANDANT, OBJNR, HAUSNR, WOHNNR] }";
const personRef = (column: string): string => `{ ref: persons, key: [MANDANT, ${column}, { value: "1" }] }`;

const parents = (changes: string): string => `  properties:
    type: property
    table: OBJEKT
    key: [MANDANT, OBJNR]
    changes: ${changes}
    fields: { name: BEZ }
  units:
    type: unit
    table: WOHNUNG
    key: [MANDANT, OBJNR, HAUSNR, WOHNNR]
    changes: ${changes}
    fields:
      propertyId: { ref: properties, key: [MANDANT, OBJNR] }
      name: { from: LAGE, do: [trim] }
      objectType: { value: flat }
  persons:
    type: person
    table: PERSON
    key: [MANDANT, PERSNR, TEIL]
    changes: ${changes}
    fields: { kind: { value: natural }, lastName: { from: NAME1, do: [trim] } }`;

const periods = (changes: string): string => `  periods:
    type: utilisationPeriod
    table: MIETVERTRAG
    key: [MANDANT, OBJNR, HAUSNR, WOHNNR, FOLGE]
    changes: ${changes}
    fields:
      number: { from: VERTRAGNR, do: [trim] }
      unitId: ${unitRef}
      kind: { from: ART, map: periodKind }
      startDate: { from: BEGINN, as: ymd }
      endDate: { from: ENDE, as: ymd }
      participants:
        - { when: "\${!empty(NAME1)}", personId: ${personRef("PERSNR")}, role: { value: main } }
        - { when: "\${!empty(NAME2)}", personId: ${personRef("MITPERSNR")}, role: { value: co-tenant } }
        - { when: "\${!empty(BUERGNR)}", personId: ${personRef("BUERGNR")}, role: { value: guarantor } }`;

const tickets = (changes: string): string => `  tickets:
    type: ticket
    table: AUFTRAG
    key: [MANDANT, AUFTRNR]
    changes: ${changes}
    fields:
      number: AUFTRNR
      kind: { value: damage }
      title: { from: KURZTEXT, owner: shared }
      status: { from: STATUS, map: orderStatus, owner: shared }
      unitId: ${unitRef}
      createdAt: { date: ANLDAT, time: ANLZEIT, as: [ymd, hms] }`;

const catalogue = (table: string, index: number, changes: string): string => `  catalogue${index}:
    type: catalogEntry
    table: ${table}
    scope: none
    prefix: k${index}
    key: [CODE]
    changes: ${changes}
    fields: { catalog: { value: ticket-category }, code: CODE, label: { de: TEXT_DE }, active: { value: "true" } }`;

const commands = `commands:
  ticket.create:
    idempotency: { column: AUFTRAG.FREMDNR, value: "\${short(command.id, 40)}" }
    steps:
      - number: nr
        counter: { table: NUMMERNKREIS, column: NR, where: { MANDANT: "\${vars.mandant}", KREIS: AUFTRAG } }
      - insert: AUFTRAG
        values:
          MANDANT: "\${vars.mandant}"
          AUFTRNR: "\${pad(nr, 8, '0')}"
          FREMDNR: "\${short(command.id, 40)}"
          OBJNR: "\${key(unitId).OBJNR}"
          HAUSNR: "\${key(unitId).HAUSNR}"
          WOHNNR: "\${key(unitId).WOHNNR}"
          KURZTEXT: { from: title, max: 40 }
          STATUS: "0"
          ANLDAT: "\${format(now, 'yyyyMMdd')}"
          ANLZEIT: "\${format(now, 'HHmmss')}"
          AENDTS: "\${format(now, 'yyyy-MM-dd HH:mm:ss')}"
    result: { source: tickets, key: ["\${vars.mandant}", "\${pad(nr, 8, '0')}"], number: "\${pad(nr, 8, '0')}" }`;
