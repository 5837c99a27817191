/** Tables of the portal, whatever they hold: what is read through one, and what a command writes through it backwards. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { bindStored } from "../../../../agent/lookups.ts";
import type { CompiledCommand } from "../../../../agent/map/write-plan.ts";
import type { StoredLookup } from "../../../../agent/store/lookups.ts";
import type { Value } from "../../../../connectors/connector.ts";
import { type Json, model } from "../../../../protocol/model.ts";
import { config, constant, from, mapOne, mappingOf, source, withFields } from "./sample.ts";
import { commandFaults, commandNamed, mappingsOf, message, planOf, refusal, sampleConfig, valuesOf } from "./sample-commands.ts";

const tableOf = (name: string, rows: readonly (readonly Json[])[]): StoredLookup[] => [
  { name, version: "1", fields: ["code", "says"], rows: [...rows] },
];

const code = fc.stringMatching(/^[A-Z0-9]{1,3}$/);
const said: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>("open", "closed", "", null, "9".repeat(300), 7, true),
  fc.string({ unit: "binary", maxLength: 12 }),
);
const rows = fc.uniqueArray(fc.tuple(code, said), { maxLength: 8, selector: ([key]) => key });
/** As the ERP pads it, or not. */
const held = fc.oneof(
  code,
  code.map((text) => ` ${text}  `),
  fc.constantFrom<Value>(null, "", " "),
);

test.each(["hold", "omit"] as const)(
  "Whatever a table and a row hold, it becomes an entity that says what the table says, or a fault that says why (missing: %s)",
  (missing) => {
    const lookup = { name: "names", take: undefined, missing };
    const fields = {
      kind: constant("damage"),
      title: from("T", { lookup, default: "none" }),
      status: from("S", { lookup, default: "open" }),
    };
    const tickets = source("tickets", "ticket", { key: ["K"], fields });
    const mapping = mappingOf(tickets, { K: "text", T: "text", S: "text" }, { all: config([tickets]) });
    const kinds = new Set<string>();
    fc.assert(
      fc.property(rows, held, held, (table, T, S) => {
        bindStored([mapping], tableOf("names", table));
        const mapped = mapOne(mapping, { K: "1", T, S });
        kinds.add(mapped.kind);
        const asked = [S, T].flatMap((value) => (typeof value === "string" && value !== "" ? [value.trim()] : []));
        // Also of what was not found: its row may come.
        expect((mapped as { lookups?: { row: string }[] }).lookups?.map(({ row }) => row) ?? []).toEqual(asked);
        const byCode = new Map(table);
        const isLost = asked.some((row) => !byCode.has(row));
        if (mapped.kind === "faulty") {
          for (const fault of mapped.faults) expect(["lookup-missing", "value-invalid"]).toContain(fault.code);
          expect(mapped.faults.some((fault) => fault.code === "lookup-missing")).toBe(missing === "hold" && isLost);
          return;
        }
        if (mapped.kind !== "entity") throw new Error(mapped.kind);
        expect(model.ticket.schema.safeParse(mapped.fields).error).toBeUndefined();
        expect(missing === "hold" && isLost).toBe(false);
        const says = (value: Value, otherwise: Json): Json => {
          const found = typeof value === "string" && value !== "" ? byCode.get(value.trim()) : undefined;
          return found === undefined || found === null || found === "" ? otherwise : found;
        };
        expect(mapped.fields).toMatchObject({ title: String(says(T, "none")), status: says(S, "open") });
      }),
      // No status is called so: chance alone may bring nothing that is at fault.
      { numRuns: 400, examples: [[[["a", "no status"]], "a", "a"]] },
    );
    expect([...kinds].sort()).toEqual(["entity", "faulty"]);
  },
);

/** The category is read through one table, and who works on it through another; both may be changed. */
const edited =
  (...further: [string, string][]) =>
  (yaml: string): string =>
    [
      ["category: KATEGORIE", "category: { from: KATEGORIE, do: [trim], lookup: categories, owner: shared }"],
      [
        'assigneeId: { ref: teamMembers, key: [MANDANT, SBNR], when: "${!empty(SBNR)}" }',
        "assigneeId: { ref: teamMembers, key: [MANDANT, { from: SBNR, lookup: staff }], owner: shared }",
      ],
      [
        "          KURZTEXT: { from: title, max: 40 }\n",
        "          KATEGORIE: { from: category, lookup: categories }\n          SBNR: { from: assigneeId, lookup: staff }\n",
      ],
      ...further,
    ].reduce((text, [before, after]) => {
      if (!text.includes(before as string)) throw new Error(`the sample has no ${before}`);
      return text.replace(before as string, after as string);
    }, yaml);
const edit = edited();
const command = (): CompiledCommand => commandNamed("ticket.update", { edit });
const update = (values: Record<string, Json>, base: Record<string, Json>) =>
  message("ticket.update", { entity: { type: "ticket", id: "001.1" }, values, base } as never);

