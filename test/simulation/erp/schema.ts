/** The tables of the simulated ERP, and the configuration that maps them. */
import type { Column, ColumnType, Table } from "../../../connectors/connector.ts";

const text = (name: string, nullable = false): Column => column(name, "text", nullable);

function column(name: string, type: ColumnType, nullable = false): Column {
  return {
    name,
    type,
    nullable,
    length: type === "text" ? 2_000 : undefined,
    hasDefault: type === "datetime",
    autoIncrement: false,
  };
}

interface Shape {
  columns: readonly Column[];
  key: readonly string[];
  unique?: readonly string[];
}

const shapes = {
  OBJEKT: { columns: [text("NR"), text("NAME")], key: ["NR"] },
  HAUS: { columns: [text("OBJ"), text("NR"), text("NAME")], key: ["OBJ", "NR"] },
  WOHNUNG: { columns: [text("OBJ"), text("HAUS"), text("NR"), text("LAGE")], key: ["OBJ", "HAUS", "NR"] },
  PERSON: { columns: [text("NR"), text("NAME"), column("AENDTS", "datetime")], key: ["NR"] },
  MIETE: {
    columns: [
      ...["NR", "OBJ", "HAUS", "WOHN", "PERS"].map((name) => text(name)),
      ...[column("BEGINN", "integer"), column("ENDE", "integer"), text("STORNO"), column("AENDTS", "datetime")],
    ],
    key: ["NR"],
  },
  AUFTRAG: {
    columns: [
      ...["NR", "OBJ", "HAUS", "WOHN", "MELDER", "TITEL", "STATUS", "PRIO"].map((name) => text(name)),
      ...[text("FREMDNR", true), column("AENDTS", "datetime")],
    ],
    key: ["NR"],
    unique: ["FREMDNR"],
  },
  BESCHR: {
    columns: [text("AUFTR"), column("LFD", "integer"), text("ZEILE"), column("AENDTS", "datetime")],
    key: ["AUFTR", "LFD"],
  },
  NOTIZ: {
    columns: [
      text("AUFTR"),
      column("LFD", "integer"),
      text("ZEILE"),
      text("FREMDNR", true),
      { ...column("SEQ", "integer"), hasDefault: true },
    ],
    key: ["AUFTR", "LFD"],
    unique: ["FREMDNR"],
  },
  KREIS: { columns: [text("NAME"), column("NR", "integer")], key: ["NAME"] },
  BUCH: { columns: [text("command_id"), text("results", true)], key: ["command_id"] },
} as const satisfies Record<string, Shape>;

export type TableName = keyof typeof shapes;

export const shapeOf = (table: TableName): Shape => shapes[table];

export const tables: readonly Table[] = (Object.entries(shapes) as [TableName, Shape][]).map(
  ([name, { columns, key, unique }]) => ({
    name,
    kind: "table",
    columns,
    primaryKey: key,
    uniqueIndexes: unique === undefined ? [key] : [key, unique],
    foreignKeys: [],
    indexedColumns: columns.map((one) => one.name),
    rows: undefined,
    transactional: true,
  }),
);

/** How the ERP remembers commands in one run: each way has its own promises. */
export interface Ways {
  create: "column" | "ledger" | "probe";
  update: "base" | "ledger";
  message: "column" | "ledger" | "content";
}

/** How often one run looks. */
export interface Rhythm {
  pollEvery: string;
  compareEvery: string;
  /** All sources live on the ERP's own feed in place of columns and compares. */
  feed: boolean;
}

const createWay = {
  column: '{ column: AUFTRAG.FREMDNR, value: "${command.id}" }',
  ledger: "{ ledger: BUCH }",
  probe: '{ probe: "SELECT NR FROM AUFTRAG WHERE FREMDNR = :command.id" }',
};
const messageWay = {
  column: '{ column: NOTIZ.FREMDNR, value: "${command.id}" }',
  ledger: "{ ledger: BUCH }",
  content: '{ probe: "SELECT AUFTR, LFD FROM NOTIZ WHERE ZEILE = :field.body" }',
};

/** An ERP that is known by content alone has no place for a command's number. */
const commandColumn = ', FREMDNR: "${command.id}"';

/** Limit of deletes that pass without a person's word. */
export const guardRows = 8;
/** The same of entities that lose a value, and of those that get another parent. */
export const valueRows = 4;

const nightly = '"0 3 * * *"';
const fed = "changes: { feed: binlog }";

const compared = ({ compareEvery, feed }: Rhythm): string => (feed ? fed : `changes: { compare: ${compareEvery} }`);

const stamped = ({ pollEvery, feed }: Rhythm, compare: string | undefined): string => {
  const net = compare === undefined ? "" : `, compare: ${compare}`;
  return feed ? fed : `changes: { column: AENDTS, kind: timestamp, grain: second, overlap: 10s, every: ${pollEvery}${net} }`;
};

