/** How changes of a source are noticed where the ERP's schema lacks what told of them: compares take the place of each signal that does not work. */
import { FuserError } from "../base/errors.ts";
import type { Changes, Fault, Place, Schedule, Source, TouchedBy } from "../config/config.ts";
import type { Connector, Table } from "../connectors/connector.ts";
import type { CapturedSource } from "./capture/source.ts";
import { schemaMissing } from "./capture/status.ts";
import { missingTable, tableNamed } from "./compile.ts";
import type { Lack } from "./schema-lacks.ts";

/** As often as while a feed can't be used. */
const inPlaceMs = 900_000;

export interface WorkingSignals {
  /** With the signals that work. */
  source: Source;
  /** For capture: which do not, and why. */
  instead: Pick<CapturedSource, "lostSignals" | "instead">;
  lacks: readonly Lack[];
  /** A source that only grows lives on its column: nothing can take its place. */
  fault?: Fault;
}

export interface SignalParts {
  connector: Connector;
  tables: readonly Table[];
  signal: AbortSignal;
}

/** @throws FuserError what the connector throws */
export async function signalsThatWork(source: Source, parts: SignalParts): Promise<WorkingSignals> {
  const lost: { name: string; fault: Fault }[] = [];
  const table = source.signal?.table ?? (source.from.kind === "table" ? source.from.table : undefined);
  const keys = source.signal === undefined ? [] : source.signal.key;
  let { changes } = source;
  const isTold = changes.cursor !== undefined || changes.feed !== undefined;
  if (table !== undefined && isTold) {
    const fault = await lacking(parts, { table, columns: [...keys, ...cursorOf(changes)], at: source.signal?.at ?? changes.at });
    if (fault !== undefined) {
      if (source.append) return { source, instead: {}, lacks: [], fault };
      lost.push({ name: source.name, fault });
      changes = byCompare(changes);
    }
  }
  const touchedBy: TouchedBy[] = [];
  for (const touch of source.touchedBy) {
    const { table: child, at } = touch;
    const name = `${source.name}/${child}`;
    const keysLack = await lacking(parts, { table: child, columns: [...touch.key, ...(touch.own ?? [])], at });
    const cursorLacks =
      keysLack ?? (await lacking(parts, { table: child, columns: cursorOf(touch.changes), at: touch.changes.at }));
    if (cursorLacks !== undefined) lost.push({ name, fault: cursorLacks });
    // Without its keys nobody knows which parent a row belongs to: a compare of the parents shows what changed.
    if (keysLack !== undefined) changes = { ...changes, compare: oftenEnough(changes.compare) };
    else touchedBy.push(cursorLacks === undefined ? touch : { ...touch, changes: byCompare(touch.changes) });
  }
  const [first] = lost;
  if (first === undefined) return { source, instead: {}, lacks: [] };
  return {
    source: { ...source, changes, touchedBy },
    instead: {
      lostSignals: lost.map(({ name }) => name),
      instead: { code: schemaMissing, message: first.fault.message },
    },
    lacks: lost.map(({ name, fault }) => ({
      stops: "signal",
      source: source.name,
      name: name.split("/").at(-1) as string,
      fault,
    })),
  };
}

const cursorOf = ({ cursor }: Changes): string[] => (cursor === undefined ? [] : [cursor.column]);

/** The first that lacks of a table's columns, or the table. */
async function lacking(
  { connector, tables, signal }: SignalParts,
  { table, columns, at }: { table: string; columns: readonly string[]; at: Place },
): Promise<Fault | undefined> {
  const found = tableNamed(tables, table);
  if (found === undefined) return missingTable(table, at);
  const there = new Set(found.columns.map(({ name }) => name.toLowerCase()));
  let lacks: string | undefined;
  for (const name of columns) {
    if (lacks !== undefined || there.has(name.toLowerCase())) continue;
    if (!(await isHidden(connector, { table, column: name, signal }))) lacks = name;
  }
  if (lacks === undefined) return undefined;
  const remedy = "Is it named otherwise now, or may the account not see it? See `erpfuser grants`.";
  return { path: at.path, line: at.line, message: `Table ${found.name} has no column ${lacks}`, remedy };
}

/** Some databases have columns that they list nowhere: Oracle's ORA_ROWSCN, SQLite's rowid. */
async function isHidden(
  connector: Connector,
  { table, column, signal }: { table: string; column: string; signal: AbortSignal },
): Promise<boolean> {
  const query = {
    source: table,
    from: { table },
    key: [column],
    columns: [column],
    where: [],
    scope: [],
    flags: [],
    children: [],
  };
  try {
    await connector.describeQuery(query, signal);
    return true;
  } catch (error) {
    if (error instanceof FuserError && error.kind === "config" && error.code !== "erp-login-refused") return false;
    throw error;
  }
}

function byCompare(changes: Changes): Changes {
  return { ...changes, cursor: undefined, feed: undefined, compare: oftenEnough(changes.compare) };
}

function oftenEnough(compare: Schedule | undefined): Schedule {
  return compare?.kind === "every" && compare.ms <= inPlaceMs ? compare : { kind: "every", ms: inPlaceMs };
}
