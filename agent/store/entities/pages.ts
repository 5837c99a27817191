/** All that is kept of entities, page by page: what is read here is as it will be committed, and every change goes through here. */
import type { Database } from "../database.ts";
import { DigestPage, numberOf, pageOf, slotFlags, slotOf, slotsPerPage } from "./digest-page.ts";
import { createDirectory, type Directory, type Generations, type PageEntry } from "./directory.ts";
import { FilledPage } from "./filled-page.ts";
import type { KeyBytes } from "./key-bytes.ts";
import { KeyPage } from "./key-page.ts";
import { createPageCache, type PageCache } from "./page-cache.ts";
import { PageMemory } from "./page-memory.ts";
import { ParentPage } from "./parent-page.ts";

/** In memory at most: 4 MB of digests, some 4 MB of keys, 1 MB of parents, 300 KB of what is filled. */
const digestPages = 256;
const keyPages = 160;
const parentPages = 128;
const filledPages = 128;

/** What a slot tells of its entity; without the flag of a digest that one is void. */
export interface SlotState {
  flags: number;
  row: bigint | undefined;
  entity: bigint | undefined;
}

/** A new entity as a slot takes it: digests in halves as `DigestPage` has them, but for the entity's own. One object may serve for many. */
export interface NewSlot {
  key: KeyBytes;
  keyLow: number;
  keyHigh: number;
  rowLow: number;
  rowHigh: number;
  entity: bigint;
  flags: number;
  /** Which fields have a value; of form 0 nothing is known. */
  form: number;
  filled: number;
}

export interface Pages {
  readonly directory: Directory;
  /** Voided digests are not marked as valid. */
  digests(page: number): DigestPage;
  keys(page: number): KeyPage;
  parents(page: number): ParentPage | undefined;
  key(no: number): string;
  /** What a number's slot holds; 0 where there is none. */
  flags(no: number): number;
  source(no: number): number | undefined;
  parentsOf(no: number): Uint32Array;
  /** Takes a free slot for a new entity. */
  take(source: number, made: NewSlot): number;
  write(no: number, state: SlotState): void;
  /** `count`: of the parents so many, the first ones, where not all. */
  setParents(no: number, parents: ArrayLike<number>, count?: number): void;
  /** Which fields had a value, in bits of this form; 0 where nothing is known. */
  filled(no: number, form: number): number;
  /** Of form 0 nothing is known. */
  setFilled(no: number, form: number, bits: number): void;
  /** The entity is gone: its number stays out of use until `free`. */
  remove(no: number): void;
  /** Voids digests of a source: those of its rows, or all. */
  begin(generation: keyof Generations, source: number): void;
  /** Lets the dead slots of a page be used again. */
  free(page: number): void;
  flush(): void;
  forget(): void;
}

