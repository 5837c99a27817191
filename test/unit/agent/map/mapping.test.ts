import { describe, expect, test } from "vitest";
import { missingColumns } from "../../../../agent/map/query.ts";
import type { Table } from "../../../../connectors/connector.ts";
import { canonicalJson } from "../../../../protocol/canonical-json.ts";
import { type EntityText, entityText } from "../../../../protocol/entity-text.ts";
import type { Fields } from "../../../../protocol/model.ts";
import {
  cel,
  column,
  columnOf,
  type compile,
  config,
  constant,
  faultsOf,
  field,
  from,
  list,
  mapOne,
  mappingOf,
  object,
  oneOf,
  outcome,
  ref,
  rowOf,
  source,
} from "./sample.ts";

const units = source("units", "unit", { key: ["M", "W"], fields: {} });
const persons = source("persons", "person", { key: ["M", "P", "T"], prefix: "p", fields: {} });

const period = source("periods", "utilisationPeriod", {
  key: ["M", "W", "F"],
  fields: {
    unitId: ref("units", ["M", "W"]),
    kind: constant("tenant"),
    startDate: from("BEGINN", { as: "ymd" }),
    endDate: from("ENDE", { as: "ymd" }),
    participants: list(object({ personId: ref("persons", ["M", "PERS", "=1"]), role: constant("main") }), {
      when: "!empty(MIT)",
      read: object({ role: constant("co-tenant"), personId: ref("persons", ["M", "MIT", "=1"], "omit") }),
    }),
  },
});
const periodColumns = {
  M: "text",
  W: "text",
  F: "integer",
  BEGINN: "integer",
  ENDE: "integer",
  PERS: "text",
  MIT: "text",
} as const;
const all = config([units, persons, period]);
const mapping = mappingOf(period, periodColumns, { all });
const lease = { M: "001", W: "0004", F: 1, BEGINN: 20200201, ENDE: 99991231, PERS: "0815", MIT: "0816" };

test("A row with composite keys, dates and references becomes an entity that names its parents", () => {
  expect(mapping.map(rowOf(mapping, lease), "001.0004.1")).toEqual({
    kind: "entity",
    id: "001.0004.1",
    text: entityText({
      unitId: "001.0004",
      kind: "tenant",
      startDate: "2020-02-01",
      endDate: null,
      participants: [
        { personId: "p:001.0815.1", role: "main" },
        { personId: "p:001.0816.1", role: "co-tenant" },
      ],
    }),
    // Bits of kind, participants, startDate and unitId.
    filled: 0b111010,
    parents: [
      { source: "persons", key: "001.0815.1", type: "person", id: "p:001.0815.1", missing: "hold" },
      { source: "persons", key: "001.0816.1", type: "person", id: "p:001.0816.1", missing: "omit" },
      { source: "units", key: "001.0004", type: "unit", id: "001.0004", missing: "hold" },
    ],
    cause: undefined,
    notes: [],
  });
});

test("Fields come out in canonical order at every level, so that their JSON needs no sorting", () => {
  const mapped = mapOne(mapping, lease);
  const { text, fields } = mapped as { text: EntityText; fields: Fields };
  expect(text.names.list).toEqual(Object.keys(fields).sort());
  expect(`[${text.values}]`).toBe(canonicalJson(Object.values(fields)));
});

test("A reference with `missing: omit` is left out when its parent is known to be absent, and the entity goes", () => {
  const mapped = mapping.map(rowOf(mapping, lease), "k", (parent) => parent.id === "p:001.0816.1");
  expect(outcome(mapped)).toMatchObject({ participants: [{ personId: "p:001.0815.1", role: "main" }] });
});

test("A reference with an empty key part is null: refused where the portal needs it, and its list item left out", () => {
  expect(outcome(mapOne(mapping, { ...lease, W: "" }))).toEqual(["value-invalid unitId"]);
  expect(outcome(mapOne(mapping, { ...lease, PERS: null }))).toMatchObject({ participants: [{ personId: "p:001.0816.1" }] });
});

