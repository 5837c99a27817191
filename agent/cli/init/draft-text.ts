/** The draft as it is written: what is certain as configuration, everything else as comments that say why. */
import type { Table } from "../../../connectors/connector.ts";
import {
  type Draft,
  type DraftedField,
  type DraftedMap,
  type DraftedSource,
  type DraftedType,
  oneLine,
  quoted,
  quotedList,
} from "./drafted.ts";
import { presetHints } from "./known-erp.ts";

export interface DraftParts {
  name: string;
  portal: string;
  state: string;
  connector: string;
  /** Keys under `erp:` that reach the database, e.g. `file`. */
  connection: Readonly<Record<string, string | { secret: string }>>;
  timezone: string;
  tables: readonly Table[];
}

/** What the trial of the draft has shown: why a source, or a field of it, stands as a comment after all, and what became of the rows looked at. */
export interface Trial {
  /** By `source`, `source.field` or `source.changes`. */
  off: ReadonlyMap<string, string>;
  /** By source. */
  seen: ReadonlyMap<string, string>;
}

export const untried: Trial = { off: new Map(), seen: new Map() };

/** The names of the sources that the text defines. */
export const activeSources = (draft: Draft, trial: Trial): DraftedSource[] =>
  draft.sources.filter((source) => source.off === undefined && !trial.off.has(source.name));

export function draftText(parts: DraftParts, draft: Draft, trial: Trial): string {
  const active = activeSources(draft, trial);
  const body = draft.sources.flatMap((source) => sourceLines(source, trial));
  const used = body.filter((line) => !line.trimStart().startsWith("#")).join("\n");
  const uses = (word: string, name: string): boolean => new RegExp(`\\b${word}: (\\[[^\\]]*\\b)?${name}\\b`).test(used);
  const types = draft.types.filter(({ name }) => uses("as", name));
  const maps = draft.maps.filter(({ name }) => uses("map", name));
  const rest = parts.tables.filter((table) => !draft.sources.some((source) => source.table === table));
  return [
    "# First draft by `erpfuser init`, out of names, keys, comments and a look at some rows. The language is told in docs/configuration.md.",
    "# What stands as a comment was not certain, and says why. Check it with `erpfuser check`, look at it with `erpfuser preview SOURCE --why`.",
    ...presetHints(parts.tables).map(oneLine),
    `agent: { name: ${quoted(parts.name)}, portal: ${quoted(parts.portal)}, stage: test, state: ${quoted(parts.state)} }`,
    "erp:",
    `  connector: ${quoted(parts.connector)}`,
    ...Object.entries(parts.connection).map(([key, value]) => `  ${key}: ${settingText(value)}`),
    `  timezone: ${quoted(parts.timezone)}   # what local times in this database mean`,
    "",
    ...(draft.remarks.length > 0 ? [...draft.remarks, ""] : []),
    ...section("types:", types.flatMap(typeLines)),
    ...section("maps:", maps.flatMap(mapLines)),
    "sources:",
    ...(active.length === 0 ? ["  # No table was recognised. Describe at least one, as docs/configuration.md shows."] : []),
    ...body,
    "",
    "# Tables that no source reads yet:",
    ...rest.flatMap(tableComment),
    "",
  ].join("\n");
}

const section = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : [title, ...lines, ""]);

function typeLines({ name, form, empty, openEnd, columns, odd }: DraftedType): string[] {
  const list = (key: string, values: ReadonlySet<string>): string =>
    values.size === 0
      ? ""
      : `, ${key}: [${[...values]
          .sort()
          .map((value) => JSON.stringify(value))
          .join(", ")}]`;
  const strange = [...odd].map(([column, count]) => `${column} ${count}`).join(", ");
  return [
    `  # ${[...columns].join(", ")}${strange === "" ? "" : `; no such date in rows looked at: ${strange}, which are held`}`,
    `  ${name}: { ${form}${list("empty", empty)}${list("openEnd", openEnd)} }`,
  ];
}

function mapLines({ name, notes, read, unknown }: DraftedMap): string[] {
  return [
    ...notes.map((note) => `  # ${oneLine(note)}`),
    `  ${name}: { read: { ${read.map(([code, value]) => `${JSON.stringify(code)}: ${value}`).join(", ")} }, unknown: ${unknown} }`,
  ];
}

function sourceLines(source: DraftedSource, trial: Trial): string[] {
  const off = source.off ?? trial.off.get(source.name);
  const lines = [
    `  # ${oneLine(source.table.name)}${sizeOf(source.table)}${source.table.comment ? `, ${oneLine(source.table.comment)}` : ""}: ${columnList(source.table)}`,
    ...source.lead.map((text) => `  # ${oneLine(text)}`),
    ...(trial.seen.has(source.name) ? [`  # ${trial.seen.get(source.name)}`] : []),
    ...(off === undefined ? [] : [`  # Not used: ${oneLine(off)}`]),
  ];
  const own = [
    `  ${source.name}:`,
    `    type: ${source.type}`,
    `    table: ${quoted(source.table.name)}`,
    `    key: ${quotedList(source.key)}`,
    ...source.settings.flatMap((field) => fieldLines(field, "    ", trial.off.get(`${source.name}.${field.name}`))),
    "    fields:",
    ...source.fields.flatMap((field) => fieldLines(field, "      ", trial.off.get(`${source.name}.fields.${field.name}`))),
  ];
  return [...lines, ...(off === undefined ? own : own.map(commented))];
}

const commented = (line: string): string => (/^\s*#/.test(line) ? line : line.replace(/^ {2}/, "  # "));

function fieldLines({ name, yaml, note, off }: DraftedField, indent: string, tried: string | undefined): string[] {
  const why = off ?? tried;
  if (why !== undefined) return [`${indent}# ${name}: ${yaml}   # ${oneLine(why)}`];
  return [`${indent}${name}: ${yaml}${note === undefined ? "" : `   # ${oneLine(note)}`}`];
}

function tableComment(table: Table): string[] {
  return [
    `#   ${oneLine(table.name)}${sizeOf(table)}; key ${table.primaryKey.join(", ") || "none"}${table.comment ? `; ${oneLine(table.comment)}` : ""}`,
    `#     ${columnList(table)}`,
  ];
}

const sizeOf = (table: Table): string => (table.rows === undefined ? "" : `, about ${table.rows} rows`);
const columnList = (table: Table): string => oneLine(table.columns.map((each) => `${each.name} ${each.type}`).join(", "));
const settingText = (value: string | { secret: string }): string =>
  typeof value === "string" ? quoted(value) : `{ secret: ${quoted(value.secret)} }`;
