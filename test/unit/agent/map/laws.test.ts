import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeKey, encodeKey } from "../../../../base/key.ts";
import type { Config, DateType } from "../../../../config/config.ts";
import type { ColumnType, Value } from "../../../../connectors/connector.ts";
import { entityText } from "../../../../protocol/entity-text.ts";
import { type ModelType, typeNamed } from "../../../../protocol/model.ts";
import { type OwnTypes, typesWith } from "../../../../protocol/own-types.ts";
import {
  cel,
  column,
  config,
  constant,
  field,
  from,
  list,
  mapOne,
  mappingOf,
  object,
  oneOf,
  orderStatus,
  ref,
  source,
  types,
} from "./sample.ts";
import { commandNamed, message, planOf, valuesOf } from "./sample-commands.ts";

const junk = fc.constantFrom(
  "",
  " ",
  "0",
  "0000-00-00",
  "1101-01-00",
  "31.02.2026",
  "\u0000",
  "\ud83d\ude00",
  "ÄÖÜß",
  "%2F.:",
  "9".repeat(300),
  "null",
);
const text = fc.oneof(junk, fc.string({ unit: "binary", maxLength: 60 }), fc.constantFrom("0", "1", "9", "J", "N", "a@b.de, x"));
const safe = fc.oneof(fc.constantFrom(0, 99991231, 20240229, 20230230, 93005, -1), fc.maxSafeInteger());

/** Every value that a connector may give for a column of this type; a text stands for what has no meaning there. */
const values: Readonly<Record<Exclude<ColumnType, "bytes">, fc.Arbitrary<Value>>> = {
  text,
  integer: fc.oneof(safe, fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }), junk),
  decimal: fc.oneof(
    fc.constantFrom("0.00", "-12.50", "99999999999999999999999999.999999999999", "1e5"),
    fc.integer().map(String),
    junk,
  ),
  float: fc.oneof(fc.double(), junk),
  boolean: fc.oneof(fc.boolean(), junk),
  date: fc.oneof(fc.constantFrom("2026-03-29", "9999-12-31", "1753-01-01"), junk),
  time: fc.oneof(fc.constantFrom("00:00:00", "23:59:59.999", "25:00:00"), junk),
  datetime: fc.oneof(fc.constantFrom("2026-03-29T02:30:00", "2026-10-25T02:30:00.5", "0000-00-00T00:00:00"), junk),
  instant: fc.oneof(fc.constantFrom("2026-03-29T02:30:00Z", "2026-02-30T00:00:00Z"), junk),
};
const columnTypes = Object.keys(values) as (keyof typeof values)[];

/** What most rows hold, so that many of them become entities. */
const usual: Readonly<Record<keyof typeof values, fc.Arbitrary<Value>>> = {
  text: fc.constantFrom("0", "1", "9"),
  integer: fc.constantFrom(0, 99991231, 20240229),
  decimal: fc.constantFrom("0.00", "93005", "12.50"),
  float: fc.constantFrom(0, 1.5, -89.25),
  boolean: fc.boolean(),
  date: fc.constantFrom("2026-03-29", "2024-02-29"),
  time: fc.constantFrom("00:00:00", "23:59:59.5"),
  datetime: fc.constantFrom("2026-03-29T02:30:00", "2026-10-25T02:30:00"),
  instant: fc.constantFrom("2026-03-29T02:30:00Z", "2026-10-25T02:30:00.25Z"),
};

/** A row of one column per type: now and then one holds something odd, or null. */
const row = fc.record(
  Object.fromEntries(
    columnTypes.map((type) => [
      type.toUpperCase(),
      fc.oneof(
        { weight: 12, arbitrary: usual[type] },
        { weight: 2, arbitrary: values[type] },
        { weight: 1, arbitrary: fc.constant(null) },
      ),
    ]),
  ),
);
const columns = Object.fromEntries([["K", "text"], ...columnTypes.map((type) => [type.toUpperCase(), type])]) as Record<
  string,
  ColumnType
>;

