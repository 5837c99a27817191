import type { ErpDialect } from "./db.ts";
import { mainMandant } from "./generate.ts";
import { ledgerTable } from "./schema.ts";

export interface ErpConfigOptions {
  dialect: ErpDialect;
  /** The lines under `erp:` that say how to reach the database, e.g. `["file: /tmp/erp.db"]`. Without them the agent can't connect. */
  connection: readonly string[];
  /** Address of the portal's channel, e.g. `ws://127.0.0.1:4000/agent`. */
  portalUrl: string;
  /** Directory of the agent's store, secrets and journal. */
  state: string;
  stage?: "test" | "live";
  /** How often cursor columns are asked. Default 1s. */
  cursorEvery?: string;
  /** How often a source without cursor is compared. Default 15m. */
  compareEvery?: string;
  /** How often a source with cursor is compared. Default `0 3 * * *`. */
  netEvery?: string;
  /** The database's own feed, on which all sources live but the one that only grows, and the one whose keys no table has. */
  feed?: string;
  /** How the ERP remembers the commands that create tickets and messages. Default `column`. */
  idempotency?: "column" | "ledger" | "probe";
  /** Time for which an inferred delete waits. Default 0s. */
  grace?: string;
  /** Value of `erp: confirmAfter:`. */
  confirmAfter?: string;
  /** Value of `erp: courtesy:`, e.g. `{ lockTimeout: 1s }`. */
  courtesy?: string;
  /** Limit of deletes in one pass. Default 500 rows and 50 %. */
  guards?: { rows: number; percent: number };
}

/** The configuration (erpfuser.yaml) that maps the sample ERP onto the portal's model: what the oracle expects, said in the mapping language. */
export function erpConfig(options: ErpConfigOptions): string {
  return [
    head(options),
    dictionaries,
    estateSources(options),
    peopleSources(options),
    ticketSources(options),
    bookingSources(options),
  ]
    .concat(ticketCommands(options))
    .join("\n");
}

function head({
  dialect,
  connection,
  portalUrl,
  state,
  stage = "live",
  confirmAfter,
  courtesy,
  guards = { rows: 500, percent: 50 },
}: ErpConfigOptions): string {
  return `# Sample housing company: composite padded keys, YYYYMMDD integers, codes, no foreign keys.
agent: { name: Musterstadt, portal: "${portalUrl}", stage: ${stage}, state: "${state}" }
erp:
  connector: ${dialect}
${connection.map((line) => `  ${line}`).join("\n")}
  timezone: Europe/Berlin${confirmAfter === undefined ? "" : `\n  confirmAfter: ${confirmAfter}`}${courtesy === undefined ? "" : `\n  courtesy: ${courtesy}`}
vars: { mandant: "${mainMandant}" }
scope: { MANDANT: "\${vars.mandant}" }
guards: { deletes: { rows: ${guards.rows}, percent: ${guards.percent} } }`;
}

const dictionaries = `types:
  ymd: { integer: yyyyMMdd, empty: ["0"], openEnd: ["99991231"], invalid: quarantine }
  hms: { integer: HHmmss }
maps:
  unitKind: { read: { WO: flat, GE: office, ST: parking-space }, unknown: { value: other } }
  usage: { read: { J: owned, N: rented }, unknown: quarantine }
  managementType: { read: { M: rental, W: condominium }, unknown: quarantine }
  personKind: { read: { N: natural, J: legal }, unknown: quarantine }
  role: { read: { SB: clerk, HW: caretaker }, unknown: quarantine }
  orderKind: { read: { S: damage, A: request, M: defect }, write: { damage: S, request: A, defect: M }, unknown: quarantine }
  orderStatus:
    read: { "0": open, "1": in-progress, "2": waiting-for-external, "9": closed }
    write: { open: "0", in-progress: "1", waiting-for-external: "2", closed: "9" }
    unknown: quarantine
  priority: { read: { "1": high, "2": normal, "3": low }, write: { high: "1", normal: "2", low: "3" }, unknown: { value: normal } }
  channel: { read: { T: phone, E: email, B: letter, P: portal }, unknown: { value: other } }
  visibility: { read: { N: tenant, I: internal }, write: { tenant: N, internal: I }, unknown: { value: internal } }
  meterKind: { read: { KW: cold-water, WW: hot-water, ST: electricity, HK: heat-cost }, unknown: quarantine }
  readingOrigin: { read: { F: remote, M: tenant, A: agent }, unknown: quarantine }
sources:`;

const fed = ({ feed, netEvery = "0 3 * * *" }: ErpConfigOptions): string => `changes: { feed: ${feed}, compare: "${netEvery}" }`;

const compared = (options: ErpConfigOptions): string => {
  const { compareEvery = "15m", grace = "0s", feed } = options;
  return `    ${feed === undefined ? `changes: { compare: ${compareEvery} }` : fed(options)}
    deletes: { grace: ${grace} }`;
};

