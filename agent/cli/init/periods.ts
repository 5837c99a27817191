/** Drafts of utilisation periods: who uses a unit from when to when. */
import type { Column } from "../../../connectors/connector.ts";
import { type Bench, referenceField } from "./bench.ts";
import { codeWords } from "./code-words.ts";
import { type DraftedField, quoted, quotedList } from "./drafted.ts";
import type { Built } from "./estate.ts";

export function utilisationPeriod(bench: Bench): Built | undefined {
  const [unit] = bench.references("unit");
  const start = bench.columns.one("start", isDay);
  const end = bench.columns.one("end", isDay);
  if (unit === undefined || start === undefined) return undefined;
  const days = [...bench.day("startDate", start), ...bench.day("endDate", end)];
  const unread = days.flatMap(({ off }) => (off === undefined ? [] : [off]));
  const off =
    end === undefined ? "no column was recognised as the end, and every period needs one, be it empty" : unread.join("; ");
  return {
    ...(off === "" ? {} : { off }),
    fields: [
      referenceField("unitId", unit, { evidence: bench.evidence, optional: false }),
      kind(bench),
      ...days.map(({ name, yaml }) => ({ name, yaml })),
      participants(bench),
    ],
  };
}

/** A number or text may hold a day as well as a date does. */
const isDay = ({ type }: Column): boolean => ["date", "datetime", "instant", "integer", "decimal", "text"].includes(type);

function kind(bench: Bench): DraftedField {
  const told = bench.columns.one("periodKind", ({ type }) => type === "text" || type === "integer");
  const mapped = told && bench.mapped("kind", told, { map: "periodKind", meanings: codeWords.periodKind });
  if (mapped !== undefined) return mapped;
  const vacant = bench.columns.one("vacant", ({ type }) => type === "text" || type === "integer" || type === "boolean");
  const vacancy = vacant && bench.mapped("kind", vacant, { map: "periodKind", meanings: codeWords.vacancy });
  return (
    vacancy ?? {
      name: "kind",
      yaml: "{ value: tenant }",
      note: "no column was recognised that tells tenants, owners and vacancies apart",
    }
  );
}

/** The first reference to a person is the tenant; others whose names say so are beside them. */
function participants(bench: Bench): DraftedField {
  const people = bench.references("person");
  const beside = /^(mit|zweit|co|second|partner|ehe|joint|spouse)/;
  const guarantor = /^(buerge|guarantor)/;
  const plain = (column: string): string => bench.columns.plain(column);
  const roles = people.flatMap((one): { key: string; role: string; source: string }[] => {
    const name = plain(one.found.role);
    const role = beside.test(name) ? "co-tenant" : guarantor.test(name) ? "guarantor" : "main";
    return [{ key: quotedList(one.found.columns), role, source: one.parent.source }];
  });
  const main = roles.find(({ role }) => role === "main");
  const others = roles.filter(({ role }) => role !== "main");
  const written = [...(main ? [main] : []), ...others].map(
    ({ key, role, source }) => `{ personId: { ref: ${source}, key: ${key} }, role: { value: ${role} } }`,
  );
  if (written.length > 0) return { name: "participants", yaml: `[${written.join(", ")}]` };
  return {
    name: "participants",
    yaml: "{ value: [] }",
    note: "no column was found that leads to a person: a table between the two is read with rows:",
  };
}

/** `deletes:` where a flag or a moment says that a row no longer counts. */
export function deletes(bench: Bench): DraftedField[] {
  const column = bench.columns.one("gone");
  if (column === undefined) return [];
  const flag = bench.flagged(column);
  if (flag !== undefined) return [{ name: "deletes", yaml: `{ flag: ${JSON.stringify(flag)} }` }];
  return [
    {
      name: "deletes",
      yaml: `{ flag: ${JSON.stringify(`${quoted(column.name)} = '?'`)} }`,
      off: `${column.name} seems to mark rows that no longer count; how it says so was not understood`,
    },
  ];
}