test("All faults of a row are told, with codes, fields and columns and without the row's values", () => {
  const mapped = mapOne(mapping, { ...lease, BEGINN: 11010100, ENDE: 20230230 });
  expect(mapped).toEqual({
    kind: "faulty",
    id: "1",
    faults: [
      { code: "date-invalid", field: "endDate", column: "ENDE", message: "column ENDE holds no valid date" },
      { code: "date-invalid", field: "startDate", column: "BEGINN", message: "column BEGINN holds no valid date" },
    ],
  });
});

test("A row that the flag marks is cancelled, whatever its other columns hold", () => {
  const flagged = { ...period, deletes: { flag: { sql: "STORNO = 'J'", at: period.at }, graceMs: 5 } };
  const compiled = mappingOf(flagged, periodColumns, { all: config([units, persons, flagged]) });
  expect(compiled.graceMs).toBe(5);
  expect(mapOne(compiled, { ...lease, BEGINN: 1 }, { flags: [true] })).toEqual({ kind: "cancelled", id: "1" });
  expect(mapOne(compiled, lease, { flags: [false] }).kind).toBe("entity");
});

test("An id is read back to its key only by the source that made it", () => {
  const person = source("persons", "person", {
    key: ["P"],
    prefix: "p",
    fields: { kind: constant("natural"), lastName: column("N") },
  });
  const compiled = mappingOf(person, { P: "text", N: "text" });
  expect(compiled.idOf("001.4")).toBe("p:001.4");
  expect(compiled.keyOf("p:001.4")).toBe("001.4");
  expect(compiled.keyOf("001.4")).toBeUndefined();
  expect(mapping.keyOf("p:001.4")).toBeUndefined();
});

const ticket = (fields: Parameters<typeof source>[2]["fields"]) =>
  source("tickets", "ticket", {
    key: ["NR"],
    table: "AUFTRAG",
    fields: { kind: constant("damage"), title: column("KURZ"), status: from("STATUS", { map: "orderStatus" }), ...fields },
  });
const ticketColumns = { NR: "text", KURZ: "text", STATUS: "text" } as const;

test('An expression may name a column by itself, as row.NAME and as row["NAME"], and it is read although no field is', () => {
  const compiled = mappingOf(ticket({ description: cel("OWN + row.DOT + row['A B']") }), {
    ...ticketColumns,
    OWN: "text",
    DOT: "text",
    "A B": "text",
  });
  expect(compiled.query.columns).toEqual(expect.arrayContaining(["OWN", "DOT", "A B"]));
  const values = { KURZ: "x", STATUS: "0", OWN: "1", DOT: "2", "A B": "3" };
  expect(outcome(mapOne(compiled, values))).toMatchObject({ description: "123" });
});

test("A code is looked up as text: the integer 0, the decimal 1.00 and a padded text are found", () => {
  for (const [type, zero, one] of [
    ["integer", 0, 1n],
    ["decimal", "0.00", "1.00"],
    ["text", "0", "1 "],
    ["boolean", false, true],
  ] as const) {
    const compiled = mappingOf(ticket({}), { ...ticketColumns, STATUS: type });
    expect(outcome(mapOne(compiled, { KURZ: "x", STATUS: zero }))).toMatchObject({ status: "open" });
    expect(outcome(mapOne(compiled, { KURZ: "x", STATUS: one }))).toMatchObject({ status: "in-progress" });
  }
});

test("An unknown code puts the row into quarantine and is named; with a default it is sent and noted", () => {
  const strict = mapOne(mappingOf(ticket({}), ticketColumns), { KURZ: "x", STATUS: "7" });
  expect(strict).toMatchObject({
    faults: [{ code: "code-unknown", field: "status", column: "STATUS", message: 'code "7" is not in map orderStatus' }],
  });
  const channel = {
    name: "channel",
    read: { T: "phone" },
    write: {},
    unknown: { kind: "value", value: "other" },
    at: period.at,
  } as const;
  const one = ticket({ channel: from("KANAL", { map: "channel" }) });
  const lenient = mappingOf(one, { ...ticketColumns, KANAL: "text" }, { all: config([one], { maps: { channel } }) });
  expect(mapOne(lenient, { KURZ: "x", STATUS: "0", KANAL: "?" })).toMatchObject({
    fields: { channel: "other" },
    notes: [{ code: "code-defaulted", field: "channel", value: "?" }],
  });
  expect(mapOne(lenient, { KURZ: "x", STATUS: "0", KANAL: "" })).toMatchObject({ fields: { channel: null }, notes: [] });
});