export const configurationText = (ways: Ways, rhythm: Rhythm): string => `
agent: { name: Simulated, portal: "ws://127.0.0.1:1/agent", stage: live, state: /simulated }
erp: { connector: mysql, server: simulated, database: simulated, user: simulated, timezone: Europe/Berlin }
reconcile: { between: "00:00-24:00", every: 90s, records: 30 }
guards:
  deletes: { rows: ${guardRows}, percent: 100 }
  emptied: { rows: ${valueRows}, percent: 100 }
  moved: { rows: ${valueRows}, percent: 100 }
types:
  ymd: { integer: yyyyMMdd, empty: ["0"], invalid: quarantine }
maps:
  status: { read: { "0": open, "1": in-progress, "9": closed }, write: { open: "0", in-progress: "1", closed: "9" }, unknown: quarantine }
  priority: { read: { "1": high, "2": normal, "3": low }, write: { high: "1", normal: "2", low: "3" }, unknown: { value: normal } }
sources:
  properties:
    type: property
    table: OBJEKT
    key: [NR]
    ${compared(rhythm)}
    deletes: { grace: 0s }
    fields: { name: NAME }
  buildings:
    type: building
    table: HAUS
    key: [OBJ, NR]
    refresh: { at: 11m, send: all }
    ${compared(rhythm)}
    deletes: { grace: 0s }
    fields: { propertyId: { ref: properties, key: [OBJ] }, name: NAME }
  units:
    type: unit
    table: WOHNUNG
    key: [OBJ, HAUS, NR]
    ${compared(rhythm)}
    deletes: { grace: 20s }
    fields: { buildingId: { ref: buildings, key: [OBJ, HAUS] }, name: LAGE, objectType: { value: flat } }
  persons:
    type: person
    table: PERSON
    key: [NR]
    refresh: 3m
    ${stamped(rhythm, rhythm.compareEvery)}
    deletes: { grace: 0s }
    fields: { kind: { value: natural }, lastName: NAME }
  periods:
    type: utilisationPeriod
    table: MIETE
    key: [NR]
    ${stamped(rhythm, nightly)}
    deletes: { flag: "STORNO = 'J'", grace: 0s }
    fields:
      unitId: { ref: units, key: [OBJ, HAUS, WOHN] }
      kind: { value: tenant }
      startDate: { from: BEGINN, as: ymd }
      endDate: { from: ENDE, as: ymd }
      participants: [ { personId: { ref: persons, key: [PERS] }, role: { value: main } } ]
  tickets:
    type: ticket
    table: AUFTRAG
    key: [NR]
    refresh: 2m
    ${stamped(rhythm, nightly)}
    deletes: { grace: 0s }
    touchedBy:
      - { table: BESCHR, key: [AUFTR], own: [AUFTR, LFD], ${stamped(rhythm, undefined)} }
    fields:
      number: NR
      kind: { value: damage }
      title: { from: TITEL, owner: shared }
      description: { rows: "SELECT ZEILE FROM BESCHR WHERE AUFTR = :row.NR ORDER BY LFD", join: " / " }
      status: { from: STATUS, map: status, owner: shared }
      priority: { from: PRIO, map: priority, owner: shared }
      unitId: { ref: units, key: [OBJ, HAUS, WOHN] }
      reporterId: { ref: persons, key: [MELDER], missing: omit }
  messages:
    type: message
    table: NOTIZ
    key: [AUFTR, LFD]
    ${rhythm.feed ? fed : `changes: { column: SEQ, kind: sequence, overlap: 100, every: ${rhythm.pollEvery}, compare: ${nightly} }`}
    deletes: { grace: 0s }
    fields: { ticketId: { ref: tickets, key: [AUFTR] }, body: ZEILE, visibility: { value: tenant } }
commands:
  ticket.create:
    idempotency: ${createWay[ways.create]}
    steps:
      - number: nr
        counter: { table: KREIS, column: NR, where: { NAME: AUFTRAG } }
      - insert: AUFTRAG
        values:
          NR: "\${pad(nr, 6, '0')}"
          FREMDNR: "\${command.id}"
          OBJ: "\${key(unitId).OBJ}"
          HAUS: "\${key(unitId).HAUS}"
          WOHN: "\${key(unitId).NR}"
          MELDER: "\${key(reporterId).NR}"
          TITEL: { from: title }
          STATUS: "0"
          PRIO: { from: priority, map: priority, default: "2" }
      - insert: BESCHR
        values: { AUFTR: "\${pad(nr, 6, '0')}", LFD: "1", ZEILE: { from: description } }
    result: { source: tickets, key: "\${pad(nr, 6, '0')}", number: "\${pad(nr, 6, '0')}" }
  ticket.update:
    idempotency: ${ways.update === "base" ? "base" : "{ ledger: BUCH }"}
    steps:
      - update: AUFTRAG
        key: { NR: "\${key(id).NR}" }
        values: { TITEL: { from: title }, STATUS: { from: status, map: status }, PRIO: { from: priority, map: priority } }
    result: { source: tickets, key: "\${key(id).NR}" }
  message.create:
    idempotency: ${messageWay[ways.message]}
    steps:
      - number: line
        max: { table: NOTIZ, column: LFD, where: { AUFTR: "\${key(ticketId).NR}" } }
      - insert: NOTIZ
        values: { AUFTR: "\${key(ticketId).NR}", LFD: "\${line}", ZEILE: { from: body }${ways.message === "content" ? "" : commandColumn} }
    result: { source: messages, key: ["\${key(ticketId).NR}", "\${line}"] }
`;