const at = { path: "x", line: 1 };
const persons = source("persons", "person", {
  key: ["K"],
  fields: {
    kind: cel("BOOLEAN ? 'legal' : 'natural'"),
    lastName: column("TEXT"),
    firstName: from("TEXT", { do: ["collapse-spaces", "empty-to-null"], default: "?" }),
    companyName: field(cel("TEXT + string(DECIMAL)"), { when: { cel: "INTEGER > 0 || FLOAT < 1.5", at } }),
    emails: from("TEXT", { do: ["email-list"] }),
    phones: list({ when: "!empty(TEXT)", read: object({ number: column("TEXT"), kind: constant("private") }) }),
    address: object({ street: column("TEXT"), city: cel("upper(TEXT)"), latitude: column("FLOAT"), country: constant("DE") }),
    birthDate: from("INTEGER", { as: "ymd" }),
    updatedAt: column("DATETIME"),
    number: column("INTEGER"),
  },
});
const tickets = source("tickets", "ticket", {
  key: ["K"],
  fields: {
    kind: constant("damage"),
    title: cel("coalesce(TEXT, string(INTEGER), 'x')"),
    status: from("TEXT", { map: "orderStatus" }),
    createdAt: { kind: "dateTime", date: "INTEGER", time: "DECIMAL", as: ["ymd", "hms"], at },
    closedAt: column("INSTANT"),
    dueDate: from("DATE", { as: "nav", shiftDays: -1 }),
    reporterId: ref("persons", ["TEXT"], "omit"),
    location: object({ room: column("TEXT"), floor: column("TIME") }),
  },
});
const invoices = source("invoices", "invoice", {
  key: ["K"],
  fields: {
    subject: list(object({ type: constant("person"), id: ref("persons", ["INTEGER"]) })),
    issueDate: column("DATE"),
    dueDate: column("INSTANT"),
    total: from("DECIMAL", { currency: "EUR" }),
    openAmount: from("FLOAT", { currency: "EUR" }),
    number: cel("format(DATE, 'yyyy') + '/' + substring(TEXT, 0, 10)"),
  },
});
const payments = source("payments", "payment", {
  key: ["K"],
  fields: {
    direction: constant("made"),
    payeeId: oneOf(
      { when: "BOOLEAN", read: ref("persons", ["TEXT"], "omit") },
      { when: "INTEGER == 0", read: ref("providers", ["TEXT"]) },
    ),
    date: column("DATE"),
    amount: from("FLOAT", { sign: { cel: "BOOLEAN", at }, round: 2, currency: "EUR" }),
    reference: oneOf({ when: "TEXT == '0'", read: constant("none") }, column("TEXT")),
  },
});
/** What the other sources leave out: child rows, what is known to be empty, a zone of a type's own, keys with constants, lists by steps, dates as text. */
const messages = source("messages", "message", {
  key: ["K"],
  fields: {
    ticketId: oneOf({ when: "!empty(TEXT)", read: ref("tickets", ["TEXT"]) }, ref("tickets", ["=none"], "omit")),
    author: constant(null),
    body: { kind: "rows", query: { sql: "SELECT Z FROM ZEILEN", at }, join: "\n", item: undefined, at },
    visibility: from("TEXT", { map: "visibility", default: "internal" }),
    createdAt: from("DATETIME", { as: "utc" }),
    number: from("DECIMAL", { sign: { cel: "BOOLEAN || INTEGER > 5", at }, round: 0, default: "0" }),
  },
});
const claims = source("claims", "invoice", {
  key: ["K"],
  fields: {
    subject: list(object({ type: constant("person"), id: ref("persons", ["TEXT"]) })),
    issueDate: column("DATE"),
    dueDate: from("TEXT", { as: "germanLenient" }),
    total: from("DECIMAL", { sign: { cel: "FLOAT < 0.0", at }, currency: "EUR" }),
  },
});
const providers = source("providers", "serviceProvider", {
  key: ["K"],
  fields: {
    name: from("TEXT", {
      do: ["repair-utf8", "html-to-text", "drop-control", "one-line", "collapse-spaces", "trim"],
      default: "?",
    }),
    kind: from("TEXT", { do: ["upper", "strip-zeros", "empty-to-null"] }),
    phones: from("TEXT", { do: ["phone-list"] }),
    trades: from("TEXT", { do: ["lower", "lines"] }),
  },
});
/** A type of the customer's own, with what its declaration may say. */
const keys = source("keys", "x-key", {
  key: ["K"],
  fields: {
    state: from("TEXT", { map: "keyState" }),
    holderId: oneOf({ when: "BOOLEAN", read: ref("persons", ["TEXT"], "omit") }, ref("providers", ["TEXT"], "omit")),
    handedOut: column("DATE"),
    seenAt: column("DATETIME"),
    weight: column("DECIMAL"),
    deposit: from("DECIMAL", { currency: "EUR" }),
    doors: column("INTEGER"),
    active: column("BOOLEAN"),
    mark: column("TEXT"),
    tags: from("TEXT", { do: ["lines"] }),
    size: object({ width: column("INTEGER"), unit: column("TEXT") }),
    uses: list(object({ unit: column("TEXT"), keyId: ref("keys", ["TEXT"]) })),
  },
});
const ownTypes: OwnTypes = {
  "x-key": {
    title: "Key",
    type: "object",
    required: ["state"],
    properties: {
      state: { type: "string", enum: ["out", "back"] },
      holderId: { type: "string", "x-references": ["person", "serviceProvider"] },
      handedOut: { type: "string", format: "date" },
      seenAt: { type: "string", format: "date-time" },
      weight: { type: "string", format: "decimal" },
      deposit: { type: "object", format: "money" },
      doors: { type: "integer", minimum: -5, maximum: 99_999_999 },
      active: { type: "boolean" },
      mark: { type: "string", maxLength: 40 },
      tags: { type: "array", items: { type: "string", maxLength: 40 }, maxItems: 3 },
      size: { type: "object", properties: { width: { type: "integer" }, unit: { type: "string", maxLength: 3 } } },
      uses: {
        type: "array",
        items: {
          type: "object",
          properties: { unit: { type: "string" }, keyId: { type: "string", "x-references": ["x-key"] } },
        },
      },
    },
  },
};
const keyState = { ...orderStatus, name: "keyState", read: { "0": "out", "1": "back" } };
const visibility = { ...orderStatus, name: "visibility", read: { "0": "internal", "1": "tenant" } };
const all: Config = {
  ...config([persons, tickets, invoices, payments, messages, claims, providers, keys], { maps: { visibility, keyState } }),
  ownTypes,
  types: { ...types, germanLenient: { ...(types.german as DateType), invalid: "null-and-report" } },
};

