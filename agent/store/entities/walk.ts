import type { EntityWalk } from "../store.ts";
import { Cursor } from "./cursor.ts";
import { numberOf, slotFlags, slotsPerPage } from "./digest-page.ts";
import type { Finder } from "./finder.ts";
import type { Pages } from "./pages.ts";
import { Seen } from "./seen.ts";

const keysAtOnce = 2_000;

export interface Walks {
  begin(source: number): EntityWalk;
  /** A number was given: none of the walks under way began with this entity. */
  made(no: number): void;
  /** An entity is gone. */
  gone(no: number): void;
  /** A transaction was rolled back, and with it numbers that were given or became free. */
  rolledBack(): void;
}

/** The scans under way, each with what it has seen; `rest`: the last one is over. */
export function createWalks(parts: { pages: Pages; finder: Finder; rest: () => void }): Walks {
  const { pages, finder, rest } = parts;
  const { directory } = pages;
  const under = new Set<Seen>();
  return {
    begin(source) {
      const seen = new Seen(directory.highest());
      under.add(seen);
      const cursor = new Cursor({ pages, finder, source, seen });
      return {
        differing: (keyDigests, rowDigests) => cursor.differing(keyDigests, rowDigests),
        see: ({ no }) => seen.add(no),
        unseen: () => unseenKeys(pages, source, seen),
        [Symbol.dispose]() {
          under.delete(seen);
          if (under.size === 0) rest();
        },
      };
    },
    made(no) {
      for (const seen of under) seen.add(no);
    },
    gone(no) {
      for (const seen of under) seen.remove(no);
    },
    rolledBack() {
      for (const seen of under) seen.doubt();
    },
  };
}

function* unseenKeys(pages: Pages, source: number, seen: Seen): Generator<readonly string[]> {
  let keys: string[] = [];
  for (const { no: page, used } of [...pages.directory.pagesOf(source)]) {
    // Of most pages every row was seen: they need not be read once more.
    if (seen.hasAll(page, used)) continue;
    const { flags } = pages.digests(page);
    for (let slot = 0; slot < slotsPerPage; slot++) {
      const no = numberOf(page, slot);
      if (((flags[slot] as number) & slotFlags.used) !== 0 && !seen.has(no)) keys.push(pages.key(no));
    }
    if (keys.length < keysAtOnce) continue;
    yield keys;
    keys = [];
  }
  if (keys.length > 0) yield keys;
}
