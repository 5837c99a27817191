/**
 * A configuration compiled as far as the ERP's schema allows: what lacks stops the fields, sources and commands that need it, and nothing else. A field that can be
 * spared is left out; a source whose key, conditions, required fields or parents can't be read stands still, and the portal keeps what it has of it.
 */
import type { Config, Fault, FieldMapping, Read, Source } from "../config/config.ts";
import type { Connector, DescribedQuery, SourceQuery, Table } from "../connectors/connector.ts";
import { type ModelType, type TypeName, typeNamed } from "../protocol/model.ts";
import { typesWith } from "../protocol/own-types.ts";
import type { CapturedSource } from "./capture/source.ts";
import {
  absentColumns,
  beside,
  type Compiled,
  capturedOf,
  describeSource,
  missingTable,
  tableNamed,
  tablesOf,
  writtenOf,
} from "./compile.ts";
import { fieldKindOf } from "./map/field-kind.ts";
import { fieldBits } from "./map/filled-bits.ts";
import type { Mapping } from "./map/mapped.ts";
import { compileMapping } from "./map/mapping.ts";
import { needsOf } from "./map/mapping-needs.ts";
import { buildQuery } from "./map/query.ts";
import { type CompiledCommand, compileCommand } from "./map/write-plan.ts";
import type { Lack } from "./schema-lacks.ts";
import { signalsThatWork } from "./schema-signals.ts";

interface Parts {
  config: Config;
  connector: Connector;
  tables: readonly Table[];
  signal: AbortSignal;
}

/**
 * Compiles what can be compiled; what can't is among the `lacks`.
 * @throws FuserError what the connector throws
 */
export async function compileWhatCan(config: Config, connector: Connector, signal: AbortSignal): Promise<Compiled> {
  const tables = await connector.describe(signal, tablesOf(config));
  const parts = { config, connector, tables, signal };
  const lacks: Lack[] = [];
  const sources: CapturedSource[] = [];
  const rows = new Map<string, number | undefined>();
  for (const source of config.sources) {
    const made = await compileSource(source, parts);
    lacks.push(...made.lacks);
    if (made.captured === undefined) continue;
    sources.push(made.captured);
    rows.set(source.name, made.rows);
  }
  const mappings = sources.map(({ mapping }) => mapping);
  const commands = new Map<string, CompiledCommand>();
  for (const command of config.commands) {
    const result = compileCommand({ config, command, mappings, tables });
    if ("compiled" in result) commands.set(command.name, result.compiled);
    else lacks.push({ stops: "command", source: undefined, name: command.name, fault: result.faults[0] as Fault });
  }
  return { ...beside(config, { mappings, sources }), commands, rows, lacks, written: writtenOf(config, tables) };
}

interface MadeSource {
  captured?: CapturedSource;
  rows?: number | undefined;
  lacks: readonly Lack[];
}

async function compileSource(source: Source, parts: Parts): Promise<MadeSource> {
  const stopped = (fault: Fault): MadeSource => ({ lacks: [{ stops: "source", source: source.name, name: source.name, fault }] });
  const { tables } = parts;
  const signals = await signalsThatWork(source, parts);
  if (signals.fault !== undefined) return stopped(signals.fault);
  const made = await mappingOf(source, parts);
  if ("fault" in made) return stopped(made.fault);
  const { mapping, described, left } = made;
  const captured = { ...capturedOf(mapping, signals.source, tables), ...signals.instead };
  const fields = [...left].map(([name, fault]): Lack => ({ stops: "field", source: source.name, name, fault }));
  return { captured, rows: described.rows, lacks: [...fields, ...signals.lacks] };
}

interface MadeMapping {
  mapping: Mapping;
  described: DescribedQuery;
  /** Fields that are left out, each with why. */
  left: ReadonlyMap<string, Fault>;
}

/** Leaves out one field after the other until the rest compiles, or nothing can be spared any more. */
async function mappingOf(source: Source, parts: Parts): Promise<MadeMapping | { fault: Fault }> {
  if (source.from.kind === "table" && tableNamed(parts.tables, source.from.table) === undefined)
    return { fault: missingTable(source.from.table, source.from.at) };
  const config = withReadableCause(source, parts);
  const spared = sparedBy(source, config);
  const left = new Map<string, Fault>();
  for (;;) {
    const rest = without(source, left.keys());
    const tried = await tryMapping(rest, { ...parts, config });
    if ("made" in tried) {
      const { mapping, described } = tried.made;
      if (left.size === 0) return { mapping, described, left };
      const fields = compiledFields(source, config);
      return { mapping: { ...mapping, fields, lacks: [...left.keys()] }, described, left };
    }
    const found = tried.refused ? await refusedFields(rest, { ...parts, config, spared }) : placedFaults(source, tried.faults);
    const fatal = tried.faults[0] as Fault;
    if (found.size === 0) return { fault: fatal };
    for (const [name, fault] of found) {
      if (!spared(name)) return { fault };
      left.set(name, fault);
    }
    // What belongs to no field can't be left out with one.
    if (!tried.refused && tried.faults.some((fault) => fieldOf(source, fault) === undefined))
      return { fault: tried.faults.find((fault) => fieldOf(source, fault) === undefined) as Fault };
  }
}

