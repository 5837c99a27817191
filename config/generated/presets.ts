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
};