const stamped = (options: ErpConfigOptions, flag?: string): string => {
  const { cursorEvery = "1s", netEvery = "0 3 * * *", grace = "0s", feed } = options;
  const polled = `changes: { column: AENDTS, kind: timestamp, grain: second, overlap: 10s, every: ${cursorEvery}, compare: "${netEvery}" }`;
  return `    ${feed === undefined ? polled : fed(options)}
    deletes: { ${flag ? `flag: "${flag}", ` : ""}grace: ${grace} }`;
};

const address = "address: { street: STRASSE, houseNumber: HNR, postalCode: PLZ, city: ORT, country: { value: DE } }";
const unitRef = "{ ref: units, key: [MANDANT, OBJNR, HAUSNR, WOHNNR] }";

const estateSources = (options: ErpConfigOptions): string => `  properties:
    type: property
    table: OBJEKT
    key: [MANDANT, OBJNR]
${compared(options)}
    fields:
      name: BEZ
      ${address}
      managementType: { from: VERWART, map: managementType }
  buildings:
    type: building
    table: HAUS
    key: [MANDANT, OBJNR, HAUSNR]
${compared(options)}
    fields:
      propertyId: { ref: properties, key: [MANDANT, OBJNR] }
      name: BEZ
      ${address}
  units:
    type: unit
    table: WOHNUNG
    key: [MANDANT, OBJNR, HAUSNR, WOHNNR]
${compared(options)}
    fields:
      buildingId: { ref: buildings, key: [MANDANT, OBJNR, HAUSNR] }
      name: { from: LAGE, do: [trim] }
      objectType: { from: ART, map: unitKind }
      usage: { from: EIGENTUM, map: usage }
      floor: ETAGE
      areaSquareMetres: FLAECHE
      rooms: ZIMMER`;

const peopleSources = (options: ErpConfigOptions): string => `  persons:
    type: person
    query: |
      SELECT MANDANT, PERSNR, 1 AS TEIL, ART, ANREDE, NAME1 AS NAME, VORNAME1 AS VORNAME, EMAIL, TELEFON, STRASSE, HNR, PLZ, ORT, GEBDAT
      FROM PERSON
      UNION ALL
      SELECT MANDANT, PERSNR, 2, ART, '', NAME2, VORNAME2, NULL, '', STRASSE, HNR, PLZ, ORT, 0
      FROM PERSON WHERE NAME2 <> ''
    key: [MANDANT, PERSNR, TEIL]
${compared({ ...options, feed: undefined })}
    fields:
      kind: { from: ART, map: personKind }
      lastName: { from: NAME, when: "\${ART == 'N'}" }
      companyName: { from: NAME, when: "\${ART == 'J'}" }
      firstName: { from: VORNAME, do: [trim, empty-to-null] }
      salutation: { from: ANREDE, do: [empty-to-null] }
      emails: { from: EMAIL, do: [trim, lower, empty-to-null, email-list] }
      phones:
        - { when: "\${!empty(TELEFON)}", number: TELEFON, kind: { value: private } }
      ${address}
      birthDate: { from: GEBDAT, as: ymd }
  teamMembers:
    type: teamMember
    table: SACHBEARBEITER
    key: [MANDANT, SBNR]
${compared(options)}
    fields:
      name: NAME
      email: { from: EMAIL, do: [trim, empty-to-null] }
      roles: [ { from: ROLLE, map: role } ]
  serviceProviders:
    type: serviceProvider
    table: KREDITOR
    key: [MANDANT, KREDNR]
    where: "SPERRE = 'N'"
${compared(options)}
    fields:
      name: NAME
      kind: { value: craft }
      emails: { from: EMAIL, do: [trim, lower, empty-to-null, email-list] }
      trades: [ GEWERK ]
      address: { postalCode: PLZ, city: ORT }
  catalog:
    type: catalogEntry
    table: KATALOG
    scope: none
    key: [KATALOG, CODE]
${compared(options)}
    fields:
      catalog: { value: ticket-category }
      code: CODE
      label: { de: TEXT_DE, en: TEXT_EN }
      parentCode: { from: OBERCODE, do: [empty-to-null] }
      active: "\${AKTIV == 'J'}"
  periods:
    type: utilisationPeriod
    table: MIETVERTRAG
    key: [MANDANT, OBJNR, HAUSNR, WOHNNR, FOLGE]
    where: "LEERSTAND = 'N'"
${stamped(options, "STORNO = 'J'")}
    fields:
      unitId: ${unitRef}
      kind: { value: tenant }
      startDate: { from: BEGINN, as: ymd }
      endDate: { from: ENDE, as: ymd }
      participants:
        - { personId: { ref: persons, key: [MANDANT, PERSNR, { value: "1" }] }, role: { value: main } }
        - { when: "\${!empty(MITPERSNR)}", personId: { ref: persons, key: [MANDANT, MITPERSNR, { value: "1" }] }, role: { value: co-tenant } }`;

