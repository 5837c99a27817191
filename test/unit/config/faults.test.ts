import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Fault } from "../../../config/config.ts";
import { parseConfig } from "../../../config/load.ts";

const faultsOf = (text: string, options = {}): readonly Fault[] =>
  parseConfig({ text, file: "/etc/erpfuser.yaml" }, options).faults ?? [];

/** A right configuration, line by line; a test replaces one of them. */
const right: readonly string[] = [
  /*  1 */ `agent: { name: Test, portal: "wss://portal.example.com/agent", stage: test }`,
  /*  2 */ `erp: { connector: sqlite, file: /tmp/erp.db, timezone: Europe/Berlin, courtesy: { lockTimeout: 2s } }`,
  /*  3 */ `vars: { mandant: "001", prefix: NORD }`,
  /*  4 */ `scope: { MANDANT: "\${vars.mandant}" }`,
  /*  5 */ `types: { ymd: { integer: yyyyMMdd }, hms: { integer: HHmmss } }`,
  /*  6 */ `maps: { orderStatus: { read: { "0": open, "9": closed } } }`,
  /*  7 */ `sources:`,
  /*  8 */ `  properties: { type: property, table: OBJEKT, key: [MANDANT, OBJNR], fields: { name: BEZ } }`,
  /*  9 */ `  persons:`,
  /* 10 */ `    type: person`,
  /* 11 */ `    table: PERSON`,
  /* 12 */ `    key: [MANDANT, PERSNR]`,
  /* 13 */ `    changes: { column: AENDTS, kind: timestamp, every: 5s, overlap: 30s, compare: "0 3 * * *" }`,
  /* 14 */ `    fields:`,
  /* 15 */ `      kind: { value: natural }`,
  /* 16 */ `      lastName: NAME1`,
  /* 17 */ `  tickets:`,
  /* 18 */ `    type: ticket`,
  /* 19 */ `    table: AUFTRAG`,
  /* 20 */ `    key: [MANDANT, AUFTRNR]`,
  /* 21 */ `    fields:`,
  /* 22 */ `      kind: { value: damage }`,
  /* 23 */ `      title: KURZTEXT`,
  /* 24 */ `      status: { from: STATUS, map: orderStatus }`,
  /* 25 */ `      reporterId: { ref: persons, key: [MANDANT, MELDER] }`,
  /* 26 */ `      createdAt: { date: D, time: Z, as: [ymd, hms] }`,
  /* 27 */ `commands:`,
  /* 28 */ `  ticket.create:`,
  /* 29 */ `    idempotency: { column: AUFTRAG.FREMDNR, value: "\${command.id}" }`,
  /* 30 */ `    steps:`,
  /* 31 */ `      - number: nr`,
  /* 32 */ `        counter: { table: NUMMERNKREIS, column: NR, where: { KREIS: A } }`,
  /* 33 */ `      - insert: AUFTRAG`,
  /* 34 */ `        values: { AUFTRNR: "\${nr}", KURZTEXT: { from: title, max: 40 } }`,
  /* 35 */ `    result: { source: tickets, key: ["\${vars.mandant}", "\${nr}"] }`,
];

/** The right configuration with lines replaced; an empty replacement takes the line out. */
function withLines(changes: Readonly<Record<number, string>>): string {
  return right.map((line, index) => changes[index + 1] ?? line).join("\n");
}

test("the configuration that the faults are planted in has none", () => {
  expect(faultsOf(right.join("\n"))).toEqual([]);
});

