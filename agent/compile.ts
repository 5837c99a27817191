/** Everything of the configuration that needs the real database: described once, compiled once, all faults told at once. What can do with less: degrade.ts. */
import { FuserError } from "../base/errors.ts";
import type { Finding } from "../base/findings.ts";
import type { Config, Fault, Place, Source } from "../config/config.ts";
import { readable } from "../config/fault-text.ts";
import type { Connector, DescribedQuery, SourceQuery, Table, WriteRight } from "../connectors/connector.ts";
import { type CapturedSource, capturedSource } from "./capture/source.ts";
import type { Mapping } from "./map/mapped.ts";
import { compileMapping } from "./map/mapping.ts";
import { buildQuery, missingColumns } from "./map/query.ts";
import { type CompiledCommand, compileCommand } from "./map/write-plan.ts";
import { publishedBy } from "./published.ts";
import type { Lack } from "./schema-lacks.ts";

export interface Compiled {
  mappings: readonly Mapping[];
  sources: readonly CapturedSource[];
  commands: ReadonlyMap<string, CompiledCommand>;
  /** Estimated rows by source, for progress. */
  rows: ReadonlyMap<string, number | undefined>;
  /** What the configuration has and the database does not allow; none of it where everything had to compile. */
  lacks: readonly Lack[];
  /** What commands write, as the database describes it. */
  written: readonly Table[];
}

/**
 * Compiles all sources and commands against what the database describes.
 * @throws FuserError what the connector throws; `erp-schema-faults` with every fault as a finding
 */
export async function compile(config: Config, connector: Connector, signal: AbortSignal): Promise<Compiled> {
  const { compiled, faults } = await tryCompile(config, connector, signal);
  if (compiled !== undefined) return compiled;
  throw new FuserError("config", `The database does not offer what the configuration needs: ${faults.length} faults`, {
    code: "erp-schema-faults",
    operation: "compare the configuration with the database",
    place: config.file,
    hint: "Mend each of them in the configuration, or ask the DBA",
    findings: faultFindings(faults),
  });
}

/** The same, with the faults returned. */
export async function tryCompile(
  config: Config,
  connector: Connector,
  signal: AbortSignal,
): Promise<{ compiled: Compiled; faults?: undefined } | { compiled?: undefined; faults: readonly Fault[] }> {
  const tables = await connector.describe(signal, tablesOf(config));
  const faults: Fault[] = missingTables(config, tables);
  const mappings: Mapping[] = [];
  const rows = new Map<string, number | undefined>();
  for (const source of config.sources) {
    const absent = absentColumns(source, config, tables);
    faults.push(...absent);
    if (faults.some((fault) => fault.path.startsWith(`sources.${source.name}.`))) continue;
    const described = await describeSource(source, { config, connector, signal });
    if ("fault" in described) {
      faults.push(described.fault);
      continue;
    }
    const result = compileMapping({ config, source, ...described });
    rows.set(source.name, described.described.rows);
    if ("faults" in result) faults.push(...result.faults);
    else mappings.push(result.mapping);
  }
  const commands = new Map<string, CompiledCommand>();
  for (const command of config.commands) {
    const result = compileCommand({ config, command, mappings, tables });
    if ("faults" in result) faults.push(...result.faults);
    else commands.set(command.name, result.compiled);
  }
  if (faults.length > 0) return { faults: faults.map(readable).sort((one, other) => one.line - other.line) };
  const sources = mappings.map((mapping) => capturedOf(mapping, sourceNamed(config, mapping.source), tables));
  return {
    compiled: { ...beside(config, { mappings, sources }), commands, rows, lacks: [], written: writtenOf(config, tables) },
  };
}

/** What is read from the ERP, and what the configuration itself says. */
export function beside(config: Config, read: Pick<Compiled, "mappings" | "sources">): Pick<Compiled, "mappings" | "sources"> {
  const published = publishedBy(config);
  if (published === undefined) return read;
  return { mappings: [...read.mappings, published.mapping], sources: [...read.sources, published] };
}

const sourceNamed = (config: Config, name: string): Source => config.sources.find((source) => source.name === name) as Source;

/** The tables that commands write. */
export function writtenOf(config: Config, tables: readonly Table[]): Table[] {
  const names = new Set(writtenTables(config).map(({ table }) => table));
  return [...names].flatMap((name) => tableNamed(tables, name) ?? []);
}

