/**
 * Which entities the portal holds, asked for over and over by rows that name them as parents, in no order. Whoever asks for one that is not remembered gets all of its
 * page remembered: reading a page costs more than hashing its keys.
 */
import { numberOf, pageOf, slotFlags, slotsPerPage } from "./digest-page.ts";
import type { Finder } from "./finder.ts";
import { type KeyBytes, KeyScratch } from "./key-bytes.ts";
import { KnownTable } from "./known-table.ts";
import type { Pages } from "./pages.ts";

export interface Known {
  /** Number of an entity that the portal holds; undefined where it holds none. */
  no(source: number, key: string): number | undefined;
  /** The same by the key's bytes; 0 where it holds none. */
  noOf(source: number, key: KeyBytes): number;
  clear(): void;
}

export function createKnown(pages: Pages, finder: Finder): Known {
  const table = new KnownTable();
  const scratch = new KeyScratch();
  const remembered = new Set<number>();
  const remember = (source: number, page: number): void => {
    remembered.add(page);
    const keys = pages.keys(page);
    const { flags } = pages.digests(page);
    for (let slot = 0; slot < slotsPerPage; slot++)
      if (((flags[slot] as number) & slotFlags.entity) !== 0) table.remember(source, keys.bytesAt(slot), numberOf(page, slot));
  };
  const look = (source: number, key: string): number => {
    const no = finder.byKey(source, key);
    if (no === undefined || (pages.flags(no) & slotFlags.entity) === 0) return 0;
    const page = pageOf(no);
    // What came to a page since is found in the other way: mostly it is still filling, and near at hand.
    if (!remembered.has(page)) remember(source, page);
    return no;
  };
  return {
    no: (source, key) => table.find(source, scratch.of(key)) || look(source, key) || undefined,
    noOf(source, key) {
      const found = table.find(source, key);
      return found !== 0 ? found : look(source, Buffer.from(key.bytes.subarray(key.start, key.end)).toString("utf8"));
    },
    clear() {
      table.clear();
      remembered.clear();
    },
  };
}
