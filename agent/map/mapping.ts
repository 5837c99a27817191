/**
 * Compiles a source of the configuration: every name, type and constant is checked against the real columns and the model once, and a row then runs
 * through closures only. All faults are given at once, each with its place.
 */
import { entityIdOf, splitId } from "../../base/key.ts";
import { didYouMean } from "../../base/nearest.ts";
import type { Config, Fault, Source, SqlText } from "../../config/config.ts";
import type { DescribedQuery, Row, SourceQuery, Value } from "../../connectors/connector.ts";
import { type EntityText, fieldsOf } from "../../protocol/entity-text.ts";
import { type Fields, type ModelType, type Types, typeNamed } from "../../protocol/model.ts";
import { typesWith } from "../../protocol/own-types.ts";
import { validateEntity } from "../../protocol/validate.ts";
import { bearerReader, type ReadBearer } from "./bearer.ts";
import { openZone } from "./calendar.ts";
import { openColumns } from "./columns.ts";
import { conditionOf } from "./conditions.ts";
import { type Faults, gatherFaults } from "./faults.ts";
import { type FieldKind, fieldKindOf } from "./field-kind.ts";
import { fieldBits, isSomething } from "./filled-bits.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { lineageOf } from "./lineage.ts";
import { newLookupHolder, sourceLookups } from "./lookups.ts";
import type { Mapped, Mapping, Parent, RowFault, RowNote } from "./mapped.ts";
import { type CauseColumn, needsOf } from "./mapping-needs.ts";
import { nameSets } from "./name-sets.ts";
import { withinScope } from "./property-scope.ts";
import { openReadScope, type ReadScope } from "./read-scope.ts";
import { compileRead, emptyRule } from "./reads.ts";
import { type CompiledField, type CompiledSource, idLimit, newReading, type RowReading } from "./row-reading.ts";
import { rowWriter } from "./row-writer.ts";
import { sqlParameters } from "./sql-parameters.ts";
import { usedBy } from "./used-names.ts";

export interface MappingParts {
  config: Config;
  source: Source;
  /** Made by buildQuery for this source. */
  query: SourceQuery;
  described: DescribedQuery;
}

const commandId = /^[A-Za-z0-9_-]{8,64}$/;
export function compileMapping(parts: MappingParts): { mapping: Mapping } | { faults: readonly Fault[] } {
  const { config, source, query } = parts;
  const faults = gatherFaults();
  const types = typesWith(config.ownTypes);
  const type = typeNamed(types, source.type);
  if (type === undefined) {
    faults.add(source.at, `There is no type ${source.type}`, didYouMean(source.type, Object.keys(types)));
    return { faults: faults.list };
  }
  const holder = newLookupHolder();
  const scope = openScope(parts, { faults, lookups: holder });
  checkQuery(parts, scope);
  const fields = compileFields(scope, type);
  const bearer = bearerReader(source, scope);
  if (faults.list.length > 0) return { faults: faults.list };
  const cause = causeReader(needsOf(source, config).cause, scope);
  const bitOf = fieldBits(type);
  const isScoped = config.properties !== undefined;
  const lookups = sourceLookups(source, config, holder);
  const names = nameSets(fields.map((field) => field.name));
  const compiled: CompiledSource = {
    source,
    fields,
    names,
    cause,
    isWhole: lookups !== undefined || (isScoped && source.type === "property") || bearer !== undefined,
    isScoped,
    types,
  };
  const idOf = (key: string, generation = holder.generations.generationOf(source.name, key)): string =>
    entityIdOf(source.prefix, key, generation);
  const refersTo = usedBy(source, config).targets.map(({ name }) => name);
  return {
    mapping: {
      source: source.name,
      type: source.type,
      rank: type.rank,
      query,
      fingerprint: fingerprintOf(parts),
      append: source.append,
      graceMs: source.deletes.graceMs,
      fields: Object.keys(source.fields)
        .sort()
        .map((name) => ({ name, owner: source.fields[name]?.owner ?? "erp", bit: bitOf(name) })),
      lineage: lineageOf(source),
      refersTo,
      ...(bearer === undefined ? {} : { isReused: true }),
      useGenerations(generations) {
        holder.generations = generations;
      },
      asOf: () => holder.tables.generation + holder.generations.version,
      idOf,
      keyOf(id) {
        const { prefix, key } = splitId(id);
        return prefix === source.prefix ? key : undefined;
      },
      ...(lookups === undefined ? {} : { lookups }),
      map: withinScope(mapperOf(compiled, { idOf, bearer }), source, { config, holder }),
      // Bytes know of no generation.
      writerFor: (forms) => ([source.name, ...refersTo].some(holder.generations.any) ? undefined : rowWriter(compiled, forms)),
    },
  };
}