/** No source makes an entity of this row: where only a text that is too long is a fault, chance may not bring one. */
const oddRow = Object.fromEntries(columnTypes.map((type) => [type.toUpperCase(), "9".repeat(300)]));

/** Child rows. */
const lines = fc.array(fc.tuple(fc.oneof({ weight: 5, arbitrary: fc.constantFrom("a", "b") }, text)), {
  minLength: 0,
  maxLength: 3,
});

test("Any row that the columns' types allow becomes an entity that the model accepts, in canonical form, or faults that say why", () => {
  for (const one of all.sources) {
    const mapping = mappingOf(one, columns, { all, children: one === messages ? [{ Z: "text" }] : [] });
    const seen = new Set<string>();
    fc.assert(
      fc.property(row, lines, (values, rows) => {
        const mapped = mapOne(mapping, values as Record<string, Value>, { children: [rows] });
        seen.add(mapped.kind);
        if (mapped.kind === "entity") {
          expect((typeNamed(typesWith(ownTypes), one.type) as ModelType).schema.safeParse(mapped.fields).error).toBeUndefined();
          expect(mapped.text).toEqual(entityText(mapped.fields));
        } else if (mapped.kind === "faulty") {
          expect(mapped.faults.length).toBeGreaterThan(0);
          expect(mapped.faults.filter((fault) => fault.code === "row-unreadable")).toEqual([]);
          for (const fault of mapped.faults) expect(fault.message.length).toBeGreaterThan(10);
        }
      }),
      { numRuns: 400, examples: [[oddRow, []]] },
    );
    // The law would be empty if one of the two never came.
    expect({ [one.name]: [...seen].sort() }).toEqual({ [one.name]: ["entity", "faulty"] });
  }
});

test("An amount with a sign and rounding is the rounded column, negated just where the condition holds", () => {
  const mapping = mappingOf(payments, columns, { all });
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.integer({ min: 0, max: 499 }), fc.boolean(), (cents, dust, negated) => {
      // Less than half a cent beside it, as floats keep amounts.
      const FLOAT = Number(`${cents}e-2`) + (Math.sign(cents) * dust) / 1e5;
      const mapped = mapOne(mapping, { FLOAT, BOOLEAN: negated, DATE: "2026-03-29", TEXT: "1" });
      const amount = mapped.kind === "entity" ? (mapped.fields.amount as { amount: string }).amount : JSON.stringify(mapped);
      expect(Number(amount)).toBe((negated ? -cents : cents) / 100 + 0);
      expect(amount).toMatch(/^-?\d+\.\d\d$/);
    }),
    { numRuns: 200 },
  );
});

test("A row maps to the same entity every time", () => {
  const [one, two] = [mappingOf(tickets, columns, { all }), mappingOf(tickets, columns, { all })];
  fc.assert(
    fc.property(row, (values) => {
      const first = mapOne(one, values as Record<string, Value>);
      mapOne(one, {});
      expect(mapOne(one, values as Record<string, Value>)).toEqual(first);
      expect(mapOne(two, values as Record<string, Value>)).toEqual(first);
    }),
    { numRuns: 100 },
  );
});

