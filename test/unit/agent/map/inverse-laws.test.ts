/** inverse(map(x)) = x, where the configuration declares both ways: what a command writes is read back as the same value. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Config, Read, ValueMap } from "../../../../config/config.ts";
import type { ColumnType, PlanStep } from "../../../../connectors/connector.ts";
import { config, constant, from, mapOne, mappingOf, orderStatus, source, types } from "./sample.ts";
import { commandNamed, describedTables, message, planOf, valuesOf } from "./sample-commands.ts";

/** A ticket whose field is read from a column T. */
function reading(field: "dueDate" | "status", read: Read, column: ColumnType, more: Partial<Config> = {}) {
  const fields = { kind: constant("damage"), title: constant("x"), status: constant("open"), [field]: read };
  const tickets = source("tickets", "ticket", { key: ["K"], fields });
  return mappingOf(tickets, { K: "text", T: column }, { all: { ...config([tickets]), ...more } });
}

const update = (values: Record<string, string | null>) =>
  message("ticket.update", { entity: { type: "ticket", id: "001.1" }, values, base: values });

const day = fc
  .date({ min: new Date("1900-01-01T00:00:00Z"), max: new Date("2900-01-01T00:00:00Z"), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));

/** TERMIN of the sample, an integer, or KURZTEXT, a text, holds the due date in this way. */
const dates: { name: string; written: string; column: "TERMIN" | "KURZTEXT"; type: ColumnType; read: Read }[] = [
  { name: "a whole number", written: "as: ymd", column: "TERMIN", type: "integer", read: from("T", { as: "ymd" }) },
  { name: "a text", written: "as: german", column: "KURZTEXT", type: "text", read: from("T", { as: "german" }) },
  { name: "a text with a sentinel", written: "as: open", column: "KURZTEXT", type: "text", read: from("T", { as: "open" }) },
];
const open = { ...types.german, name: "open", empty: [], openEnd: ["31.12.9999"] };
const typesInYaml = `types:
  german: { text: dd.MM.yyyy, empty: ["00.00.0000"], invalid: quarantine }
  open: { text: dd.MM.yyyy, openEnd: ["31.12.9999"], invalid: quarantine }
`;
const dueDateIn =
  (column: string, written: string) =>
  (yaml: string): string =>
    yaml
      .replace("types:\n", typesInYaml)
      .replace(/( +)KURZTEXT: \{ from: title, max: 40 \}\n/, column === "KURZTEXT" ? "" : "$&")
      .replace(/TERMIN: \{ from: dueDate.*\}/, `${column}: { from: dueDate, ${written} }`);

test.each(dates)(
  "A date that is written as $name is read back as the same date, and none as none",
  ({ written, column, type, read }) => {
    const mapping = reading("dueDate", read, type, { types: { ...types, open } } as Partial<Config>);
    const command = commandNamed("ticket.update", { edit: dueDateIn(column, written) });
    fc.assert(
      fc.property(fc.option(day), (dueDate) => {
        const step = valuesOf(planOf(command, update({ dueDate })), 0) as Record<
          "values" | "base",
          Record<string, string | number>
        >;
        expect(mapOne(mapping, { K: "1", T: step.values[column] ?? null })).toMatchObject({ fields: { dueDate } });
        // What the portal saw before is compared as the ERP holds it.
        expect(step.base[column]).toEqual(step.values[column]);
      }),
      { numRuns: 60 },
    );
  },
);

