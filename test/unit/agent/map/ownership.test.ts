import { expect, test } from "vitest";
import { compileMapping } from "../../../../agent/map/mapping.ts";
import { ownerOf } from "../../../../agent/map/ownership.ts";
import { buildQuery } from "../../../../agent/map/query.ts";
import { compileCommand } from "../../../../agent/map/write-plan.ts";
import { describedTables, message, refusal, sampleConfig } from "./sample-commands.ts";

/** People as their table has them, and a command that could write all of it. */
const withPeople = (fields: string) => (yaml: string) =>
  yaml
    .replace(
      "sources:\n",
      `sources:
  people:
    type: person
    prefix: p
    table: PERSON
    key: [MANDANT, PERSNR]
    fields: { kind: { from: ART, map: personKind }, ${fields} }
`,
    )
    .replace(
      "commands:\n",
      `commands:
  person.update:
    idempotency: base
    steps:
      - update: PERSON
        key: { MANDANT: "\${key(id).MANDANT}", PERSNR: "\${key(id).PERSNR}" }
        values: { NAME1: { from: lastName }, VORNAME1: { from: firstName }, ANREDE: { from: salutation } }
    result: { source: people, key: ["\${key(id).MANDANT}", "\${key(id).PERSNR}"] }
`,
    );

function personUpdate(fields: string) {
  const config = sampleConfig({ edit: withPeople(fields) });
  const source = config.sources.find(({ name }) => name === "people");
  const command = config.commands.find(({ name }) => name === "person.update");
  if (source === undefined || command === undefined) throw new Error("the sample has changed");
  const columns = describedTables.find(({ name }) => name === "PERSON")?.columns ?? [];
  const mapped = compileMapping({
    config,
    source,
    query: buildQuery(source, config),
    described: { columns, children: [], rows: undefined },
  });
  if ("faults" in mapped) throw new Error(JSON.stringify(mapped.faults));
  const made = compileCommand({ config, command, mappings: [mapped.mapping], tables: describedTables });
  if ("faults" in made) throw new Error(JSON.stringify(made.faults));
  const ask = (values: Record<string, string | object>) =>
    refusal(
      made.compiled,
      message("person.update", { entity: { type: "person", id: "p:001.00000815" }, values: values as never }),
    );
  return { ask, offer: made.compiled.offer, source };
}

test("A person's name, e-mails and phones are the ERP's also where nothing maps them, and refused by name", () => {
  const { ask, offer, source } = personUpdate("lastName: NAME1");
  expect(ask({ lastName: "Neu" })).toBe("field-owned-by-erp lastName");
  expect(ask({ firstName: "Neu" })).toBe("field-owned-by-erp firstName");
  expect(ask({ emails: [{ address: "a@b.example", kind: "private" }] })).toBe("field-owned-by-erp emails");
  expect(ask({ salutation: "Frau" })).toBeUndefined();
  expect(offer).toEqual([
    { name: "firstName", owner: "erp" },
    { name: "lastName", owner: "erp" },
    { name: "salutation", owner: "portal" },
  ]);
  for (const field of ["companyName", "emails", "phones"]) expect(ownerOf(field, { source })).toBe("erp");
  expect(ownerOf("emails", { source: { type: "teamMember", fields: {} } })).toBe("portal");
});

test("They are given away where they are mapped so, also as known to be empty", () => {
  const { ask } = personUpdate("lastName: { from: NAME1, owner: portal }, firstName: { empty: true, owner: portal }");
  expect(ask({ lastName: "Neu" })).toBeUndefined();
  expect(ask({ firstName: "Neu" })).toBeUndefined();
});
