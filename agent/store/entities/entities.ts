/**
 * What the portal holds of each entity, as digests: the one last put into the outbox. It is written in the same transaction as the outbox, so that an
 * equal digest means that there is nothing to send.
 *
 * States lie in pages in the order of their arrival (docs/decisions/0021), changed in memory and written with the commit that changed them.
 */
import { keyDigest } from "../../../base/key-digest.ts";
import type { Database } from "../database.ts";
import type { Names } from "../names.ts";
import type { EntityPlace, EntityState, EntityStore, NewEntityState } from "../store.ts";
import { createAdder } from "./adder.ts";
import { createAwaited } from "./awaited.ts";
import { createDependents } from "./dependents.ts";
import { numberOf, pageOf, slotFlags, slotOf, slotsPerPage } from "./digest-page.ts";
import { createFinder } from "./finder.ts";
import { createKeyIndex, type KeyIndexLimits } from "./key-index.ts";
import { createKnown } from "./known.ts";
import { createPages } from "./pages.ts";
import { isSweepDue, sweep } from "./sweep.ts";
import { createWalks } from "./walk.ts";

export interface Entities extends EntityStore {
  /** Voids the row digests of all sources. */
  voidAll(): void;
}

const pendingAtOnce = 1_000;
const { row: rowFlag, entity: entityFlag, stranger: strangerFlag, used: usedFlag } = slotFlags;

/** What a test makes small, to meet with few entities what many bring about. */
export interface EntityLimits extends KeyIndexLimits {
  /** Numbers of entities that are gone before any is given anew. */
  leastDead: number;
  digestOf: (key: string) => bigint;
}

const usualLimits: EntityLimits = {
  leastToFold: 65_536,
  manyInVain: 2_000,
  // With what chance adds a leaf still fits a page of the database.
  leafEntries: 1_900,
  leastDead: 10_000,
  digestOf: keyDigest,
};

