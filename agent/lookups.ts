/** Tables that the portal pushes and the mapping uses: kept in the store, in memory while the agent runs, and exchanged as a whole. */
import type { Finding } from "../base/findings.ts";
import type { Log } from "../base/log.ts";
import type { Clock } from "../base/time.ts";
import type { Hello, Lookup } from "../protocol/messages.ts";
import type { Json } from "../protocol/model.ts";
import type { Capture } from "./capture/capture.ts";
import { indexOf } from "./map/lookups.ts";
import type { LookupTable, LookupTables, Mapping } from "./map/mapped.ts";
import { codesByValue } from "./map/write-lookups.ts";
import type { StoredLookup } from "./store/lookups.ts";
import type { Store } from "./store/store.ts";

export interface Lookups {
  /** Has these mappings and commands use the tables, those of an agent whose parts were just built. */
  bind(users: readonly LookupUser[]): void;
  /** Names that they use, each with the version that is here. */
  used(): NonNullable<Hello["lookups"]>;
  /** Takes a table in place of the one before, and has those read again of which it says something else. */
  take(
    message: Lookup,
    capture: Pick<Capture, "remap">,
    signal: AbortSignal,
  ): Promise<{ outcome: "ok" | "refused"; reason?: string }>;
}

/** A mapping, or a compiled command. */
export type LookupUser = Pick<Mapping, "lookups">;

type Needs = ReadonlyMap<string, ReadonlySet<string | undefined>>;

export function openLookups({ store, log, clock }: { store: Store; log: Log; clock: Clock }): Lookups {
  /** By which rows are mapped, and as the store has them: what lies between the two is still to be marked. */
  const tables = new Map<string, LookupTable>();
  const kept = new Map<string, LookupTable & { version: string }>();
  for (const stored of store.lookups.all()) {
    tables.set(stored.name, tableOf(stored));
    kept.set(stored.name, { ...tableOf(stored), version: stored.version });
  }
  let generation = 1;
  let needs: Needs = new Map();
  const inUse: LookupTables = {
    get generation() {
      return generation;
    },
    of: (name) => tables.get(name),
  };
  const take: Lookups["take"] = async (message, capture, signal) => {
    const { name, version, fields, rows } = message;
    const takes = needs.get(name);
    const pause: Pause = () => clock.sleep(0, signal);
    const table: LookupTable = { fields, rows: new Map() };
    const reason = takes === undefined ? "no mapping uses it" : await fill(table, message, { takes, pause });
    if (reason !== undefined) {
      log.warn(`A table of the portal is not taken: ${reason}`, { code: "lookup-refused", lookup: name.slice(0, 100) });
      return { outcome: "refused", reason };
    }
    const changed = await changedRows([kept.get(name), tables.get(name)], table, { takes: takes ?? new Set(), pause });
    // In this order: whatever is read once it is marked must be mapped by the new table, and a kill in between has the portal send it again.
    tables.set(name, table);
    generation += 1;
    const remapped = await capture.remap({ lookup: name, rows: changed }, signal);
    store.transaction(() => store.lookups.put({ name, version, fields, rows }), "lookup");
    kept.set(name, { ...table, version });
    const counts = { rows: rows.length, changed: changed === "all" ? rows.length : changed.length, remapped };
    log.info("The portal sent a table", { code: "lookup-taken", lookup: name, ...counts });
    return { outcome: "ok" };
  };
  /** One after the other. */
  let last: Promise<unknown> = Promise.resolve();
  return {
    bind(users) {
      needs = needsOf(users);
      bindTo(users, inUse);
      if ([...kept.keys()].some((name) => !needs.has(name))) store.lookups.keepOnly([...needs.keys()]);
      for (const held of [tables, kept]) for (const name of held.keys()) if (!needs.has(name)) held.delete(name);
    },
    used: () => [...needs.keys()].map((name) => ({ name, version: kept.get(name)?.version ?? null })),
    take(message, capture, signal) {
      const done = last.then(() => take(message, capture, signal));
      last = done.catch(() => undefined);
      return done;
    },
  };
}

/** What the store of an agent holds of them, for a look at its mappings without it. */
export function bindStored(users: readonly LookupUser[], stored: readonly StoredLookup[]): void {
  const tables = new Map(stored.map((one) => [one.name, tableOf(one)]));
  bindTo(users, { generation: 1, of: (name) => tables.get(name) });
}

