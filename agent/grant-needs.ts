/**
 * What the account needs for a configuration, column by column. Columns that the configuration names are known; those in its SQL texts are looked for among
 * the columns that the database describes: whatever a text names is a word in it. Of tables that are not described, the whole is wanted.
 */
import type { Config, Source, SqlText, Step } from "../config/config.ts";
import type { Table } from "../connectors/connector.ts";
import type { Columns, GrantNeeds, TableNeeds } from "../connectors/grants.ts";
import { columnQuery } from "./documents/columns.ts";
import { sessionNameOf } from "./erp.ts";
import { pathQuery } from "./map/document-path.ts";
import { buildQuery } from "./map/query.ts";
import { columnIn, tableFinder } from "./map/write-scope.ts";

type Kind = "read" | "insert" | "update";

interface Gathered {
  read: Set<string> | "all";
  insert: Set<string> | "all";
  update: Set<string> | "all";
  remove: boolean;
}

interface Gathering {
  config: Config;
  tables: readonly Table[];
  find(name: string): Table | undefined;
  of(table: string): Gathered;
  add(table: string, kind: Kind, columns: Columns): void;
}

/** @param tables as described; those that the account can't see yet are missing */
export function grantNeeds(config: Config, tables: readonly Table[]): GrantNeeds {
  const gathered = new Map<string, Gathered>();
  const find = tableFinder(tables);
  const gathering: Gathering = {
    config,
    tables,
    find,
    of(name) {
      const table = find(name)?.name ?? name;
      const known = gathered.get(table) ?? { read: new Set(), insert: new Set(), update: new Set(), remove: false };
      gathered.set(table, known);
      return known;
    },
    add(name, kind, columns) {
      const known = this.of(name);
      const set = known[kind];
      if (columns === "all") known[kind] = "all";
      else if (set !== "all") for (const column of columns) set.add(nameIn(find(name), column));
    },
  };
  for (const source of config.sources) addSource(source, gathering);
  for (const command of config.commands) {
    for (const step of command.steps) addStep(step, gathering);
    const { idempotency } = command;
    if (idempotency.way === "probe") addText(idempotency.sql.sql, gathering);
    if (idempotency.way === "column") {
      const key = config.sources.find(({ name }) => name === command.result.source)?.key ?? [];
      gathering.add(idempotency.table, "read", [idempotency.column, ...key]);
    }
    if (idempotency.way === "ledger") addLedger(idempotency.table, gathering);
  }
  return {
    tables: [...gathered].map(([table, { read, insert, update, remove }]): TableNeeds => {
      return { table, read: listed(read), insert: listed(insert), update: listed(update), remove };
    }),
    calls: callsOf(config),
    sequences: sequencesOf(config),
    ledgers: [...new Set(config.commands.flatMap(({ idempotency: way }) => (way.way === "ledger" ? [way.table] : [])))],
    feeds: feedsOf(config),
    sessionName: sessionNameOf(config.agent.name),
  };
}

const listed = (columns: Set<string> | "all"): Columns => (columns === "all" ? "all" : [...columns].sort());

const nameIn = (table: Table | undefined, column: string): string => (table && columnIn(table, column)?.name) ?? column;

function feedsOf({ sources }: Config): GrantNeeds["feeds"] {
  const told = sources.flatMap(({ from, signal, changes, touchedBy }) => {
    const own = from.kind === "table" ? from.table : signal?.table;
    return [{ table: own, changes }, ...touchedBy].flatMap(({ table, changes: { feed } }) =>
      table === undefined || feed === undefined ? [] : [{ name: feed.name, table }],
    );
  });
  const feeds = Map.groupBy(told, ({ name }) => name);
  return [...feeds].map(([name, list]) => ({ name, tables: [...new Set(list.map(({ table }) => table))] }));
}

function callsOf(config: Config): GrantNeeds["calls"] {
  const steps = config.commands.flatMap((command) => command.steps.filter((step) => step.kind === "call"));
  const calls = steps.map(({ procedure, returns }) => {
    return { name: procedure, kind: returns === undefined ? ("procedure" as const) : ("function" as const) };
  });
  return calls.filter((call, index) => calls.findIndex(({ name }) => name === call.name) === index);
}

