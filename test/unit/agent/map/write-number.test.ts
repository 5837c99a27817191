import { expect, test } from "vitest";
import type { PlanStep } from "../../../../connectors/connector.ts";
import { commandFaults, commandNamed, describedTables, message, planOf, valuesOf } from "./sample-commands.ts";

const counter =
  /number: nr\n +counter: \{ table: NUMMERNKREIS, column: NR, where: \{ MANDANT: ("\$\{vars.mandant\}"), KREIS: AUFTRAG \} \}/;

/** The report's number drawn in another way, and written as it is drawn. */
const drawn =
  (max: string, mask?: string) =>
  (yaml: string): string =>
    yaml
      .replace(
        counter,
        (_, mandant) =>
          `number: nr\n        max: { table: AUFTRAG, ${max}, where: { MANDANT: ${mandant} } }${mask === undefined ? "" : `\n        mask: "${mask}"`}`,
      )
      .replaceAll("${pad(nr, 8, '0')}", "${nr}");

const numberOf = (edit: (yaml: string) => string): PlanStep & { kind: "number" } => {
  const plan = planOf(commandNamed("ticket.create", { edit }), message("ticket.create", { values: { title: "x" } }));
  return plan.steps[0] as PlanStep & { kind: "number" };
};

test("A mask writes period and number, and counts anew in each period of the ERP's own time zone", () => {
  const step = numberOf(drawn("column: AUFTRNR", "T{yyMM}{000}"));
  expect(step.from).toMatchObject({ max: { table: "AUFTRAG", column: "AUFTRNR", part: { from: 6, like: "T2607%" } } });
  expect([step.written?.(7n), step.written?.(1_000n)]).toEqual(["T2607007", "T26071000"]);
  // 22:30 of the last of June in UTC is July in Berlin.
  const late = planOf(
    commandNamed("ticket.create", { edit: drawn("column: AUFTRNR", "T{yyMM}{000}") }),
    message("ticket.create", { values: { title: "x" } }),
    { now: Date.UTC(2026, 5, 30, 22, 30) },
  ).steps[0] as typeof step;
  expect(late.written?.(1n)).toBe("T2607001");
});

test("`like` counts over all periods, `from` names where the number begins", () => {
  const over = numberOf(drawn('column: AUFTRNR, like: "T____%"', "T{yyMM}{000}"));
  expect(over.from).toMatchObject({ max: { part: { from: 6, like: "T____%" } } });
  const bare = numberOf(drawn('column: AUFTRNR, from: 4, like: "T{yy}%"'));
  expect([bare.from, bare.written]).toMatchObject([{ max: { part: { from: 4, like: "T26%" } } }, undefined]);
});

test("What a mask makes is a text for later steps and for the result, and fits their columns before the ERP is asked", () => {
  const command = commandNamed("ticket.create", { edit: drawn("column: AUFTRNR", "T{yyMM}{000}") });
  const plan = planOf(command, message("ticket.create", { values: { title: "x" } }));
  const results = new Map([["nr", "T2607042"]]);
  expect(valuesOf(plan, 1, results)).toMatchObject({ AUFTRNR: "T2607042" });
  expect(plan.resultKey(results)).toEqual(["001", "T2607042"]);
  const counted = commandNamed("ticket.create", {
    edit: (yaml) => yaml.replace(counter, (all) => `${all}\n        mask: "A/{0000}"`).replaceAll("${pad(nr, 8, '0')}", "${nr}"),
  });
  const step = planOf(counted, message("ticket.create", { values: { title: "x" } })).steps[0] as PlanStep & { kind: "number" };
  expect([Object.keys(step.from), step.written?.(42n)]).toEqual([["counter"], "A/0042"]);
});

test.each([
  [
    "a mask that is too long for its column",
    drawn("column: AUFTRNR", "TS{yyMM}-{0000}"),
    "11 characters, column AUFTRNR holds 8",
  ],
  ["a mask with text behind the number", drawn("column: AUFTRNR", "{000}/{yy}"), "text behind the number"],
  ["a mask with a wildcard", drawn("column: AUFTRNR", "T_{000}"), "a wildcard in SQL"],
])("%s is a fault of the configuration", (_, edit, words) => {
  expect(commandFaults("ticket.create", { edit })).toEqual([expect.stringContaining(words)]);
});

test("`from` and `like` are for texts, and under a masked number there must be a unique index too", () => {
  const line = (yaml: string): string => yaml.replace("column: LFDNR, where", "column: LFDNR, from: 3, where");
  expect(commandFaults("message.create", { edit: line })).toEqual([expect.stringContaining("all of it is the number")]);
  const tables = describedTables.map((table) => (table.name === "AUFTRAG" ? { ...table, uniqueIndexes: [["FREMDNR"]] } : table));
  expect(commandFaults("ticket.create", { edit: drawn("column: AUFTRNR", "T{yyMM}{000}"), tables })).toEqual([
    expect.stringContaining("there is no unique index over MANDANT, AUFTRNR"),
  ]);
});