/** `onLost`: called when the portal no longer holds some entity that it held. */
export function createPages(database: Database, onLost: () => void): Pages {
  const directory = createDirectory(database, slotsPerPage);
  const digests: PageCache<DigestPage> = createPageCache(database, {
    table: "digest_page",
    read: (bytes, no) => withoutVoid(new DigestPage(bytes), directory.entry(no) as PageEntry, directory),
    write: (page) => page.bytes,
    most: digestPages,
  });
  const memory = new PageMemory();
  const keys = createPageCache(database, {
    table: "key_page",
    read: (bytes) => new KeyPage(bytes),
    write: (page) => page.toBytes(memory),
    most: keyPages,
  });
  const parents = createPageCache(database, {
    table: "parent_page",
    read: (bytes) => new ParentPage(bytes),
    write: (page) => page.toBytes(memory),
    most: parentPages,
  });

  const filled: PageCache<FilledPage> = createPageCache(database, {
    table: "filled_page",
    read: (bytes) => new FilledPage(bytes),
    write: (page) => page.bytes,
    most: filledPages,
  });

  const digestsOf = (page: number): DigestPage => digests.get(page) ?? new DigestPage();
  const keysOf = (page: number): KeyPage => keys.get(page) ?? new KeyPage();
  /** A page of an earlier generation is brought to the present one when it is written: its counts then say what is still valid. */
  const change = (no: number, page: DigestPage): PageEntry => {
    const entry = directory.entry(no) as PageEntry;
    if (!directory.isCurrent(entry)) {
      const { rows, entities } = directory.generations(entry.source);
      Object.assign(entry, countOf(page), { rowGeneration: rows, entityGeneration: entities });
      directory.changed(entry);
    }
    digests.changed(no, page);
    return entry;
  };
  const setFlags = (entry: PageEntry, page: DigestPage, { slot, flags }: { slot: number; flags: number }): void => {
    const before = page.flags[slot] as number;
    if (before === flags) return;
    page.flags[slot] = flags;
    const [known, strangers] = [has(flags, "entity") - has(before, "entity"), has(flags, "stranger") - has(before, "stranger")];
    const [used, free] = [has(flags, "used") - has(before, "used"), Number(flags === 0) - Number(before === 0)];
    if (known === 0 && strangers === 0 && used === 0 && free === 0) return;
    if (known < 0) onLost();
    entry.known += known;
    entry.strangers += strangers;
    entry.used += used;
    entry.free += free;
    directory.changed(entry);
  };
  const write = (no: number, page: DigestPage, slot: number, { flags, row, entity }: SlotState): void => {
    const entry = change(no, page);
    page.rows[slot] = row ?? 0n;
    page.entities[slot] = entity ?? 0n;
    setFlags(entry, page, { slot, flags });
  };
  const setParents = (no: number, wanted: ArrayLike<number>, count = wanted.length): void => {
    const page = parents.get(pageOf(no));
    if (page === undefined && count === 0) return;
    const changed = page ?? new ParentPage();
    if (changed.set(slotOf(no), wanted, count)) parents.changed(pageOf(no), changed);
  };

  const setFilled = (no: number, form: number, bits: number): void => {
    const page = filled.get(pageOf(no));
    if (page === undefined && form === 0) return;
    const changed = page ?? new FilledPage();
    if (form === 0 ? changed.clear(slotOf(no)) : changed.set(slotOf(no), form, bits)) filled.changed(pageOf(no), changed);
  };

  return {
    directory,
    digests: digestsOf,
    keys: keysOf,
    parents: (page) => parents.get(page),
    key: (no) => keysOf(pageOf(no)).at(slotOf(no)),
    flags: (no) => (directory.entry(pageOf(no)) === undefined ? 0 : (digestsOf(pageOf(no)).flags[slotOf(no)] as number)),
    source: (no) => directory.entry(pageOf(no))?.source,
    parentsOf: (no) => parents.get(pageOf(no))?.of(slotOf(no)) ?? new Uint32Array(),
    take(source, made) {
      const entry = directory.withRoom(source);
      const page = digestsOf(entry.no);
      change(entry.no, page);
      // A page fills from its start; only what was freed lies elsewhere.
      const slot = page.flags[entry.used] === 0 ? entry.used : page.flags.indexOf(0);
      page.keyWords[2 * slot] = made.keyLow;
      page.keyWords[2 * slot + 1] = made.keyHigh;
      page.rowWords[2 * slot] = made.rowLow;
      page.rowWords[2 * slot + 1] = made.rowHigh;
      page.entities[slot] = made.entity;
      setFlags(entry, page, { slot, flags: made.flags });
      const names = keysOf(entry.no);
      names.set(slot, made.key);
      keys.changed(entry.no, names);
      const no = numberOf(entry.no, slot);
      // What was in the slot before has taken its word with it.
      if (made.form !== 0) setFilled(no, made.form, made.filled);
      return no;
    },
    write: (no, state) => write(pageOf(no), digestsOf(pageOf(no)), slotOf(no), state),
    setParents,
    filled: (no, form) => filled.get(pageOf(no))?.at(slotOf(no), form) ?? 0,
    setFilled,
    remove(no) {
      const [page, slot] = [digestsOf(pageOf(no)), slotOf(no)];
      const entry = change(pageOf(no), page);
      page.keys[slot] = 0n;
      setFlags(entry, page, { slot, flags: slotFlags.dead });
      setParents(no, []);
      setFilled(no, 0, 0);
    },
    begin(generation, source) {
      digests.flush();
      digests.forget();
      directory.begin(generation, source);
      onLost();
    },
    free(no) {
      const page = digestsOf(no);
      const entry = change(no, page);
      for (let slot = 0; slot < slotsPerPage; slot++)
        if (page.flags[slot] === slotFlags.dead) setFlags(entry, page, { slot, flags: 0 });
      directory.freed(entry.source);
    },
    flush() {
      digests.flush();
      keys.flush();
      parents.flush();
      filled.flush();
      directory.flush();
    },
    forget() {
      digests.forget();
      keys.forget();
      parents.forget();
      filled.forget();
      directory.forget();
    },
  };
}

function has(flags: number, flag: keyof typeof slotFlags): number {
  return Number((flags & slotFlags[flag]) !== 0);
}

/** Digests of an earlier generation are void. */
function withoutVoid(page: DigestPage, entry: PageEntry, directory: Directory): DigestPage {
  if (directory.isCurrent(entry)) return page;
  const { row, entity, stranger, former } = slotFlags;
  if (directory.holds(entry)) return masked(page, ~row);
  for (let slot = 0; slot < slotsPerPage; slot++) {
    const flags = (page.flags[slot] as number) & ~former;
    page.flags[slot] = (flags & entity) === 0 ? flags : flags | former;
  }
  return masked(page, ~(row | entity | stranger));
}

function masked(page: DigestPage, mask: number): DigestPage {
  for (let slot = 0; slot < slotsPerPage; slot++) page.flags[slot] = (page.flags[slot] as number) & mask;
  return page;
}

function countOf(page: DigestPage): Pick<PageEntry, "known" | "strangers"> {
  let [known, strangers] = [0, 0];
  for (const flags of page.flags) {
    known += has(flags, "entity");
    strangers += has(flags, "stranger");
  }
  return { known, strangers };
}
