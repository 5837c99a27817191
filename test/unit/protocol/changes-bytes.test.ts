import fc from "fast-check";
import { expect, test } from "vitest";
import { createFrameText } from "../../../agent/store/frame-text.ts";
import { eachParent, tablePlans } from "../../../portal/table-plan.ts";
import { changesScanner, parseRow, place } from "../../../protocol/changes-bytes.ts";
import { isPlainChanges } from "../../../protocol/changes-fit.ts";
import { entityText } from "../../../protocol/entity-text.ts";
import { decodeJson } from "../../../protocol/frames.ts";
import { changes, deleteReason } from "../../../protocol/messages.ts";
import { type Fields, type Json, model, type StandardType, type TypeName, typeNames } from "../../../protocol/model.ts";
import { validateItem } from "../../../protocol/validate.ts";
import { near } from "../../support/near-schema.ts";

const plans = tablePlans(new Set(typeNames));
const scanner = () => changesScanner((head) => plans.ofHead(head));

type Item = { type: TypeName; id: string; time: number } & (
  | { op: "upsert"; fields: Fields }
  | { op: "delete"; reason: (typeof deleteReason.options)[number] }
);

const id = fc.oneof(
  { weight: 12, arbitrary: fc.stringMatching(/^[A-Za-z0-9_.%:-]{1,20}$/) },
  { weight: 1, arbitrary: fc.constantFrom("", "a b", "ä", 'a"b', "x".repeat(301), "\n", "€") },
);
const time = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 2 ** 45 }) },
  { weight: 1, arbitrary: fc.constantFrom(-1, -0, Number.MAX_SAFE_INTEGER, 1e15, 0.5) },
);
const upsert = fc
  .constantFrom(...typeNames)
  .chain((type) =>
    fc.record({ type: fc.constant(type), op: fc.constant("upsert" as const), id, time, fields: near(model[type].schema) }),
  );
const remove = fc.record({
  ...{ type: fc.constantFrom(...typeNames), op: fc.constant("delete" as const), id, time },
  reason: fc.constantFrom(...deleteReason.options),
});
const isEntity = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !Object.hasOwn(value, "__proto__");
const items = fc.array(
  fc.oneof({ weight: 8, arbitrary: upsert.filter(({ fields }) => isEntity(fields)) }, { weight: 1, arbitrary: remove }),
  { minLength: 1, maxLength: 6 },
) as fc.Arbitrary<Item[]>;

/** As an agent writes it. */
function frameOf(from: number, these: readonly Item[]): Buffer {
  const text = createFrameText();
  text.begin(from, 10_000_000);
  for (const item of these) {
    if (item.op === "delete") text.add(item);
    else {
      const { type, id: ofItem, time: at, fields } = item;
      text.add({ op: "upsert", type, id: ofItem, time: at, text: entityText(fields) });
    }
  }
  return Buffer.from(text.finish());
}

const ordinary = fc.tuple(fc.integer({ min: 0, max: 2 ** 40 }), items).map(([from, these]) => frameOf(from, these));
/** Pieces that mean something in JSON, or break it. */
const piece = fc.constantFrom(
  ...['"', "\\", '\\"', "[", "]", "{", "}", ",", ":", " ", "\n", "\u00e4", "\u{1f600}", "null", "0", "01", "-1", "1e3", "1.0"],
  ...["\\u0041", '","', '"name"', '"rows":[', "]}", '"x":1,', "[[", "true", "\u0000", "\ufeff", "9".repeat(20)],
);
const damaged = fc
  .record({
    frame: ordinary,
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat(6),
    piece,
    byte: fc.option(fc.nat(255)),
  })
  .map(({ frame, at, cut, piece: text, byte }) => {
    const middle = byte === null ? Buffer.from(text) : Buffer.from([byte]);
    const cutAt = Math.floor(at * frame.length);
    return Buffer.concat([frame.subarray(0, cutAt), middle, frame.subarray(cutAt + cut)]);
  });