export function createEntities(database: Database, names: Names, limits: EntityLimits = usualLimits): Entities {
  const statements = prepareAll(database);
  const pages = createPages(database, () => known.clear());
  const { directory } = pages;
  const index = createKeyIndex(database, limits);
  const finder = createFinder(pages, index, limits.digestOf);
  const known = createKnown(pages, finder);
  const dependents = createDependents(database, pages);
  const awaited = createAwaited(database, names);
  const walks = createWalks({
    ...{ pages, finder },
    rest() {
      index.rest();
      known.clear();
    },
  });
  let removed = 0;
  let version: unknown;

  const forget = (): void => {
    removed = 0;
    known.clear();
    walks.rolledBack();
    for (const part of [pages, index, dependents, awaited]) part.forget();
  };
  database.on("rolled-back", forget);
  database.on("before-commit", () => {
    if (removed > 0 && isSweepDue(pages, limits.leastDead)) sweep(pages, index);
    removed = 0;
    pages.flush();
    index.flush();
  });

  /** What another process has committed since counts for a reader. */
  const look = (): void => {
    if (!database.readOnly) return;
    const now = database.pragma("data_version");
    if (now !== version) forget();
    version = now;
  };
  const stateOf = (no: number): EntityState => {
    const [page, slot] = [pages.digests(pageOf(no)), slotOf(no)];
    const flags = page.flags[slot] as number;
    return {
      no,
      rowDigest: (flags & rowFlag) === 0 ? undefined : page.rows[slot],
      entityDigest: (flags & entityFlag) === 0 ? undefined : page.entities[slot],
    };
  };
  const placeOf = (no: number): EntityPlace => ({ source: names.name(pages.source(no) as number), key: pages.key(no) });
  const find = (source: string, key: string): number | undefined => {
    look();
    return finder.byKey(names.no(source), key);
  };
  const get = (source: string, key: string): EntityState | undefined => {
    const no = find(source, key);
    return no === undefined ? undefined : stateOf(no);
  };
  const knownOf = (source: number): number =>
    directory.pagesOf(source).reduce((sum, entry) => sum + (directory.holds(entry) ? entry.known : 0), 0);
  const strangersOf = (source: number): number =>
    directory.pagesOf(source).reduce((sum, entry) => sum + (directory.holds(entry) ? entry.strangers : 0), 0);
  const isStranger = (source: string, key: string): boolean => {
    const no = find(source, key);
    return no !== undefined && (pages.flags(no) & strangerFlag) !== 0;
  };
  const wasLastPut = (no: number, entityDigest: bigint): boolean =>
    (pages.flags(no) & slotFlags.former) !== 0 && pages.digests(pageOf(no)).entities[slotOf(no)] === entityDigest;
  const made = (no: number): number => {
    walks.made(no);
    return no;
  };
  const setParents = (no: number, source: number, parents: NonNullable<NewEntityState["parents"]>): void => {
    const numbers: number[] = [];
    for (const parent of parents) {
      const parentSource = names.no(parent.source);
      const found = parent.no ?? finder.byKey(parentSource, parent.key);
      if (found === undefined || numbers.includes(found)) continue;
      numbers.push(found);
      dependents.note(source, parentSource);
    }
    pages.setParents(no, numbers);
  };

  return {
    get,
    getMany(source, keys, digests) {
      look();
      const no = names.no(source);
      return keys.map((key, at) => {
        const found = key === undefined ? undefined : finder.byKey(no, key, digests?.[at]);
        return found === undefined ? undefined : stateOf(found);
      });
    },
    put(source, key, { rowDigest, entityDigest, parents, before, keyDigest: digest, filled }) {
      return database.transaction(() => {
        const sourceNo = names.no(source);
        const place = before === undefined ? finder.byKey(sourceNo, key) : before === "none" ? undefined : before.no;
        // A row that could not be read says nothing of what the portal holds of it.
        const stranger = place === undefined || parents !== undefined ? 0 : pages.flags(place) & strangerFlag;
        const valid = (rowDigest === undefined ? 0 : rowFlag) | (entityDigest === undefined ? 0 : entityFlag);
        const state = { flags: usedFlag | stranger | valid, row: rowDigest, entity: entityDigest };
        const no = place ?? made(finder.add(sourceNo, key, state, digest));
        if (place !== undefined) pages.write(place, state);
        if (parents !== undefined) setParents(no, sourceNo, parents);
        if (filled !== undefined) pages.setFilled(no, filled.form, filled.bits);
        return no;
      });
    },
    add(source, key, { keyDigest: digest, rowDigest, entityDigest, parents, filled }) {
      database.requireTransaction();
      const sourceNo = names.no(source);
      const state = { flags: usedFlag | rowFlag | entityFlag, row: rowDigest, entity: entityDigest };
      const no = made(finder.add(sourceNo, key, state, digest));
      pages.setFilled(no, filled.form, filled.bits);
      if (parents.length === 0) return;
      for (const parent of parents) dependents.note(sourceNo, pages.source(parent) as number);
      pages.setParents(no, parents);
    },
    adder(source, { targets, form }) {
      database.requireTransaction();
      const parts = { finder, known, dependents, pages, made };
      return createAdder(parts, names.no(source), { targets: targets.map(names.no), form });
    },
    knownNo(source, key) {
      look();
      return known.no(names.no(source), key);
    },
    remove(source, key) {
      database.transaction(() => {
        const no = finder.byKey(names.no(source), key);
        if (no === undefined) return;
        pages.remove(no);
        walks.gone(no);
        removed += 1;
      });
    },
    known: (source, key) => get(source, key)?.entityDigest !== undefined,
    count(source) {
      look();
      return knownOf(names.no(source));
    },
    walk: (source) => walks.begin(names.no(source)),
    *held(source, from = 0) {
      const no = names.no(source);
      for (const page of directory.pagesOf(no).map((entry) => entry.no)) {
        const entry = directory.entry(page);
        if (page < from || entry?.source !== no || !directory.holds(entry)) continue;
        yield { entities: heldOn(page), next: page + 1 };
      }
    },
    dependentsOf(source, keys, limit) {
      const no = names.no(source);
      const numbers = keys.map((key) => finder.byKey(no, key));
      const found = dependents.of(
        no,
        numbers.filter((number) => number !== undefined),
        limit,
      );
      return numbers.map((number) => (number === undefined ? [] : (found.get(number) ?? []).map(placeOf)));
    },
    isStranger,
    hasStrangers(source, which) {
      const no = names.no(source);
      if (strangersOf(no) === 0) return false;
      return which === "any" || isAnyPending(no, (key) => isStranger(source, key));
    },
    filled: (no, form) => pages.filled(no, form),
    parentsOf(source, key) {
      const no = find(source, key);
      if (no === undefined) return [];
      return [...pages.parentsOf(no)].filter((parent) => (pages.flags(parent) & usedFlag) !== 0).map(placeOf);
    },
    awaiting: awaited.of,
    mayAwait: awaited.mayAwait,
    setAwaited: awaited.set,
    awaitedBy: awaited.by,
    allAwaiting: awaited.all,
    watchAwaited: awaited.watch,
    voidRowDigests(source, key) {
      database.transaction(() => {
        const sourceNo = names.no(source);
        if (key === undefined) return pages.begin("rows", sourceNo);
        const no = finder.byKey(sourceNo, key);
        if (no === undefined) return;
        const { entityDigest } = stateOf(no);
        pages.write(no, { flags: pages.flags(no) & ~rowFlag, row: undefined, entity: entityDigest });
      });
    },
    voidAll() {
      database.transaction(() => {
        for (const source of directory.sources()) pages.begin("rows", source);
      });
    },
    beginInventory(source) {
      database.transaction(() => pages.begin("entities", names.no(source)));
    },
    addInventory(source, held) {
      database.transaction(() => {
        const sourceNo = names.no(source);
        for (const { key, entityDigest } of held) {
          const no = finder.byKey(sourceNo, key);
          // Another state than the one whose references are noted here: what that refers to nobody knows.
          if (no !== undefined && !wasLastPut(no, entityDigest)) {
            pages.setParents(no, []);
            pages.setFilled(no, 0, 0);
          }
          const stranger = no === undefined || pages.parentsOf(no).length === 0 ? strangerFlag : 0;
          const state = { flags: usedFlag | entityFlag | stranger, row: undefined, entity: entityDigest };
          if (no === undefined) made(finder.add(sourceNo, key, state));
          else pages.write(no, state);
        }
      });
    },
    endInventory(source) {
      database.transaction(() => {
        const no = names.no(source);
        for (const entry of directory.pagesOf(no)) removed += removeForgotten(entry.no);
        statements.reconciled.run(no);
      });
    },
  };

  function isAnyPending(source: number, isIt: (key: string) => boolean): boolean {
    for (let after = ""; ; ) {
      const keys = statements.pending.all<{ key: string }>(source, after, pendingAtOnce);
      if (keys.some(({ key }) => isIt(key))) return true;
      if (keys.length < pendingAtOnce) return false;
      after = (keys.at(-1) as { key: string }).key;
    }
  }

  function heldOn(page: number): { key: string; entityDigest: bigint }[] {
    const { flags, entities } = pages.digests(page);
    const held: { key: string; entityDigest: bigint }[] = [];
    for (let slot = 0; slot < slotsPerPage; slot++) {
      if (((flags[slot] as number) & entityFlag) === 0) continue;
      held.push({ key: pages.key(numberOf(page, slot)), entityDigest: entities[slot] as bigint });
    }
    return held;
  }

  /** What the portal does not hold. */
  function removeForgotten(page: number): number {
    let count = 0;
    for (let slot = 0; slot < slotsPerPage; slot++) {
      if (((pages.digests(page).flags[slot] as number) & (usedFlag | entityFlag)) !== usedFlag) continue;
      pages.remove(page * slotsPerPage + slot);
      walks.gone(page * slotsPerPage + slot);
      count += 1;
    }
    return count;
  }
}

function prepareAll(database: Database) {
  return {
    pending: database.prepare("SELECT key FROM pending WHERE source = ? AND key > ? ORDER BY key LIMIT ?"),
    reconciled: database.prepare(
      "INSERT INTO source (no, reconciled) VALUES (?, 1) ON CONFLICT (no) DO UPDATE SET reconciled = 1",
    ),
  };
}
