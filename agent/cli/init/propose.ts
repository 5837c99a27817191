/**
 * Which tables become sources, and what is still to be looked at. Pure: the same tables and evidence give the same draft. Called again with more evidence
 * until nothing is left to ask.
 */
import type { Table } from "../../../connectors/connector.ts";
import type { TypeName } from "../../../protocol/model.ts";
import { type Asks, type Bench, openBench, type Parent } from "./bench.ts";
import { invoice, meter, meterReading } from "./bookings.ts";
import { changes, feedLines, type Powers } from "./changes.ts";
import { namedColumns, type Wanted } from "./column-names.ts";
import { dateRegistry } from "./dates.ts";
import type { Draft, DraftedMap, DraftedSource } from "./drafted.ts";
import { type Built, building, property, unit } from "./estate.ts";
import { type Evidence, filled, keyOf } from "./evidence.ts";
import { person, serviceProvider, teamMember } from "./people.ts";
import { deletes, utilisationPeriod } from "./periods.ts";
import { commonPrefix } from "./plain-names.ts";
import { scopeLines } from "./scope.ts";
import { nameScore, type TypeWords, typeWords } from "./table-names.ts";
import { message, ticket } from "./tickets.ts";

export interface ProposeParts {
  tables: readonly Table[];
  evidence: Evidence;
  powers: Powers;
  sqlName: (column: string) => string;
  sqlTrue: (column: string) => string;
}

export interface Proposal {
  draft: Draft;
  asks: Asks;
}

const builders: Readonly<Partial<Record<TypeName, (bench: Bench) => Built | undefined>>> = {
  ...{
    property,
    building,
    unit,
    person,
    teamMember,
    serviceProvider,
    utilisationPeriod,
    ticket,
    message,
    invoice,
    meter,
    meterReading,
  },
};

/** Types whose columns are telling enough that a table may have any name. */
const byShape: readonly TypeName[] = ["person", "utilisationPeriod", "ticket", "invoice"];
/** Words for a thing in the columns of other tables, beside the names of its own table. */
const roles: Readonly<Partial<Record<TypeName, readonly string[]>>> = {
  person: ["melder", "reporter", "reportedby", "requester", "requestedby", "hauptmieter", "debitor", "debtor", "payer", "pers"],
  teamMember: ["sb", "zustaendig", "assignee", "assignedto", "agent"],
  serviceProvider: ["kred", "firma", "craftsman"],
  property: ["obj", "prop"],
  building: ["bldg", "geb"],
  unit: ["wohn", "whg"],
  utilisationPeriod: ["vertr", "agreement"],
};

const wordsOfBuildings = typeWords.find(({ type }) => type === "building")?.words ?? [];
const buildingsAsEstates = "No table of estates was recognised: each building is sent as an estate of its own.";

export function propose(parts: ProposeParts): Proposal {
  const { tables, evidence } = parts;
  const asks: Asks = { samples: new Set(), codes: new Map(), references: new Map() };
  const prefix = commonPrefix(
    tables.map(({ name }) => name.split(".").at(-1) as string),
    0.6,
  );
  const shared = {
    evidence,
    asks,
    prefix,
    personal: personalTexts(parts, prefix),
    sqlName: parts.sqlName,
    sqlTrue: parts.sqlTrue,
  };
  const maps = new Map<string, DraftedMap>();
  const types = dateRegistry();
  const parents: Parent[] = [];
  const sources: DraftedSource[] = [];
  for (const named of typeWords) {
    const free = tables.filter((table) => !sources.some((source) => source.table === table));
    const ranked = (words: TypeWords): Candidate[] =>
      rank({
        wanted: words,
        tables: free,
        bench: (table, key) => openBench({ ...shared, table, key, parents, maps: new Map(), types: dateRegistry() }),
        prefix,
      });
    const own = ranked(named);
    // Every unit and building hangs on an estate: where nothing is above the buildings, they are the estates.
    const wanted =
      own.length === 0 && named.type === "property" ? { ...named, words: wordsOfBuildings, instead: buildingsAsEstates } : named;
    const candidates = wanted === named ? own : ranked(wanted);
    const best = candidates[0];
    if (best === undefined) continue;
    const bench = openBench({ ...shared, table: best.table, key: best.key, parents, maps, types });
    const source = sourceOf(wanted, bench, { powers: parts.powers, best, others: candidates.slice(1) });
    if (source === undefined) continue;
    sources.push(source);
    parents.push({
      table: best.table,
      key: best.key,
      source: source.name,
      type: source.type,
      words: [...wanted.words, ...(roles[wanted.type] ?? [])],
    });
  }
  return {
    draft: {
      types: [...types.types.values()],
      maps: [...maps.values()],
      sources,
      remarks: [...scopeLines({ sources, evidence, asks, prefix }), ...feedLines(parts.powers)],
    },
    asks,
  };
}

