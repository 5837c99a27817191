import fc from "fast-check";
import { expect, test } from "vitest";
import { wrapped } from "../../../../agent/map/line-wrap.ts";
import { commandFaults, commandNamed, describedTables, message, planOf, valuesOf } from "./sample-commands.ts";

/** The report's text in lines, in place of the one insert that the sample makes. */
const inLines =
  (width: number, more = "") =>
  (yaml: string): string =>
    yaml
      .replace(/- insert: AUFTRTEXT\n( +)values:\n/, (_, indent) =>
        [`- insertLines: AUFTRTEXT`, `from: description`, `width: ${width}`, `values:\n`].join(`\n${indent}`),
      )
      .replace('LFDNR: "1"', 'LFDNR: "${line.number * 10}"')
      .replace('ZEILE: { from: description, default: "" }', `ZEILE: "\${line.text}"${more}`);

const report = (description: string | null | undefined) =>
  message("ticket.create", { values: { title: "x", ...(description !== undefined && { description }) } });

test("A text becomes one row for each line, numbered, broken at blanks and where it had line breaks itself", () => {
  const command = commandNamed("ticket.create", { edit: inLines(20) });
  const plan = planOf(command, report("Wasser läuft aus der Decke im Bad.\r\n\r\nSeit gestern."));
  expect(plan.steps.map((step) => step.kind)).toEqual(["number", "insert", "insert", "insert", "insert", "insert"]);
  expect([2, 3, 4, 5].map((index) => valuesOf(plan, index)).map(({ AUFTRNR, LFDNR, ZEILE }) => [AUFTRNR, LFDNR, ZEILE])).toEqual([
    ["00000042", 10, "Wasser läuft aus der"],
    ["00000042", 20, "Decke im Bad."],
    ["00000042", 30, ""],
    ["00000042", 40, "Seit gestern."],
  ]);
});

test("Without a text there is no line, and the field is offered to the portal", () => {
  const command = commandNamed("ticket.create", { edit: inLines(20) });
  for (const none of [undefined, null, ""])
    expect(planOf(command, report(none)).steps.map((step) => step.kind)).toEqual(["number", "insert"]);
  expect(command.offer.map(({ name }) => name)).toContain("description");
});

test("The rest of a long title goes on in the lines", () => {
  const title = "Wasser läuft aus der Decke im Bad und im Flur";
  const command = commandNamed("ticket.create", { edit: inLines(20) });
  const plan = planOf(command, message("ticket.create", { values: { title, description: "Seit gestern." } }));
  expect(valuesOf(plan, 1).KURZTEXT).toBe("Wasser läuft aus der Decke im Bad und im");
  expect([2, 3].map((index) => valuesOf(plan, index).ZEILE)).toEqual(["Flur", "Seit gestern."]);
});

const text = fc.string({ unit: fc.constantFrom(..."ab ä😀 .\n\r"), maxLength: 60 });

test("No line is longer than the width, and the lines hold every character but the blank or break between two", () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 12 }), (given, width) => {
      const lines = wrapped(given, width);
      const whole = given.replace(/\r\n|\r/g, "\n");
      let at = 0;
      for (const [index, line] of lines.entries()) {
        expect([...line].length).toBeLessThanOrEqual(width);
        if (index > 0 && /[ \n]/.test(whole[at] ?? "")) at += 1;
        expect(whole.slice(at, at + line.length)).toBe(line);
        at += line.length;
      }
      expect(at).toBe(whole.length);
    }),
  );
});

test("A word is torn only where it is longer than a line", () => {
  fc.assert(
    fc.property(text, (given) => {
      const words = (all: string): string[] => all.split(/[ \n\r]+/).filter((word) => word !== "");
      const longest = Math.max(1, ...words(given).map((word) => [...word].length));
      expect(wrapped(given, longest).flatMap(words)).toEqual(words(given));
    }),
  );
});

test("A width past the column, a field that is no text, and a line's name outside of its step are faults", () => {
  const narrow = describedTables.map((table) =>
    table.name !== "AUFTRTEXT"
      ? table
      : { ...table, columns: table.columns.map((column) => (column.name === "ZEILE" ? { ...column, length: 60 } : column)) },
  );
  expect(commandFaults("ticket.create", { edit: inLines(80), tables: narrow })).toEqual([
    expect.stringContaining("width is 80, but column ZEILE holds 60 characters. Say width: 60."),
  ]);
  const dated = (yaml: string): string =>
    inLines(60)(yaml).replace("from: description\n", "from: dueDate\n").replace(", overflow: description", "");
  expect(commandFaults("ticket.create", { edit: dated })).toEqual([expect.stringContaining("dueDate is no text")]);
  const outside = (yaml: string): string => inLines(60)(yaml).replace("KANAL: P", 'KANAL: "${line.text}"');
  expect(commandFaults("ticket.create", { edit: outside })).toEqual([expect.stringContaining("line")]);
});