function openScope(
  { config, source, query, described }: MappingParts,
  { faults, lookups }: Pick<ReadScope, "faults" | "lookups">,
): ReadScope {
  const zone = openZone(config.erp.timezone);
  const of = source.from.kind === "table" ? `Table ${source.from.table}` : `The query of source ${source.name}`;
  const columns = openColumns({ read: query.columns, described: described.columns, of, faults });
  const common = { config, source, zone, faults, lookups };
  const children = new Map<string, { index: number; scope: ReadScope }>();
  query.children.forEach((child, index) => {
    const childColumns = described.children[index] ?? [];
    const read = childColumns.map((column) => column.name);
    const inner = openColumns({ read, described: childColumns, of: `rows: of source ${source.name}`, faults });
    children.set(child.sql, { index, scope: openReadScope({ ...common, columns: inner, child: noChild(faults) }) });
  });
  return openReadScope({ ...common, columns, child: (sql) => children.get(sql.sql) });
}

function noChild(faults: Faults): ReadScope["child"] {
  return (_query, at) => {
    faults.add(at, "rows: can't stand inside rows:", "Join the inner table in the SQL of the outer one.");
    return undefined;
  };
}

/** What concerns the query as a whole: key, scope, parameters. */
function checkQuery({ config, source, query }: MappingParts, { columns, faults }: ReadScope): void {
  for (const column of source.key) {
    const found = columns.find(column, source.at);
    if (found?.column.type === "bytes") faults.add(source.at, `Key column ${column} is bytes`, "Make a text of it in SQL.");
  }
  const there = new Set(columns.all.map((column) => column.name));
  for (const { column } of query.scope) {
    if (!there.has(column))
      faults.add(
        source.at,
        `Source ${source.name} has no column ${column} of the scope`,
        "Say `scope: none` if all of its rows belong here.",
      );
  }
  const texts: (SqlText | undefined)[] = [source.where, source.deletes.flag];
  if (source.from.kind === "query") texts.push(source.from.query);
  for (const text of texts) if (text !== undefined) checkParameters(text, { config, faults, rowToo: false });
  for (const child of needsOf(source, config).children) {
    checkParameters(child, { config, faults, rowToo: true });
    for (const name of sqlParameters(child.sql)) if (name.startsWith("row.")) columns.find(name.slice(4), child.at);
  }
}

function checkParameters(text: SqlText, { config, faults, rowToo }: { config: Config; faults: Faults; rowToo: boolean }): void {
  for (const name of sqlParameters(text.sql)) {
    if (rowToo && name.startsWith("row.")) continue;
    const known = Object.keys(config.vars).map((variable) => `vars.${variable}`);
    if (!known.includes(name)) faults.add(text.at, `The SQL names :${name}, which does not exist here`, didYouMean(name, known));
  }
}

/** The fields in the order of their names: canonical JSON and digest need no sorting. */
function compileFields(scope: ReadScope, type: ModelType): readonly CompiledField[] {
  const { source, faults } = scope;
  const kinds = fieldKindOf(type.schema).fields as Readonly<Record<string, FieldKind>>;
  const bitOf = fieldBits(type);
  const compiled: CompiledField[] = [];
  for (const name of Object.keys(source.fields).sort()) {
    const field = source.fields[name] as Source["fields"][string];
    const kind = kinds[name];
    if (kind === undefined) {
      faults.add(field.at, `${source.type} has no field ${name}`, didYouMean(name, Object.keys(kinds)));
      continue;
    }
    const when = field.when && scope.expression(field.when);
    if (when && when.type !== "boolean")
      faults.add(field.at, `when: of ${name} gives ${when.type}`, "A condition is true or false.");
    if (when && !kind.optional)
      faults.add(field.at, `${name} may not be left out, so it can't have when:`, "Give it a value in every case.");
    const read = compileRead(field.read, kind, scope, name);
    if (read === undefined) continue;
    const column = "column" in field.read ? field.read.column : undefined;
    const expression = field.when;
    const condition = when && expression && conditionOf(when, { expression, field: name, scope });
    compiled.push({ name, bit: bitOf(name), when: condition, compiled: read, empty: emptyRule(kind), column });
  }
  for (const [name, kind] of Object.entries(kinds)) {
    if (!kind.optional && !Object.hasOwn(source.fields, name)) {
      faults.add(source.at, `Source ${source.name} lacks the field ${name}, which every ${source.type} needs`, `Map ${name}.`);
    }
  }
  return compiled;
}

