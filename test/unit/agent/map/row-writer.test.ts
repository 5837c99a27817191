import { expect, test } from "vitest";
import type { Mapping } from "../../../../agent/map/mapped.ts";
import type { ColumnType, Value } from "../../../../connectors/connector.ts";
import { erpConfig } from "../../../support/erp/config.ts";
import { batchFor, benchMappings, benchType, mappingsOf, periodRow } from "../../../support/period-rows.ts";
import { judgeWritten, writerAtWork } from "../../../support/written-entities.ts";
import { column, config, constant, from, list, mappingOf, object, orderStatus, ref, source } from "./sample.ts";

const sampleTypes: Record<string, ColumnType> = {
  K: "text",
  TEXT: "text",
  OTHER: "text",
  INTEGER: "integer",
  DECIMAL: "decimal",
};
const sampleType = (name: string): ColumnType => sampleTypes[name] as ColumnType;
const persons = source("persons", "person", { key: ["K"], prefix: "p", fields: {} });

/** How many of these rows are written; the test fails where one is written wrongly. */
function share(mapping: Mapping, rows: readonly Record<string, Value>[], typeOf: (column: string) => ColumnType): number {
  const batch = batchFor(mapping, rows, typeOf);
  const writing = writerAtWork(mapping, batch);
  const verdicts = rows.map((_, index) => judgeWritten(writing, batch, index));
  expect(verdicts.filter((verdict) => verdict !== "declined" && verdict !== "written")).toEqual([]);
  return verdicts.filter((verdict) => verdict === "written").length / rows.length;
}

test("Every one of the bench's periods is written", () => {
  const periods = benchMappings().find(({ source: name }) => name === "periods") as Mapping;
  const rows = Array.from({ length: 1_000 }, (_, at) => periodRow(at));
  expect(share(periods, rows, benchType)).toBe(1);
});

test("Texts with blanks around them, umlauts and what JSON escapes are written", () => {
  const units = source("units", "unit", {
    key: ["K"],
    fields: { name: from("TEXT", { do: ["trim"] }), objectType: constant("flat"), number: column("OTHER") },
  });
  const mapping = mappingOf(units, sampleTypes);
  const texts = ["  2. OG links\t", "Straße", "é", "„mitte“ rechts", '"', "\\ \n", "€ 😀", ""];
  const rows = texts.slice(0, -1).map((text, at) => ({ K: `${at}`, TEXT: text, OTHER: texts[at + 1] as string }));
  expect(share(mapping, rows, sampleType)).toBeGreaterThan(0.8);
});

test("A row whose key is empty, or too long for an id, is left to the mapping", () => {
  const units = source("units", "unit", {
    key: ["K"],
    prefix: "w",
    fields: { name: column("TEXT"), objectType: constant("flat") },
  });
  const mapping = mappingOf(units, sampleTypes);
  const shares = ["", "x".repeat(298), "x".repeat(299)].map((key) => share(mapping, [{ K: key, TEXT: "EG" }], sampleType));
  expect(shares).toEqual([0, 1, 0]);
});

test("A row that a command made is left to the mapping, which names the command", () => {
  const connection = ["server: x", "database: x", "user: x", "password: { secret: x }"];
  const typeOf = (name: string): ColumnType => (["LFDNR", "ERFDAT", "ERFZEIT"].includes(name) ? "integer" : "text");
  const messages = mappingsOf(
    erpConfig({ dialect: "mysql", connection, portalUrl: "ws://x", state: "/x" }),
    typeOf,
    "messages",
  )[0];
  const row = {
    MANDANT: "001",
    AUFTRNR: "00000001",
    LFDNR: 1,
    ART: "N",
    VERFASSER: "x",
    ZEILE: "y",
    ERFDAT: 20260101,
    ERFZEIT: 90000,
  };
  const shares = [null, "", "kurz", "abcdefgh-1234"].map((id) => share(messages as Mapping, [{ ...row, FREMDNR: id }], typeOf));
  expect(shares).toEqual([1, 1, 1, 0]);
});

test("A list with more items than the portal takes is left to the mapping", () => {
  const phones = Array.from({ length: 20 }, () => object({ number: column("TEXT"), kind: constant("work") }));
  const personOf = (items: typeof phones) =>
    mappingOf(
      source("persons", "person", {
        key: ["K"],
        fields: { kind: constant("legal"), companyName: column("TEXT"), phones: list(...items) },
      }),
      sampleTypes,
    );
  const row = { K: "1", TEXT: "030 123" };
  expect(share(personOf(phones), [row], sampleType)).toBe(1);
  expect(share(personOf([...phones, ...phones.slice(0, 1)]), [row], sampleType)).toBe(0);
});

test("Values that are remembered are told apart where they take each other's place", () => {
  const numbers = Array.from({ length: 20_000 }, (_, at) => String(at));
  const read = Object.fromEntries(numbers.map((number) => [number, `code ${number}`]));
  const fields = { unitId: ref("units", ["K"]), kind: from("TEXT", { map: "many" }), unitOfMeasure: constant("kWh") };
  const meters = source("meters", "meter", { key: ["K"], fields });
  const units = source("units", "unit", { key: ["K"], fields: {} });
  const all = config([meters, units], { maps: { many: { ...orderStatus, name: "many", read } } });
  const rows = [...numbers, ...numbers.toReversed()].map((number) => ({ K: number, TEXT: number }));
  expect(share(mappingOf(meters, sampleTypes, { all }), rows, sampleType)).toBe(1);
});

test("The room for an entity grows with what is written, and more parents than most rows have are noted", () => {
  const many = Array.from({ length: 40 }, () => object({ type: constant("person"), id: ref("persons", ["K"]) }));
  const wide = source("invoices", "invoice", {
    key: ["K"],
    fields: { subject: list(...many), issueDate: from("INTEGER", { as: "ymd" }), total: from("DECIMAL", { currency: "EUR" }) },
  });
  const mapping = mappingOf(wide, sampleTypes, { all: config([wide, persons]) });
  expect(share(mapping, [{ K: "k".repeat(250), INTEGER: 20260101, DECIMAL: "1.00" }], sampleType)).toBe(1);
});

test("There is no writer where rows of a child query belong to a row", () => {
  const read = {
    kind: "rows",
    query: { sql: "SELECT Z FROM T WHERE K = :row.K", at: { path: "x", line: 1 } },
    join: "\n",
    item: undefined,
    at: { path: "x", line: 1 },
  } as const;
  const withChildren = source("tickets", "ticket", {
    key: ["K"],
    fields: { kind: constant("damage"), title: column("TEXT"), status: constant("open"), description: read },
  });
  const mapping = mappingOf(withChildren, sampleTypes, { children: [{ Z: "text" }] });
  expect(mapping.writerFor(["text", "text"])).toBeUndefined();
});