test("An empty text is null where the portal takes null, and a fault where it needs a text", () => {
  const compiled = mappingOf(ticket({ category: column("KAT") }), { ...ticketColumns, KAT: "text" });
  expect(outcome(mapOne(compiled, { KURZ: "x", STATUS: "0", KAT: "" }))).toMatchObject({ category: null });
  expect(outcome(mapOne(compiled, { KURZ: "", STATUS: "0", KAT: "" }))).toEqual(["value-invalid title"]);
});

test("A field whose condition is not met is absent, not null", () => {
  const person = source("persons", "person", {
    key: ["P"],
    fields: {
      kind: cel("ART == 'J' ? 'legal' : 'natural'"),
      lastName: field(column("N"), { when: { cel: "ART == 'N'", at: period.at } }),
      companyName: field(column("N"), { when: { cel: "ART == 'J'", at: period.at } }),
    },
  });
  const compiled = mappingOf(person, { P: "text", ART: "text", N: "text" });
  expect(outcome(mapOne(compiled, { ART: "J", N: "GmbH" }))).toEqual({ kind: "legal", companyName: "GmbH" });
  expect(outcome(mapOne(compiled, { ART: null, N: "GmbH" }))).toEqual({ kind: "natural" });
});

test("An object is null when all that it reads is empty, whatever constants stand in it", () => {
  const property = source("properties", "property", {
    key: ["O"],
    fields: { name: column("BEZ"), address: object({ street: column("STR"), country: constant("DE"), city: column("ORT") }) },
  });
  const compiled = mappingOf(property, { O: "text", BEZ: "text", STR: "text", ORT: "text" });
  expect(outcome(mapOne(compiled, { BEZ: "x", STR: "", ORT: null }))).toEqual({ name: "x", address: null });
  expect(outcome(mapOne(compiled, { BEZ: "x", STR: "", ORT: "Köln" }))).toEqual({
    name: "x",
    address: { city: "Köln", country: "DE", street: null },
  });
});

test("The first item of oneOf whose condition holds gives the value and the parent, empty or not; none gives null", () => {
  const people = source("people", "person", { key: ["P"], fields: { kind: constant("natural"), lastName: column("N") } });
  const crafts = source("crafts", "serviceProvider", { key: ["P"], prefix: "k", fields: { name: column("N") } });
  const payment = source("payments", "payment", {
    key: ["NR"],
    fields: {
      direction: constant("made"),
      date: column("DATUM"),
      amount: from("BETRAG", { currency: "EUR", sign: { cel: "SH == 'H'", at: period.at } }),
      payeeId: oneOf(
        { when: "ART == 'P'", read: ref("people", ["NRZU"]) },
        { when: "ART == 'K'", read: ref("crafts", ["NRZU"], "omit") },
      ),
      reference: oneOf(
        { when: "ART == 'P'", read: constant("person") },
        { when: "NRZU == 7", read: constant("seven") },
        column("SH"),
      ),
    },
  });
  const columns = { NR: "text", DATUM: "date", BETRAG: "decimal", SH: "text", ART: "text", NRZU: "integer" } as const;
  const compiled = mappingOf(payment, columns, { all: config([payment, people, crafts]) });
  const paid = { DATUM: "2026-11-23", BETRAG: "12.50", SH: "S", ART: "K", NRZU: 7 };
  const to = (values: Record<string, string | number | null>) => mapOne(compiled, { ...paid, ...values });
  expect(to({})).toMatchObject({
    fields: { payeeId: "k:7", amount: { amount: "12.50", currency: "EUR" }, reference: "seven" },
    parents: [{ source: "crafts", id: "k:7", missing: "omit" }],
  });
  expect(to({ ART: "P", SH: "H" })).toMatchObject({
    fields: { payeeId: "7", amount: { amount: "-12.50" }, reference: "person" },
    parents: [{ source: "people", id: "7", missing: "hold" }],
  });
  expect(to({ NRZU: null })).toMatchObject({ fields: { payeeId: null, reference: "S" }, parents: [] });
  expect(to({ ART: "X", BETRAG: "0.00", SH: "H" })).toMatchObject({ fields: { payeeId: null, amount: { amount: "0.00" } } });
  const wrong = { ...payment, fields: { ...payment.fields, reference: field(from("DATUM", { round: 2 })) } };
  expect(faultsOf(wrong, columns, { all: config([wrong, people, crafts]) })).toEqual([
    "DATUM: sign: and round: are for numbers, but column DATUM is date. Remove them.",
  ]);
});

