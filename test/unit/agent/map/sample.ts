/** A small housing ERP in the shape of the configuration's AST, for the tests of agent/map. */

import type { Mapped, Mapping } from "../../../../agent/map/mapped.ts";
import { compileMapping } from "../../../../agent/map/mapping.ts";
import { buildQuery } from "../../../../agent/map/query.ts";
import type { CommandConfig, Config, DateType, FieldMapping, Place, Read, Source, ValueMap } from "../../../../config/config.ts";
import type { Column, ColumnType, DescribedQuery, Row, Value } from "../../../../connectors/connector.ts";
import { fieldsOf } from "../../../../protocol/entity-text.ts";
import type { Fields, Json, TypeName } from "../../../../protocol/model.ts";

export const at = (path = "x", line = 1): Place => ({ path, line });

export const from = (column: string, options: Partial<Read & { kind: "from" }> = {}): Read => ({
  kind: "from",
  column,
  do: [],
  as: undefined,
  map: undefined,
  shiftDays: 0,
  currency: undefined,
  default: undefined,
  at: at(column),
  ...options,
});
export const column = (name: string): Read => ({ kind: "column", column: name, at: at(name) });
export const constant = (value: Json): Read => ({ kind: "constant", value, at: at("constant") });
export const cel = (text: string): Read => ({ kind: "expression", expression: { cel: text, at: at(text) }, at: at(text) });
export const ref = (source: string, columns: readonly string[], missing: "hold" | "omit" = "hold"): Read => ({
  kind: "ref",
  source,
  key: columns.map((name) =>
    name.startsWith("=") ? { kind: "constant", value: name.slice(1) } : { kind: "column", column: name, at: at(name) },
  ),
  missing,
  at: at(`ref ${source}`),
});
export const object = (fields: Record<string, Read>): Read => ({ kind: "object", fields, at: at("object") });
type ItemGiven = Read | { when: string; read: Read };
const items = (reads: readonly ItemGiven[]) =>
  reads.map((item) =>
    "read" in item ? { when: { cel: item.when, at: at(item.when) }, read: item.read } : { when: undefined, read: item },
  );
export const list = (...reads: readonly ItemGiven[]): Read => ({ kind: "list", items: items(reads), at: at("list") });
export const oneOf = (...reads: readonly ItemGiven[]): Read => ({ kind: "oneOf", items: items(reads), at: at("oneOf") });
export const field = (read: Read, options: Partial<FieldMapping> = {}): FieldMapping => ({
  read,
  when: undefined,
  owner: "erp",
  at: read.at,
  ...options,
});

export const ymd: DateType = {
  name: "ymd",
  form: { kind: "integer", pattern: "yyyyMMdd" },
  empty: ["0"],
  openEnd: ["99991231"],
  invalid: "quarantine",
  at: at("types.ymd"),
};
export const types: Record<string, DateType> = {
  ymd,
  hms: { ...ymd, name: "hms", form: { kind: "integer", pattern: "HHmmss" }, empty: [], openEnd: [] },
  german: {
    ...ymd,
    name: "german",
    form: { kind: "text", pattern: "dd.MM.yyyy" },
    empty: ["00.00.0000"],
    openEnd: ["31.12.9999"],
  },
  lenient: { ...ymd, name: "lenient", invalid: "null-and-report" },
  utc: { ...ymd, name: "utc", form: { kind: "native" }, empty: [], openEnd: [], zone: "UTC" },
  nav: { ...ymd, name: "nav", form: { kind: "native" }, empty: ["1753-01-01"], openEnd: [] },
};
export const orderStatus: ValueMap = {
  name: "orderStatus",
  read: { "0": "open", "1": "in-progress", "9": "closed" },
  write: { open: "0", "in-progress": "1", closed: "9" },
  unknown: { kind: "quarantine" },
  at: at("maps.orderStatus"),
};

export function source(
  name: string,
  type: TypeName,
  parts: { table?: string; key: readonly string[]; fields: Record<string, Read | FieldMapping> } & Partial<
    Omit<Source, "fields">
  >,
): Source {
  const { fields, table = name.toUpperCase(), ...rest } = parts;
  return {
    name,
    type,
    from: { kind: "table", table, at: at(`sources.${name}.table`) },
    prefix: undefined,
    where: undefined,
    scoped: false,
    changes: { cursor: undefined, feed: undefined, compare: undefined, at: at() },
    signal: undefined,
    touchedBy: [],
    deletes: { flag: undefined, graceMs: 0 },
    reusedWhen: [],
    append: false,
    at: at(`sources.${name}`),
    fields: Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, "read" in value ? value : field(value)])),
    ...rest,
  };
}

