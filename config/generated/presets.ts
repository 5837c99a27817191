/** Made from config/presets by `npm run generate`: do not edit. */
// biome-ignore-all lint: a text
export const presetTexts: Readonly<Record<string, string>> = {
  dolibarr: `# Dolibarr ERP/CRM with its ticket module, on MariaDB or MySQL: third parties, contacts, users, tickets and what was said on them.
# Written from the published table definitions of versions 14 to 20; \`erpfuser check\` tells what an older one lacks.
requires:
  user: the id (llx_user.rowid) of the Dolibarr user in whose name the agent writes
erp:
  connector: mariadb
vars:
  entity: "1"        # the company of a multi-company installation
  prefix: llx_       # as dolibarr_main_db_prefix in conf.php
scope: { entity: "\${vars.entity}" }
maps:
  ticketType:
    read: { ISSUE: damage, PROBLEM: defect, REQUEST: request, COM: request, HELP: request, PROJECT: request, OTHER: request }
    write: { damage: ISSUE, defect: PROBLEM, request: REQUEST }
    unknown: { value: request }            # types are a list that each company edits
  ticketStatus:
    read: { "0": open, "1": open, "2": in-progress, "3": in-progress, "5": waiting-for-customer, "7": waiting-for-external, "8": closed, "9": rejected }
    write: { open: "1", in-progress: "3", waiting-for-customer: "5", waiting-for-external: "7", closed: "8", rejected: "9" }
    unknown: quarantine
  severity:
    read: { LOW: low, NORMAL: normal, HIGH: high, BLOCKING: urgent }
    write: { low: LOW, normal: NORMAL, high: HIGH, urgent: BLOCKING }
    unknown: { value: normal }
  said:
    read: { TICKET_MSG: tenant, TICKET_MSG_SENTBYMAIL: tenant, TICKET_MSG_PRIVATE: internal, TICKET_MSG_PRIVATE_SENTBYMAIL: internal }
    write: { tenant: TICKET_MSG, internal: TICKET_MSG_PRIVATE }
    unknown: { value: internal }
  active: { read: { "1": "true", "0": "false" }, unknown: { value: "false" } }

sources:
  companies:
    type: person
    prefix: company
    table: "\${vars.prefix}societe"
    key: rowid
    where: "client <> 0"
    changes: &stamped { column: tms, every: 15s, compare: "0 3 * * *" }
    fields:
      number: { from: code_client, do: [empty-to-null] }
      kind: { value: legal }
      companyName: { from: nom, default: "(no name)" }
      emails: &email { from: email, do: [trim, lower, empty-to-null, email-list] }
      phones: [ { number: phone, kind: { value: work } } ]
      address: { street: { from: address, do: [one-line, empty-to-null] }, postalCode: zip, city: town }
  contacts:
    type: person
    prefix: contact
    table: "\${vars.prefix}socpeople"
    key: rowid
    where: "statut = 1"
    changes: *stamped
    fields:
      kind: { value: natural }
      lastName: { from: lastname, default: "(no name)" }
      firstName: firstname
      salutation: civility
      emails: *email
      phones:
        - { number: phone, kind: { value: work } }
        - { number: phone_perso, kind: { value: private } }
        - { number: phone_mobile, kind: { value: mobile } }
      address: { street: { from: address, do: [one-line, empty-to-null] }, postalCode: zip, city: town }
      birthDate: birthday
  suppliers:
    type: serviceProvider
    table: "\${vars.prefix}societe"
    key: rowid
    where: "fournisseur = 1"
    changes: *stamped
    fields:
      name: { from: nom, default: "(no name)" }
      emails: *email
      phones: [ { number: phone, kind: { value: work } } ]
  users:
    type: teamMember
    table: "\${vars.prefix}user"
    key: rowid
    scope: none                            # users of entity 0 work for every company
    where: "statut = 1 AND entity IN (0, :vars.entity)"
    changes: *stamped
    fields:
      name: "\${trim(coalesce(firstname, '') + ' ' + coalesce(lastname, login))}"
      email: { from: email, do: [trim, lower, empty-to-null] }
      roles: [ { value: user } ]
  categories:
    type: catalogEntry
    table: "\${vars.prefix}c_ticket_category"
    key: rowid
    fields:
      catalog: { value: ticket-category }
      code: code
      label: { en: label }
      active: { from: active, map: active }
  tickets:
    type: ticket
    # The contact who asked stands beside the ticket.
    query: |
      SELECT t.rowid, t.entity, t.ref, t.track_id, t.subject, t.message, t.fk_statut, t.type_code, t.category_code, t.severity_code, t.fk_soc, t.fk_user_assign,
        t.datec, t.date_close, t.tms,
        (SELECT MIN(c.fk_socpeople) FROM \${vars.prefix}element_contact c JOIN \${vars.prefix}c_type_contact k ON k.rowid = c.fk_c_type_contact
          WHERE c.element_id = t.rowid AND k.element = 'ticket' AND k.source = 'external' AND k.code = 'SUPPORTCLI') AS contact
      FROM \${vars.prefix}ticket t
    key: rowid
    signal: { table: "\${vars.prefix}ticket", column: tms, key: rowid }
    changes: { every: 5s, compare: "0 3 * * *" }
    touchedBy: [ { table: "\${vars.prefix}element_contact", key: element_id, changes: { compare: 15m } } ]
    fields:
      number: ref
      kind: { from: type_code, map: ticketType, default: request }
      title: { from: subject, default: "(no subject)", owner: shared }
      description: { from: message, do: [html-to-text] }
      category: { from: category_code, do: [empty-to-null] }
      status: { from: fk_statut, map: ticketStatus, owner: shared }
      priority: { from: severity_code, map: severity, owner: shared }
      reporterId:
        oneOf:
          - { when: "\${coalesce(contact, 0) > 0}", ref: contacts, key: contact, missing: omit }
          - { when: "\${coalesce(fk_soc, 0) > 0}", ref: companies, key: fk_soc, missing: omit }
      assigneeId: { ref: users, key: fk_user_assign, missing: omit }
      createdAt: datec
      closedAt: date_close
  messages:
    type: message
    table: "\${vars.prefix}actioncomm"
    key: id
    where: "elementtype = 'ticket' AND code LIKE 'TICKET\\\\_MSG%'"
    changes: { column: tms, every: 5s, compare: "0 3 * * *" }
    fields:
      ticketId: { ref: tickets, key: fk_element }
      body: { from: note, do: [html-to-text], default: "" }
      visibility: { from: code, map: said }
      createdAt: datep

commands:
  ticket.create:
    # The id under which Dolibarr shows a ticket to its customer: unique, and long enough for the command's own.
    idempotency: { column: "\${vars.prefix}ticket.track_id", value: "\${command.id}" }
    steps:
      # As Dolibarr's own numbering (mod_ticket_simple): counted on over the months.
      - number: ref
        max: { table: "\${vars.prefix}ticket", column: ref, where: { entity: "\${vars.entity}" }, from: 8, like: "TS____-%" }
        mask: "TS{yyMM}-{0000}"
      - insert: "\${vars.prefix}ticket"
        values:
          entity: "\${vars.entity}"
          ref: "\${ref}"
          track_id: "\${command.id}"
          fk_soc: "\${startsWith(coalesce(reporterId, ''), 'company:') ? key(reporterId).rowid : '0'}"
          fk_user_create: "\${vars.user}"
          subject: { from: title, max: 255 }
          message: { from: description, default: "" }
          fk_statut: "0"
          progress: "0"
          type_code: { from: kind, map: ticketType, default: REQUEST }
          category_code: { from: category }
          severity_code: { from: priority, map: severity, default: NORMAL }
          datec: &now "\${format(now, 'yyyy-MM-dd HH:mm:ss')}"
          notify_tiers_at_create: "0"
        returning: { ticket: rowid }
      - sql: "SELECT rowid FROM \${vars.prefix}c_type_contact WHERE element = 'ticket' AND source = 'external' AND code = 'SUPPORTCLI'"
        out: { role: rowid }
        when: "\${startsWith(coalesce(reporterId, ''), 'contact:')}"
      - insert: "\${vars.prefix}element_contact"
        when: "\${startsWith(coalesce(reporterId, ''), 'contact:')}"
        values:
          datecreate: *now
          statut: "4"
          element_id: "\${ticket}"
          fk_c_type_contact: "\${role}"
          fk_socpeople: "\${key(reporterId).rowid}"
      # A contact's ticket belongs to the contact's company as well.
      - sql: |
          UPDATE \${vars.prefix}ticket SET fk_soc = (SELECT COALESCE(MAX(p.fk_soc), 0) FROM \${vars.prefix}element_contact c
            JOIN \${vars.prefix}socpeople p ON p.rowid = c.fk_socpeople
            WHERE c.element_id = \${vars.prefix}ticket.rowid AND c.fk_c_type_contact = :result.role)
          WHERE rowid = :result.ticket
        when: "\${startsWith(coalesce(reporterId, ''), 'contact:')}"
      # The agenda's entry. Its ref is its own id, which is known only behind the insert; until then one that no other event has.
      - insert: "\${vars.prefix}actioncomm"
        values:
          ref: "(\${substring(command.id, 0, 28)})"
          entity: "\${vars.entity}"
          datep: *now
          datep2: *now
          datec: *now
          fk_action: "40"                  # AC_OTH_AUTO in llx_c_actioncomm
          code: AC_TICKET_CREATE
          label: "Ticket \${ref}"
          note: { from: title }
          percent: "-1"
          fk_user_author: "\${vars.user}"
          fk_user_action: "\${vars.user}"
          fk_element: "\${ticket}"
          elementtype: ticket
        blanks: { text: "", integer: "0" }
        returning: { event: id }
      - update: "\${vars.prefix}actioncomm"
        key: { id: "\${event}" }
        values: { ref: "\${string(event)}" }
    result: { source: tickets, key: "\${ticket}", number: "\${ref}" }
  ticket.update:
    idempotency: base
    steps:
      - update: "\${vars.prefix}ticket"
        key: { rowid: "\${key(id).rowid}" }
        values:
          subject: { from: title, max: 255 }
          fk_statut: { from: status, map: ticketStatus }
          severity_code: { from: priority, map: severity }
    result: { source: tickets, key: "\${key(id).rowid}" }
  ticket.close:
    idempotency: base
    steps:
      - update: "\${vars.prefix}ticket"
        key: { rowid: "\${key(id).rowid}" }
        values: { fk_statut: "8", date_close: *now }
    result: { source: tickets, key: "\${key(id).rowid}" }
  message.create:
    # No column of an event is unique but its id; ref_ext is Dolibarr's place for the id of another system, and has an index.
    idempotency: { probe: "SELECT id FROM \${vars.prefix}actioncomm WHERE ref_ext = :command.id" }
    steps:
      - insert: "\${vars.prefix}actioncomm"
        values:
          ref: "(\${substring(command.id, 0, 28)})"
          ref_ext: "\${command.id}"
          entity: "\${vars.entity}"
          datep: *now
          datep2: *now
          datec: *now
          fk_action: "40"
          code: { from: visibility, map: said, default: TICKET_MSG }
          label: Portal
          note: { from: body }
          percent: "-1"
          fk_user_author: "\${vars.user}"
          fk_user_action: "\${vars.user}"
          fk_element: "\${key(ticketId).rowid}"
          elementtype: ticket
        blanks: { text: "", integer: "0" }
        returning: { event: id }
      - update: "\${vars.prefix}actioncomm"
        key: { id: "\${event}" }
        values: { ref: "\${string(event)}" }
    result: { source: messages, key: "\${event}" }
`,
  nav: `# Microsoft Dynamics NAV 2009 to 2018 (and Business Central's old tables) on SQL Server: each company's tables bear its name, dates are 1753-01-01 where
# there is none, options are numbers, and no column is NULL. Customers, vendors, service items, service orders and posted invoices.
# Written from published table definitions. Not tried against a NAV: check every source with \`erpfuser preview\` first.
requires:
  company: the company's name as it begins the tables' names, such as CRONUS International Ltd_ (NAV writes _ for . " \\ / ' and brackets)
erp:
  connector: mssql
vars:
  currency: EUR                            # of amounts without a currency code
scope: {}
types:
  day: { native: true, empty: ["1753-01-01"] }
  clock: { native: true, empty: ["1753-01-01"] }   # a time stands behind the date 1754-01-01
maps:
  partner: { read: { "0": legal, "1": legal, "2": natural }, unknown: { value: legal } }
  orderStatus:
    read: { "0": open, "1": in-progress, "2": closed, "3": waiting-for-external }
    write: { open: "0", in-progress: "1", closed: "2", waiting-for-external: "3" }
    unknown: quarantine
  priority: { read: { "0": low, "1": normal, "2": high }, write: { low: "0", normal: "1", high: "2" }, unknown: { value: normal } }

sources:
  customers:
    type: person
    table: "\${vars.company}$Customer"
    key: No_
    changes: &versioned { column: timestamp, kind: rowversion, every: 15s, compare: "0 3 * * *" }
    fields:
      number: No_
      kind: { from: Partner Type, map: partner }
      lastName: { from: Name, when: "\${row[\\"Partner Type\\"] == 2}" }
      companyName: { from: Name, when: "\${row[\\"Partner Type\\"] != 2}" }
      emails: { from: E-Mail, do: [trim, lower, empty-to-null, email-list] }
      phones: [ { number: Phone No_, kind: { value: private } } ]
      address: &address { street: { from: Address, do: [empty-to-null] }, postalCode: { from: Post Code, do: [empty-to-null] }, city: { from: City, do: [empty-to-null] } }
  vendors:
    type: serviceProvider
    table: "\${vars.company}$Vendor"
    key: No_
    changes: *versioned
    fields:
      number: No_
      name: { from: Name, default: "(no name)" }
      emails: { from: E-Mail, do: [trim, lower, empty-to-null, email-list] }
      phones: [ { number: Phone No_, kind: { value: work } } ]
      address: *address
  salespeople:
    type: teamMember
    table: "\${vars.company}$Salesperson_Purchaser"
    key: Code
    changes: *versioned
    fields:
      name: { from: Name, default: "(no name)" }
      email: { from: E-Mail, do: [trim, lower, empty-to-null] }
      roles: [ { value: clerk } ]
  orderTypes:
    type: catalogEntry
    table: "\${vars.company}$Service Order Type"
    key: Code
    changes: *versioned
    fields: { catalog: { value: ticket-category }, code: Code, label: { en: { from: Description, default: "(no text)" } }, active: { value: "true" } }
  items:
    type: asset
    table: "\${vars.company}$Service Item"
    key: No_
    changes: *versioned
    fields:
      number: No_
      kind: { value: equipment }
      name: { from: Description, default: "(no text)" }
      installedOn: { from: Installation Date, as: day }
  tickets:
    type: ticket
    table: "\${vars.company}$Service Header"
    key: No_
    where: "[Document Type] = 1"           # 0 is an offer, 2 an invoice, 3 a credit memo
    changes: &quick { column: timestamp, kind: rowversion, every: 5s, compare: "0 3 * * *" }
    touchedBy: [ { table: "\${vars.company}$Service Comment Line", key: No_, own: [Table Name, Table Subtype, No_, Type, Table Line No_, Line No_], changes: *quick } ]
    deletes: { grace: 1h }                 # a posted order leaves the table
    fields:
      number: No_
      kind: { value: damage }
      title: { from: Description, default: "(no text)" }
      description:
        rows: "SELECT [Comment] FROM [\${vars.company}$Service Comment Line] WHERE [Table Name] = 1 AND [Table Subtype] = 1 AND [No_] = :row.No_ AND [Type] = 0 ORDER BY [Line No_]"
        join: "\\n"
      category: { from: Service Order Type, do: [empty-to-null] }
      status: { from: Status, map: orderStatus, owner: shared }
      priority: { from: Priority, map: priority, owner: shared }
      reporterId: { ref: customers, key: Customer No_, missing: omit }
      assigneeId: { ref: salespeople, key: Salesperson Code, missing: omit }
      createdAt: { date: Order Date, time: Order Time, as: [day, clock] }
      closedAt: { date: Finishing Date, time: Finishing Time, as: [day, clock] }
      dueDate: { from: Response Date, as: day }
  invoices:
    type: invoice
    query: |
      SELECT h.[No_], h.[Bill-to Customer No_], h.[Posting Date], h.[Due Date],
        (SELECT SUM(l.[Amount Including VAT]) FROM [\${vars.company}$Sales Invoice Line] l WHERE l.[Document No_] = h.[No_]) AS Total
      FROM [\${vars.company}$Sales Invoice Header] h WHERE h.[Currency Code] IN ('', :vars.currency)
    key: No_
    signal: { table: "\${vars.company}$Sales Invoice Header", column: timestamp, key: No_ }
    changes: { kind: rowversion, every: 1m, compare: "0 3 * * *" }
    fields:
      number: No_
      subject: [ { type: { value: person }, id: { ref: customers, key: Bill-to Customer No_ } } ]
      issueDate: { from: Posting Date, as: day }
      dueDate: { from: Due Date, as: day }
      total: { from: Total, round: 2, currency: EUR }

commands:
  ticket.create:
    draft: true                            # past NAV's own code: let a person look at the first ones, then override with \`draft: false\`
    # No index, but the table holds open documents only.
    idempotency: { probe: "SELECT [No_] FROM [\${vars.company}$Service Header] WHERE [Your Reference] = :command.id" }
    steps:
      # A range of its own: NAV draws the numbers of its series by itself.
      - number: nr
        max: { table: "\${vars.company}$Service Header", column: No_, where: { Document Type: "1" }, from: 3, like: "PT%" }
        mask: "PT{000000}"
      - insert: "\${vars.company}$Service Header"
        values:
          Document Type: "1"
          No_: "\${nr}"
          Your Reference: "\${command.id}"
          Customer No_: "\${coalesce(key(reporterId).No_, '')}"
          Bill-to Customer No_: "\${coalesce(key(reporterId).No_, '')}"
          Description: { from: title, max: 50, overflow: description }
          Service Order Type: { from: category, default: "" }
          Status: "0"
          Priority: { from: priority, map: priority, default: "1" }
          Order Date: &today "\${format(now, 'yyyy-MM-dd') + ' 00:00:00'}"
          Order Time: "\${'1754-01-01 ' + format(now, 'HH:mm:ss')}"
          Posting Date: *today
          Document Date: *today
        blanks: &blanks { text: "", integer: "0", date: "1753-01-01", datetime: "1753-01-01 00:00:00", boolean: "false" }
      - insertLines: "\${vars.company}$Service Comment Line"
        from: description
        width: 80
        values:
          Table Name: "1"
          Table Subtype: "1"
          No_: "\${nr}"
          Type: "0"
          Table Line No_: "0"
          Line No_: "\${line.number * 10000}"
          Comment: "\${line.text}"
          Date: *today
        blanks: *blanks
    result: { source: tickets, key: "\${nr}", number: "\${nr}" }
  ticket.update:
    idempotency: base
    steps:
      - update: "\${vars.company}$Service Header"
        key: { Document Type: "1", No_: "\${key(id).No_}" }
        values:
          Status: { from: status, map: orderStatus }
          Priority: { from: priority, map: priority }
    result: { source: tickets, key: "\${key(id).No_}" }
`,
  sample: `# Sample housing company: composite padded keys, YYYYMMDD integers, codes, no foreign keys.
vars: { mandant: "001" }
scope: { MANDANT: "\${vars.mandant}" }
types:
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
sources:
  properties:
    type: property
    table: OBJEKT
    key: [MANDANT, OBJNR]
    changes: { compare: 15m }
    deletes: { grace: 1h }
    fields:
      name: BEZ
      address: { street: STRASSE, houseNumber: HNR, postalCode: PLZ, city: ORT, country: { value: DE } }
      managementType: { from: VERWART, map: managementType }
  buildings:
    type: building
    table: HAUS
    key: [MANDANT, OBJNR, HAUSNR]
    changes: { compare: 15m }
    deletes: { grace: 1h }
    fields:
      propertyId: { ref: properties, key: [MANDANT, OBJNR] }
      name: BEZ
      address: { street: STRASSE, houseNumber: HNR, postalCode: PLZ, city: ORT, country: { value: DE } }
  units:
    type: unit
    table: WOHNUNG
    key: [MANDANT, OBJNR, HAUSNR, WOHNNR]
    changes: { compare: 15m }
    deletes: { grace: 1h }
    fields:
      buildingId: { ref: buildings, key: [MANDANT, OBJNR, HAUSNR] }
      name: { from: LAGE, do: [trim] }
      objectType: { from: ART, map: unitKind }
      usage: { from: EIGENTUM, map: usage }
      floor: ETAGE
      areaSquareMetres: FLAECHE
      rooms: ZIMMER
  persons:
    type: person
    query: |
      SELECT MANDANT, PERSNR, 1 AS TEIL, ART, ANREDE, NAME1 AS NAME, VORNAME1 AS VORNAME, EMAIL, TELEFON, STRASSE, HNR, PLZ, ORT, GEBDAT
      FROM PERSON
      UNION ALL
      SELECT MANDANT, PERSNR, 2, ART, '', NAME2, VORNAME2, NULL, '', STRASSE, HNR, PLZ, ORT, 0
      FROM PERSON WHERE NAME2 <> ''
    key: [MANDANT, PERSNR, TEIL]
    changes: { compare: 15m }
    deletes: { grace: 1h }
    fields:
      kind: { from: ART, map: personKind }
      lastName: { from: NAME, when: "\${ART == 'N'}" }
      companyName: { from: NAME, when: "\${ART == 'J'}" }
      firstName: { from: VORNAME, do: [trim, empty-to-null] }
      salutation: { from: ANREDE, do: [empty-to-null] }
      emails: { from: EMAIL, do: [trim, lower, empty-to-null, email-list] }
      phones:
        - { when: "\${!empty(TELEFON)}", number: TELEFON, kind: { value: private } }
      address: { street: STRASSE, houseNumber: HNR, postalCode: PLZ, city: ORT, country: { value: DE } }
      birthDate: { from: GEBDAT, as: ymd }
  teamMembers:
    type: teamMember
    table: SACHBEARBEITER
    key: [MANDANT, SBNR]
    changes: { compare: 15m }
    deletes: { grace: 1h }
    fields:
      name: NAME
      email: { from: EMAIL, do: [trim, empty-to-null] }
      roles: [ { from: ROLLE, map: role } ]
  serviceProviders:
    type: serviceProvider
    table: KREDITOR
    key: [MANDANT, KREDNR]
    where: "SPERRE = 'N'"
    changes: { compare: 15m }
    deletes: { grace: 1h }
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
    changes: { compare: 15m }
    deletes: { grace: 1h }
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
    changes: { column: AENDTS, kind: timestamp, grain: second, overlap: 10s, every: 5s, compare: "0 3 * * *" }
    deletes: { flag: "STORNO = 'J'", grace: 1h }
    fields:
      unitId: { ref: units, key: [MANDANT, OBJNR, HAUSNR, WOHNNR] }
      kind: { value: tenant }
      startDate: { from: BEGINN, as: ymd }
      endDate: { from: ENDE, as: ymd }
      participants:
        - { personId: { ref: persons, key: [MANDANT, PERSNR, { value: "1" }] }, role: { value: main } }
        - { when: "\${!empty(MITPERSNR)}", personId: { ref: persons, key: [MANDANT, MITPERSNR, { value: "1" }] }, role: { value: co-tenant } }
  tickets:
    type: ticket
    table: AUFTRAG
    key: [MANDANT, AUFTRNR]
    changes: { column: AENDTS, kind: timestamp, grain: second, overlap: 10s, every: 5s, compare: "0 3 * * *" }
    deletes: { grace: 1h }
    touchedBy:
      - { table: AUFTRTEXT, key: [MANDANT, AUFTRNR], own: [MANDANT, AUFTRNR, LFDNR], changes: { compare: 15m } }
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
    changes: { compare: 15m }
    deletes: { grace: 1h }
    fields:
      ticketId: { ref: tickets, key: [MANDANT, AUFTRNR] }
      author: { from: VERFASSER, do: [trim, empty-to-null] }
      body: ZEILE
      visibility: { from: ART, map: visibility }
      createdAt: { date: ERFDAT, time: ERFZEIT, as: [ymd, hms] }
  invoices:
    type: invoice
    table: SOLLSTELLUNG
    key: [MANDANT, SOLLNR]
    changes: { column: AENDTS, kind: timestamp, grain: second, overlap: 10s, every: 5s, compare: "0 3 * * *" }
    deletes: { flag: "STORNO = 'J'", grace: 1h }
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
    changes: { compare: 15m }
    deletes: { grace: 1h }
    fields:
      unitId: { ref: units, key: [MANDANT, OBJNR, HAUSNR, WOHNNR] }
      kind: { from: ART, map: meterKind }
      serial: { from: SERIENNR, do: [trim, empty-to-null] }
      unitOfMeasure: EINHEIT
  readings:
    type: meterReading
    table: ZAEHLERSTAND
    key: [LFDID]
    append: true
    changes: { column: LFDID, kind: sequence, overlap: 100, every: 5s }
    fields:
      meterId: { ref: meters, key: [MANDANT, ZAEHLNR] }
      readAt: { from: ABLDAT, as: ymd }
      value: STAND
      origin: { from: HERKUNFT, map: readingOrigin }
commands:
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
          AENDTS: "\${format(now, 'yyyy-MM-dd HH:mm:ss')}"
        blanks: { text: "", integer: 0 }
      - insert: AUFTRTEXT
        values:
          MANDANT: "\${vars.mandant}"
          AUFTRNR: "\${pad(nr, 8, '0')}"
          LFDNR: "1"
          ART: B
          VERFASSER: Portal
          ZEILE: { from: description, default: "" }
          ERFDAT: "\${format(now, 'yyyyMMdd')}"
          ERFZEIT: "\${format(now, 'HHmmss')}"
    result: { source: tickets, key: ["\${vars.mandant}", "\${pad(nr, 8, '0')}"], number: "\${pad(nr, 8, '0')}" }
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
          AENDTS: "\${format(now, 'yyyy-MM-dd HH:mm:ss')}"
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
          AENDTS: "\${format(now, 'yyyy-MM-dd HH:mm:ss')}"
    result: { source: tickets, key: ["\${key(id).MANDANT}", "\${key(id).AUFTRNR}"] }
  message.create:
    idempotency: { column: AUFTRTEXT.FREMDNR, value: "\${short(command.id, 40)}" }
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
`,
};