test("Child rows become a joined text with its empty lines, or a list of items; no rows is null or an empty list", () => {
  const sql = { sql: "SELECT Z FROM T WHERE NR = :row.NR", at: period.at };
  const joined = mappingOf(
    ticket({ description: { kind: "rows", query: sql, join: "\n", item: undefined, at: period.at } }),
    ticketColumns,
    { children: [{ Z: "text" }] },
  );
  expect(joined.query.children).toEqual([{ sql: sql.sql, parameters: {} }]);
  const base = { KURZ: "x", STATUS: "0" };
  expect(outcome(mapOne(joined, base, { children: [[["a"], [null], ["b 😀"]]] }))).toMatchObject({ description: "a\n\nb 😀" });
  expect(outcome(mapOne(joined, base, { children: [[]] }))).toMatchObject({ description: null });
  const order = source("orders", "workOrder", {
    key: ["NR"],
    fields: {
      kind: constant("corrective"),
      status: constant("open"),
      positions: {
        kind: "rows",
        query: sql,
        join: undefined,
        item: object({ text: column("Z"), quantity: column("Q"), amount: from("B", { currency: "EUR" }) }),
        at: period.at,
      },
    },
  });
  const listed = mappingOf(order, { NR: "text" }, { children: [{ Z: "text", Q: "float", B: "decimal" }] });
  expect(
    outcome(
      mapOne(
        listed,
        {},
        {
          children: [
            [
              ["Rohr", 2.5, "012.5"],
              [null, null, null],
            ],
          ],
        },
      ),
    ),
  ).toEqual({
    kind: "corrective",
    positions: [{ amount: { amount: "12.50", currency: "EUR" }, quantity: "2.5", text: "Rohr" }],
    status: "open",
  });
});