type Tried =
  | { made: { mapping: Mapping; described: DescribedQuery } }
  /** `refused`: the database would not describe the query, and names no place. */
  | { faults: readonly Fault[]; refused: boolean };

async function tryMapping(source: Source, { config, connector, tables, signal }: Parts): Promise<Tried> {
  const absent = absentColumns(source, config, tables);
  if (absent.length > 0) return { faults: absent, refused: false };
  const result = await describeSource(source, { config, connector, signal });
  if ("fault" in result) return { faults: [result.fault], refused: true };
  const compiled = compileMapping({ config, source, ...result });
  if ("faults" in compiled) return { faults: compiled.faults, refused: false };
  return { made: { mapping: compiled.mapping, described: result.described } };
}

/** The database says of a whole query that it can't be; which fields are to blame shows when each is asked for alone. */
async function refusedFields(
  source: Source,
  { spared, ...parts }: Parts & { spared: (field: string) => boolean },
): Promise<ReadonlyMap<string, Fault>> {
  const refused = new Map<string, Fault>();
  const names = Object.keys(source.fields);
  const bare = without(source, names.filter(spared));
  if ("fault" in (await describeSource(bare, parts))) return refused;
  const queryOf = (of: Source): string => JSON.stringify(buildQuery(of, parts.config) satisfies SourceQuery);
  const bareQuery = queryOf(bare);
  for (const name of names.filter(spared)) {
    const one = { ...bare, fields: { ...bare.fields, [name]: source.fields[name] as FieldMapping } };
    if (queryOf(one) === bareQuery) continue;
    const result = await describeSource(one, parts);
    if ("fault" in result) refused.set(name, { ...result.fault, ...placeOf(source.fields[name] as FieldMapping) });
  }
  return refused;
}

const placeOf = ({ at }: FieldMapping): Pick<Fault, "path" | "line"> => ({ path: at.path, line: at.line });

function placedFaults(source: Source, faults: readonly Fault[]): ReadonlyMap<string, Fault> {
  const placed = faults.map((fault) => [fieldOf(source, fault), fault] as const);
  return new Map(placed.filter((one): one is [string, Fault] => one[0] !== undefined));
}

/** The field whose place a fault names. */
function fieldOf({ fields }: Source, { path }: Fault): string | undefined {
  const isAt = (place: string): boolean => path === place || path.startsWith(`${place}.`) || path.startsWith(`${place}[`);
  return Object.keys(fields).find((name) => isAt((fields[name] as FieldMapping).at.path));
}

/** Which fields can be left out: an entity is one without them, and still belongs where it belonged. */
function sparedBy(source: Source, config: Config): (field: string) => boolean {
  const kinds = fieldKindOf(typeIn(config, source.type).schema).fields ?? {};
  const bindsToParent = (read: Read): boolean => {
    if (read.kind === "list") return read.items.some((item) => bindsToParent(item.read));
    if (read.kind === "object") return Object.values(read.fields).some(bindsToParent);
    if (read.kind === "rows") return read.item !== undefined && bindsToParent(read.item);
    if (read.kind !== "ref" || read.missing === "omit") return false;
    const target = config.sources.find(({ name }) => name === read.source);
    return target !== undefined && typeIn(config, target.type).rank <= typeIn(config, source.type).rank;
  };
  return (name) => kinds[name]?.optional !== false && !bindsToParent((source.fields[name] as FieldMapping).read);
}

function without(source: Source, names: Iterable<string>): Source {
  const gone = new Set(names);
  const fields = Object.entries(source.fields).filter(([name]) => !gone.has(name));
  return { ...source, fields: Object.fromEntries(fields) };
}

/** A command's own column tells who made a row, and is missed by nobody else: without it the command falls, and not the source. */
function withReadableCause(source: Source, { config, tables }: Parts): Config {
  const { cause } = needsOf(source, config);
  if (cause === undefined || source.from.kind !== "table") return config;
  const columns = tableNamed(tables, source.from.table)?.columns ?? [];
  const isThere = columns.some(({ name }) => name.toLowerCase() === cause.column.toLowerCase());
  const isRead = needsOf(source, { ...config, commands: [] }).places.has(cause.column);
  return isThere || isRead ? config : { ...config, commands: [] };
}

/** The loader has seen to it that there is one. */
const typeIn = (config: Config, type: TypeName): ModelType => typeNamed(typesWith(config.ownTypes), type) as ModelType;

/** All that the configuration has: what is offered to the portal does not change with what lacks for now. */
function compiledFields({ type, fields }: Source, config: Config): Mapping["fields"] {
  const bitOf = fieldBits(typeIn(config, type));
  return Object.keys(fields)
    .sort()
    .map((name) => ({ name, owner: (fields[name] as FieldMapping).owner, bit: bitOf(name) }));
}
