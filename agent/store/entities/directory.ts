/**
 * Which pages there are, whose they are, and what is in them: a few numbers a page, kept in memory.
 *
 * A source has two generations. Row digests, or all digests, of a page that was last written under an earlier one are void: so all of a source's digests are
 * voided by writing one number.
 */
import type { Database } from "../database.ts";

export interface PageEntry {
  readonly no: number;
  readonly source: number;
  used: number;
  free: number;
  /** Entities that the portal holds; of an earlier generation: none. */
  known: number;
  strangers: number;
  rowGeneration: number;
  entityGeneration: number;
}

export interface Generations {
  rows: number;
  entities: number;
}

export interface Directory {
  entry(no: number): PageEntry | undefined;
  /** In the order in which they were made. */
  pagesOf(source: number): readonly PageEntry[];
  sources(): Iterable<number>;
  /** A page without entry is above every other. */
  highest(): number;
  generations(source: number): Readonly<Generations>;
  isCurrent(entry: PageEntry): boolean;
  /** Whether its entities' digests, and so its counts, are of the present generation. */
  holds(entry: PageEntry): boolean;
  /** A page of the source with a free slot, a new one where there is none. */
  withRoom(source: number): PageEntry;
  changed(entry: PageEntry): void;
  /** Slots of pages that were full may be free again. */
  freed(source: number): void;
  /** Voids digests of a source: those of rows, or all. */
  begin(generation: keyof Generations, source: number): void;
  flush(): void;
  forget(): void;
}

interface State {
  /** By number; the first page is 1, so that 0 is nobody's number. */
  entries: (PageEntry | undefined)[];
  bySource: Map<number, PageEntry[]>;
  generations: Map<number, Generations>;
  /** Where the last new entity of a source went. */
  open: Map<number, PageEntry>;
  /** So many of a source's first pages have no free slot: not looked at again for each page that fills. */
  full: Map<number, number>;
}

export function createDirectory(database: Database, slots: number): Directory {
  const statements = prepareAll(database);
  const changed = new Set<PageEntry>();
  const begun = new Set<number>();
  let state: State | undefined;
  const list = (bySource: State["bySource"], source: number): PageEntry[] => {
    const known = bySource.get(source);
    if (known !== undefined) return known;
    const made: PageEntry[] = [];
    bySource.set(source, made);
    return made;
  };
  const load = (): State => {
    const loaded: State = { entries: [undefined], bySource: new Map(), generations: new Map(), open: new Map(), full: new Map() };
    for (const entry of statements.all.all<PageEntry>()) {
      loaded.entries[entry.no] = entry;
      list(loaded.bySource, entry.source).push(entry);
    }
    for (const { source, ...generations } of statements.generations.all<Generations & { source: number }>())
      loaded.generations.set(source, generations);
    return loaded;
  };
  const now = (): State => {
    state ??= load();
    return state;
  };
  const generations = (source: number): Generations => {
    const { generations: known } = now();
    const found = known.get(source) ?? { rows: 0, entities: 0 };
    known.set(source, found);
    return found;
  };
  /** Those of the source asked for last: new entities ask for hundreds of thousands of times. */
  let last: { source: number; generations: Generations } | undefined;
  const generationsNow = (source: number): Generations => {
    if (last?.source !== source) last = { source, generations: generations(source) };
    return last.generations;
  };
  const add = (source: number): PageEntry => {
    const { entries, bySource } = now();
    const { rows, entities } = generations(source);
    const place = { no: entries.length, source, rowGeneration: rows, entityGeneration: entities };
    const entry: PageEntry = { ...place, used: 0, free: slots, known: 0, strangers: 0 };
    entries.push(entry);
    list(bySource, source).push(entry);
    changed.add(entry);
    return entry;
  };
  return {
    entry: (no) => now().entries[no],
    pagesOf: (source) => now().bySource.get(source) ?? [],
    sources: () => now().bySource.keys(),
    highest: () => now().entries.length - 1,
    generations,
    isCurrent(entry) {
      const { rows, entities } = generationsNow(entry.source);
      return entry.rowGeneration === rows && entry.entityGeneration === entities;
    },
    holds: (entry) => entry.entityGeneration === generations(entry.source).entities,
    withRoom(source) {
      const { open, bySource, full } = now();
      const last = open.get(source);
      if (last !== undefined && last.free > 0) return last;
      const own = list(bySource, source);
      let index = full.get(source) ?? 0;
      while (index < own.length && own[index]?.free === 0) index += 1;
      full.set(source, index);
      const found = own[index] ?? add(source);
      open.set(source, found);
      return found;
    },
    changed(entry) {
      changed.add(entry);
    },
    freed(source) {
      now().full.delete(source);
    },
    begin(generation, source) {
      generations(source)[generation] += 1;
      begun.add(source);
    },
    flush() {
      for (const source of begun) {
        const { rows, entities } = generations(source);
        statements.putGenerations.run(source, rows, entities);
      }
      begun.clear();
      for (const { no, source, used, free, known, strangers, rowGeneration, entityGeneration } of changed)
        statements.put.run(no, source, used, free, known, strangers, rowGeneration, entityGeneration);
      changed.clear();
    },
    forget() {
      state = undefined;
      last = undefined;
      changed.clear();
      begun.clear();
    },
  };
}

/** Index of a page among those of its source. */
export function indexOf(entries: readonly PageEntry[], page: number): number {
  let [low, high] = [0, entries.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as PageEntry).no < page) low = middle + 1;
    else high = middle;
  }
  return low;
}

function prepareAll(database: Database) {
  const columns = "row_generation AS rowGeneration, entity_generation AS entityGeneration";
  return {
    all: database.prepare(`SELECT no, source, used, free, known, strangers, ${columns} FROM page ORDER BY no`),
    put: database.prepare("INSERT OR REPLACE INTO page VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
    generations: database.prepare("SELECT source, row_generation AS rows, entity_generation AS entities FROM generation"),
    putGenerations: database.prepare("INSERT OR REPLACE INTO generation VALUES (?, ?, ?)"),
  };
}