const short = fc.stringMatching(/^[A-Za-zäöü0-9 ]{1,6}$/).filter((text) => text.trim() !== "");
const categories = fc.uniqueArray(fc.tuple(fc.stringMatching(/^[A-Z0-9]{1,4}$/), short), {
  minLength: 1,
  maxLength: 6,
  selector: ([key]) => key,
});

test("What a command writes through a table is read back as what it said, and is refused just where no code, or more than one, stands for it", () => {
  const one = command();
  const mapping = mappingsOf(sampleConfig({ edit })).find(({ source: name }) => name === "tickets");
  if (mapping === undefined) throw new Error("no tickets");
  expect([...(one.lookups?.needs.keys() ?? [])]).toEqual(["categories", "staff"]);
  fc.assert(
    fc.property(categories, short, (table, other) => {
      bindStored([one, mapping], tableOf("categories", table));
      for (const category of new Set([other, ...table.map(([, value]) => value)])) {
        const codes = table.flatMap(([key, value]) => (value === category ? [key] : []));
        const sent = update({ category }, { category: null });
        if (codes.length !== 1) {
          expect(refusal(one, sent)).toBe(codes.length === 0 ? "value-unknown category" : "value-ambiguous category");
          continue;
        }
        const { values } = valuesOf(planOf(one, sent), 0) as { values: Record<string, Value> };
        const row = mapping.query.columns.map((name) => ({ ...values, ART: "S", STATUS: "0", KANAL: "P" })[name] ?? null);
        const read = withFields(mapping.map({ values: row, flags: [], children: [[]] }, "001.1"));
        if (read.kind === "entity") expect(read.fields.category).toBe(category);
        // Nothing of the rest of the row is said here.
        else expect(JSON.stringify(read)).not.toContain("category");
        expect(values.KATEGORIE).toBe(codes[0]);
      }
    }),
    { numRuns: 100 },
  );
});

test("A base that several codes stand for is any of them, one that the table no longer knows is no reason to overwrite, and without the table the command waits", () => {
  const one = command();
  expect(refusal(one, update({ category: "Heating" }, { category: null }))).toBe("lookup-missing category");
  const table = [
    ["HZ1", "Heating"],
    ["SA1", "Water"],
    ["SA2", "Water"],
  ];
  bindStored([one], tableOf("categories", table));
  const step = (base: string) => planOf(one, update({ category: "Heating" }, { category: base })).steps[0];
  expect(step("Water")).toMatchObject({ alike: { KATEGORIE: [["SA1", "SA2"]] } });
  expect(valuesOf(planOf(one, update({ category: "Heating" }, { category: "Water" })), 0)).toMatchObject({
    base: { KATEGORIE: "SA1" },
    values: { KATEGORIE: "HZ1" },
  });
  // Only what is as it is wanted already is no conflict then.
  expect(valuesOf(planOf(one, update({ category: "Heating" }, { category: "Lifts" })), 0)).toMatchObject({
    base: { KATEGORIE: "HZ1" },
  });
  expect(
    one.conflicts(update({ category: "Heating" }, {}), [{ column: "KATEGORIE", base: "SA1", current: "SA2", wanted: "HZ1" }]),
  ).toEqual([{ field: "category", base: "Water", current: "Water", wanted: "Heating" }]);
});

test("A reference that is read through a table is written by the code of the one it names", () => {
  const one = command();
  bindStored(
    [one],
    tableOf("staff", [
      ["SB7", "0042"],
      ["SB8", "0043"],
    ]),
  );
  const to = (assigneeId: string) => update({ assigneeId }, { assigneeId: "001.0043" });
  expect(valuesOf(planOf(one, to("001.0042")), 0)).toMatchObject({ values: { SBNR: "SB7" }, base: { SBNR: "SB8" } });
  expect(refusal(one, to("001.0099"))).toBe("value-unknown assigneeId");
  expect(refusal(one, to("0042"))).toBe("reference-unknown assigneeId");
});

test("What can't be found back is told when the configuration is loaded", () => {
  const faults = (before: string, after: string) => commandFaults("ticket.update", { edit: edited([before, after]) });
  expect(faults("do: [trim], lookup", "do: [trim, strip-zeros], lookup")).toEqual([
    expect.stringContaining("category is looked up after strip-zeros, which can't be taken back"),
  ]);
  expect(faults("{ from: assigneeId, lookup: staff }", "{ from: reporterId, lookup: staff }")).toEqual([
    expect.stringContaining("reporterId is a reference, and source tickets does not read it through staff"),
  ]);
  expect(() =>
    commandNamed("ticket.update", { edit: edited(["from: category, lookup", "from: category, max: 3, lookup"]) }),
  ).toThrow("can't stand beside");
});
