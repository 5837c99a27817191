import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nearest } from "../../../base/nearest.ts";
import { parseConfig } from "../../../config/load.ts";

const example = readFileSync("config/examples/housing-company.yaml", "utf8");
const lines = example.split("\n");

/** Loads whatever it is given; a fault must say where it stands and what to do. */
function survives(text: string): void {
  const loaded = parseConfig({ text, file: "/etc/erpfuser.yaml" });
  if (loaded.config) return;
  expect(loaded.faults.length).toBeGreaterThan(0);
  const last = text.split("\n").length;
  for (const fault of loaded.faults) {
    expect(fault.line).toBeGreaterThanOrEqual(1);
    expect(fault.line).toBeLessThanOrEqual(last);
    expect(fault.message).not.toBe("");
    expect(fault.remedy).not.toBe("");
    expect(`${fault.message}${fault.remedy}`).not.toMatch(/undefined|\[object/);
  }
}

/** A busy machine runs fewer of them. */
const budget = { interruptAfterTimeLimit: 5_000 };

const index = fc.nat(example.length);
const junk = fc.constantFrom(
  "",
  "x",
  ":",
  "{",
  "}",
  "[",
  "]",
  "\t",
  "- ",
  '"',
  "'",
  "${",
  "&a",
  "*a",
  "!!int",
  "|",
  "\n",
  "\0",
  "__proto__",
  "constructor",
  "null",
  "ä",
  "😀",
  "\ud800",
);
const node = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom("", "NAME", "${A}", "${", "15m", "true", "tickets", "001"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        "from",
        "ref",
        "key",
        "date",
        "time",
        "as",
        "map",
        "rows",
        "item",
        "join",
        "value",
        "object",
        "when",
        "owner",
        "name",
        "changes",
        "call",
        "toString",
        "constructor",
      ),
      tie("value"),
      { maxKeys: 4 },
    ),
  ),
})).value;

describe("whatever stands in the file, the loader answers with faults and never fails", () => {
  test("characters are lost, doubled or put in", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(index, fc.nat(3), junk), { minLength: 1, maxLength: 4 }), (edits) => {
        let text = example;
        for (const [at, removed, put] of edits) text = text.slice(0, at) + put + text.slice(at + removed);
        survives(text);
      }),
      { ...budget, numRuns: 100 },
    );
  });

  test("lines are lost, moved or indented", () => {
    const line = fc.nat(lines.length - 1);
    fc.assert(
      fc.property(fc.array(fc.tuple(line, line, fc.nat(2)), { minLength: 1, maxLength: 4 }), (edits) => {
        const changed = [...lines];
        for (const [a, b, way] of edits) {
          if (way === 0) changed.splice(a, 1);
          else if (way === 1) changed.splice(b, 0, ...changed.splice(a, 1));
          else changed[a] = `  ${changed[a] ?? ""}`;
        }
        survives(changed.join("\n"));
      }),
      { ...budget, numRuns: 100 },
    );
  });

  test("any value stands at any place", () => {
    const places = [
      "agent",
      "erp",
      "vars",
      "scope",
      "types",
      "maps",
      "sources",
      "commands",
      "guards",
      "fields",
      "changes",
      "steps",
      "result",
      "idempotency",
      "key",
      "tickets",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...places), node, (place, value) => {
        survives(
          example.replace(
            new RegExp(`^( *)${place}:.*$`, "m"),
            (_, indent: string) => `${indent}${place}: ${JSON.stringify(value)}`,
          ),
        );
        survives(`${place}: ${JSON.stringify(value)}`);
        survives(`${example}\nextra: ${JSON.stringify(value)}\n`);
      }),
      { ...budget, numRuns: 80 },
    );
  });

  test("any field of a source holds any value", () => {
    fc.assert(
      fc.property(fc.constantFrom("name", "address", "ownerIds"), node, (field, value) => {
        survives(
          example.replace(
            "fields: { name: BEZ } }",
            `fields: { name: BEZ, ${JSON.stringify(field)}: ${JSON.stringify(value)} } }`,
          ),
        );
      }),
      { ...budget, numRuns: 80 },
    );
  });

  test("any text is a configuration or a list of faults", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), survives), { ...budget, numRuns: 100 });
  });
});

describe("the nearest name", () => {
  test("is found behind a slip of the finger, and not behind another word", () => {
    expect(nearest("lastNmae", ["firstName", "lastName", "name"])).toBe("lastName");
    expect(nearest("Title", ["title", "status"])).toBe("title");
    expect(nearest("orderStaus", ["orderStatus", "orderKind"])).toBe("orderStatus");
    expect(nearest("xyz", ["title", "status"])).toBeUndefined();
    expect(nearest("a", [])).toBeUndefined();
  });
});