test("The cause is the command's id as the row holds it, and nothing else that stands in the column", () => {
  const one = ticket({});
  const command = {
    name: "ticket.create",
    idempotency: {
      way: "column",
      table: "AUFTRAG",
      column: "FREMDNR",
      value: { cel: "'P-' + short(command.id, 20)", at: period.at },
      at: period.at,
    },
    steps: [],
    staging: undefined,
    result: { source: "tickets", key: [], number: undefined },
    draft: false,
    perHour: undefined,
    at: period.at,
  } as const;
  const compiled = mappingOf(one, { ...ticketColumns, FREMDNR: "text" }, { all: config([one], { commands: [command] }) });
  const cause = (text: string | null) =>
    (mapOne(compiled, { KURZ: "x", STATUS: "0", FREMDNR: text }) as { cause?: string }).cause;
  expect(cause("P-abcdefgh12")).toBe("abcdefgh12");
  expect([cause("abcdefgh12"), cause("P-4711"), cause("P-~AAAAAAAAAAAA"), cause(null)]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("Every fault of a mapping is told at once, with its place and the nearest name", () => {
  const one = source("tickets", "ticket", {
    key: ["NR"],
    table: "AUFTRAG",
    fields: {
      kind: constant("damag"),
      titel: column("KURZ"),
      status: from("STATUS", { map: "orderState" }),
      createdAt: column("ANL"),
      dueDate: from("TERMIN", { as: "ymd" }),
      unitId: ref("units", ["NR"]),
      reporterId: ref("unit", ["NR"]),
      category: from("KATT", { do: ["trimm"] }),
      description: cel("ANL + 1"),
      priority: cel("PRI == 1"),
    },
  });
  const columns = {
    NR: "text",
    KURZ: "text",
    STATUS: "text",
    ANL: "text",
    TERMIN: "boolean",
    KAT: "text",
    PRIO: "text",
  } as const;
  expect(faultsOf(one, columns, { all: config([units, one]) })).toEqual([
    "KATT: Table AUFTRAG has no column KATT. Did you mean `KAT`? Known: NR, KURZ, STATUS, ANL, TERMIN, KAT, PRIO.",
    "ANL: createdAt takes an instant, but column ANL gives text. Say how the column holds the date: { from: COLUMN, as: <name under types> }.",
    "ANL + 1: ${ANL + 1}: + between text and integer. Bring both sides to one type with string(), int(), decimal() or date().",
    "TERMIN: Column TERMIN is boolean, but type ymd reads an integer or text column. Take another type, or correct its form.",
    'constant: kind takes damage, request, defect, snag, alarm, not the constant "damag". Did you mean `damage`? Known: damage, request, defect, snag, alarm.',
    "PRI == 1: ${PRI == 1}: PRI is not known here. Did you mean `PRIO`? Known: NR, KURZ, STATUS, ANL, TERMIN, KAT, PRIO, vars, row.",
    "ref unit: There is no source unit. Did you mean `units`? Known: units, tickets.",
    "STATUS: There is no map orderState. Did you mean `orderStatus`? Known: orderStatus.",
    "KURZ: ticket has no field titel. Did you mean `title`? Known: number, updatedAt, kind, title, description, category, severity, assetId, location, status, priority, unitId, buildingId, propertyId, reporterId, assigneeId, serviceProviderId, channel, createdAt, closedAt, dueDate, appointment.",
    "ref units: The reference has 1 key parts, source units has 2: M, W. Give one part for each, in the same order.",
    "sources.tickets: Source tickets lacks the field title, which every ticket needs. Map title.",
  ]);
});

test("A scoped source without the scope's column is told to say so", () => {
  const one = {
    ...source("catalog", "catalogEntry", {
      key: ["C"],
      fields: { catalog: constant("c"), code: column("C"), label: object({ de: column("T") }), active: cel("A == 'J'") },
    }),
    scoped: true,
  };
  const all = config([one], { scope: { MANDANT: "001" } });
  expect(faultsOf(one, { C: "text", T: "text", A: "text" }, { all })).toEqual([
    "sources.catalog: Source catalog has no column MANDANT of the scope. Say `scope: none` if all of its rows belong here.",
  ]);
  const scoped = mappingOf(one, { C: "text", T: "text", A: "text", MANDANT: "text" }, { all });
  expect(scoped.query.scope).toEqual([{ column: "MANDANT", value: "001" }]);
  expect(outcome(mapOne(scoped, { C: "1", T: "Heizung", A: "J" }))).toEqual({
    catalog: "c",
    code: "1",
    label: { de: "Heizung" },
    active: true,
  });
});

test("SQL of the configuration may name vars and, in rows, columns of the row; anything else is a fault", () => {
  const where = { sql: "M = :vars.mandant AND X = ':no' AND Y = :vars.mandat", at: period.at };
  const one = { ...period, where };
  const options = { all: config([units, persons, one]) };
  expect(faultsOf(one, periodColumns, options)).toEqual([
    "x: The SQL names :vars.mandat, which does not exist here. Did you mean `vars.mandant`? Known: vars.mandant.".replace(
      "x:",
      `${where.at.path}:`,
    ),
  ]);
});

test("The fingerprint changes with whatever changes the entity, and with nothing else", () => {
  const print = (one: typeof period, columns: Parameters<typeof compile>[1] = periodColumns) =>
    mappingOf(one, columns, { all: config([units, persons, one]) }).fingerprint;
  const first = print(period);
  expect(
    print({ ...period, at: { path: "elsewhere", line: 99 }, changes: { ...period.changes, compare: { kind: "every", ms: 1 } } }),
  ).toBe(first);
  expect(print(period, { ...periodColumns, F: "text" })).not.toBe(first);
  expect(print({ ...period, fields: { ...period.fields, kind: field(constant("ownership")) } })).not.toBe(first);
});

test("The fingerprint knows only the maps, types, variables and sources that the source uses", () => {
  const tickets = ticket({ priority: cel("vars.mandant") });
  const plain = ticket({});
  const all = config([units, tickets]);
  const print = (one: typeof tickets, change: Partial<typeof all>) =>
    mappingOf(one, ticketColumns, { all: { ...all, ...change } }).fingerprint;
  const maps = (change: object) => ({ maps: { orderStatus: { ...all.maps.orderStatus, ...change } } }) as Partial<typeof all>;
  const [first, second] = [print(tickets, {}), print(plain, {})];
  expect(print(tickets, maps({ read: { ...all.maps.orderStatus?.read, "9": "rejected" } }))).not.toBe(first);
  expect(print(tickets, maps({ unknown: { kind: "value", value: "open" } }))).not.toBe(first);
  expect(print(tickets, maps({ write: {} }))).toBe(first);
  expect(print(tickets, { maps: { ...all.maps, other: { ...(all.maps.orderStatus as object), name: "other" } } } as never)).toBe(
    first,
  );
  expect(print(tickets, { vars: { mandant: "002" } })).not.toBe(first);
  expect(print(plain, { vars: { mandant: "002" } })).toBe(second);
  expect(print(plain, { types: {} })).toBe(second);
  expect(print(plain, { sources: [{ ...units, prefix: "u" }, plain] })).toBe(second);
  const others = (prefix: string) => config([{ ...units, prefix }, persons, period]);
  const ofPeriods = (prefix: string) => mappingOf(period, periodColumns, { all: others(prefix) }).fingerprint;
  expect(ofPeriods("u")).not.toBe(ofPeriods("v"));
  const ymd = { ...(all.types.ymd as object), openEnd: [] };
  const moved = { ...others("u"), types: { ...all.types, ymd } } as unknown as typeof all;
  expect(mappingOf(period, periodColumns, { all: moved }).fingerprint).not.toBe(ofPeriods("u"));
});

test("A row of another shape than described is a fault of that row and throws nothing", () => {
  expect(outcome(mapping.map({ values: [], flags: [], children: [] }, "k"))).toEqual(["value-invalid unitId"]);
  const one = ticket({});
  const broken = { values: [{}], flags: [], children: [] } as unknown as Parameters<typeof mapping.map>[0];
  expect(outcome(mappingOf(one, ticketColumns).map(broken, "k"))).toContain("value-invalid title");
});

test("The query reads the key first and each column once, those of conditions and child queries included", () => {
  const sql = { sql: "SELECT Z FROM T WHERE A = :row.A AND B = :vars.mandant -- :row.NO", at: period.at };
  const one = ticket({
    description: { kind: "rows", query: sql, join: "\n", item: undefined, at: period.at },
    category: field(cel("substring(KAT, 0, 2) + vars.mandant"), {
      when: { cel: "!empty(KAT) && row['type'] == ''", at: period.at },
    }),
  });
  const compiled = mappingOf(one, { ...ticketColumns, A: "text", KAT: "text", type: "text" }, { children: [{ Z: "text" }] });
  expect(compiled.query.columns).toEqual(["NR", "KURZ", "STATUS", "A", "KAT", "type"]);
  expect(compiled.query.children).toEqual([{ sql: sql.sql, parameters: { "vars.mandant": "001" } }]);
});

test("Before the database describes a query, all columns that its table lacks are told, with place and neighbour", () => {
  const one = { ...ticket({ category: from("KATT"), description: cel("KURTZ + 'x'") }), scoped: true };
  const table = {
    name: "AUFTRAG",
    columns: ["NR", "Kurz", "STATUS", "KAT"].map((name) => columnOf(name, "text")),
  } as unknown as Table;
  const faults = missingColumns(one, config([one], { scope: { MANDANT: "001" } }), table);
  expect(faults.map((fault) => `${fault.path}: ${fault.message}. ${fault.remedy}`)).toEqual([
    "sources.tickets: Table AUFTRAG has no column MANDANT. Say `scope: none` if all of its rows belong here.",
    "KATT: Table AUFTRAG has no column KATT. Did you mean `KAT`? Known: NR, Kurz, STATUS, KAT.",
    "KURTZ + 'x': Table AUFTRAG has no column KURTZ. Did you mean `Kurz`? Known: NR, Kurz, STATUS, KAT.",
  ]);
});

test("Columns are found whatever the case of their names", () => {
  const compiled = mappingOf(ticket({}), { nr: "text", Kurz: "text", STATUS: "text" });
  expect(outcome(mapOne(compiled, { KURZ: "x", STATUS: "0" }))).toMatchObject({ title: "x" });
  expect(columnOf("A", "text").nullable).toBe(true);
});

describe("A lookup", () => {
  const table = (fields: string[], ...rows: (string | number | null)[][]) => ({
    fields,
    rows: new Map(rows.map((row) => [String(row[0]), row])),
  });
  const tickets = (missing: "hold" | "omit", defaulted?: string) =>
    ticket({
      category: from("KAT", { lookup: { name: "categories", take: undefined, missing }, default: defaulted }),
      assigneeId: {
        kind: "ref",
        source: "team",
        key: [{ kind: "lookup", column: "OBJ", lookup: { name: "users", take: "who", missing }, at: period.at }],
        missing: "omit",
        at: period.at,
      },
    });
  const team = source("team", "teamMember", { key: ["NR"], fields: {} });
  const compiled = (one: ReturnType<typeof tickets>) => {
    const made = mappingOf(one, { ...ticketColumns, KAT: "text", OBJ: "integer" }, { all: config([team, one]) });
    const tables = new Map([
      ["categories", table(["code", "category"], ["K1", "water"], ["K2", null], ["K3", ""])],
      ["users", table(["estate", "since", "who"], [7, 2026, "a b"])],
    ]);
    const use = () => made.lookups?.use({ generation: 2, of: (name) => tables.get(name) });
    const map = (KAT: string | null, OBJ: number | null = null) => mapOne(made, { KURZ: "x", STATUS: "0", KAT, OBJ });
    return { made, use, map };
  };
  const asked = (mapped: ReturnType<typeof mapOne>) =>
    mapped.kind === "cancelled" ? [] : (mapped.lookups ?? []).map(({ lookup, row }) => `${lookup} ${row}`);

  test("gives what the table says, for a field and as a part of a reference, and notes which rows were asked for", () => {
    const { made, use, map } = compiled(tickets("hold"));
    use();
    const mapped = map(" K1 ", 7);
    expect(outcome(mapped)).toMatchObject({ category: "water", assigneeId: "a%20b" });
    expect(asked(mapped)).toEqual(["users 7", "categories K1"]);
    expect(mapped).toMatchObject({ parents: [{ source: "team", key: "a%20b" }] });
    expect(outcome(map("K2"))).toMatchObject({ category: null, assigneeId: null });
    expect(asked(map(null))).toEqual([]);
    expect(made.query.columns).toContain("OBJ");
    expect([...(made.lookups?.needs.keys() ?? [])].sort()).toEqual(["categories", "users"]);
    // Who asked for what could not be noted of rows that stay bytes.
    expect(made.writerFor([])).toBeUndefined();
  });

  test("holds the row while the table is not there, and where it lacks its row; with omit only the first", () => {
    const hold = compiled(tickets("hold"));
    const omit = compiled(tickets("omit", "other"));
    for (const { map } of [hold, omit]) {
      expect(outcome(map("K1"))).toEqual(["lookup-missing category"]);
      expect(asked(map("K1"))).toEqual(["categories K1"]);
    }
    for (const { use } of [hold, omit]) use();
    expect(outcome(hold.map("K9"))).toEqual(["lookup-missing category"]);
    expect(asked(hold.map("K9", 8))).toEqual(["users 8", "categories K9"]);
    expect(outcome(omit.map("K9", 8))).toMatchObject({ category: "other" });
    expect(outcome(omit.map("K2"))).toMatchObject({ category: "other" });
    expect(outcome(omit.map(null))).toMatchObject({ category: "other" });
  });

  test("whose value the field does not take is a fault of the row", () => {
    const one = ticket({ createdAt: from("KAT", { lookup: { name: "categories", take: undefined, missing: "hold" } }) });
    const { use, map } = compiled(one as ReturnType<typeof tickets>);
    use();
    expect(outcome(map("K1"))).toEqual(["value-invalid createdAt"]);
  });
});
