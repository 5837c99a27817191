import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Mapping } from "../../../../agent/map/mapped.ts";
import type { ValueMap } from "../../../../config/config.ts";
import type { ColumnType } from "../../../../connectors/connector.ts";
import type { SentValue } from "../../../../connectors/mysql/packed-rows.ts";
import { erpConfig } from "../../../support/erp/config.ts";
import { tables } from "../../../support/erp/schema.ts";
import { batchOfSent, fieldOf } from "../../../support/packed-batch.ts";
import { benchMappings, benchType, mappingsOf } from "../../../support/period-rows.ts";
import { judgeWritten, writerAtWork } from "../../../support/written-entities.ts";
import {
  cel,
  column,
  config,
  constant,
  field,
  from,
  list,
  mappingOf,
  object,
  oneOf,
  orderStatus,
  ref,
  source,
} from "./sample.ts";

/** One column of each type, and one for the key. */
const sampleTypes: Record<string, ColumnType> = {
  ...{ K: "text", TEXT: "text", OTHER: "text", INTEGER: "integer", DECIMAL: "decimal", FLOAT: "float", BOOLEAN: "boolean" },
  ...{ N: "integer", DATE: "date", TIME: "time", DATETIME: "datetime", INSTANT: "instant" },
};
const sampleType = (name: string): ColumnType => sampleTypes[name] as ColumnType;

/** The type of a column of the sample company's tables; those of one name are of one type. */
const companyTypes = new Map(
  Object.values(tables).flatMap(({ columns }) =>
    columns.map(([name, type]): [string, ColumnType] => [
      name,
      /^(INT|BIGINT)/.test(type) ? "integer" : /^DECIMAL/.test(type) ? "decimal" : type === "DATETIME" ? "datetime" : "text",
    ]),
  ),
);
const companyType = (name: string): ColumnType => companyTypes.get(name) ?? (name === "TEIL" ? "integer" : "text");
const companyMappings = mappingsOf(
  erpConfig({
    dialect: "mysql",
    connection: ["server: x", "database: x", "user: x", "password: { secret: x }"],
    portalUrl: "ws://x",
    state: "/x",
  }),
  companyType,
);

