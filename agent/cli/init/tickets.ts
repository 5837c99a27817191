/** Drafts of tickets and the entries of their history. */
import type { Column } from "../../../connectors/connector.ts";
import { codeText } from "../../map/code-maps.ts";
import { type Bench, cleaned, isEmpty, referenceField } from "./bench.ts";
import { codeWords } from "./code-words.ts";
import { type DraftedField, expression, inExpression, quoted } from "./drafted.ts";
import type { Built } from "./estate.ts";

const isCode = ({ type }: Column): boolean => type === "text" || type === "integer" || type === "boolean";

export function ticket(bench: Bench): Built | undefined {
  const title = bench.text("title") ?? bench.text("description");
  const status = bench.columns.one("status", isCode);
  const created = bench.columns.one("createdAt");
  const place = [...bench.references("unit"), ...bench.references("building"), ...bench.references("property")];
  if (title === undefined || (place.length === 0 && bench.references("person").length === 0)) return undefined;
  if (status === undefined && created === undefined) return undefined;
  const description = bench.columns.all("description", ({ type, name }) => type === "text" && name !== title.name)[0];
  const closed = bench.columns.one("closedAt");
  const closedAt = bench.moment("closedAt", closed, bench.columns.one("closedTime"));
  return {
    fields: [
      ...number(bench),
      kindOf(bench),
      {
        name: "title",
        yaml: (title.length ?? 1_000) > 250 ? expression(`substring(${inExpression(title.name)}, 0, 250)`) : quoted(title.name),
      },
      ...(description ? [{ name: "description", yaml: quoted(description.name) }] : []),
      ...category(bench),
      statusOf(bench, status, closedAt[0]?.off === undefined ? closed : undefined),
      ...coded(bench, "priority"),
      ...places(bench),
      ...people(bench),
      ...coded(bench, "channel"),
      ...bench.moment("createdAt", created, bench.columns.one("createdTime")),
      ...closedAt,
      ...bench.day("dueDate", bench.columns.one("due")),
    ],
  };
}

/** What people read on paper: a column that says so, else a key that is one column and no technical one. */
export function number(bench: Bench): DraftedField[] {
  const named = bench.columns.one("number", ({ type }) => type === "text" || type === "integer");
  const own = bench.table.columns.find(({ name }) => name === bench.key.at(-1));
  const technical = own === undefined || /^(id|uuid|guid|oid|pk|.*id)$/.test(bench.columns.plain(own.name));
  const column = named ?? (technical ? undefined : own);
  return column === undefined ? [] : [{ name: "number", yaml: quoted(column.name) }];
}

function kindOf(bench: Bench): DraftedField {
  const column = bench.columns.one("ticketKind", isCode);
  const mapped = column && bench.mapped("kind", column, { map: "ticketKind", meanings: codeWords.ticketKind });
  if (mapped !== undefined) return mapped;
  const why = column === undefined ? "no column was recognised that tells damages and requests apart" : bench.puzzled(column);
  return { name: "kind", yaml: "{ value: damage }", note: `${why}: all are sent as damages` };
}

function category(bench: Bench): DraftedField[] {
  const column = bench.columns.one("category", isCode);
  return column === undefined
    ? []
    : [{ name: "category", yaml: column.type === "text" ? cleaned(column.name, "trim", "empty-to-null") : quoted(column.name) }];
}

function coded(bench: Bench, field: "priority" | "channel"): DraftedField[] {
  const column = bench.columns.one(field, isCode);
  if (column === undefined) return [];
  const otherwise = field === "channel" ? "other" : "normal";
  const mapped = bench.mapped(field, column, { map: field, meanings: codeWords[field], otherwise });
  const off = `${bench.puzzled(column)}: say under maps what they mean`;
  return [mapped ?? { name: field, yaml: `{ from: ${quoted(column.name)}, map: ${field} }`, off }];
}

