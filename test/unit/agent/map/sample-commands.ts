/** The sample ERP's commands, compiled against its tables as a database would describe them. */
import type { Mapping } from "../../../../agent/map/mapped.ts";
import { compileMapping } from "../../../../agent/map/mapping.ts";
import { buildQuery } from "../../../../agent/map/query.ts";
import { type CompiledCommand, compileCommand, type PlanContext } from "../../../../agent/map/write-plan.ts";
import type { Config } from "../../../../config/config.ts";
import { parseConfig } from "../../../../config/load.ts";
import type { Column, PlanStep, StepResults, Table, Value, WritePlan } from "../../../../connectors/connector.ts";
import type { Command } from "../../../../protocol/messages.ts";
import { type ErpConfigOptions, erpConfig } from "../../../support/erp/config.ts";
import { type ErpTable, tables as erpTables } from "../../../support/erp/schema.ts";

const patterns = [
  [/^DATETIME/, "datetime"],
  [/^(INT|SEQUENCE)/, "integer"],
  [/^DECIMAL/, "decimal"],
  [/./, "text"],
] as const;

function columnOf(name: string, declared: string): Column {
  const type = (patterns.find(([pattern]) => pattern.test(declared)) as (typeof patterns)[number])[1];
  const size = /\((\d+)(?:,(\d+))?\)/.exec(declared);
  return {
    name,
    type,
    nullable: declared.endsWith(" NULL"),
    length: type === "text" && size ? Number(size[1]) : undefined,
    ...(type === "decimal" && size && { precision: Number(size[1]), scale: Number(size[2]) }),
    hasDefault: false,
    autoIncrement: declared === "SEQUENCE",
  };
}

/** The sample ERP's tables; the default for what a test wants otherwise. */
export const describedTables: readonly Table[] = Object.entries(erpTables).map(([name, table]: [string, ErpTable]) => ({
  name,
  kind: "table",
  columns: table.columns.map(([column, type]) => columnOf(column, type)),
  primaryKey: table.key,
  uniqueIndexes: [table.key, ...(table.unique ?? []).map((column) => [column])],
  foreignKeys: [],
  indexedColumns: [],
  rows: undefined,
  transactional: true,
}));

export interface Variation {
  options?: Partial<ErpConfigOptions>;
  /** Changes the configuration's text. */
  edit?: (yaml: string) => string;
  tables?: readonly Table[];
}

export function sampleConfig({ options = {}, edit = (yaml) => yaml }: Variation = {}): Config {
  const text = edit(
    erpConfig({
      dialect: "sqlite",
      connection: ["file: /nowhere.db"],
      portalUrl: "ws://127.0.0.1:1/agent",
      state: "/nowhere",
      ...options,
    }),
  );
  const loaded = parseConfig({ text, file: "erpfuser.yaml" });
  if (loaded.faults) throw new Error(JSON.stringify(loaded.faults, null, 2));
  return loaded.config;
}

export function mappingsOf(config: Config): Mapping[] {
  return config.sources.flatMap((source) => {
    if (source.from.kind !== "table") return [];
    const { table } = source.from;
    const columns = describedTables.find((known) => known.name === table)?.columns ?? [];
    const query = buildQuery(source, config);
    const line = columnOf("ZEILE", "TEXT");
    const compiled = compileMapping({
      config,
      source,
      query,
      described: { columns, children: query.children.map(() => [line]), rows: undefined },
    });
    if ("faults" in compiled) throw new Error(JSON.stringify(compiled.faults, null, 2));
    return [compiled.mapping];
  });
}

export function compileNamed(name: string, variation: Variation = {}) {
  const config = sampleConfig(variation);
  const command = config.commands.find((candidate) => candidate.name === name);
  if (command === undefined) throw new Error(`no command ${name}`);
  return compileCommand({ config, command, mappings: mappingsOf(config), tables: variation.tables ?? describedTables });
}

export function commandNamed(name: string, variation: Variation = {}): CompiledCommand {
  const made = compileNamed(name, variation);
  if ("faults" in made) throw new Error(JSON.stringify(made.faults, null, 2));
  return made.compiled;
}

export function commandFaults(name: string, variation: Variation): string[] {
  const made = compileNamed(name, variation);
  return "faults" in made ? made.faults.map((fault) => `${fault.message}. ${fault.remedy}`) : [];
}

/** 10:30 and 5 seconds of a summer day in Berlin. */
export const context: PlanContext = {
  now: Date.UTC(2026, 6, 1, 8, 30, 5, 700),
  mayBeRepeated: false,
  rehearse: false,
  resolve: () => undefined,
};

export const message = (command: string, parts: Partial<Command> = {}): Command => ({
  type: "command",
  id: "cmd-00000001",
  command,
  values: {},
  issuedAt: "2026-07-01T08:30:00Z",
  ...parts,
});

export function planOf(compiled: CompiledCommand, sent: Command, more: Partial<PlanContext> = {}): WritePlan {
  const plan = compiled.plan(sent, { ...context, ...more });
  if ("rejected" in plan) throw new Error(JSON.stringify(plan.rejected));
  return plan;
}

export function refusal(compiled: CompiledCommand, sent: Command, more: Partial<PlanContext> = {}): string | undefined {
  const plan = compiled.plan(sent, { ...context, ...more });
  return "rejected" in plan
    ? [plan.rejected.code, plan.rejected.field].filter((part) => part !== undefined).join(" ")
    : undefined;
}

/** The step of this place, its values worked out with these results. */
export function valuesOf(
  plan: WritePlan,
  index: number,
  results: StepResults = new Map<string, Value>([
    ["nr", 42],
    ["line", 7],
  ]),
): Record<string, unknown> {
  const step = plan.steps[index] as PlanStep;
  switch (step.kind) {
    case "insert":
      return { ...step.values(results) };
    case "update":
      return { key: step.key(results), values: step.values(results), base: step.base?.(results) };
    case "number":
      return { ...("max" in step.from ? step.from.max.where(results) : step.from.counter.key(results)) };
    case "sql":
      return { ...step.parameters(results) };
    case "call":
      return { ...step.args(results) };
  }
}
