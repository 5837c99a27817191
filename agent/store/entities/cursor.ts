/**
 * A scan's way through the entities of a source. An ERP mostly shows its rows in the same order again, so the next row is looked for right behind the last one;
 * the order is a matter of speed alone.
 */
import type { Differing } from "../store.ts";
import { type DigestPage, numberOf, pageOf, slotFlags, slotOf, slotsPerPage } from "./digest-page.ts";
import { indexOf, type PageEntry } from "./directory.ts";
import type { Finder } from "./finder.ts";
import type { Pages } from "./pages.ts";
import type { Seen } from "./seen.ts";

/** So far ahead a row is looked for, when entities in between are gone from the ERP. */
const lookAhead = 32;
/** After so many rows that were not found near by they are taken for new ones. */
const manyMisses = 4;

export interface CursorParts {
  pages: Pages;
  finder: Finder;
  source: number;
  seen: Seen;
}

export class Cursor {
  readonly #parts: CursorParts;
  /** Where the next row is expected, counted over all slots of the source's pages. */
  #place = 0;
  /** Where it was expected before the last jump. */
  #before = 0;
  /** Rows in a row that were not found near by. */
  #misses = 0;

  constructor(parts: CursorParts) {
    this.#parts = parts;
  }

  /** See `EntityWalk`. Of what counts as seen 128 bits of key and row agree, so nothing else need be known of it. */
  differing(keyDigests: BigUint64Array, rowDigests: BigUint64Array): Differing {
    const { pages, seen } = this.#parts;
    const [keys, rows] = [wordsOf(keyDigests), wordsOf(rowDigests)];
    const valid = slotFlags.used | slotFlags.row;
    const differing: number[] = [];
    const isNew: boolean[] = [];
    let here: { page: DigestPage; first: number } | undefined;
    let slot = slotsPerPage;
    for (let at = 0; at < keys.length; at += 2) {
      const low = keys[at] as number;
      const high = keys[at + 1] as number;
      if (slot >= slotsPerPage || here === undefined || !isKey(here.page, slot, low, high)) {
        const place = this.#seek(low, high);
        if (place === undefined) {
          differing.push(at >> 1);
          isNew.push(true);
          continue;
        }
        this.#place = place;
        const entry = this.#entries()[Math.floor(place / slotsPerPage)] as PageEntry;
        here = { page: pages.digests(entry.no), first: numberOf(entry.no, 0) };
        slot = place % slotsPerPage;
      }
      const { page, first } = here;
      const isSame = page.rowWords[2 * slot] === rows[at] && page.rowWords[2 * slot + 1] === rows[at + 1];
      if (isSame && ((page.flags[slot] as number) & valid) === valid) seen.add(first + slot);
      else {
        differing.push(at >> 1);
        isNew.push(false);
      }
      slot += 1;
      this.#place += 1;
    }
    return { indexes: differing, isNew };
  }

  #entries(): readonly PageEntry[] {
    return this.#parts.pages.directory.pagesOf(this.#parts.source);
  }

  /** The place of a key digest, if there is one. */
  #seek(low: number, high: number): number | undefined {
    // A row without key.
    if (low === 0 && high === 0) return undefined;
    const near = this.#misses < manyMisses ? this.#near(low, high) : undefined;
    if (near !== undefined) this.#misses = 0;
    else this.#misses += 1;
    const found = near ?? this.#far(low, high);
    if (found === undefined || found === this.#place) return found;
    if (near === undefined) this.#misses = 0;
    this.#before = this.#place;
    return found;
  }

  #near(low: number, high: number): number | undefined {
    return this.#ahead(this.#place, low, high) ?? this.#ahead(this.#before, low, high);
  }

  #ahead(from: number, low: number, high: number): number | undefined {
    const entries = this.#entries();
    for (let place = from; place < from + lookAhead; ) {
      const entry = entries[Math.floor(place / slotsPerPage)];
      if (entry === undefined) return undefined;
      const page = this.#parts.pages.digests(entry.no);
      for (let slot = place % slotsPerPage; slot < slotsPerPage && place < from + lookAhead; slot++, place++)
        if (isKey(page, slot, low, high)) return place;
    }
    return undefined;
  }

  #far(low: number, high: number): number | undefined {
    const { finder, source } = this.#parts;
    const no = finder.byDigest(source, low, high);
    return no === undefined ? undefined : indexOf(this.#entries(), pageOf(no)) * slotsPerPage + slotOf(no);
  }
}

function isKey(page: DigestPage, slot: number, low: number, high: number): boolean {
  return page.keyWords[2 * slot] === low && page.keyWords[2 * slot + 1] === high;
}

function wordsOf(digests: BigUint64Array): Int32Array {
  return new Int32Array(digests.buffer, digests.byteOffset, 2 * digests.length);
}
