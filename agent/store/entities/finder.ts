/** From an entity's key to its number. The index names candidates; what is proved by digest or by key is said at each function. */

import { numberOf, pageOf, slotFlags, slotOf, slotsPerPage } from "./digest-page.ts";
import { indexOf } from "./directory.ts";
import { KeyScratch } from "./key-bytes.ts";
import type { KeyIndex } from "./key-index.ts";
import type { NewSlot, Pages, SlotState } from "./pages.ts";

export interface Finder {
  /** By the key itself: digests that are equal by chance are told apart. */
  byKey(source: number, key: string, digest?: bigint): number | undefined;
  /** By the halves of a key's digest alone: at worst another entity of the source. */
  byDigest(source: number, low: number, high: number): number | undefined;
  /** Makes it known under its key. */
  add(source: number, key: string, state: SlotState, digest?: bigint): number;
  /** The same for what is at hand as bytes. */
  take(source: number, made: NewSlot): number;
}

const digests = new BigUint64Array(2);
const words = new Int32Array(digests.buffer);

export function createFinder(pages: Pages, index: KeyIndex, digestOf: (key: string) => bigint): Finder {
  const candidates: number[] = [];
  const scratch = new KeyScratch();
  /** Where the last key of a source was found: the next one asked for is often there, or right behind. */
  const lately = new Map<number, number>();
  const isAt = (no: number, source: number, low: number, high: number): boolean => {
    if (pages.source(no) !== source) return false;
    const [page, slot] = [pages.digests(pageOf(no)), slotOf(no)];
    if (page.keyWords[2 * slot] !== low || page.keyWords[2 * slot + 1] !== high) return false;
    return ((page.flags[slot] as number) & slotFlags.used) !== 0;
  };
  /** `key`: what proves it; without one the digest does. */
  const find = (source: number, low: number, high: number, key?: string): number | undefined => {
    index.find(hashOf(source, high), candidates);
    for (let at = 0; at < candidates.length; at++) {
      const no = candidates[at] as number;
      if (isAt(no, source, low, high) && (key === undefined || pages.key(no) === key)) return no;
    }
    return undefined;
  };
  const take = (source: number, made: NewSlot): number => {
    const no = pages.take(source, made);
    index.add(hashOf(source, made.keyHigh), no);
    return no;
  };
  return {
    byKey(source, key, digest = digestOf(key)) {
      digests[0] = digest;
      const low = words[0] as number;
      const high = words[1] as number;
      const isProved = (no: number): boolean => pages.key(no) === key;
      const last = lately.get(source);
      if (last !== undefined) {
        if (isAt(last, source, low, high) && isProved(last)) return last;
        const next = slotOf(last) + 1 < slotsPerPage ? last + 1 : nextPageStart(pages, source, last);
        if (next !== undefined && isAt(next, source, low, high) && isProved(next)) {
          lately.set(source, next);
          return next;
        }
      }
      const found = find(source, low, high, key);
      if (found !== undefined) lately.set(source, found);
      return found;
    },
    byDigest: (source, low, high) => find(source, low, high),
    add(source, key, { flags, row, entity }, digest = digestOf(key)) {
      digests[0] = digest;
      digests[1] = row ?? 0n;
      const [keyLow, keyHigh, rowLow, rowHigh] = words as unknown as [number, number, number, number];
      return take(source, {
        key: scratch.of(key),
        keyLow,
        keyHigh,
        rowLow,
        rowHigh,
        entity: entity ?? 0n,
        flags,
        form: 0,
        filled: 0,
      });
    },
    take,
  };
}

/** Sources often share their keys. */
function hashOf(source: number, high: number): number {
  return (high ^ Math.imul(source, 0x9e3779b1)) >>> 0;
}

function nextPageStart(pages: Pages, source: number, no: number): number | undefined {
  const own = pages.directory.pagesOf(source);
  const next = own[indexOf(own, pageOf(no)) + 1];
  return next && numberOf(next.no, 0);
}