const persons = source("persons", "person", {
  key: ["K"],
  prefix: "p",
  fields: {
    kind: cel("BOOLEAN ? 'legal' : 'natural'"),
    lastName: from("TEXT", { do: ["trim"] }),
    firstName: from("TEXT", { do: ["trim", "empty-to-null"], default: "?" }),
    companyName: field(cel("TEXT + string(DECIMAL)"), {
      when: { cel: "INTEGER > 0 || FLOAT < 1.5", at: { path: "x", line: 1 } },
    }),
    salutation: field(column("OTHER"), {
      when: { cel: "TEXT != 'ä' && (!empty(OTHER) || 'x' == TEXT)", at: { path: "x", line: 1 } },
    }),
    emails: from("OTHER", { do: ["email-list"] }),
    phones: list(
      { when: "!empty(TEXT)", read: object({ number: column("TEXT"), kind: constant("private") }) },
      { when: "OTHER == '0'", read: object({ number: column("OTHER"), kind: constant("work") }) },
      object({ number: column("OTHER"), kind: cel("vars.mandant == '001' ? 'mobile' : 'other'") }),
      object({ number: column("OTHER"), kind: from("TEXT", { map: "phoneKind" }) }),
    ),
    address: object({ street: column("TEXT"), city: cel("upper(OTHER)"), latitude: column("FLOAT"), country: constant("DE") }),
    birthDate: from("INTEGER", { as: "ymd" }),
    updatedAt: column("DATETIME"),
    number: column("INTEGER"),
  },
});
const tickets = source("tickets", "ticket", {
  key: ["K"],
  fields: {
    kind: constant("damage"),
    title: column("TEXT"),
    status: from("OTHER", { map: "orderStatus" }),
    createdAt: { kind: "dateTime", date: "INTEGER", time: "DECIMAL", as: ["ymd", "hms"], at: { path: "x", line: 1 } },
    closedAt: column("INSTANT"),
    dueDate: from("DATE", { as: "nav", shiftDays: -1 }),
    reporterId: ref("persons", ["TEXT"], "omit"),
    location: object({ room: from("TEXT", { do: ["trim"] }), floor: column("TIME") }),
  },
});
const invoices = source("invoices", "invoice", {
  key: ["K", "INTEGER"],
  fields: {
    subject: list(
      object({ type: constant("person"), id: ref("persons", ["INTEGER"]) }),
      object({ type: constant("person"), id: ref("persons", ["DECIMAL"]) }),
    ),
    issueDate: from("TEXT", { as: "german" }),
    dueDate: from("INTEGER", { as: "lenient" }),
    total: from("DECIMAL", { currency: "EUR" }),
  },
});
const payments = source("payments", "payment", {
  key: ["K"],
  fields: {
    direction: constant("made"),
    payeeId: oneOf(
      { when: "OTHER == 'J'", read: ref("persons", ["TEXT"], "omit") },
      { when: "!empty(OTHER)", read: ref("providers", ["TEXT"]) },
    ),
    date: column("DATE"),
    amount: from("DECIMAL", { sign: { cel: "OTHER == '9'", at: { path: "x", line: 1 } }, round: 1, currency: "EUR" }),
    reference: from("TEXT", { sign: { cel: "OTHER == 'J'", at: { path: "x", line: 1 } } }),
  },
});
const providers = source("providers", "serviceProvider", { key: ["TEXT"], fields: { name: column("TEXT") } });
const catalog = source("catalog", "catalogEntry", {
  key: ["TEXT"],
  fields: {
    catalog: constant("x"),
    code: column("OTHER"),
    label: object({ de: column("TEXT"), en: column("OTHER") }),
    active: column("BOOLEAN"),
  },
});
const properties = source("properties", "property", {
  key: ["K"],
  fields: {
    name: column("TEXT"),
    address: object({ city: column("OTHER"), country: cel("vars.mandant == '001' ? 'DE' : 'AT'") }),
  },
});
const units = source("units", "unit", { key: ["OTHER"], fields: { name: column("TEXT"), objectType: constant("flat") } });
const meters = source("meters", "meter", {
  key: ["K"],
  fields: {
    unitId: ref("units", ["N"]),
    kind: from("TEXT", { map: "letters" }),
    unitOfMeasure: from("OTHER", { do: ["trim"], default: "kWh" }),
    serial: field(column("TEXT"), { when: { cel: "row.TEXT != vars.mandant", at: { path: "x", line: 1 } } }),
    updatedAt: field(column("DATETIME"), { when: { cel: "!(OTHER == '0')", at: { path: "x", line: 1 } } }),
    number: field(column("OTHER"), { when: { cel: "TEXT == '' || '9' != OTHER", at: { path: "x", line: 1 } } }),
  },
});
const codes = (name: string, read: Record<string, string>): ValueMap => ({ ...orderStatus, name, read });
const maps = {
  phoneKind: codes("phoneKind", { J: "private", N: "work" }),
  // Different texts of one sum of characters.
  letters: codes("letters", { Aa: "one", BB: "two", AaAa: "three", BBBB: "four", AaBB: "five", N: "six" }),
};
const all = config([persons, tickets, invoices, payments, providers, catalog, properties, units, meters], { maps });
const samples = all.sources.map((one) => mappingOf(one, sampleTypes, { all }));

const bytes = (values: readonly (string | number)[]): fc.Arbitrary<Buffer> =>
  fc.constantFrom(...values).map((value) => Buffer.from(String(value)));