/** Line of the fault, what replaces it, path, words of the message, words of the remedy. */
const single: readonly (readonly [line: number, text: string, path: string, message: string, remedy: string])[] = [
  [
    1,
    `agent: { nmae: Test, portal: "wss://p.example.com" }`,
    "agent.nmae",
    "`nmae` is not known here",
    "Did you mean `name`? Known: name, portal, stage",
  ],
  [1, `agent: { portal: "wss://p.example.com" }`, "agent.name", "`name` is missing", "Add `name: …`"],
  [
    1,
    `agent: { name: T, portal: "https://p.example.com" }`,
    "agent.portal",
    "must be an address with wss: or ws:",
    "wss://host.example.com",
  ],
  [
    1,
    `agent: { name: T, portal: "wss://u:hunter2@p.example.com" }`,
    "agent.portal",
    "holds a user or a password",
    "erpfuser secret set",
  ],
  [
    1,
    `agent: { name: T, portal: "wss://p.example.com", stage: life }`,
    "agent.stage",
    "`life` is not known here",
    "Did you mean `live`?",
  ],
  [1, `agent: [ name, portal ]`, "agent", "must hold keys and values", "name, portal"],
  [
    1,
    `agent: { name: T, portal: "wss://p.de", proxy: { url: "http://x", password: hunter2 } }`,
    "agent.proxy.password",
    "plain text",
    "erpfuser secret set NAME",
  ],
  [
    2,
    `erp: { connector: sqlite, file: f, timezone: Europe/Berlim }`,
    "erp.timezone",
    "is no time zone",
    "Did you mean `Europe/Berlin`?",
  ],
  [
    2,
    `erp: { connector: sqlte, file: f, timezone: UTC }`,
    "erp.connector",
    "There is no connector `sqlte`",
    "Did you mean `sqlite`?",
  ],
  [2, `erp: { connector: sqlite, flie: f, timezone: UTC }`, "erp.flie", "`flie` is not known here", "Did you mean `file`?"],
  [
    2,
    `erp: { connector: sqlite, file: f, timezone: UTC, password: hunter2 }`,
    "erp.password",
    "holds a secret in plain text",
    "erpfuser secret set erp-password",
  ],
  [
    2,
    `erp: { connector: sqlite, file: "mysql://u:hunter2@h/db", timezone: UTC }`,
    "erp.file",
    "holds a secret in plain text",
    "erpfuser secret set",
  ],
  [
    2,
    `erp: { connector: sqlite, file: f, timezone: UTC, courtesy: { lockTimeout: 2 sec } }`,
    "erp.courtesy.lockTimeout",
    "must be a duration",
    "250ms, 5s, 15m",
  ],
  [
    2,
    `erp: { connector: sqlite, file: f, timezone: UTC, courtesy: { rowsPerSecond: viele } }`,
    "erp.courtesy.rowsPerSecond",
    "whole number",
    "digits",
  ],
  [
    2,
    `erp: { connector: sqlite, file: f, timezone: UTC, courtesy: { blackout: [ { between: 7-8 } ] } }`,
    "erp.courtesy.blackout[0].between",
    "two times of the day",
    "07:30-08:00",
  ],
  [3, `vars: { mandant: "001", prefix: [NORD] }`, "vars.prefix", "must be one text", "single value"],
  [4, `scope: { MANDANT: "\${vars.mandat}" }`, "scope.MANDANT", "There is no variable `mandat`", "Did you mean `mandant`?"],
  [
    5,
    `types: { ymd: { integr: yyyyMMdd }, hms: { integer: HHmmss } }`,
    "types.ymd.integr",
    "`integr` is not known here",
    "Did you mean `integer`?",
  ],
  [5, `types: { ymd: { integer: yyyyMMDD }, hms: { integer: HHmmss } }`, "types.ymd.integer", "unknown letter", "dd (day)"],
  [
    5,
    `types: { ymd: { integer: yyyy-MM-dd }, hms: { integer: HHmmss } }`,
    "types.ymd.integer",
    "no other characters",
    "yyyyMMdd",
  ],
  [
    6,
    `maps: { orderStatus: { read: { "0": open, "9": closd } } }`,
    "sources.tickets.fields.status.map",
    "gives `closd`",
    "Did you mean `closed`?",
  ],
  [
    6,
    `maps: { orderStatus: { read: { "0": open, "9": closed }, unknown: ignore } }`,
    "maps.orderStatus.unknown",
    "`ignore` is not known here",
    "quarantine",
  ],
  [
    25,
    `      reporterId: { oneOf: [ { ref: persons, key: [A, B] }, { when: "\${A == 'P'}", ref: persons, key: [A, C] } ] }`,
    "sources.tickets.fields.reporterId.oneOf[0]",
    "never taken",
    "Give it a `when`",
  ],
  [
    25,
    `      reporterId: { oneOf: [ { when: "\${A == 'P'}", ref: propertys, key: [A, C] } ] }`,
    "sources.tickets.fields.reporterId.oneOf[0].ref",
    "There is no source `propertys`",
    "Did you mean `properties`?",
  ],
  [24, `      status: { from: STATUS, take: x }`, "sources.tickets.fields.status.take", "belongs to a lookup", "`lookup`"],
  [24, `      status: { from: STATUS, lookup: "a b" }`, "sources.tickets.fields.status.lookup", "letters, digits", "portal"],
  [
    24,
    `      status: { from: STATUS, lookup: states, map: orderStatus }`,
    "sources.tickets.fields.status.map",
    "beside `lookup`",
    "as it is wanted",
  ],
  [
    25,
    `      reporterId: { from: MELDER, lookup: users }`,
    "sources.tickets.fields.reporterId",
    "A reference to person",
    "ref: SOURCE",
  ],
  [
    24,
    `      status: { from: STATUS, map: orderStatus, sign: "\${A == 'H'}" }`,
    "sources.tickets.fields.status.sign",
    "`sign` is for numbers",
    "Leave out `as`",
  ],
  [
    8,
    `  properties: { type: propertie, table: OBJEKT, key: OBJNR, fields: { name: BEZ } }`,
    "sources.properties.type",
    "There is no type `propertie`",
    "Did you mean `property`?",
  ],
  [
    8,
    `  properties: { type: property, key: OBJNR, fields: { name: BEZ } }`,
    "sources.properties",
    "neither `table` nor `query`",
    "Add `table: NAME`",
  ],
  [
    8,
    `  properties: { type: property, table: OBJEKT, key: [A, A], fields: { name: BEZ } }`,
    "sources.properties.key[1]",
    "`A` stands twice",
    "Remove one",
  ],
  [
    8,
    `  properties: { type: property, table: OBJEKT, key: A, fields: { nmae: BEZ, name: X } }`,
    "sources.properties.fields.nmae",
    "no field `nmae`",
    "Did you mean `name`?",
  ],
  [
    8,
    `  properties: { type: property, table: OBJEKT, key: A, fields: { managementType: X } }`,
    "sources.properties.fields",
    "needs the field `name`",
    "Add `name: …`",
  ],
  [
    8,
    `  properties: { type: property, table: OBJEKT, key: A, identity: { natural: [A] }, fields: { name: X } }`,
    "sources.properties.identity.natural",
    "not supported yet by this version",
    "Leave it out",
  ],
  [
    8,
    `  properties: { type: property, table: OBJEKT, key: A, identity: { reusedWhen: [B, a] }, fields: { name: X } }`,
    "sources.properties.identity.reusedWhen[1]",
    "`a` is part of the key",
    "under the same key",
  ],
  [
    8,
    `  properties: { type: property, query: "SELECT A, X FROM OBJ_\${vars.mandant}", key: A, fields: { name: X } }`,
    "sources.properties.query",
    "is no identifier",
    ":vars.mandant",
  ],
  [
    8,
    `  properties: { type: property, table: "\${vars.prefx}_O", key: A, fields: { name: X } }`,
    "sources.properties.table",
    "no variable `prefx`",
    "Did you mean `prefix`?",
  ],
  [
    8,
    `  properties: { type: property, query: "SELECT A, B FROM O ORDER BY A", key: A, fields: { name: B } }`,
    "sources.properties.query",
    "ORDER BY",
    "Leave ORDER BY out",
  ],
  [
    8,
    `  properties: { type: property, query: "WITH x AS (SELECT 1) SELECT * FROM x", key: A, fields: { name: B } }`,
    "sources.properties.query",
    "begins with WITH",
    "sub-select",
  ],
  [
    8,
    `  properties: { type: property, query: "SELECT A, B FROM O; DROP TABLE O", key: A, fields: { name: B } }`,
    "sources.properties.query",
    "more than one statement",
    "one statement",
  ],
  [
    8,
    `  properties: { type: property, query: "SELECT A FROM O WHERE A = :row.A", key: A, fields: { name: B } }`,
    "sources.properties.query",
    "`:row.A` is no parameter here",
    ":vars",
  ],
  [
    8,
    `  properties: { type: property, query: "SELECT A FROM O WHERE A = :vars.mandat", key: A, fields: { name: B } }`,
    "sources.properties.query",
    "`mandat`",
    "Did you mean `mandant`?",
  ],
  [
    8,
    `  properties: { type: property, query: "SELECT A FROM O", key: A, changes: { column: TS }, fields: { name: B } }`,
    "sources.properties.changes.column",
    "no table of its own",
    "signal",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, fields: { name: X, address: STR } }`,
    "sources.properties.fields.address",
    "An object is wanted",
    "street",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, fields: { name: { from: X, asx: ymd } } }`,
    "sources.properties.fields.name.asx",
    "`asx` is not known here",
    "Did you mean `as`?",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, fields: { name: { frm: X } } }`,
    "sources.properties.fields.name",
    "A single value is wanted",
    "Did you mean `from`?",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, fields: { name: { from: X, do: [trim, uper] } } }`,
    "sources.properties.fields.name.do[1]",
    "`uper` is not known",
    "Did you mean `upper`?",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, fields: { name: { from: X, owner: nobody } } }`,
    "sources.properties.fields.name.owner",
    "`nobody` is not known",
    "erp, portal, shared",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, fields: { name: { from: X, owner: shared, conflict: portal } } }`,
    "sources.properties.fields.name.conflict",
    "`portal` is not known",
    "portal-wins",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, fields: { name: { from: X, conflict: ask } } }`,
    "sources.properties.fields.name.conflict",
    "Only a shared field can be changed by both sides",
    "owner: shared",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, fields: { name: "\${A +}" } }`,
    "sources.properties.fields.name",
    "can't be read at position 4 of `A +`",
    "CEL",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, fields: { name: "x \${A}" } }`,
    "sources.properties.fields.name",
    "Only a whole text",
    "joined with +",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, fields: { name: "\${A" } }`,
    "sources.properties.fields.name",
    "is not closed",
    "Close it",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, fields: { name: "\${vars.mandat + A}" } }`,
    "sources.properties.fields.name",
    "no variable `mandat`",
    "Did you mean `mandant`?",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, fields: { name: X, ownerIds: [ { ref: tickets, key: [A, B] } ] } }`,
    "sources.properties.fields.ownerIds[0].ref",
    "of type ticket, and person is wanted",
    "persons",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, append: true, fields: { name: X } }`,
    "sources.properties.changes",
    "needs a column that only grows",
    "kind: sequence",
  ],
  [
    8,
    `  properties: { type: property, table: O, key: A, append: ja, changes: { column: C }, fields: { name: X } }`,
    "sources.properties.append",
    "must be true or false",
    "`true` or `false`",
  ],
  [
    13,
    `    changes: { column: AENDTS, kind: rowversion }`,
    "sources.persons.changes.kind",
    "database has no rowversion columns",
    "kind: timestamp",
  ],
  [
    13,
    `    changes: { feed: change-tracking }`,
    "sources.persons.changes.feed",
    "no feed of sqlite",
    "There is none: remove it.",
  ],
  [
    13,
    `    changes: { compare: 15 minutes }`,
    "sources.persons.changes.compare",
    "must be a duration of at least 100ms or a cron line",
    "0 3 * * *",
  ],
  [
    13,
    `    changes: { column: A, every: 10ms, compare: 1h }`,
    "sources.persons.changes.every",
    "must be a duration of at least 20ms or a cron line",
    "0 3 * * *",
  ],
  [13, `    changes: { compare: "0 3 * *" }`, "sources.persons.changes.compare", "cron line", "five fields"],
  [13, `    changes: { compare: "0 3 * * 8 *" }`, "sources.persons.changes.compare", "cron line", "five fields"],
  [13, `    changes: { compare: never }`, "sources.persons.changes.compare", "never noticed", "0 3 * * *"],
  [13, `    changes: { every: 5s }`, "sources.persons.changes.every", "`every` needs a column", "Add `column: NAME`"],
  [
    13,
    `    changes: { column: A, grain: day, overlap: 30s, compare: 1h }`,
    "sources.persons.changes.overlap",
    "shorter than the column's grain",
    "at least 1d",
  ],
  [15, `      kind: { value: human }`, "sources.persons.fields.kind.value", "does not take `human`", "natural, legal"],
  [
    24,
    `      status: { from: STATUS, map: orderStaus }`,
    "sources.tickets.fields.status.map",
    "There is no map `orderStaus`",
    "Did you mean `orderStatus`?",
  ],
  [
    25,
    `      reporterId: { ref: person, key: [MANDANT, MELDER] }`,
    "sources.tickets.fields.reporterId.ref",
    "There is no source `person`",
    "Did you mean `persons`?",
  ],
  [
    25,
    `      reporterId: { ref: persons, key: [MELDER] }`,
    "sources.tickets.fields.reporterId.key",
    "has 1 of 2 parts",
    "MANDANT, PERSNR",
  ],
  [25, `      reporterId: MELDER`, "sources.tickets.fields.reporterId", "A reference to person is wanted", "ref: SOURCE"],
  [
    25,
    `      reporterId: { ref: persons, key: [MANDANT, MELDER], missing: skip }`,
    "sources.tickets.fields.reporterId.missing",
    "`skip` is not known",
    "hold, omit",
  ],
  [
    26,
    `      createdAt: { date: D, time: Z, as: [ymd, hm] }`,
    "sources.tickets.fields.createdAt.as[1]",
    "There is no type `hm`",
    "Did you mean `hms`?",
  ],
  [
    26,
    `      createdAt: { date: D, time: Z, as: [ymd] }`,
    "sources.tickets.fields.createdAt.as",
    "Two formats",
    "as: [ymd, hms]",
  ],
  [
    26,
    `      description: { rows: "SELECT X FROM Y WHERE A = :row.A" }`,
    "sources.tickets.fields.description",
    "either `join` or `item`",
    "join",
  ],
  [28, `  ticket.creat:`, "commands.ticket.creat", "There is no command `ticket.creat`", "Did you mean `ticket.create`?"],
  [28, `  document.create:`, "commands.document.create", "not supported yet", "leave it out"],
  [28, `  person.match:`, "commands.person.match", "writes nothing", "persons: { match: true }"],
  [28, `  x-own.create:`, "commands.x-own.create", "There is no command `x-own.create`", "Declare the type"],
  [29, `    idempotency: { ledgr: x }`, "commands.ticket.create.idempotency.ledgr", "`ledgr` is not known here", "ledger"],
  [
    29,
    `    idempotency: { column: AUFTRAG.FREMDNR, value: "\${nr}" }`,
    "commands.ticket.create.idempotency.value",
    "command.id",
    "short(command.id, 20)",
  ],
  [
    29,
    `    idempotency: { column: FREMDNR, value: "\${command.id}" }`,
    "commands.ticket.create.idempotency.column",
    "named with its table",
    "TABLE.COLUMN",
  ],
  [
    31,
    `      - { insertLines: T, from: descripton, width: 60, values: { Z: "\${line.text}" } }\n      - number: nr`,
    "commands.ticket.create.steps[0].from",
    "There is no field `descripton`",
    "Did you mean `description`?",
  ],
  [
    31,
    `      - { insertLines: T, from: description, width: 60, values: { N: "\${line.number}" } }\n      - number: nr`,
    "commands.ticket.create.steps[0].values",
    "The lines are written nowhere",
    "line.text",
  ],
  [
    31,
    `      - { insertLines: T, from: description, width: 0, values: { Z: "\${line.text}" } }\n      - number: nr`,
    "commands.ticket.create.steps[0].width",
    "whole number",
    "digits",
  ],
  [
    32,
    `        mask: "TS{yyMM}-{nr}"\n        max: { table: AUFTRAG, column: NR }`,
    "commands.ticket.create.steps[0].mask",
    "neither a number nor a date",
    "TS{yyMM}-{0000}",
  ],
  [
    32,
    `        mask: "TS{yyMM}"\n        max: { table: AUFTRAG, column: NR }`,
    "commands.ticket.create.steps[0].mask",
    "holds no number",
    "TS{yyMM}-{0000}",
  ],
  [
    32,
    `        max: { table: AUFTRAG, column: NR, like: "TS-{0000}" }`,
    "commands.ticket.create.steps[0].max.like",
    "a brace that is no date",
    "TS____-%",
  ],
  [
    32,
    `        max: { table: AUFTRAG, column: NR, like: "TS[0-9]%" }`,
    "commands.ticket.create.steps[0].max.like",
    "in different ways",
    "`_`",
  ],
  [
    32,
    `        max: { table: AUFTRAG, column: NR, like: "TS____-" }`,
    "commands.ticket.create.steps[0].max.like",
    "leaves no room",
    "`%`",
  ],
  ...(
    [
      ["date", "1753-13-01", "must be a date", "1753-01-01"],
      ["datetime", "1753-01-01 25:00", "must be a date with a time", "1753-01-01 00:00:00"],
      ["time", "24:00", "must be a time of day", "00:00:00"],
      ["boolean", "no", "must be true or false", "`true`"],
      ["integer", "x", "must be a whole number", "integer: 0"],
      ["number", "0", "`number` is not known here", "Known:"],
    ] as const
  ).map(([key, value, message, remedy]) => {
    const text = `      - { insert: T, values: { A: b }, blanks: { ${key}: "${value}" } }\n      - number: nr`;
    return [31, text, `commands.ticket.create.steps[0].blanks.${key}`, message, remedy] as const;
  }),
  [
    31,
    `      - { update: T, key: { K: "1" }, values: { A: b }, version: { column: V }, expectRows: 2 }\n      - number: nr`,
    "commands.ticket.create.steps[0].version",
    "A version belongs to one row",
    "expectRows",
  ],
  [
    31,
    `      - { update: T, key: { K: "1" }, values: { v: "1" }, version: { column: V } }\n      - number: nr`,
    "commands.ticket.create.steps[0].version",
    "written by `values` too",
    "raised by one",
  ],
  [33, `      - inser: AUFTRAG`, "commands.ticket.create.steps[1].inser", "`inser` is not known here", "Did you mean `insert`?"],
  [
    34,
    `        values: { KURZTEXT: { from: titel } }`,
    "commands.ticket.create.steps[1].values.KURZTEXT.from",
    "There is no field `titel`",
    "Did you mean `title`?",
  ],
  [
    34,
    `        values: { A: { from: title, max: 4o } }`,
    "commands.ticket.create.steps[1].values.A.max",
    "whole number",
    "digits",
  ],
  [
    34,
    `        values: { A: { from: title, characters: drop } }`,
    "commands.ticket.create.steps[1].values.A.characters",
    "`drop` is not known here",
    "refuse, replace, transliterate",
  ],
  [
    34,
    `        values: { A: { from: title, codePage: ascii } }`,
    "commands.ticket.create.steps[1].values.A.codePage",
    "needs `characters`",
    "transliterate",
  ],
  [
    35,
    `    staging: { status: S, accepted: ["2"], refused: ["9"] }\n    result: { source: tickets }`,
    "commands.ticket.create.staging",
    "only a probe for the command's id can tell",
    "`idempotency: { probe: SELECT",
  ],
  [35, `    result: { source: tickets }`, "commands.ticket.create.result", "`key` is missing", "one part for each key column"],
  [34, `        values: { A: "\${pad(nr}" }`, "commands.ticket.create.steps[1].values.A", "can't be read at position", "CEL"],
  [
    35,
    `    result: { source: tickts, key: [a, b] }`,
    "commands.ticket.create.result.source",
    "There is no source `tickts`",
    "Did you mean `tickets`?",
  ],
  [35, `    result: { source: tickets, key: [a] }`, "commands.ticket.create.result.key", "has 1 of 2 parts", "MANDANT, AUFTRNR"],
  [
    35,
    `    result: { source: persons, key: [a, b] }`,
    "commands.ticket.create.result.source",
    "of type person, and the command is about ticket",
    "type ticket",
  ],
];

