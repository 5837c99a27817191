/** One table on the way to be a source of some type: its columns by what they mean, and the ready parts of which fields are made. */
import type { Column, Table } from "../../../connectors/connector.ts";
import type { TypeName } from "../../../protocol/model.ts";
import { type Meanings, no, yes } from "./code-words.ts";
import { type CodeQuestion, codesSeen, mapOf, yesCode } from "./codes.ts";
import { type NamedColumns, namedColumns, type Wanted } from "./column-names.ts";
import type { DateRegistry } from "./dates.ts";
import { type DraftedField, type DraftedMap, inExpression, quoted, quotedList } from "./drafted.ts";
import { type CountedCodes, type Evidence, filled, type Reference, type Sample } from "./evidence.ts";
import { type Found, leads, referencesTo, type Target } from "./relations.ts";

/** A source that is drafted already: others may refer to it. */
export interface Parent extends Target {
  source: string;
  type: TypeName;
}

/** What must be looked at before the draft can be better. */
export interface Asks {
  readonly samples: Set<Table>;
  readonly codes: Map<string, { table: Table; column: string }>;
  readonly references: Map<string, Reference>;
}

export interface BenchParts {
  table: Table;
  key: readonly string[];
  evidence: Evidence;
  asks: Asks;
  parents: readonly Parent[];
  types: DateRegistry;
  maps: Map<string, DraftedMap>;
  /** What all tables of the schema begin with. */
  prefix: string;
  /** Texts in small letters that stand in columns of people. */
  personal: ReadonlySet<string>;
  /** Writes a name as the database's SQL takes it. */
  sqlName: (column: string) => string;
  /** How its SQL says that a boolean column is true. */
  sqlTrue: (column: string) => string;
}

export interface Bench extends BenchParts {
  readonly columns: NamedColumns;
  readonly sample: Sample;
  /** A text column for a thing; not one of the key, unless it is asked for. */
  text(what: Wanted, withKey?: boolean): Column | undefined;
  number(what: Wanted): Column | undefined;
  /** The field that reads a day or a moment; a comment that says why where the format is not known. */
  day(field: string, column: Column | undefined): DraftedField[];
  moment(field: string, column: Column | undefined, time: Column | undefined): DraftedField[];
  /** References to a drafted source, the surest first, wrong ones left out. */
  references(type: TypeName): { parent: Parent; found: Found }[];
  codes(column: Column): CountedCodes | undefined;
  /** A field read through a new map; undefined where no code is understood. */
  mapped(
    field: string,
    column: Column,
    how: { map: string; meanings: Meanings; otherwise?: string; learned?: CodeQuestion["learned"] },
  ): DraftedField | undefined;
  /** That the codes of a column were not understood, and which they are. */
  puzzled(column: Column): string;
  /** SQL that holds where a flag says yes, or a moment of deletion is set. */
  flagged(column: Column): string | undefined;
}

export function openBench(parts: BenchParts): Bench {
  const { table, key, evidence, asks, types } = parts;
  const columns = namedColumns(table, parts.prefix);
  if (evidence.sample(table.name) === undefined) asks.samples.add(table);
  const sample = evidence.sample(table.name) ?? { table, key, rows: [] };
  const inKey = (column: Column): boolean => key.includes(column.name);
  const codes = (column: Column): CountedCodes | undefined => {
    asks.codes.set(`${table.name}\n${column.name}`, { table, column: column.name });
    return evidence.codes(table.name, column.name);
  };
  const dated = (field: string, column: Column, write: (type: string) => string): DraftedField => {
    const type = types.typeFor(sample, column, "day");
    if (type !== undefined) return { name: field, yaml: type === "" ? quoted(column.name) : write(type) };
    const seen = filled(sample, column.name).length;
    const why =
      seen === 0
        ? `no row of those looked at has a ${column.name}, so its format is not known`
        : `the format of ${column.name} was not recognised: describe it under types`;
    return { name: field, yaml: `{ from: ${quoted(column.name)}, as: ymd }`, off: why };
  };
  return {
    ...parts,
    columns,
    sample,
    text: (what, withKey = false) => columns.one(what, (column) => column.type === "text" && (withKey || !inKey(column))),
    number: (what) => columns.one(what, ({ type }) => type === "decimal" || type === "integer" || type === "float"),
    day: (field, column) =>
      column === undefined ? [] : [dated(field, column, (type) => `{ from: ${quoted(column.name)}, as: ${type} }`)],
    moment(field, column, time) {
      if (column === undefined) return [];
      const timed =
        time === undefined || column.type === "datetime" || column.type === "instant" ? "" : types.typeFor(sample, time, "time");
      // A merged moment names both formats; a native day has one as well.
      const write = (type: string): string =>
        timed === undefined || timed === "" || time === undefined
          ? `{ from: ${quoted(column.name)}, as: ${type} }`
          : `{ date: ${quoted(column.name)}, time: ${quoted(time.name)}, as: [${type}, ${timed}] }`;
      return [dated(field, column, write)];
    },
    references(type) {
      return parts.parents
        .filter((parent) => parent.type === type)
        .flatMap((parent) => {
          const found = referencesTo(table, parent, parts.prefix);
          for (const one of found) asks.references.set(`${one.from}\n${one.columns.join("\n")}\n${one.to}`, one);
          return found.filter((one) => leads(evidence, one)).map((one) => ({ parent, found: one }));
        });
    },
    codes,
    mapped(field, column, { map: name, meanings, otherwise, learned }) {
      const map = mapOf({
        ...{ name, column: `${table.name}.${column.name}`, counted: codes(column), meanings, personal: parts.personal },
        ...(otherwise === undefined ? {} : { otherwise }),
        ...(learned === undefined ? {} : { learned }),
      });
      if (map === undefined) return undefined;
      parts.maps.set(name, map);
      return { name: field, yaml: `{ from: ${quoted(column.name)}, map: ${name} }` };
    },
    puzzled: (column) => `the codes of ${column.name} were not understood${codesSeen(codes(column), parts.personal)}`,
    flagged(column) {
      if (column.type === "boolean") return parts.sqlTrue(column.name);
      if (column.type === "date" || column.type === "datetime" || column.type === "instant")
        return `${parts.sqlName(column.name)} IS NOT NULL`;
      if (column.type !== "text" && column.type !== "integer") return undefined;
      const code = yesCode(codes(column), { yes, no });
      if (code === undefined) return undefined;
      return `${parts.sqlName(column.name)} = ${column.type === "integer" ? code : `'${code}'`}`;
    },
  };
}

/** A reference as it is written; a dangling one may be left out where the field may. */
export function referenceField(
  field: string,
  { parent, found }: { parent: Parent; found: Found },
  how: { evidence: Evidence; optional: boolean; when?: string },
): DraftedField {
  const proof = how.evidence.proof(found);
  const dangling = proof !== undefined && proof.found < proof.asked;
  const missing = dangling && how.optional ? ", missing: omit" : "";
  const when = how.when === undefined ? "" : `, when: ${how.when}`;
  return {
    name: field,
    yaml: `{ ref: ${parent.source}, key: ${quotedList(found.columns)}${missing}${when} }`,
    ...(dangling ? { note: `of ${proof.asked} followed, ${proof.asked - proof.found} lead nowhere` } : {}),
  };
}

/** `{ from: COLUMN, do: [...] }` */
export const cleaned = (column: string, ...steps: string[]): string => `{ from: ${quoted(column)}, do: [${steps.join(", ")}] }`;

export const isEmpty = (column: string): string => `empty(${inExpression(column)})`;