function causeReader(cause: CauseColumn | undefined, { columns, source }: ReadScope): CompiledSource["cause"] {
  const found = cause && columns.find(cause.column, source.at);
  if (cause === undefined || found === undefined) return undefined;
  const read = (text: Value | undefined): string | undefined => {
    if (typeof text !== "string" || text === "" || !text.startsWith(cause.prefix)) return undefined;
    const id = text.slice(cause.prefix.length).trim();
    return commandId.test(id) ? id : undefined;
  };
  return { column: found.index, read };
}

function mapperOf(
  { source, fields, names: allNames, cause, isScoped, types }: CompiledSource,
  { idOf, bearer: bearerOf }: { idOf: (key: string) => string; bearer: ReadBearer | undefined },
): Mapping["map"] {
  const flagged = source.deletes.flag !== undefined;
  const columnOf = new Map(fields.map((field) => [field.name, field.column]));
  const reading = newReading();
  const mapRow = (
    row: Row,
    { id, key }: { id: string; key: string },
    isAbsent: ((parent: Parent) => boolean) | undefined,
  ): Mapped => {
    reading.key = key;
    reading.values = row.values;
    reading.children = row.children;
    reading.isAbsent = isAbsent;
    reading.misfit = false;
    reading.parentCount = 0;
    // Empty for nearly all rows, and then kept for the next one.
    if (reading.faults.length > 0) reading.faults = [];
    if (reading.notes.length > 0) reading.notes = [];
    if (reading.lookups.length > 0) reading.lookups = [];
    let values = "";
    let filled = 0;
    let names = allNames;
    for (let index = 0; index < fields.length; index++) {
      const field = fields[index] as CompiledField;
      const value = field.when === undefined || field.when.test(reading) ? fieldText(field, reading) : undefined;
      if (value === undefined) names = names.without(index);
      else {
        values = values === "" ? value : `${values},${value}`;
        if (isSomething(value)) filled |= field.bit;
      }
    }
    const { faults, notes, lookups } = reading;
    const asked = lookups.length === 0 ? undefined : { lookups };
    const text: EntityText = { names: names.names, values };
    if (id.length > idLimit)
      faults.push({ code: "value-invalid", field: "id", column: undefined, message: "the key is too long for an id" });
    if (reading.misfit && faults.length === 0) faults.push(...misfits({ source, types }, fieldsOf(text), columnOf));
    // A list that grew would keep room for more: a batch of rows lives on until it is settled.
    const parents = faults.length > 0 && !isScoped ? [] : reading.parents.slice(0, reading.parentCount);
    if (faults.length > 0) return { kind: "faulty", id, faults, ...asked, ...(isScoped ? { parents } : {}) };
    const bearer = bearerOf?.(row);
    return {
      kind: "entity",
      id,
      text,
      filled: filled >>> 0,
      parents,
      cause: cause?.read(row.values[cause.column]),
      notes: notes.length === 0 ? noNotes : notes,
      ...asked,
      ...(bearer === undefined ? undefined : { bearer }),
    };
  };
  return (row, key, isAbsent) => {
    const id = idOf(key);
    if (flagged && row.flags[0] === true) return { kind: "cancelled", id };
    if (key === "")
      return {
        kind: "faulty",
        id,
        faults: [{ code: "key-empty", field: "id", column: source.key[0], message: "the key is empty" }],
      };
    try {
      return mapRow(row, { id, key }, isAbsent);
    } catch {
      // Whatever a row did to us, its neighbours go on; the error's text may hold values of the row and goes no further.
      return {
        kind: "faulty",
        id,
        faults: [{ code: "row-unreadable", field: "id", column: undefined, message: "the row can't be mapped" }],
      };
    }
  };
}

/** The field's value as it is written; undefined leaves it out. */
function fieldText({ name, compiled, empty }: CompiledField, reading: RowReading): string | undefined {
  const before = reading.faults.length;
  const value = compiled.read(reading);
  if (value !== null) return value;
  if (empty === "left-out") return undefined;
  if (empty === "fault" && reading.faults.length === before) {
    const message = `${name} is empty, but the portal needs it`;
    reading.faults.push({ code: "value-invalid", field: name, column: undefined, message });
  }
  return "null";
}

const noNotes: readonly RowNote[] = [];

function misfits(
  { source, types }: { source: Source; types: Types },
  fields: Fields,
  columnOf: ReadonlyMap<string, string | undefined>,
): RowFault[] {
  return validateEntity(source.type, fields, types).map(({ path, message }) => ({
    code: "value-invalid",
    field: path,
    column: columnOf.get(path.split(".")[0] as string),
    message: `${path} ${message}`,
  }));
}