describe("each fault is told with its path, its line and its remedy, and brings no other", () => {
  test.each(single)("line %i: %s", (...row) => {
    const [line, text, path, message, remedy] = row;
    const told = faultsOf(withLines({ [line]: text }));
    const one = told.filter((fault) => fault.path === path);
    expect(one, JSON.stringify(told, undefined, 1)).toHaveLength(1);
    // A fault of a map's value is told where the map is used.
    expect(one[0]?.line).toBe(path.startsWith("sources.tickets.fields.status") ? 24 : line);
    expect(one[0]?.message).toContain(message);
    expect(one[0]?.remedy).toContain(remedy);
    expect(JSON.stringify(told)).not.toContain("hunter2");
    const follow = told.filter((fault) => fault.path !== path);
    // Taking away the one name or insert that others refer to is told there as well.
    if (line !== 33 && line !== 31) expect(follow).toEqual([]);
  });
});

test("ten different faults in one file are all listed, in the order of their lines", () => {
  const text = withLines({
    1: `agent: { name: Test, portal: "http://portal.example.com" }`,
    2: `erp: { connector: sqlite, file: f, timezone: Europe/Berlin, pasword: hunter2, courtesy: { lockTimout: 2s } }`,
    4: `scope: { MANDANT: "\${vars.company}" }`,
    8: `  properties: { type: property, table: OBJEKT, fields: { name: BEZ, nummer: NR } }`,
    13: `    changes: { column: AENDTS, kind: timestamp, every: 5 s }`,
    16: `      lastName: { from: NAME1, as: dmy }`,
    24: `      status: { from: STATUS, map: status }`,
    25: `      reporterId: { ref: people, key: [MANDANT, MELDER] }`,
    34: `        values: { AUFTRNR: "\${nr", KURZTEXT: { from: headline } }`,
    35: `    result: { source: tickets, key: ["\${nr}"] }`,
  });
  const told = faultsOf(text);
  expect(told.map(({ line, path }) => `${line} ${path}`)).toEqual([
    "1 agent.portal",
    "2 erp.courtesy.lockTimout",
    "2 erp.pasword",
    "4 scope.MANDANT",
    "8 sources.properties.fields.nummer",
    "8 sources.properties.key",
    "13 sources.persons.changes.every",
    "16 sources.persons.fields.lastName.as",
    "24 sources.tickets.fields.status.map",
    "25 sources.tickets.fields.reporterId.ref",
    "34 commands.ticket.create.steps[1].values.AUFTRNR",
    "34 commands.ticket.create.steps[1].values.KURZTEXT.from",
    "35 commands.ticket.create.result.key",
  ]);
  for (const fault of told) expect(fault.remedy, fault.path).toMatch(/^[A-Z`].+\.$/s);
  expect(JSON.stringify(told)).not.toContain("hunter2");
});

test("what a later version brings is refused feature by feature, each in its line, and nothing else of the file", () => {
  const text = readFileSync("test/unit/config/design-example.yaml", "utf8");
  const lineOf = (words: string): number => text.split("\n").findIndex((line) => line.includes(words)) + 1;
  expect(faultsOf(text).map(({ path, line, message }) => [path, line, message])).toEqual([
    ["sources.periods.changes.kind", lineOf("kind: rowversion"), "A mysql database has no rowversion columns"],
    ["sources.periods.identity.natural", lineOf("reusedWhen"), "`natural` is not supported yet by this version"],
    ["sources.tickets.changes.feed", lineOf("changes: { feed"), "There is no feed of mysql `change-tracking`"],
    ["sources.tickets.touchedBy[0].changes.feed", lineOf("touchedBy:"), "There is no feed of mysql `change-tracking`"],
  ]);
});

test("persons can be asked for only where there are some, and facts of them", () => {
  const asked = (more: string): string => withLines({ 7: `persons: { match: true }${more}\nsources:` });
  expect(faultsOf(asked(""))).toMatchObject([]);
  expect(faultsOf(asked("\nquality: { rules: false }"))).toMatchObject([
    { path: "persons.match", remedy: expect.stringContaining("rules: false") },
  ]);
});

describe("settings of the connector", () => {
  const mysql = (settings: string): string => withLines({ 2: `erp: { connector: mysql, timezone: UTC, ${settings} }` });

  test.each([
    ["server: s, database: d, user: u, tls: { verfy: true }", "erp.tls.verfy", "is not known here", "Did you mean `verify`?"],
    [
      "server: s, database: d, user: u, port: many",
      "erp.port",
      "is not what the mysql connector takes",
      "Write a whole number from 1 to 65535.",
    ],
    ["server: s, user: u", "erp.database", "`database` is missing", "the mysql connector needs it"],
    ["server: s, database: d, user: u, passwrod: hunter2", "erp.passwrod", "is not known here", "Did you mean `password`?"],
    [
      "server: s, database: d, user: u, tls: { mode: hunter2 }",
      "erp.tls.mode",
      "is not what the mysql connector takes",
      "required",
    ],
  ])("{ %s } is told at %s", (settings, path, message, remedy) => {
    const told = faultsOf(mysql(settings));
    expect(told).toMatchObject([{ line: 2, message: expect.stringContaining(message), remedy: expect.stringContaining(remedy) }]);
    expect(told[0]?.path).toBe(path);
    expect(JSON.stringify(told)).not.toContain("hunter2");
  });
});

describe("between sources", () => {
  test("two sources of one type need different prefixes", () => {
    const twice = withLines({ 8: `${right[7]}\n  others: { type: property, table: O, key: A, fields: { name: N } }` });
    expect(faultsOf(twice)).toMatchObject([{ path: "sources.others", line: 9, remedy: expect.stringContaining("prefix") }]);
    expect(faultsOf(twice.replace("table: O,", "table: O, prefix: b,"))).toEqual([]);
  });

  test("references that run in a circle are refused; a source may refer to itself", () => {
    const text = (propertyOwner: string, parent: string): string => `${right.slice(0, 7).join("\n")}
  properties: { type: property, table: O, key: A, fields: { name: N, ownerIds: [ { ref: persons, key: A } ] } }
  buildings: { type: building, table: B, key: A, fields: { name: N, propertyId: { ref: properties, key: A }${parent} } }
  persons: { type: person, table: P, key: A, fields: { kind: { value: legal }${propertyOwner} } }
  assets: { type: asset, table: A, key: A, fields: { kind: K, name: N } }
`;
    expect(faultsOf(text("", ", parentBuildingId: { ref: buildings, key: P }"))).toEqual([]);
    const circle = `${right.slice(0, 7).join("\n")}
  a: { type: building, prefix: a, table: B, key: A, fields: { name: N, propertyId: { ref: p, key: A }, parentBuildingId: { ref: b, key: P } } }
  b: { type: building, prefix: b, table: B, key: A, fields: { name: N, propertyId: { ref: p, key: A }, parentBuildingId: { ref: a, key: P } } }
  p: { type: property, table: O, key: A, fields: { name: N } }
`;
    expect(faultsOf(circle)).toMatchObject([{ message: "The references run in a circle: a → b → a" }]);
    const chosen = circle.replace("{ ref: b, key: P }", '{ oneOf: [ { when: "${A == P}", ref: b, key: P } ] }');
    expect(faultsOf(chosen)).toMatchObject([{ message: "The references run in a circle: a → b → a" }]);
  });
});

describe("text that is no YAML", () => {
  test.each([
    ["a tab as indentation", "agent:\n\tname: x\n", 2, "spaces"],
    ["a missing bracket", "agent: [ a, b\n", 2, "bracket"],
    ["a key that stands twice", "agent: { name: a }\nvars: { a: b }\nagent: { name: c }\n", 3, "second time"],
    ["a second document", "a: b\n---\nc: d\n", 2, "second document"],
    ["an alias without anchor, whose name may be a secret", "erp: { password: *hunter2 }\n", 1, "alias"],
    ["a tag", "agent: !!int 5\n", 1, "tag"],
    ["a list as key", "? [a]\n: b\n", 1, "key"],
    ["a key that would change objects", "__proto__: { a: b }\n", 1, "__proto__"],
  ])("%s is told with its line", (_, text, line, message) => {
    const told = faultsOf(text);
    const one = told.filter(
      (fault) => fault.line === line && (fault.message + fault.remedy).toLowerCase().includes(message.toLowerCase()),
    );
    expect(one.length, JSON.stringify(told)).toBeGreaterThan(0);
    expect(JSON.stringify(told)).not.toContain("hunter2");
  });

  test.each(["", "\n", "# nothing\n", "text", "[a, b]", "{}"])("%j holds no configuration", (text) => {
    expect(faultsOf(text)).toMatchObject([{ line: 1, remedy: expect.stringContaining("erpfuser init") }]);
  });

  test("aliases that multiply beyond measure are refused in reasonable time", () => {
    const levels = Array.from(
      { length: 12 },
      (_, index) =>
        `l${index}: &l${index} [${Array(10)
          .fill(index === 0 ? "x" : `*l${index - 1}`)
          .join(", ")}]`,
    );
    expect(faultsOf(levels.join("\n")).length).toBeGreaterThan(0);
    expect(faultsOf("a: &a [*a, *a]\n").length).toBeGreaterThan(0);
  });

  test("an alias of a list of aliases costs what it is worth, not a search of the file each time", () => {
    const levels = Array.from({ length: 30 }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level},`.repeat(9)}]`);
    const began = process.cpuUsage();
    const told = faultsOf(`a0: &a0 [x]\n${levels.join("\n")}\nvars: *a30\n`);
    const { user } = process.cpuUsage(began);
    expect(told.map((fault) => fault.message)).toEqual(["The file is too large or nests too deeply"]);
    // Far more than it takes, far less than the 4 s that the searches took.
    expect(user / 1_000).toBeLessThan(2_500);
  });

  test("a text as long as a book is not repeated as a whole", () => {
    const told = faultsOf(withLines({ 16: `      lastName: { from: NAME1, do: [${"x".repeat(20_000)}] }` }));
    expect(told.length).toBeGreaterThan(0);
    for (const { path, message, remedy } of told) expect((path + message + remedy).length).toBeLessThan(2_500);
  });

  test("a text that nests a hundred thousand levels is refused", () => {
    expect(faultsOf("[".repeat(100_000)).length).toBeGreaterThan(0);
    expect(faultsOf(`a: ${"{b: ".repeat(5_000)}${"}".repeat(5_000)}`).length).toBeGreaterThan(0);
  });
});

describe("secrets", () => {
  test.each(["password", "dbPass", "pass", "passwd", "apiKey", "authToken", "Kennwort"])(
    "a plain value at `%s` is a fault that does not repeat it",
    (key) => {
      const told = faultsOf(withLines({ 3: `vars: { mandant: "001", prefix: NORD, ${key}: hunter2 }` }));
      expect(told.filter((fault) => fault.path === `vars.${key}`)).toMatchObject([
        { line: 3, message: `\`${key}\` holds a secret in plain text` },
      ]);
      expect(JSON.stringify(told)).not.toContain("hunter2");
    },
  );

  test.each([
    { 2: `erp: { connector: mysql, server: a, user: b, database: c, password: { hunter2 }, timezone: UTC }` },
    { 1: `agent: { name: A, portal: "wss://a.example.com", proxy: { url: "http://p:1", user: u, password: { hunter2: x } } }` },
  ] as Readonly<Record<number, string>>[])(
    "a secret in the place of the word `secret` is a fault that does not repeat it: %j",
    (change) => {
      const told = faultsOf(withLines(change));
      expect(told.map((fault) => fault.message)).toContain("A key is not known here");
      expect(JSON.stringify(told)).not.toContain("hunter2");
    },
  );

  test.each(["compass", "bypass", "passage"])("`%s` is no secret", (key) => {
    expect(faultsOf(withLines({ 3: `vars: { mandant: "001", prefix: NORD, ${key}: x }` }))).toEqual([]);
  });

  const stored = withLines({ 2: `erp: { connector: sqlite, file: { secret: erp-file }, timezone: UTC }` });

  test("with the stored names at hand, another name is a fault with the command that stores it", () => {
    const told = faultsOf(stored, { secrets: ["erp-fiel"] }).filter((fault) => fault.path === "erp.file.secret");
    expect(told).toMatchObject([
      {
        line: 2,
        message: "No secret `erp-file` is stored",
        remedy: "Did you mean `erp-fiel`? Run `erpfuser secret set erp-file`.",
      },
    ]);
    expect(faultsOf(stored, { secrets: ["erp-file"] }).filter((fault) => fault.path === "erp.file.secret")).toEqual([]);
  });
});