/** The source as capture is to work on it. */
export function capturedOf(mapping: Mapping, source: Source, tables: readonly Table[]): CapturedSource {
  const primaryKeyOf = (name: string): readonly string[] => tableNamed(tables, name)?.primaryKey ?? [];
  const isIndexed = (name: string, column: string): boolean =>
    tableNamed(tables, name)?.indexedColumns.some((one) => one.toLowerCase() === column.toLowerCase()) ?? false;
  return capturedSource({ mapping, source, primaryKeyOf, isIndexed });
}

/** Faults as findings: `error`, the place with its line. */
export function faultFindings(faults: readonly Fault[]): Finding[] {
  return faults.map(({ path, line, message, remedy }) => ({
    severity: "error",
    code: "config-fault",
    place: `line ${line}, ${path}`,
    message,
    remedy,
  }));
}

export interface DescribeParts {
  config: Config;
  connector: Connector;
  signal: AbortSignal;
}

/** A source whose query the database refuses is a fault of that source; the others go on. */
export async function describeSource(
  source: Source,
  { config, connector, signal }: DescribeParts,
): Promise<{ query: SourceQuery; described: DescribedQuery } | { fault: Fault }> {
  const query = buildQuery(source, config);
  try {
    return { query, described: await connector.describeQuery(query, signal) };
  } catch (error) {
    if (!(error instanceof FuserError) || error.kind !== "config" || error.code === "erp-login-refused") throw error;
    const at = source.from.kind === "table" ? source.from.at : source.from.query.at;
    return { fault: { ...at, message: error.message, remedy: error.hint ?? "See the database's message" } };
  }
}

export function tablesOf(config: Config): string[] {
  const named = new Set<string>();
  for (const source of config.sources) {
    if (source.from.kind === "table") named.add(source.from.table);
    if (source.signal) named.add(source.signal.table);
    for (const touch of source.touchedBy) named.add(touch.table);
  }
  for (const { table } of writtenTables(config)) named.add(table);
  return [...named];
}

interface WrittenTable {
  table: string;
  at: Fault | { path: string; line: number };
  /** Rights that the account needs on it; none where it is only looked at before a write. */
  rights: readonly WriteRight[];
}

/** Tables that commands write, with the place that says so. */
export function writtenTables(config: Config): WrittenTable[] {
  return config.commands.flatMap((command) => {
    const steps = command.steps.flatMap((step): WrittenTable[] => {
      if (step.kind === "insert" || step.kind === "update") return [{ table: step.table, at: step.at, rights: [step.kind] }];
      if (step.kind === "insertLines") return [{ table: step.table, at: step.at, rights: ["insert"] }];
      if (step.kind !== "number") return [];
      return [{ table: step.from.table, at: step.at, rights: step.from.kind === "counter" ? ["update"] : [] }];
    });
    const { idempotency } = command;
    if (idempotency.way !== "ledger" && idempotency.way !== "column") return steps;
    const rights: WriteRight[] = idempotency.way === "ledger" ? ["insert", "update"] : [];
    return [...steps, { table: idempotency.table, at: idempotency.at, rights }];
  });
}

/** The described table of a name, which may be given with its schema; case counts for nothing. */
export function tableNamed(tables: readonly Table[], name: string): Table | undefined {
  const named = (wanted: string): Table | undefined => tables.find((table) => table.name.toLowerCase() === wanted.toLowerCase());
  return named(name) ?? named(name.split(".").at(-1) ?? name);
}

/** Told before the query is described: the database would stop at the first of them, and say no place. */
export function absentColumns(source: Source, config: Config, tables: readonly Table[]): Fault[] {
  const table = source.from.kind === "table" ? tableNamed(tables, source.from.table) : undefined;
  return table === undefined ? [] : missingColumns(source, config, table);
}

function missingTables(config: Config, tables: readonly Table[]): Fault[] {
  const wanted = [
    ...config.sources.flatMap((source) => [
      ...(source.from.kind === "table" ? [{ table: source.from.table, at: source.from.at }] : []),
      ...(source.signal ? [{ table: source.signal.table, at: source.signal.at }] : []),
      ...source.touchedBy.map((touch) => ({ table: touch.table, at: touch.at })),
    ]),
    ...writtenTables(config),
  ];
  return wanted.filter(({ table }) => tableNamed(tables, table) === undefined).map(({ table, at }) => missingTable(table, at));
}

export function missingTable(table: string, { path, line }: Place): Fault {
  const message = `Table ${table} is not there, or the account may not see it`;
  return { path, line, message, remedy: "Check its name, or ask the DBA for the right to SELECT from it" };
}
