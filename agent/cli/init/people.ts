/** Drafts of persons, staff and service providers. */
import type { Column } from "../../../connectors/connector.ts";
import { type Bench, cleaned, isEmpty } from "./bench.ts";
import { codeWords } from "./code-words.ts";
import { type DraftedField, expression, inExpression, quoted } from "./drafted.ts";
import { address, type Built } from "./estate.ts";

export function person(bench: Bench): Built | undefined {
  const lastName = bench.text("lastName");
  const firstName = bench.text("firstName");
  const company = bench.text("company");
  if (lastName === undefined) return undefined;
  const whole =
    /^(full|voll|display)/.test(bench.columns.plain(lastName.name)) ||
    (firstName === undefined && /name$/.test(bench.columns.plain(lastName.name)));
  const second = bench.table.columns.find(({ name }) =>
    /^(name2|nachname2|partnername|lastname2)$/.test(bench.columns.plain(name)),
  );
  return {
    lead:
      second === undefined
        ? []
        : [`${second.name} is often the second person of a household: a query with UNION ALL makes two persons of such a row.`],
    fields: [
      ...kindAndNames(bench, { lastName, company, note: whole ? `the whole name stands in ${lastName.name}` : undefined }),
      ...(firstName ? [{ name: "firstName", yaml: cleaned(firstName.name, "trim", "empty-to-null") }] : []),
      ...optional(bench.text("salutation"), "salutation"),
      ...emails(bench),
      ...phones(bench),
      ...address(bench),
      ...bench.day("birthDate", bench.columns.one("birthDate")),
    ],
  };
}

/** A company's name stands in a column of its own, or where others have their last name and a code tells. */
function kindAndNames(
  bench: Bench,
  { lastName, company, note }: { lastName: Column; company: Column | undefined; note: string | undefined },
): DraftedField[] {
  const name = quoted(lastName.name);
  const noted = note === undefined ? {} : { note };
  if (company !== undefined) {
    const isLegal = `!${isEmpty(company.name)} && ${isEmpty(lastName.name)}`;
    return [
      {
        name: "kind",
        yaml: expression(`${isLegal} ? 'legal' : 'natural'`),
        note: `a company where ${company.name} is filled and ${lastName.name} is not`,
      },
      { name: "lastName", yaml: cleaned(lastName.name, "trim", "empty-to-null"), ...noted },
      { name: "companyName", yaml: cleaned(company.name, "trim", "empty-to-null") },
    ];
  }
  const column = bench.columns.one("personKind", ({ type }) => type === "text" || type === "integer");
  const kind = column && bench.mapped("kind", column, { map: "personKind", meanings: codeWords.personKind });
  const legal =
    kind === undefined
      ? []
      : [...(bench.maps.get("personKind")?.read ?? [])].filter(([, value]) => value === "legal").map(([code]) => code);
  if (column === undefined || kind === undefined || legal.length === 0 || column.type !== "text") {
    const why = column === undefined ? "no column was recognised that tells companies apart" : bench.puzzled(column);
    return [
      kind ?? { name: "kind", yaml: "{ value: natural }", note: `${why}: all are sent as people` },
      { name: "lastName", yaml: name, ...noted },
    ];
  }
  const isLegal = legal.map((code) => `${inExpression(column.name)} == '${code}'`).join(" || ");
  return [
    kind,
    { name: "lastName", yaml: `{ from: ${name}, when: ${expression(`!(${isLegal})`)} }`, ...noted },
    { name: "companyName", yaml: `{ from: ${name}, when: ${expression(isLegal)} }` },
  ];
}

const optional = (column: Column | undefined, name: string): DraftedField[] =>
  column === undefined ? [] : [{ name, yaml: cleaned(column.name, "trim", "empty-to-null") }];

function emails(bench: Bench): DraftedField[] {
  const column = bench.text("email");
  return column === undefined
    ? []
    : [{ name: "emails", yaml: cleaned(column.name, "trim", "lower", "empty-to-null", "email-list") }];
}

function phones(bench: Bench): DraftedField[] {
  const found = [bench.text("phone"), bench.text("mobile")].filter((column) => column !== undefined);
  const [first, second] = found;
  if (first === undefined) return [];
  if (second === undefined) return [{ name: "phones", yaml: cleaned(first.name, "trim", "empty-to-null", "phone-list") }];
  const item = (column: Column, kind: string): string =>
    `{ number: ${cleaned(column.name, "trim", "empty-to-null")}, kind: { value: ${kind} } }`;
  return [{ name: "phones", yaml: `[${item(first, "private")}, ${item(second, "mobile")}]` }];
}

/** Off until somebody says so: names of staff leave the house only where the works council has agreed. */
export function teamMember(bench: Bench): Built | undefined {
  const name = bench.text("name") ?? bench.text("lastName");
  if (name === undefined) return undefined;
  const email = bench.text("email");
  const role = bench.text("role");
  return {
    off: "names of staff leave the house only where you say so (works council)",
    fields: [
      { name: "name", yaml: quoted(name.name) },
      ...(email ? [{ name: "email", yaml: cleaned(email.name, "trim", "lower", "empty-to-null") }] : []),
      { name: "roles", yaml: role ? `[${quoted(role.name)}]` : "{ value: [clerk] }" },
    ],
  };
}

export function serviceProvider(bench: Bench): Built | undefined {
  const name = bench.text("name") ?? bench.text("company") ?? bench.text("lastName");
  if (name === undefined) return undefined;
  const trade = bench.text("trade");
  return {
    fields: [
      { name: "name", yaml: quoted(name.name) },
      ...emails(bench),
      ...phones(bench),
      ...address(bench),
      ...(trade ? [{ name: "trades", yaml: `[${quoted(trade.name)}]` }] : []),
    ],
  };
}
