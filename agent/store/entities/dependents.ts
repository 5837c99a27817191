/** Who refers to whom, from the parent's side. Asked only before something is deleted: then the pages of all who may refer to it are gone through. */
import type { Database } from "../database.ts";
import { numberOf, slotFlags, slotsPerPage } from "./digest-page.ts";
import type { Pages } from "./pages.ts";

export interface Dependents {
  /** An entity of one source refers to one of another. */
  note(child: number, parent: number): void;
  /** Numbers of the entities that the portal holds and that refer to each of these, at most `limit` for each. */
  of(source: number, parents: readonly number[], limit: number): ReadonlyMap<number, readonly number[]>;
  forget(): void;
}

export function createDependents(database: Database, pages: Pages): Dependents {
  const all = database.prepare("SELECT child, parent FROM source_reference");
  const add = database.prepare("INSERT OR IGNORE INTO source_reference VALUES (?, ?)");
  /** Sources by those they refer to. */
  let referring: Map<number, Set<number>> | undefined;
  const load = (): Map<number, Set<number>> => {
    const loaded = new Map<number, Set<number>>();
    for (const { child, parent } of all.all<{ child: number; parent: number }>()) childrenIn(loaded, parent).add(child);
    return loaded;
  };
  const now = (): Map<number, Set<number>> => {
    referring ??= load();
    return referring;
  };
  return {
    note(child, parent) {
      const children = childrenIn(now(), parent);
      if (children.has(child)) return;
      children.add(child);
      add.run(child, parent);
    },
    of(source, parents, limit) {
      const found = new Map<number, number[]>(parents.map((no) => [no, []]));
      const wanted = bitsOf(parents);
      for (const child of now().get(source) ?? []) {
        for (const { no: page } of pages.directory.pagesOf(child))
          eachReference(pages, page, wanted, (no, parent) => {
            const children = found.get(parent) as number[];
            if (no !== parent && children.length < limit && (pages.flags(no) & slotFlags.entity) !== 0) children.push(no);
          });
      }
      return found;
    },
    forget() {
      referring = undefined;
    },
  };
}

function childrenIn(referring: Map<number, Set<number>>, parent: number): Set<number> {
  const known = referring.get(parent) ?? new Set();
  referring.set(parent, known);
  return known;
}

/** Numbers as bits: a page's references are looked up in it one by one. */
export function bitsOf(numbers: readonly number[]): Uint8Array {
  const bits = new Uint8Array((numbers.reduce((highest, no) => Math.max(highest, no), 0) >> 3) + 1);
  for (const no of numbers) bits[no >> 3] = (bits[no >> 3] as number) | (1 << (no & 7));
  return bits;
}

export const hasBit = (bits: Uint8Array, no: number): boolean => ((bits[no >> 3] ?? 0) & (1 << (no & 7))) !== 0;

/** Calls for each reference of a page's entities to one of the wanted numbers. */
export function eachReference(pages: Pages, page: number, wanted: Uint8Array, found: (no: number, parent: number) => void): void {
  const references = pages.parents(page);
  if (references === undefined) return;
  const { counts, numbers } = references;
  let at = 0;
  for (let slot = 0; slot < slotsPerPage; slot++) {
    for (const end = at + (counts[slot] as number); at < end; at++) {
      const parent = numbers[at] as number;
      if (hasBit(wanted, parent)) found(numberOf(page, slot), parent);
    }
  }
}