export function config(
  sources: readonly Source[],
  options: { maps?: Record<string, ValueMap>; commands?: readonly CommandConfig[]; scope?: Record<string, string> } = {},
): Config {
  return {
    file: "erpfuser.yaml",
    agent: {
      name: "test",
      portal: "ws://127.0.0.1",
      stage: "test",
      state: "/nowhere",
      logs: undefined,
      proxy: undefined,
      caFile: undefined,
    },
    erp: {
      connector: "sqlite",
      settings: {},
      timezone: "Europe/Berlin",
      confirmAfterMs: 2_000,
      courtesy: {
        pace: "full",
        rowsPerSecond: undefined,
        statementTimeoutMs: 1,
        lockTimeoutMs: 1,
        blackout: [],
        commandsInBlackout: "run",
      },
    },
    vars: { mandant: "001" },
    scope: options.scope ?? {},
    types,
    maps: { orderStatus, ...options.maps },
    sources,
    commands: options.commands ?? [],
    quality: {
      rules: false,
      actions: {
        "email-placeholder": "send",
        "email-throwaway": "send",
        "email-staff": "send",
        "email-shared": "send",
        "email-invalid": "send",
        "phone-invalid": "send",
        "person-lookalike": "off",
        "person-without-period": "off",
        "person-future-only": "off",
        "period-overlap": "off",
        "period-open-predecessor": "off",
        "period-no-start": "off",
        "period-reversed": "off",
        "code-defaulted": "off",
        moved: "off",
        "key-reused": "off",
      },
      placeholder: { patterns: [], marked: [] },
      throwaway: { domains: [] },
      staff: { domains: [] },
    },
    worklists: undefined,
    guards: { deletes: { rows: 1, percent: 1 }, emptied: { rows: 1, percent: 1 }, moved: { rows: 1, percent: 1 } },
    persons: { match: false, perHour: 500 },
    reconcile: { between: { fromMinute: 0, untilMinute: 1 }, everyMs: 1, records: 0 },
    journal: { keepDays: 1, maxBytes: 1 },
  };
}

export const columnOf = (name: string, type: ColumnType, options: Partial<Column> = {}): Column => ({
  name,
  type,
  nullable: true,
  length: undefined,
  hasDefault: false,
  autoIncrement: false,
  ...options,
});

/** `{ NAME: "text" }` as the database describes it. */
export const described = (
  columns: Record<string, ColumnType>,
  children: readonly Record<string, ColumnType>[] = [],
): DescribedQuery => ({
  columns: Object.entries(columns).map(([name, type]) => columnOf(name, type)),
  children: children.map((child) => Object.entries(child).map(([name, type]) => columnOf(name, type))),
  rows: undefined,
});

export function compile(
  one: Source,
  columns: Record<string, ColumnType>,
  options: { all?: Config; children?: readonly Record<string, ColumnType>[] } = {},
) {
  const all = options.all ?? config([one]);
  const query = buildQuery(one, all);
  return compileMapping({ config: all, source: one, query, described: described(columns, options.children) });
}

export function mappingOf(...args: Parameters<typeof compile>): Mapping {
  const compiled = compile(...args);
  if ("faults" in compiled)
    throw new Error(compiled.faults.map((fault) => `${fault.path}: ${fault.message} ${fault.remedy}`).join("\n"));
  return compiled.mapping;
}

export function faultsOf(...args: Parameters<typeof compile>): string[] {
  const compiled = compile(...args);
  return "faults" in compiled ? compiled.faults.map((fault) => `${fault.path}: ${fault.message}. ${fault.remedy}`) : [];
}

/** The row of a mapping's query from values by column name. */
export function rowOf(mapping: Mapping, values: Record<string, Value>, rest: Partial<Row> = {}): Row {
  return { values: mapping.query.columns.map((name) => values[name] ?? null), flags: [], children: [], ...rest };
}

/** What became of a row; an entity with its fields read back from its text. */
export type Outcome = Exclude<Mapped, { kind: "entity" }> | (Mapped & { kind: "entity" } & { fields: Fields });

export function mapOne(mapping: Mapping, values: Record<string, Value>, rest: Partial<Row> = {}): Outcome {
  return withFields(mapping.map(rowOf(mapping, values, rest), "1"));
}

export const withFields = (mapped: Mapped): Outcome =>
  mapped.kind === "entity" ? { ...mapped, fields: fieldsOf(mapped.text) } : mapped;

/** The fields of an entity, or the faults as `code field`. */
export function outcome(mapped: Mapped): unknown {
  if (mapped.kind === "entity") return fieldsOf(mapped.text);
  return mapped.kind === "faulty" ? mapped.faults.map((fault) => `${fault.code} ${fault.field}`) : mapped.kind;
}