test("A date that is read with a shift is written with its inverse, in the column that it is read from and in no other", () => {
  const shifted = (yaml: string): string =>
    yaml.replace(/dueDate: \{ from: TERMIN, as: ymd/, "dueDate: { from: TERMIN, as: ymd, shift: -1d");
  const mapping = reading("dueDate", from("T", { as: "ymd", shiftDays: -1 }), "integer");
  const command = commandNamed("ticket.update", { edit: shifted });
  fc.assert(
    fc.property(fc.option(day), (dueDate) => {
      const { values } = valuesOf(planOf(command, update({ dueDate })), 0) as { values: { TERMIN: number } };
      expect(mapOne(mapping, { K: "1", T: values.TERMIN })).toMatchObject({ fields: { dueDate } });
    }),
    { numRuns: 60 },
  );
  const elsewhere = commandNamed("ticket.update", {
    edit: (yaml) => shifted(yaml).replace(/TERMIN: \{ from: dueDate/, "ERLDAT: { from: dueDate"),
  });
  expect(valuesOf(planOf(elsewhere, update({ dueDate: "2026-07-01" })), 0)).toMatchObject({ values: { ERLDAT: 20260701 } });
});

test("Whatever codes a map declares, the code of each meaning is read as that meaning", () => {
  const meanings = ["open", "in-progress", "closed"];
  const codes = fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9äß_-]{1,6}$/), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(codes, (all) => {
      const read = Object.fromEntries(all.map((code, index) => [code, meanings[index] as string]));
      const map: ValueMap = {
        ...orderStatus,
        read,
        write: Object.fromEntries(all.map((code, index) => [meanings[index], code])),
      };
      const mapping = reading("status", from("T", { map: "orderStatus" }), "text", { maps: { orderStatus: map } });
      const inYaml = `orderStatus: { read: ${JSON.stringify(read)}, unknown: quarantine }`;
      const command = commandNamed("ticket.update", {
        // Without a `write` side it is the inverse of the other.
        edit: (yaml) =>
          yaml
            .replace(/orderStatus:\n +read: .*\n +write: .*\n +unknown: quarantine/, inYaml)
            .replace(/ +KURZTEXT: \{ from: title, max: 40 \}\n/, "")
            .replace("STATUS: { from: status, map: orderStatus }", "KURZTEXT: { from: status, map: orderStatus }"),
      });
      for (const status of meanings) {
        const { values } = valuesOf(planOf(command, update({ status })), 0) as { values: { KURZTEXT: string } };
        expect(mapOne(mapping, { K: "1", T: values.KURZTEXT })).toMatchObject({ fields: { status } });
      }
    }),
    { numRuns: 15 },
  );
});

/** Two writers can't take the same number. */
const tables = describedTables.map((table) =>
  table.name === "AUFTRAG" ? { ...table, uniqueIndexes: [...table.uniqueIndexes, ["MANDANT", "KURZTEXT"]] } : table,
);

test("A number that a mask writes is found again as the highest: the part that is counted is the number", () => {
  const literal = fc.stringMatching(/^[A-Z/-]{0,4}$/);
  const period = fc.constantFrom("", "{yyyy}", "{yyMM}", "{yy}-");
  const digits = fc.integer({ min: 1, max: 6 });
  fc.assert(
    fc.property(literal, period, digits, fc.bigInt({ min: 0n, max: 9_999_999n }), (before, dated, width, number) => {
      const mask = `${before}${dated}{${"0".repeat(width)}}`;
      const edit = (yaml: string): string =>
        yaml
          .replace(
            /number: nr\n +counter: \{.*\}/,
            `number: nr\n        max: { table: AUFTRAG, column: KURZTEXT, where: { MANDANT: "001" } }\n        mask: "${mask}"`,
          )
          .replaceAll("${pad(nr, 8, '0')}", "${substring(nr, 0, 8)}");
      const plan = planOf(commandNamed("ticket.create", { edit, tables }), message("ticket.create", { values: { title: "x" } }));
      const step = plan.steps[0] as PlanStep & { kind: "number" };
      const written = step.written?.(number) ?? "";
      const part = "max" in step.from ? step.from.max.part : undefined;
      expect(BigInt(written.slice((part?.from ?? 1) - 1))).toBe(number);
      expect(part?.like?.endsWith("%")).toBe(true);
      expect(written.startsWith((part?.like ?? "?").slice(0, -1))).toBe(true);
    }),
    { numRuns: 15 },
  );
});
