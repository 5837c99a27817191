/** Which entities quarantine holds and which ones its entries wait for, in memory while there are few: of nearly every row asked about it knows neither. */
import type { Database } from "./database.ts";

type Kind = "held" | "waited-for";

export interface KnownPlaces {
  add(kind: Kind, source: number, key: string): void;
  /** False: certainly not. */
  mayHave(kind: Kind, source: number, key: string): boolean;
  /** The same of all keys of a source. */
  mayHaveAny(kind: Kind, source: number): boolean;
}

/** With more than these the database is asked each time. */
const most = 20_000;

type Keys = Map<number, Set<string>>;

export function createKnownPlaces(database: Database): KnownPlaces {
  const statements = {
    held: database.prepare("SELECT source, key FROM quarantine LIMIT ?"),
    "waited-for": database.prepare(
      "SELECT waits_source AS source, waits_key AS key FROM quarantine WHERE waits_source IS NOT NULL LIMIT ?",
    ),
  };
  const known: Record<Kind, Keys | "too-many" | undefined> = { held: undefined, "waited-for": undefined };
  const left: Record<Kind, number> = { held: 0, "waited-for": 0 };
  database.on("rolled-back", () => {
    known.held = undefined;
    known["waited-for"] = undefined;
  });
  const load = (kind: Kind): Keys | "too-many" => {
    const rows = statements[kind].all<{ source: number; key: string }>(most + 1);
    // What was added since counts twice over as much: then it is looked again how many there are.
    left[kind] = most;
    if (rows.length > most) return "too-many";
    const keys: Keys = new Map();
    for (const { source, key } of rows) addTo(keys, source, key);
    return keys;
  };
  const keysOf = (kind: Kind): Keys | "too-many" => {
    // Another process writes what a reader sees.
    if (database.readOnly) return "too-many";
    const keys = known[kind] ?? load(kind);
    known[kind] = keys;
    return keys;
  };
  return {
    add(kind, source, key) {
      const keys = known[kind];
      if (keys === undefined) return;
      if (--left[kind] <= 0) known[kind] = undefined;
      else if (keys !== "too-many") addTo(keys, source, key);
    },
    mayHave(kind, source, key) {
      const keys = keysOf(kind);
      return keys === "too-many" || keys.get(source)?.has(key) === true;
    },
    mayHaveAny(kind, source) {
      const keys = keysOf(kind);
      return keys === "too-many" || keys.has(source);
    },
  };
}

function addTo(keys: Keys, source: number, key: string): void {
  const own = keys.get(source) ?? new Set();
  keys.set(source, own.add(key));
}
