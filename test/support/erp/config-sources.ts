/** What is read of the sample ERP. */
import type { ErpConfigOptions } from "./config.ts";
import { formsOf } from "./config-forms.ts";

const fed = ({ feed, feedEvery = "30s", netEvery = "0 3 * * *" }: ErpConfigOptions): string =>
  `changes: { feed: ${feed}, every: ${feedEvery}, compare: "${netEvery}" }`;

/** What has no stamp: by the database's feed, by the number that each change of a CSV table gets, or by compares alone. */
const unstamped = (options: ErpConfigOptions): string => {
  const { compareEvery = "15m", cursorEvery = "1s", feed, dialect } = options;
  if (feed !== undefined) return fed(options);
  const numbered = dialect === "csv" ? `column: FUSER_CHANGE, kind: sequence, overlap: 0, every: ${cursorEvery}, ` : "";
  return `changes: { ${numbered}compare: ${compareEvery} }`;
};

const compared = (options: ErpConfigOptions): string => `    ${unstamped(options)}
    deletes: { grace: ${options.grace ?? "0s"} }`;

const stamped = (options: ErpConfigOptions, flag?: string): string => {
  const { cursorEvery = "1s", netEvery = "0 3 * * *", grace = "0s", feed, dialect } = options;
  const polled = `changes: { column: AENDTS, kind: timestamp, grain: second, overlap: 10s, every: ${cursorEvery}, compare: "${netEvery}" }`;
  return `    ${dialect === "csv" ? unstamped(options) : feed === undefined ? polled : fed(options)}
    deletes: { ${flag ? `flag: "${flag}", ` : ""}grace: ${grace} }`;
};

const address = "address: { street: STRASSE, houseNumber: HNR, postalCode: PLZ, city: ORT, country: { value: DE } }";
const unitRef = "{ ref: units, key: [MANDANT, OBJNR, HAUSNR, WOHNNR] }";

export const estateSources = (options: ErpConfigOptions): string => `  properties:
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

export const peopleSources = (options: ErpConfigOptions): string => `  persons:
    type: person
    query: |
      SELECT MANDANT, PERSNR, 1 AS TEIL, ART, ANREDE, NAME1 AS NAME, VORNAME1 AS VORNAME, EMAIL, TELEFON, STRASSE, HNR, PLZ, ORT, GEBDAT
      FROM PERSON
      UNION ALL
      SELECT MANDANT, PERSNR, 2, ART, '', NAME2, VORNAME2, NULL, '', STRASSE, HNR, PLZ, ORT, ${formsOf(options).noDay}
      FROM PERSON WHERE NAME2 <> ''
    key: [MANDANT, PERSNR, TEIL]
    changes: { compare: ${options.compareEvery ?? "15m"} }
    deletes: { grace: ${options.grace ?? "0s"} }
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
      birthDate: { from: GEBDAT, as: ${formsOf(options).day} }
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
    where: "${formsOf(options).isNot("SPERRE")}"
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
      active: ${formsOf(options).is("AKTIV")}
  periods:
    type: utilisationPeriod
    table: MIETVERTRAG
    key: [MANDANT, OBJNR, HAUSNR, WOHNNR, FOLGE]
    where: "${formsOf(options).isNot("LEERSTAND")}"
${stamped(options, "STORNO = 'J'")}
    fields:
      unitId: ${unitRef}
      kind: { value: tenant }
      startDate: { from: BEGINN, as: ymd }
      endDate: { from: ENDE, as: ymd }
      participants:
        - { personId: { ref: persons, key: [MANDANT, PERSNR, { value: "1" }] }, role: { value: main } }
        - { when: "\${!empty(MITPERSNR)}", personId: { ref: persons, key: [MANDANT, MITPERSNR, { value: "1" }] }, role: { value: co-tenant } }`;

export const ticketSources = (options: ErpConfigOptions): string => `  tickets:
    type: ticket
    table: AUFTRAG
    key: [MANDANT, AUFTRNR]
${stamped(options)}
    touchedBy:
      - { table: AUFTRTEXT, key: [MANDANT, AUFTRNR], own: [MANDANT, AUFTRNR, LFDNR], ${unstamped(options)} }
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
      dueDate: { from: TERMIN, as: ${formsOf(options).day}, owner: shared }
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
      createdAt: { date: ERFDAT, time: ERFZEIT, as: [${formsOf(options).day}, hms] }`;

export const bookingSources = (options: ErpConfigOptions): string => `  invoices:
    type: invoice
    table: SOLLSTELLUNG
    key: [MANDANT, SOLLNR]
${stamped(options, "STORNO = 'J'")}
    fields:
      number: SOLLNR
      subject:
        - { type: { value: utilisationPeriod }, id: { ref: periods, key: [MANDANT, OBJNR, HAUSNR, WOHNNR, FOLGE] } }
        - { type: { value: person }, id: { ref: persons, key: [MANDANT, PERSNR, { value: "1" }] } }
      issueDate: { from: SOLLDAT, as: ${formsOf(options).day} }
      dueDate: { from: FAELLIG, as: ${formsOf(options).day} }
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
      readAt: { from: ABLDAT, as: ${formsOf(options).day} }
      value: STAND
      origin: { from: HERKUNFT, map: readingOrigin }`;