/** Commands that would have to refuse values, since several codes of a table that the portal has sent stand for one of them. */
export function ambiguousLookups(
  commands: ReadonlyMap<string, LookupUser>,
  stored: readonly Pick<StoredLookup, "name" | "fields" | "rows">[],
): Finding[] {
  return [...commands].flatMap(([command, { lookups }]) =>
    stored.flatMap((one) =>
      [...(lookups?.needs.get(one.name) ?? [])].flatMap((take): Finding[] => {
        const shared = [...codesByValue(tableOf(one), take).values()].filter((codes) => codes.length > 1);
        const first = shared[0]?.slice(0, 3).map((code) => code.slice(0, 40));
        if (first === undefined) return [];
        const values = shared.length === 1 ? "1 value" : `${shared.length} values`;
        const message = `${values} of the portal's table ${one.name} have several codes each, such as ${first.join(", ")}: a command with one of them is refused`;
        const remedy = "Let the portal keep one row for each value that its users can choose, or write the column with a map.";
        return [{ severity: "warning", code: "lookup-ambiguous", place: `commands.${command}`, message, remedy }];
      }),
    ),
  );
}

function bindTo(users: readonly LookupUser[], tables: LookupTables): void {
  for (const { lookups } of users) lookups?.use(tables);
}

function needsOf(users: readonly LookupUser[]): Needs {
  const needs = new Map<string, Set<string | undefined>>();
  for (const { lookups } of users)
    for (const [name, takes] of lookups?.needs ?? []) needs.set(name, new Set([...(needs.get(name) ?? []), ...takes]));
  return needs;
}

function tableOf({ fields, rows }: Pick<StoredLookup, "fields" | "rows">): LookupTable {
  return { fields, rows: new Map(rows.map((row) => [keyOf(row), row])) };
}

const keyOf = ([first]: readonly Json[]): string => String(first ?? "").trim();
const isScalar = (value: Json | undefined): boolean => value !== undefined && (value === null || typeof value !== "object");

/** Files the rows of a table that has come; gives why it can't be taken. */
async function fill(
  { rows: filed }: { rows: ReadonlyMap<string, readonly Json[]> },
  { fields, rows }: Lookup,
  { takes, pause }: { takes: ReadonlySet<string | undefined>; pause: Pause },
): Promise<string | undefined> {
  if (fields.length < 2 || new Set(fields).size < fields.length) return "it needs two fields or more, each of a name of its own";
  for (const take of takes)
    if (take !== undefined && !fields.includes(take)) return `the mapping takes its field ${take}, which it lacks`;
  for (const [index, row] of rows.entries()) {
    if (index % rowsAtOnce === rowsAtOnce - 1) await pause();
    const key = keyOf(row);
    if (row.length !== fields.length || key === "" || !row.every(isScalar))
      return `row ${index + 1} has no key, or not a plain value for each field`;
    (filed as Map<string, readonly Json[]>).set(key, row);
  }
  return filed.size < rows.length ? "a key stands in it twice" : undefined;
}

/** Keys of the rows that say another thing than one of those before in what the mapping takes of them. The first time all have waited, those without a row as well. */
async function changedRows(
  [kept, inUse]: readonly [LookupTable | undefined, LookupTable | undefined],
  now: LookupTable,
  { takes, pause }: { takes: ReadonlySet<string | undefined>; pause: Pause },
): Promise<string[] | "all"> {
  if (kept === undefined || inUse === undefined) return "all";
  const changed = new Set<string>();
  for (const before of new Set([kept, inUse].map(({ rows, fields }) => (rows === kept.rows ? kept : { rows, fields })))) {
    const places = [...takes].map((take) => [indexOf(before, take), indexOf(now, take)] as const);
    let looked = 0;
    for (const [key, row] of now.rows) {
      if (++looked % rowsAtOnce === 0) await pause();
      const was = before.rows.get(key);
      // All of them are plain values.
      if (was === undefined || places.some(([then, at]) => (was[then] ?? null) !== (row[at] ?? null))) changed.add(key);
    }
    for (const key of before.rows.keys()) {
      if (++looked % rowsAtOnce === 0) await pause();
      if (!now.rows.has(key)) changed.add(key);
    }
  }
  return [...changed];
}

/** Lets the heartbeat and single changes have their turns. */
type Pause = () => Promise<void>;
/** Some milliseconds of work. */
const rowsAtOnce = 5_000;