const usualTexts = [
  "0",
  "1",
  "9",
  "J",
  "N",
  "M",
  "W",
  "S",
  "A",
  "SB",
  "MV",
  "EV",
  "WO",
  "KW",
  "F",
  "00012",
  "Aa",
  "BB",
  "AaAa",
  "BBBB",
  "AaBB",
  "Müller",
  "a@b.de",
  "31.12.2026",
  "20260329",
  "",
];
const oddTexts = [
  "  ",
  " x ",
  "\u00a0x",
  "x\u3000",
  "\ufeff",
  "„x“",
  "\u2003",
  "ä",
  "Ã¤ ß ",
  '"',
  "\\",
  "a\tb\n",
  "\u0000",
  "\u007f",
  "\u2028",
  "😀",
  "x".repeat(201),
  "ä".repeat(300),
  "x".repeat(2_001),
];
const numbers = [
  0,
  1,
  -1,
  99991231,
  20260329,
  19991231,
  20230230,
  20240229,
  93005,
  "00000000",
  "020260329",
  "0",
  "99990101",
  "9007199254740993",
  "-9223372036854775808",
];
const moments = ["2026-03-29 02:30:00", "2026-10-25 02:30:00.500000", "0000-00-00 00:00:00"];
/** What the server sends as a rule in a column of each type, and what it may send as well. */
const usual: Readonly<Record<Exclude<ColumnType, "bytes">, fc.Arbitrary<SentValue>>> = {
  text: bytes(usualTexts),
  integer: bytes([0, 20260329, 19991231, 99991231]),
  decimal: bytes(["0.00", "-12.50", "12.345", "93005"]),
  float: bytes([0, 1.5, -89.25]),
  boolean: fc.constantFrom(Buffer.from([0]), Buffer.from([1])),
  date: bytes(["2026-03-29", "9999-12-31", "1753-01-01"]),
  time: bytes(["00:00:00", "23:59:59.999000"]),
  datetime: bytes(moments.slice(0, 2)),
  instant: bytes(moments.slice(0, 2)),
};
const odd: typeof usual = {
  ...usual,
  text: fc.oneof(
    bytes(oddTexts),
    fc.string({ unit: "binary", maxLength: 30 }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 8 }).map((each) => Buffer.from(each)),
  ),
  integer: bytes(numbers),
  decimal: bytes(["007.10", "99999999999999999999999999.999999999999"]),
  float: bytes(["1e300", "-0"]),
  date: bytes(["0000-00-00"]),
  time: bytes(["-25:00:00"]),
  datetime: bytes(moments),
  instant: bytes(moments),
};

interface Subject {
  name: string;
  mapping: Mapping;
  typeOf: (column: string) => ColumnType;
}
const subjects = (name: string, mappings: readonly Mapping[], typeOf: Subject["typeOf"]): Subject[] =>
  mappings.map((mapping) => ({ name: `${name}: ${mapping.source}`, mapping, typeOf }));
const everySource = [
  ...subjects("sample", samples, sampleType),
  ...subjects("bench", benchMappings(), benchType),
  ...subjects("company", companyMappings, companyType),
];

/** A row of a mapping's query: as most are, or with whatever may be in a few of its columns. */
function rowOf({ mapping, typeOf }: Subject): fc.Arbitrary<SentValue[]> {
  const { columns, flags } = mapping.query;
  const types = columns.map((name) => typeOf(name) as keyof typeof usual);
  const common = fc.tuple(...types.map((type) => usual[type]), ...flags.map(() => bytes([0])));
  const strange = fc.tuple(
    ...types.map((type) =>
      fc.oneof(
        { weight: 10, arbitrary: usual[type] },
        { weight: 3, arbitrary: odd[type] },
        { weight: 1, arbitrary: fc.constant(null) },
      ),
    ),
    ...flags.map(() => bytes([0, 0, 0, 1])),
  );
  return fc.oneof(common, strange);
}

describe.each(everySource)("$name", (subject) => {
  const { mapping, typeOf } = subject;
  const { columns, key, flags } = mapping.query;
  const fields = columns.map((name) => fieldOf(typeOf(name)));
  const layout = { fields, key: key.map((name) => columns.indexOf(name)), flags: flags.length };

  it("whatever the columns hold, a row is written just as it is mapped, or declined", () => {
    const writing = writerAtWork(mapping, batchOfSent([], layout));
    const seen = new Set<string>();
    const obeys = (): void =>
      fc.assert(
        fc.property(fc.array(rowOf(subject), { minLength: 1, maxLength: 6 }), (rows) => {
          const batch = batchOfSent(rows, layout);
          for (let index = 0; index < batch.length; index++) {
            const verdict = judgeWritten(writing, batch, index);
            expect(["written", "declined"]).toContain(verdict);
            seen.add(verdict);
          }
        }),
        { numRuns: 300 },
      );
    // Some sources take few of these rows: it goes on until both were seen.
    for (let round = 0; round < 50 && seen.size < 2; round++) obeys();
    expect([...seen].sort()).toEqual(["declined", "written"]);
  });
});