const ticketSources = (options: ErpConfigOptions): string => `  tickets:
    type: ticket
    table: AUFTRAG
    key: [MANDANT, AUFTRNR]
${stamped(options)}
    touchedBy:
      - { table: AUFTRTEXT, key: [MANDANT, AUFTRNR], own: [MANDANT, AUFTRNR, LFDNR], ${options.feed === undefined ? `changes: { compare: ${options.compareEvery ?? "15m"} }` : fed(options)} }
    fields:
      number: AUFTRNR
      kind: { from: ART, map: orderKind }
      title: { from: KURZTEXT, owner: shared }
      description:
        rows: "SELECT ZEILE FROM AUFTRTEXT WHERE MANDANT = :row.MANDANT AND AUFTRNR = :row.AUFTRNR AND ART = 'B' ORDER BY LFDNR"
        join: "\\n"
      category: KATEGORIE
      status: { from: STATUS, map: orderStatus, owner: shared }
      priority: { from: PRIO, map: priority, owner: shared }
      unitId: { ref: units, key: [MANDANT, OBJNR, HAUSNR, WOHNNR], when: "\${!empty(WOHNNR)}" }
      buildingId: { ref: buildings, key: [MANDANT, OBJNR, HAUSNR], when: "\${empty(WOHNNR)}" }
      reporterId: { ref: persons, key: [MANDANT, MELDER, { value: "1" }], missing: omit, when: "\${!empty(MELDER)}" }
      assigneeId: { ref: teamMembers, key: [MANDANT, SBNR], when: "\${!empty(SBNR)}" }
      serviceProviderId: { ref: serviceProviders, key: [MANDANT, KREDNR], when: "\${!empty(KREDNR)}" }
      channel: { from: KANAL, map: channel }
      createdAt: { date: ANLDAT, time: ANLZEIT, as: [ymd, hms] }
      closedAt: { date: ERLDAT, time: ERLZEIT, as: [ymd, hms] }
      dueDate: { from: TERMIN, as: ymd, owner: shared }
  messages:
    type: message
    table: AUFTRTEXT
    key: [MANDANT, AUFTRNR, LFDNR]
    where: "ART <> 'B'"
${compared(options)}
    fields:
      ticketId: { ref: tickets, key: [MANDANT, AUFTRNR] }
      author: { from: VERFASSER, do: [trim, empty-to-null] }
      body: ZEILE
      visibility: { from: ART, map: visibility }
      createdAt: { date: ERFDAT, time: ERFZEIT, as: [ymd, hms] }`;

const bookingSources = (options: ErpConfigOptions): string => `  invoices:
    type: invoice
    table: SOLLSTELLUNG
    key: [MANDANT, SOLLNR]
${stamped(options, "STORNO = 'J'")}
    fields:
      number: SOLLNR
      subject:
        - { type: { value: utilisationPeriod }, id: { ref: periods, key: [MANDANT, OBJNR, HAUSNR, WOHNNR, FOLGE] } }
        - { type: { value: person }, id: { ref: persons, key: [MANDANT, PERSNR, { value: "1" }] } }
      issueDate: { from: SOLLDAT, as: ymd }
      dueDate: { from: FAELLIG, as: ymd }
      total: { from: BETRAG, currency: EUR }
      openAmount: { from: OFFEN, currency: EUR }
  meters:
    type: meter
    table: ZAEHLER
    key: [MANDANT, ZAEHLNR]
${compared(options)}
    fields:
      unitId: ${unitRef}
      kind: { from: ART, map: meterKind }
      serial: { from: SERIENNR, do: [trim, empty-to-null] }
      unitOfMeasure: EINHEIT
  readings:
    type: meterReading
    table: ZAEHLERSTAND
    key: [LFDID]
    append: true
    changes: { column: LFDID, kind: sequence, overlap: 100, every: ${options.cursorEvery ?? "1s"} }
    fields:
      meterId: { ref: meters, key: [MANDANT, ZAEHLNR] }
      readAt: { from: ABLDAT, as: ymd }
      value: STAND
      origin: { from: HERKUNFT, map: readingOrigin }`;

/** By the command's id in a unique column, in a ledger table of the agent's, or in a row that a query finds. */
function idempotency({ idempotency: way = "column" }: ErpConfigOptions, table: "AUFTRAG" | "AUFTRTEXT"): string {
  const key = table === "AUFTRAG" ? "MANDANT, AUFTRNR" : "MANDANT, AUFTRNR, LFDNR";
  if (way === "ledger") return `{ ledger: ${ledgerTable} }`;
  if (way === "probe") return `{ probe: "SELECT ${key} FROM ${table} WHERE FREMDNR = :command.id" }`;
  return `{ column: ${table}.FREMDNR, value: "\${short(command.id, 40)}" }`;
}

const stamp = `"\${format(now, 'yyyy-MM-dd HH:mm:ss')}"`;
const mandant = `"\${vars.mandant}"`;

const ticketCommands = (options: ErpConfigOptions): string => `commands:
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
          KANAL: P
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
          ERFDAT: "\${format(now, 'yyyyMMdd')}"
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
          TERMIN: { from: dueDate, as: ymd }
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
          ERFDAT: "\${format(now, 'yyyyMMdd')}"
          ERFZEIT: "\${format(now, 'HHmmss')}"
    result: { source: messages, key: ["\${key(ticketId).MANDANT}", "\${key(ticketId).AUFTRNR}", "\${line}"] }
`;