/** Words say it; numbers are told by the rows: a code nearly all rows of which have an end is closed. */
function statusOf(bench: Bench, column: Column | undefined, closed: Column | undefined): DraftedField {
  if (column === undefined) {
    if (closed === undefined || closed.type === "integer")
      return { name: "status", yaml: "{ value: open }", note: "no column was recognised as the status: all are sent as open" };
    return { name: "status", yaml: expression(`${isEmpty(closed.name)} ? 'open' : 'closed'`), note: `by ${closed.name}` };
  }
  const learned = closed === undefined ? undefined : learnedStates(bench, column.name, closed.name);
  const mapped = bench.mapped("status", column, {
    map: "ticketStatus",
    meanings: codeWords.status,
    ...(learned ? { learned } : {}),
  });
  return (
    mapped ?? {
      name: "status",
      yaml: "{ value: open }",
      note: `${bench.puzzled(column)}: all are sent as open`,
    }
  );
}

function learnedStates(bench: Bench, status: string, closed: string): { means: Map<string, string>; by: string } | undefined {
  const codes = new Map<string, { rows: number; ended: number }>();
  for (const row of bench.sample.rows) {
    const value = row[status] ?? null;
    if (value === null) continue;
    const code = codeText(value).trim();
    const seen = codes.get(code) ?? { rows: 0, ended: 0 };
    const end = row[closed] ?? null;
    codes.set(code, { rows: seen.rows + 1, ended: seen.ended + (end === null || /^[0 .:/-]*$/.test(codeText(end)) ? 0 : 1) });
  }
  const numbers = [...codes].filter(([code]) => /^\d{1,3}$/.test(code)).sort((one, other) => Number(one[0]) - Number(other[0]));
  // Words speak for themselves; without an end in any row nothing is learned.
  if (numbers.length < 2 || numbers.length < codes.size - 1 || !numbers.some(([, { ended }]) => ended > 0)) return undefined;
  const states = numbers.map(
    ([code, { rows, ended }]) => [code, ended * 5 >= rows * 4 ? "closed" : "in-progress"] as [string, string],
  );
  const first = states.find(([, state]) => state !== "closed");
  if (first) first[1] = "open";
  return { means: new Map(states), by: `closed where ${closed} is filled in nearly all rows, the lowest of the others open` };
}

/** The unit; where there is none, what lies above it. */
function places(bench: Bench): DraftedField[] {
  const { evidence } = bench;
  const [unit] = bench.references("unit");
  const [building] = bench.references("building");
  const [estate] = bench.references("property");
  const last = unit?.found.role;
  const isText = last !== undefined && bench.table.columns.find(({ name }) => name === last)?.type === "text";
  const unless = last === undefined || !isText ? {} : { when: expression(isEmpty(last)) };
  return [
    ...(unit ? [referenceField("unitId", unit, { evidence, optional: true })] : []),
    ...(building ? [referenceField("buildingId", building, { evidence, optional: true, ...unless })] : []),
    ...(estate && !building ? [referenceField("propertyId", estate, { evidence, optional: true, ...unless })] : []),
  ];
}

function people(bench: Bench): DraftedField[] {
  const { evidence } = bench;
  const [reporter] = bench.references("person");
  const [assignee] = bench.references("teamMember");
  const [provider] = bench.references("serviceProvider");
  return [
    ...(reporter ? [referenceField("reporterId", reporter, { evidence, optional: true })] : []),
    ...(assignee
      ? [
          {
            ...referenceField("assigneeId", assignee, { evidence, optional: true }),
            off: `goes with the source ${assignee.parent.source}`,
          },
        ]
      : []),
    ...(provider ? [referenceField("serviceProviderId", provider, { evidence, optional: true })] : []),
  ];
}

export function message(bench: Bench): Built | undefined {
  const [parent] = bench.references("ticket");
  const body = bench.text("body");
  if (parent === undefined || body === undefined) return undefined;
  const author = bench.text("author");
  return {
    fields: [
      referenceField("ticketId", parent, { evidence: bench.evidence, optional: false }),
      { name: "body", yaml: quoted(body.name) },
      {
        name: "visibility",
        yaml: "{ value: internal }",
        note: "say which entries tenants may see, by a map with `unknown: { value: internal }`",
      },
      ...(author
        ? [
            {
              name: "author",
              yaml: cleaned(author.name, "trim", "empty-to-null"),
              off: "names of staff leave the house only where you say so",
            },
          ]
        : []),
      ...bench.moment("createdAt", bench.columns.one("createdAt"), bench.columns.one("createdTime")),
    ],
  };
}
