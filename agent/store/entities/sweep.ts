/**
 * The number of an entity that is gone may still be named by references and by the index. When many are, those are cleared of them in one go, and the numbers
 * can be given to new entities.
 */
import { bitsOf, eachReference, hasBit } from "./dependents.ts";
import { numberOf, slotFlags, slotsPerPage } from "./digest-page.ts";
import type { PageEntry } from "./directory.ts";
import type { KeyIndex } from "./key-index.ts";
import type { Pages } from "./pages.ts";

/** It goes through everything: only when so many slots, and a quarter of all, are dead. */
export function isSweepDue({ directory }: Pages, leastDead: number): boolean {
  let [dead, slots] = [0, 0];
  for (const source of directory.sources()) {
    for (const entry of directory.pagesOf(source)) {
      dead += deadIn(entry);
      slots += slotsPerPage;
    }
  }
  return dead > leastDead && 4 * dead > slots;
}

export function sweep(pages: Pages, index: KeyIndex): void {
  const entries = [...pages.directory.sources()].flatMap((source) => pages.directory.pagesOf(source));
  const dead = bitsOf(entries.filter((entry) => deadIn(entry) > 0).flatMap((entry) => deadOf(pages, entry)));
  for (const { no: page } of entries) {
    const children = new Set<number>();
    eachReference(pages, page, dead, (no) => children.add(no));
    for (const no of children)
      pages.setParents(
        no,
        [...pages.parentsOf(no)].filter((parent) => !hasBit(dead, parent)),
      );
  }
  index.drop((no) => hasBit(dead, no));
  for (const entry of entries) if (deadIn(entry) > 0) pages.free(entry.no);
}

const deadIn = ({ used, free }: PageEntry): number => slotsPerPage - used - free;

function deadOf(pages: Pages, { no: page }: PageEntry): number[] {
  const numbers: number[] = [];
  for (const [slot, flags] of pages.digests(page).flags.entries())
    if (flags === slotFlags.dead) numbers.push(numberOf(page, slot));
  return numbers;
}