/** Only a character of a row is another one. */
const retold = fc
  .record({
    frame: ordinary,
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    to: fc.oneof(piece, fc.constantFrom(..."aZ09_.-%")),
  })
  .map(({ frame, at, to }) => {
    const rows = frame.indexOf('"rows":[') + '"rows":['.length;
    let cutAt = rows + Math.floor(at * (frame.length - rows));
    while (cutAt < frame.length && !/[a-z0-9]/i.test(String.fromCharCode(frame[cutAt] as number))) cutAt += 1;
    return Buffer.concat([frame.subarray(0, cutAt), Buffer.from(to), frame.subarray(cutAt + 1)]);
  });
const blanks = ordinary.map((frame) => Buffer.from(JSON.stringify(JSON.parse(frame.toString()), undefined, 1)));

function decoded(bytes: Uint8Array) {
  try {
    return decodeJson(bytes, { schema: changes, fits: isPlainChanges });
  } catch {
    return undefined;
  }
}

/** Each place and parent that a row names there. */
function parentsOf(plan: NonNullable<ReturnType<typeof plans.of>>, row: readonly Json[]): string[] {
  const found: string[] = [];
  for (const [index, { column, path }] of plan.parents.entries())
    eachParent(row[column], path, (parent) => found.push(`${index} ${parent}`) > 0);
  return found.toSorted();
}

/** What the scanner says of a frame must be what the schema and the checks say of it; tells how many rows it was sure of. */
function compare(bytes: Uint8Array, counts: { certain: number; odd: number; declined: number }): void {
  const scanned = scanner()(bytes);
  if (scanned === undefined) {
    counts.declined += 1;
    return;
  }
  const message = decoded(bytes);
  expect(message).toBeDefined();
  if (message === undefined) return;
  expect(scanned.from).toBe(message.from);
  expect(scanned.tables.map(({ head, rows }) => ({ ...head, rows }))).toEqual(
    message.tables.map(({ type, op, fields, rows }) => ({ type, op, fields, rows: rows.length })),
  );
  expect(scanned.items).toBe(message.tables.reduce((sum, { rows }) => sum + rows.length, 0));
  const text = Buffer.from(bytes).toString("latin1");
  for (const [no, table] of scanned.tables.entries()) {
    const { type, op, fields } = table.head;
    for (let index = 0; index < table.rows; index++) {
      const row = message.tables[no]?.rows[index] as Json[];
      expect(parseRow(bytes, table, index)).toEqual(row);
      const at = index * place.size;
      const idEnd = table.places[at + place.idEnd] as number;
      const from = index === 0 ? 0 : (table.places[at - place.size + place.marksEnd] as number);
      const marks = table.marks.subarray(from, table.places[at + place.marksEnd]);
      if (idEnd < 0) {
        counts.odd += 1;
        expect(marks).toHaveLength(0);
        continue;
      }
      counts.certain += 1;
      expect(text.slice((table.places[at + place.start] as number) + 2, idEnd)).toBe(row[0]);
      const item = { type, id: row[0] as string, time: row[1] as number };
      if (op === "delete") {
        expect(validateItem({ ...item, op, reason: row[2] as never })).toEqual([]);
        continue;
      }
      expect(
        validateItem({ ...item, op, fields: Object.fromEntries(fields.map((name, column) => [name, row[column + 2] as Json])) }),
      ).toEqual([]);
      const found: string[] = [];
      for (let mark = 0; mark < marks.length; mark += 3)
        found.push(`${marks[mark]} ${text.slice(marks[mark + 1] as number, marks[mark + 2] as number)}`);
      expect(found.toSorted()).toEqual(parentsOf(plans.of(type, fields) as never, row));
    }
  }
}

test("Of a frame as an agent writes it the scanner says what the schema says, row by row and parent by parent", () => {
  const counts = { certain: 0, odd: 0, declined: 0 };
  fc.assert(
    fc.property(ordinary, (bytes) => compare(bytes, counts)),
    { numRuns: 1_500 },
  );
  // The law would be empty if one of the two never came.
  expect(counts.certain).toBeGreaterThan(1_000);
  expect(counts.odd).toBeGreaterThan(100);
});

test("Of a frame that is damaged anywhere the scanner says what the schema says, or nothing", () => {
  const counts = { certain: 0, odd: 0, declined: 0 };
  fc.assert(
    fc.property(fc.oneof({ weight: 10, arbitrary: damaged }, { weight: 20, arbitrary: retold }, blanks), (bytes) =>
      compare(bytes, counts),
    ),
    { numRuns: 4_000 },
  );
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(200);
});