function sequencesOf(config: Config): string[] {
  const steps = config.commands.flatMap((command) => command.steps.filter((step) => step.kind === "sql"));
  const names = steps.flatMap(({ sql }) => [...bare(sql.sql).matchAll(/\bnext\s+value\s+for\s+([\w.$#\u0080-\uffff"`[\]]+)/giu)]);
  return [...new Set(names.map(([, name = ""]) => name.replace(/["`[\]]/g, "")))];
}

function addLedger(table: string, gathering: Gathering): void {
  gathering.add(table, "read", ["command_id", "results"]);
  gathering.add(table, "insert", ["command_id"]);
  gathering.add(table, "update", ["results"]);
}

function addSource(source: Source, gathering: Gathering): void {
  const query = buildQuery(source, gathering.config);
  const texts: SqlText[] = [source.where, source.deletes.flag].filter((text) => text !== undefined);
  if ("table" in query.from) {
    const { table } = query.from;
    gathering.add(table, "read", [...query.columns, ...query.scope.map(({ column }) => column)]);
    for (const { sql } of texts) addFragment(table, sql, gathering);
    addCursor(table, source.key, source.changes.cursor?.column, gathering);
  } else {
    addText(query.from.query, gathering);
    const { signal } = source;
    if (signal !== undefined) addCursor(signal.table, signal.key, source.changes.cursor?.column, gathering);
  }
  for (const child of query.children) addText(child.sql, gathering);
  addBytes(source, gathering);
  for (const touch of source.touchedBy) {
    const own = touch.own ?? gathering.find(touch.table)?.primaryKey ?? [];
    addCursor(touch.table, [...touch.key, ...own], touch.changes.cursor?.column, gathering);
  }
}

/** What is read when the portal asks for the bytes of a document. */
function addBytes(source: Source, gathering: Gathering): void {
  const { bytes } = source;
  if (bytes === undefined) return;
  const query =
    bytes.kind !== "column"
      ? pathQuery({ config: gathering.config, source, bytes })
      : columnQuery(buildQuery(source, gathering.config), bytes);
  if ("table" in query.from) gathering.add(query.from.table, "read", [...query.key, ...query.columns]);
}

function addCursor(table: string, key: readonly string[], column: string | undefined, gathering: Gathering): void {
  gathering.add(table, "read", column === undefined ? key : [...key, column]);
}

/** A condition on a table's own columns; it may hold a subselect. */
function addFragment(table: string, sql: string, gathering: Gathering): void {
  const described = gathering.find(table);
  gathering.add(table, "read", described === undefined ? "all" : columnsNamed(described, sql));
  if (/\bselect\b/i.test(sql)) addText(sql, gathering);
}

/** A text of its own: reads whatever it names. */
function addText(sql: string, gathering: Gathering): readonly Table[] {
  const words = wordsOf(sql);
  const named = gathering.tables.filter(({ name }) => words.has((name.split(".").at(-1) as string).toLowerCase()));
  for (const table of named) gathering.add(table.name, "read", columnsNamed(table, sql));
  for (const [, name = ""] of bare(sql).matchAll(/\b(?:from|join)\s+([\w.$#\u0080-\uffff"`[\]]+)/giu)) {
    const plain = name.replace(/["`[\]]/g, "");
    if (gathering.find(plain) === undefined) gathering.add(plain, "read", "all");
  }
  return named;
}

/** The text without literals, comments and parameters. */
const bare = (sql: string): string =>
  sql.replace(/'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\/|(?<![:\w]):[\w.\u0080-\uffff$#]+/g, " ");

const wordsOf = (sql: string): Set<string> =>
  new Set([...bare(sql).matchAll(/[\p{L}_$#][\p{L}\p{N}_$#]*/gu)].map(([word]) => word.toLowerCase()));

function columnsNamed(table: Table, sql: string): Columns {
  // `COUNT(*)` and a product are no list of all columns.
  if (/(?:select|,|\.)\s*\*/i.test(bare(sql))) return "all";
  const words = wordsOf(sql);
  return table.columns.filter(({ name }) => words.has(name.toLowerCase())).map(({ name }) => name);
}

function addStep(step: Step, gathering: Gathering): void {
  switch (step.kind) {
    case "insert":
      return addInsert(step, gathering);
    case "insertLines":
      return addInsert({ ...step, returning: {} }, gathering);
    case "update": {
      const written = [...Object.keys(step.values), ...(step.version === undefined ? [] : [step.version])];
      gathering.add(step.table, "update", written);
      gathering.add(step.table, "read", [...Object.keys(step.key), ...written]);
      return;
    }
    case "number": {
      const { kind, table, column, where } = step.from;
      gathering.add(table, "read", [column, ...Object.keys(where)]);
      if (kind === "counter") gathering.add(table, "update", [column]);
      return;
    }
    case "sql":
      return addSql(step.sql.sql, gathering);
    case "call":
      return;
  }
}

function addInsert(step: Omit<Step & { kind: "insert" }, "kind">, gathering: Gathering): void {
  const table = gathering.find(step.table);
  const given = Object.keys(step.values).map((name) => nameIn(table, name));
  const { blanks } = step;
  const blank = (blanks && table?.columns.filter((each) => !each.nullable && !each.hasDefault && !each.autoIncrement)) ?? [];
  // Without a description nobody knows which columns `blanks` fills.
  if (blanks !== undefined && table === undefined) gathering.add(step.table, "insert", "all");
  const inserted = new Set([...given, ...blank.map(({ name }) => name)]);
  gathering.add(step.table, "insert", [...inserted]);
  const returned = Object.values(step.returning);
  if (returned.length === 0) return;
  // Found again by the number that it was given, or by a unique index that the plan fills.
  const counted = table?.columns.filter(({ autoIncrement }) => autoIncrement).map(({ name }) => name) ?? [];
  const filled = table?.uniqueIndexes.filter((index) => index.every((name) => inserted.has(name))).flat() ?? [];
  gathering.add(step.table, "read", [...returned, ...counted, ...filled]);
}

/** An `sql:` step: the table that it writes, and whatever else it names. */
function addSql(sql: string, gathering: Gathering): void {
  addText(sql, gathering);
  const [, verb = "", target = ""] =
    /^\s*(insert\s+into|replace\s+into|update|delete\s+from)\s+([\w.$#\u0080-\uffff"`[\]]+)/iu.exec(bare(sql)) ?? [];
  if (verb === "") return;
  const name = target.replace(/["`[\]]/g, "");
  const table = gathering.find(name);
  // What its condition reads.
  if (table === undefined && !/^insert/i.test(verb)) gathering.add(name, "read", "all");
  const list = /^update/i.test(verb)
    ? /\bset\b([\s\S]*?)(?:\bwhere\b|$)/i.exec(sql)?.[1]
    : /^\s*\w+\s+into\s+[^\s(]+\s*\(([^)]*)\)/i.exec(sql)?.[1];
  const columns = table === undefined || list === undefined ? "all" : columnsNamed(table, list);
  if (/^(insert|replace)/i.test(verb)) gathering.add(name, "insert", columns);
  if (/^update/i.test(verb)) gathering.add(name, "update", columns);
  if (/^(delete|replace)/i.test(verb)) gathering.of(name).remove = true;
}
