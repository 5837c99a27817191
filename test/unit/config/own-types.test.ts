import { expect, test } from "vitest";
import type { Fault } from "../../../config/config.ts";
import { parseConfig } from "../../../config/load.ts";

const fileWith = (ownTypes: string, rest = ""): string => `
agent: { name: Test, portal: "wss://portal.example.com/agent" }
erp: { connector: sqlite, file: /tmp/erp.db, timezone: Europe/Berlin }
ownTypes:
${ownTypes}
sources:
  persons: { type: person, table: PERSON, key: [NR], fields: { kind: { value: natural }, lastName: NAME } }
  keys: { type: x-key, table: SCHLUESSEL, key: [NR], fields: { state: { value: out }, holderId: { ref: persons, key: [PERS] } } }
${rest}`;
const right = `  x-key:
    title: Key
    required: [state]
    properties:
      state: { type: string, enum: [out, back] }
      holderId: { type: string, x-references: [person] }
      doors: { type: integer, minimum: 1, maximum: 5 }
      uses: { type: array, maxItems: 5, items: { type: object, required: [from], properties: { from: { type: string, format: date } } } }
`;
const parsed = (text: string) => parseConfig({ text, file: "/etc/erpfuser.yaml" });
const faultsOf = (text: string): readonly Fault[] => parsed(text).faults ?? [];

test("A type of one's own is read with its numbers as numbers, and a configuration without one has none", () => {
  expect(parsed(fileWith(right)).config?.ownTypes).toEqual({
    "x-key": {
      title: "Key",
      type: "object",
      required: ["state"],
      properties: {
        state: { type: "string", enum: ["out", "back"] },
        holderId: { type: "string", "x-references": ["person"] },
        doors: { type: "integer", minimum: 1, maximum: 5 },
        uses: {
          type: "array",
          maxItems: 5,
          items: { type: "object", required: ["from"], properties: { from: { type: "string", format: "date" } } },
        },
      },
    },
  });
});

const declared = (field: string): string => right.replace("doors: { type: integer, minimum: 1, maximum: 5 }", field);
test.each([
  ["state: { value: out }", "state: { value: lost }", "sources.keys.fields.state.value", "does not take `lost`", "out"],
  ["state: { value: out }, ", "", "sources.keys.fields", "needs the field `state`", "Add `state"],
  ["holderId: { ref: persons", "holder: { ref: persons", "sources.keys.fields.holder", "no field `holder`", "holderId"],
  [
    "holderId: { ref: persons",
    "holderId: { ref: keys",
    "sources.keys.fields.holderId.ref",
    "is of type x-key, and person",
    "persons",
  ],
  ["type: x-key", "type: x-kee", "sources.keys.type", "There is no type `x-kee`", "x-key"],
])("What a source says of such a type is held against its declaration: %s as %s", (...[before, after, path, message, remedy]) => {
  const text = fileWith(right);
  const [fault, ...more] = faultsOf(text.replace(before, after));
  expect([fault, more]).toMatchObject([
    { path, message: expect.stringContaining(message), remedy: expect.stringContaining(remedy) },
    [],
  ]);
});

test.each([
  ["doors: { type: integer, maxLength: 5 }", "x-key.properties.doors.maxLength", "says nothing of a field of type integer"],
  ["doors: { type: string, format: money }", "x-key.properties.doors.format", "has no format `money`"],
  ["doors: { type: object }", "x-key.properties.doors", "either `properties` or `format: money`"],
  ["doors: { type: array }", "x-key.properties.doors", "`items` is missing"],
  ["doors: { type: string, x-references: [persn] }", "x-key.properties.doors", "refers to `persn`, which is no type"],
  ["doors: { type: integer, minimum: 6, maximum: 5 }", "x-key.properties.doors", "a minimum above its maximum"],
  ["doors: { type: integer, minimum: few }", "x-key.properties.doors.minimum", "must be a number"],
  ["doors: { type: text }", "x-key.properties.doors.type", "text"],
  ["doors: { type: string, pattern: x }", "x-key.properties.doors.pattern", "is not known here"],
  ["updatedAt: { type: string }", "x-key.properties.updatedAt", "is a name that every type has"],
  ["my-doors: { type: string }", "x-key.properties.my-doors", "does not fit"],
])("A declaration says what is wrong with it: %s", (field, path, message) => {
  const faults = faultsOf(fileWith(declared(field)));
  expect(faults).toMatchObject([{ path: `ownTypes.${path}`, message: expect.stringContaining(message) }]);
});

test("A type of the model can't be declared anew, and a name is small letters behind `x-`", () => {
  expect(faultsOf(fileWith(`${right}  person: { title: P, properties: {} }\n`))).toMatchObject([{ path: "ownTypes.person" }]);
  expect(faultsOf(fileWith(`${right}  x-Key: { title: P, properties: {} }\n`))).toMatchObject([{ path: "ownTypes.x-Key" }]);
});

test("Declarations that no frame should carry are refused", () => {
  const values = Array.from({ length: 200 }, (_, index) => `${index}`.padStart(90, "v")).join(", ");
  const fields = Array.from({ length: 4 }, (_, index) => `      f${index}: { type: string, enum: [${values}] }\n`).join("");
  expect(faultsOf(fileWith(right + fields))).toMatchObject([{ path: "ownTypes", message: expect.stringContaining("65536") }]);
});

test("Commands make and change types that are declared, and nothing else with them", () => {
  const commands = (name: string): string =>
    `commands:\n  ${name}: { idempotency: { probe: "SELECT NR FROM S WHERE ID = :command.id" }, steps: [ { insert: SCHLUESSEL, values: { STAND: { from: state } } } ], result: { source: keys, key: "1" } }`;
  expect(faultsOf(fileWith(right, commands("x-key.create")))).toEqual([]);
  expect(faultsOf(fileWith(right, commands("x-key.lose")))).toMatchObject([{ path: "commands.x-key.lose" }]);
  expect(faultsOf(fileWith(right, commands("x-door.create")))).toMatchObject([{ path: "commands.x-door.create" }]);
});
