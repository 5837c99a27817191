/** A set of 64-bit hashes that may forget: what is in it was added and not removed since. */
import { murmur128 } from "../base/murmur.ts";

/** Places after its own where an entry may stand. */
const window = 32;
const smallest = 1_024;
/** 4 million entries, 32 MB, for all agents together. */
const largest = 1 << 22;
/** Entries put into their places at once: each waits for memory of its own, and one after the other they wait at the same time. */
const together = 256;

/** Told apart by 64 bits of chance for each type of each link. */
export interface Seed {
  high: number;
  low: number;
}

/** Every function but `hash` is about what was hashed last: two numbers without an object for each call. */
export interface Cache {
  hash(seed: Seed, bytes: DataView, start: number, end: number): void;
  /** Known from now on, although it is put into its place together with others. */
  add(): void;
  remove(): void;
  has(): boolean;
  clear(): void;
  /** A link has come that adds under seeds of its own; `left` when it is gone, and nobody will ask for what it has added. */
  joined(): void;
  left(): void;
  /** What is added now pushes something else out. */
  readonly isFull: boolean;
  /** How often it was emptied, by `clear` or to make room. */
  readonly generation: number;
  /** For so many entries it has taken memory, half of which are used at the most. */
  readonly places: number;
}

export function createCache(): Cache {
  let entries = smallest;
  let words = new Uint32Array(entries * 2);
  let used = 0;
  /** Added and not in their places yet. */
  const queue = new Uint32Array(together * 2);
  let queued = 0;
  let generation = 0;
  /** Links that may have something in here, and those of them that are still there. */
  let links = 0;
  let present = 0;
  let high = 0;
  let low = 0;
  /** Index in `words` of what was hashed last; of a free place for it, or one that must be freed, less one, negative. */
  const find = (): number => {
    const mask = entries - 1;
    for (let distance = 0; distance < window; distance++) {
      const at = ((high + distance) & mask) * 2;
      if (words[at + 1] === 0) return -at - 1;
      if (words[at] === high && words[at + 1] === low) return at;
    }
    return -(high & mask) * 2 - 1;
  };
  const put = (place: number): void => {
    // Without room something else is forgotten.
    const at = used > entries / 2 ? (high & (entries - 1)) * 2 : place;
    if (words[at + 1] === 0) used += 1;
    words[at] = high;
    words[at + 1] = low;
  };
  /** Twice the room. */
  const grow = (): void => {
    const old = words;
    const [ofHigh, ofLow] = [high, low];
    entries *= 2;
    words = new Uint32Array(entries * 2);
    used = 0;
    for (let at = 0; at < old.length; at += 2) {
      low = old[at + 1] as number;
      if (low === 0) continue;
      high = old[at] as number;
      put(-find() - 1);
    }
    [high, low] = [ofHigh, ofLow];
  };
  const forget = (): void => {
    words.fill(0);
    used = 0;
    generation += 1;
    links = present;
  };
  /** False where nothing can be done about it. What links have left behind can't be told from the rest: where most of them are gone all of it goes. */
  const makeRoom = (): boolean => {
    if (present * 2 < links) forget();
    else if (entries < largest) grow();
    else return false;
    return true;
  };
  const putOne = (): void => {
    let found = find();
    if (found >= 0) return;
    if (used > entries / 2 && makeRoom()) found = find();
    put(-found - 1);
  };
  /** Leaves what was hashed last as it is. */
  const putQueued = (): void => {
    const [ofHigh, ofLow] = [high, low];
    for (let at = 0; at < queued; at += 2) {
      high = queue[at] as number;
      low = queue[at + 1] as number;
      putOne();
    }
    queued = 0;
    [high, low] = [ofHigh, ofLow];
  };
  return {
    hash(seed, bytes, start, end) {
      const hashed = murmur128(bytes, start, end);
      high = ((hashed[0] as number) ^ seed.high) >>> 0;
      // 0 marks a free place.
      low = ((hashed[1] as number) ^ seed.low) >>> 0 || 1;
    },
    add() {
      queue[queued] = high;
      queue[queued + 1] = low;
      queued += 2;
      if (queued === queue.length) putQueued();
    },
    remove() {
      putQueued();
      // A gap that another removal left may have let it in twice.
      for (let distance = 0; distance < window; distance++) {
        const at = ((high + distance) & (entries - 1)) * 2;
        if (words[at] !== high || words[at + 1] !== low) continue;
        words[at + 1] = 0;
        used -= 1;
      }
    },
    has() {
      if (find() >= 0) return true;
      if (queued === 0) return false;
      putQueued();
      return find() >= 0;
    },
    clear() {
      forget();
      queued = 0;
    },
    joined() {
      links += 1;
      present += 1;
    },
    left() {
      present -= 1;
    },
    get isFull() {
      return entries === largest && used > entries / 2;
    },
    get generation() {
      return generation;
    },
    get places() {
      return entries;
    },
  };
}