interface Candidate {
  table: Table;
  key: readonly string[];
  score: number;
  byName: boolean;
}

/** The best first. Those by their columns alone only where no name fits. */
function rank(parts: {
  wanted: TypeWords;
  tables: readonly Table[];
  bench: (table: Table, key: readonly string[]) => Bench;
  prefix: string;
}): Candidate[] {
  const { wanted, tables, prefix } = parts;
  const build = builders[wanted.type];
  const scored = (table: Table, name: number): Candidate[] => {
    const key = keyOf(table);
    if (key === undefined || build === undefined) return [];
    const bench = parts.bench(table, key);
    const built = build(bench);
    if (built === undefined) return [];
    const fields = built.fields.filter(({ off }) => off === undefined).length;
    const isEmpty = bench.evidence.sample(table.name)?.rows.length === 0;
    return [{ table, key, score: name + fields * 3 - (isEmpty ? 40 : 0) - (table.kind === "view" ? 10 : 0), byName: name > 0 }];
  };
  const named = tables.flatMap((table) => {
    const name = nameScore(wanted.words, table.name, {
      prefix,
      ...(table.comment === undefined ? {} : { comment: table.comment }),
    });
    return name === 0 ? [] : scored(table, name);
  });
  const found =
    named.length > 0 || !byShape.includes(wanted.type)
      ? named
      : tables.filter((table) => hasShape(wanted.type, table, parts)).flatMap((table) => scored(table, 0));
  return found.sort((one, other) => other.score - one.score);
}

/** More than the fields that the type needs: by a name that says nothing only what can hardly be anything else is taken. */
function hasShape(
  type: TypeName,
  table: Table,
  { bench: open }: { bench: (table: Table, key: readonly string[]) => Bench },
): boolean {
  const columns = namedColumns(table, "");
  const has = (...things: Wanted[]): boolean => things.every((thing) => columns.one(thing) !== undefined);
  if (type === "person") return has("lastName", "firstName") && (has("email") || has("birthDate") || has("phone"));
  // Names first: what is asked of a bench is looked at in the database.
  const things: readonly Wanted[] =
    type === "utilisationPeriod" ? ["start", "end"] : type === "ticket" ? ["title", "status", "createdAt"] : ["total", "issued"];
  const key = keyOf(table);
  if (key === undefined || !has(...things)) return false;
  const bench = open(table, key);
  const to = (...types: TypeName[]): boolean => types.every((one) => bench.references(one).length > 0);
  if (type === "utilisationPeriod") return to("unit", "person");
  if (type === "ticket") return to("unit") || to("building") || to("person");
  return to("utilisationPeriod") || to("person");
}

function sourceOf(
  wanted: TypeWords & { instead?: string },
  bench: Bench,
  how: { powers: Powers; best: Candidate; others: readonly Candidate[] },
): DraftedSource | undefined {
  const built = builders[wanted.type]?.(bench);
  if (built === undefined) return undefined;
  const { best, others } = how;
  const also = others.filter(({ score }) => score >= best.score - 25).map(({ table }) => table.name);
  return {
    ...{ name: wanted.source, type: wanted.type, table: bench.table, key: bench.key },
    lead: [
      ...(wanted.instead === undefined ? [] : [wanted.instead]),
      ...(best.byName ? [] : [`Its columns look like ${wanted.type}; its name does not say so.`]),
      ...(bench.table.primaryKey.length > 0
        ? []
        : [`It has no primary key: the unique index of ${bench.key.join(", ")} is taken.`]),
      ...(also.length > 0
        ? [`${also.join(", ")} may hold ${wanted.type} as well: a second source of a type needs a \`prefix\`.`]
        : []),
      ...(built.lead ?? []),
    ],
    settings: [...changes(bench, how.powers), ...deletes(bench)],
    fields: built.fields,
    ...(built.off === undefined ? {} : { off: built.off }),
  };
}

const ofPeople: readonly Wanted[] = [
  "lastName",
  "firstName",
  "email",
  "phone",
  "mobile",
  "birthDate",
  "street",
  "author",
  "company",
];

/** What stands in the columns of people, in whatever table: nothing of it may be taken for a code. */
function personalTexts({ tables, evidence }: ProposeParts, prefix: string): Set<string> {
  const texts = new Set<string>();
  for (const table of tables) {
    const sample = evidence.sample(table.name);
    if (sample === undefined) continue;
    const columns = namedColumns(table, prefix);
    for (const what of ofPeople)
      for (const column of columns.all(what, ({ type }) => type === "text"))
        for (const value of filled(sample, column.name)) texts.add(String(value).trim().toLowerCase());
  }
  return texts;
}