test("A row whose texts need escapes is parsed alone, and its neighbours are not", () => {
  const unit = (name: string): Item => ({ type: "unit", op: "upsert", id: "U.1", time: 1, fields: { name, objectType: "flat" } });
  const bytes = frameOf(7, [unit("a"), unit('the "b"'), unit("Straße 5"), unit("ä".repeat(101)), unit("c")]);
  const [table] = scanner()(bytes)?.tables ?? [];
  expect([...(table?.odd.keys() ?? [])]).toEqual([1, 3]);
});

const period: Fields = {
  endDate: null,
  kind: "tenant",
  number: "MV 001/000001/0000000123",
  participants: [
    { personId: "001.0000000007.1", role: "main" },
    { personId: "001.0000000008.1", role: "co-tenant" },
  ],
  startDate: "2010-02-28",
  unitId: "001.000001.0001.000004",
};
/** What agents send every day. */
const everyday: Partial<Record<StandardType, readonly Fields[]>> = {
  property: [
    { name: "Wohnanlage Süd", managementType: "rental", address: { street: "Königsallee", houseNumber: "5a", city: "Köln" } },
  ],
  building: [{ name: "Haus 5", propertyId: "001.000001", address: null }],
  unit: [{ name: "EG links", objectType: "flat", buildingId: "B.1", areaSquareMetres: "61.50", usage: "rented", floor: null }],
  person: [
    { kind: "natural", lastName: "Schäfer", firstName: "Jürgen", emails: [{ address: "j@example.de" }], birthDate: "1960-02-29" },
    {
      kind: "natural",
      lastName: "Şahin",
      phones: [{ number: "+49 221 1", kind: "mobile" }],
      updatedAt: "2026-03-29T01:30:00.5Z",
    },
  ],
  utilisationPeriod: [period, { ...period, participants: [] }],
  ticket: [{ title: "Heizung kalt", kind: "damage", status: "in-progress", unitId: "U.1", createdAt: "2026-03-29T01:30:00Z" }],
  invoice: [{ subject: [{ type: "unit", id: "U.1" }], issueDate: "2026-01-01", total: { amount: "-12.50", currency: "EUR" } }],
  document: [
    {
      subject: [],
      category: "lease",
      name: "Vertrag.pdf",
      mediaType: "application/pdf",
      sizeBytes: 81_234,
      sha256: "0f".repeat(32),
    },
  ],
  meterReading: [{ meterId: "M.1", readAt: "2026-01-01", value: "123.4", origin: "remote" }],
  serviceProvider: [{ name: "Müller & Söhne GmbH", trades: ["heating", "water"] }],
};

test("Of what agents send every day every row is certain, so that the quick way is the one that is taken", () => {
  for (const [type, entities] of Object.entries(everyday)) {
    const these = entities.map((fields, no): Item => {
      return { type: type as TypeName, op: "upsert", id: `001.${no}`, time: 1_760_000_000_000, fields };
    });
    const scanned = scanner()(frameOf(1, [...these, { type: "unit", op: "delete", id: "U.1", time: 5, reason: "gone" }]));
    const odd = scanned?.tables.flatMap((table) => [...table.odd.keys()]);
    expect([type, odd]).toEqual([type, []]);
    expect(scanned?.items).toBe(these.length + 1);
  }
});

test("One scanner reads frame after frame: what it found before stays as it was", () => {
  const scan = scanner();
  const fields = { name: "a", objectType: "flat", buildingId: "B.1" };
  const one = scan(frameOf(1, [{ type: "unit", op: "upsert", id: "U.1", time: 1, fields }]));
  const before = structuredClone({ places: one?.tables[0]?.places, marks: one?.tables[0]?.marks });
  for (let no = 0; no < 2_000; no++)
    expect(scan(frameOf(no, [{ type: "person", op: "upsert", id: `P.${no}`, time: no, fields: { kind: "legal" } }]))?.from).toBe(
      no,
    );
  expect({ places: one?.tables[0]?.places, marks: one?.tables[0]?.marks }).toEqual(before);
});