test("A reference built from a row's key parts is the key of the row it points at, whatever the parts hold", () => {
  const part = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
  const child = source("meters", "meter", {
    key: ["A"],
    fields: { kind: constant("x"), unitOfMeasure: constant("kWh"), unitId: ref("units", ["A", "B", "C"]) },
  });
  const units = source("units", "unit", { key: ["A", "B", "C"], prefix: "w", fields: {} });
  const mapping = mappingOf(child, { A: "text", B: "text", C: "integer" }, { all: config([child, units]) });
  fc.assert(
    fc.property(part, part, fc.maxSafeInteger(), (a, b, c) => {
      const mapped = mapOne(mapping, { A: a, B: b, C: c });
      if (mapped.kind !== "entity") {
        expect(mapped).toMatchObject({ kind: "faulty", faults: [{ code: "value-invalid", field: "unitId" }] });
        expect(encodeKey([a, b, String(c)]).length).toBeGreaterThan(298);
        return;
      }
      const id = mapped.fields.unitId as string;
      expect(id).toBe(`w:${encodeKey([a, b, String(c)])}`);
      expect(decodeKey(id.slice(2))).toEqual([a, b, String(c)]);
      expect(mapped.parents).toMatchObject([{ source: "units", key: id.slice(2), id }]);
    }),
  );
});

test("What a map reads it writes back: the code of a meaning means that", () => {
  const status = source("tickets", "ticket", {
    key: ["K"],
    fields: { kind: constant("damage"), title: constant("x"), status: from("S", { map: "orderStatus" }) },
  });
  const mapping = mappingOf(status, { K: "text", S: "text" });
  const update = commandNamed("ticket.update");
  for (const meaning of Object.keys(orderStatus.write)) {
    const sent = message("ticket.update", {
      entity: { type: "ticket", id: "001.1" },
      values: { status: meaning },
      base: { status: meaning },
    });
    const { values, base } = valuesOf(planOf(update, sent), 0) as { values: { STATUS: string }; base: { STATUS: string } };
    expect(mapOne(mapping, { K: "1", S: values.STATUS })).toMatchObject({ fields: { status: meaning } });
    expect(base.STATUS).toBe(values.STATUS);
  }
});

test("A date that a command writes is read back as the same date", () => {
  const due = source("tickets", "ticket", {
    key: ["K"],
    fields: { kind: constant("damage"), title: constant("x"), status: constant("open"), dueDate: from("T", { as: "ymd" }) },
  });
  const mapping = mappingOf(due, { K: "text", T: "integer" });
  const update = commandNamed("ticket.update");
  const day = fc
    .date({ min: new Date("1900-01-01T00:00:00Z"), max: new Date("2900-01-01T00:00:00Z"), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 10));
  fc.assert(
    fc.property(fc.option(day), (dueDate) => {
      const sent = message("ticket.update", {
        entity: { type: "ticket", id: "001.1" },
        values: { dueDate },
        base: { dueDate: null },
      });
      const { values } = valuesOf(planOf(update, sent), 0) as { values: { TERMIN: number } };
      expect(mapOne(mapping, { K: "1", T: values.TERMIN })).toMatchObject({ fields: { dueDate } });
    }),
  );
});

test("A day that a command writes to a column in another zone is read back as the same day, on either side of that zone", () => {
  for (const [zone, column] of [
    ["UTC", "datetime"],
    ["America/Los_Angeles", "datetime"],
    ["Pacific/Auckland", "datetime"],
  ] as const) {
    const far = { ...types.utc, name: "far", zone };
    const due = source("tickets", "ticket", {
      key: ["K"],
      fields: { kind: constant("damage"), title: constant("x"), status: constant("open"), dueDate: from("T", { as: "far" }) },
    });
    const mapping = mappingOf(due, { K: "text", T: column }, { all: { ...config([due]), types: { ...types, far } } as Config });
    const update = commandNamed("ticket.update", {
      edit: (yaml) =>
        yaml
          .replace("types:\n", `types:\n  far: { native: true, zone: ${zone} }\n`)
          .replace(/ +TERMIN: \{ from: dueDate.*\n +AENDTS: .*\n/, "          AENDTS: { from: dueDate, as: far }\n"),
    });
    const day = fc
      .date({ min: new Date("1990-01-01T00:00:00Z"), max: new Date("2090-01-01T00:00:00Z"), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10));
    fc.assert(
      fc.property(day, (dueDate) => {
        const sent = message("ticket.update", {
          entity: { type: "ticket", id: "001.1" },
          values: { dueDate },
          base: { dueDate: null },
        });
        const { values } = valuesOf(planOf(update, sent), 0) as { values: { AENDTS: string } };
        expect(mapOne(mapping, { K: "1", T: values.AENDTS })).toMatchObject({ fields: { dueDate } });
      }),
      { numRuns: 60 },
    );
  }
});
