// The mapping checks values as it writes them and asks the model only where one may not fit. What it then says is what the model would have said of every row.
import fc from "fast-check";
import { expect, test } from "vitest";
import { entityText } from "../../../../protocol/entity-text.ts";
import { describeIssue } from "../../../../protocol/frames.ts";
import { type Fields, type Json, model } from "../../../../protocol/model.ts";
import { column, config, constant, from, list, mappingOf, object, orderStatus, ref, rowOf, source } from "./sample.ts";

const digits = fc.stringMatching(/^[1-9]\d{0,26}\.\d{0,13}[1-9]$/);
const text = (around: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 30 }),
    fc.constantFrom("DE", "de", "x", "\ud83d\ude00", 'a"b\\c', "\u2028"),
    fc.integer({ min: around - 2, max: around + 2 }).map((length) => "a".repeat(length)),
  );
const row = fc.record({
  NAME: text(200),
  TYP: text(100),
  LAGE: text(40),
  FLAECHE: digits,
  NR: text(60),
  OBJ: fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/),
    fc.integer({ min: 296, max: 302 }).map((length) => "b".repeat(length)),
  ),
});

const properties = source("properties", "property", { key: ["OBJ"], fields: {} });
const units = source("units", "unit", {
  key: ["K"],
  fields: {
    name: column("NAME"),
    objectType: column("TYP"),
    floor: column("LAGE"),
    position: from("LAGE", { do: ["one-line"], map: "places" }),
    areaSquareMetres: column("FLAECHE"),
    number: column("NR"),
    propertyId: ref("properties", ["OBJ"]),
    usage: constant("rented"),
  },
});
const columns = { K: "text", NAME: "text", TYP: "text", LAGE: "text", FLAECHE: "decimal", NR: "text", OBJ: "text" } as const;
const places = { ...orderStatus, name: "places", read: { x: "left" }, unknown: { kind: "value", value: "right" } } as const;

test("Values of a unit that the model refuses are faults in the model's words, all others are sent as they are", () => {
  const mapping = mappingOf(units, columns, { all: config([properties, units], { maps: { places } }) });
  const counts = { good: 0, faulty: 0 };
  fc.assert(
    fc.property(row, (values) => {
      const fields = {
        areaSquareMetres: values.FLAECHE,
        floor: values.LAGE,
        name: values.NAME,
        number: values.NR,
        objectType: values.TYP,
        position: values.LAGE.trim() === "x" ? "left" : values.LAGE.trim() === "" ? null : "right",
        propertyId: values.OBJ,
        usage: "rented",
      };
      const asked = model.unit.schema.safeParse(fields);
      counts[asked.success ? "good" : "faulty"] += 1;
      const mapped = mapping.map(rowOf(mapping, values), "1");
      if (asked.success) expect(mapped).toMatchObject({ kind: "entity", text: entityText(fields) });
      else {
        const said = asked.error.issues.map(describeIssue).map(({ path, message }) => [path, `${path} ${message}`]);
        expect(mapped).toMatchObject({ kind: "faulty" });
        const heard = mapped.kind === "faulty" ? mapped.faults : [];
        expect(heard.map(({ field, message }) => [field, message])).toEqual(said);
        expect(new Set(heard.map(({ code }) => code))).toEqual(new Set(["value-invalid"]));
      }
    }),
    { numRuns: 1_000 },
  );
  expect(counts.good).toBeGreaterThan(50);
  expect(counts.faulty).toBeGreaterThan(50);
});

test("Items of a list and parts of an object are judged as in the model, with their place", () => {
  const subject = (name: string) => object({ type: column(name), id: ref("properties", ["OBJ"]) });
  const documents = source("documents", "document", {
    key: ["K"],
    fields: {
      subject: list(...Array.from({ length: 51 }, (_, at) => ({ when: `COUNT > ${at}`, read: subject("TYP") }))),
      category: column("TYP"),
      name: column("NAME"),
      mediaType: constant("text/plain"),
      sizeBytes: column("COUNT"),
      sha256: column("NR"),
    },
  });
  const mapping = mappingOf(
    documents,
    { K: "text", COUNT: "integer", TYP: "text", NAME: "text", NR: "text", OBJ: "text" },
    { all: config([properties, documents]) },
  );
  const shas = fc.oneof(fc.constant("0".repeat(64)), fc.constant("0".repeat(63)), text(64));
  const seen = new Set<boolean>();
  fc.assert(
    fc.property(row, fc.integer({ min: -1, max: 51 }), shas, (values, COUNT, NR) => {
      const items: Json[] = Array.from({ length: Math.max(0, COUNT) }, () => ({ id: values.OBJ, type: values.TYP }));
      const fields: Fields = {
        category: values.TYP,
        mediaType: "text/plain",
        name: values.NAME,
        sha256: NR,
        sizeBytes: COUNT,
        subject: items,
      };
      const asked = model.document.schema.safeParse(fields);
      seen.add(asked.success);
      const mapped = mapping.map(rowOf(mapping, { ...values, COUNT, NR }), "1");
      if (asked.success) expect(mapped).toMatchObject({ kind: "entity", text: entityText(fields) });
      else {
        const said = asked.error.issues.slice(0, 20).map((issue) => describeIssue(issue).path);
        expect(mapped.kind === "faulty" && mapped.faults.map(({ field }) => field)).toEqual(said);
      }
    }),
    { numRuns: 300 },
  );
  expect(seen.size).toBe(2);
});
