/**
 * Entities that are known to stand at the portal, tables and journal together: a cache in front of the tables, so that a child's parents are seldom looked up.
 * An entry is 64 bits of hash over link, type and id; like everywhere in the protocol, equal digests count as equal. What is not in here may still be known.
 */
import { murmur128 } from "../base/murmur.ts";
import type { Random } from "../base/time.ts";
import type { Store } from "./store.ts";

/** Places after its own where an entry may stand. */
const window = 32;
const smallest = 1_024;
/** 4 million entries, 32 MB, for all agents together. */
const largest = 1 << 22;
/** Ids of a type read at once where lookups keep missing. */
const mostReadAhead = 8_192;

/** The known entities of one agent, as long as one link of it speaks: another gateway may take over in between. */
export interface KnownOfLink {
  of(type: string): KnownOfType;
}

/** Those of one type. Ids must fit the model: their characters are bytes. */
export interface KnownOfType {
  /** An upsert of it was journaled. */
  add(id: string): void;
  /** It was deleted, or may not be known for another reason. */
  remove(id: string): void;
  /** Found in the cache. */
  has(id: string): boolean;
  /** The same of an id that stands between two places among bytes. */
  addAt(bytes: DataView, start: number, end: number): void;
  hasAt(bytes: DataView, start: number, end: number): boolean;
  /**
   * Asks the tables. What they hold must still stand, so no delete of this agent may wait in the journal; with `ahead` none may be about to go there either,
   * and more of the type is read than was asked for. What they don't hold may have been journaled.
   */
  look(id: string, ahead: boolean): boolean;
}

export interface Known {
  ofLink(agentId: string): KnownOfLink;
  /** Forgets everything: what was added has not become true. */
  clear(): void;
}

export function knownIn(store: Store, random: Random): Known {
  const cache = createCache();
  return {
    ofLink: (agentId) => knownOfLink({ store, cache, random }, agentId),
    clear: () => cache.clear(),
  };
}

/** Behind every id: they are ASCII. */
const afterAll = "~";

/** A replaced entity still counts: its children are re-homed, they do not become orphans. */
const stands = "(deleted_at IS NULL OR replaced_by IS NOT NULL)";

interface Parts {
  store: Store;
  cache: Cache;
  random: Random;
}

function knownOfLink(parts: Parts, agentId: string): KnownOfLink {
  const types = new Map<string, KnownOfType>();
  return {
    of(type) {
      let known = types.get(type);
      if (known === undefined) {
        known = new OfType(parts, agentId, type);
        types.set(type, known);
      }
      return known;
    },
  };
}

/** A class, because there are hundreds of it: closures made for each link would each have to become fast on their own. */
class OfType implements KnownOfType {
  readonly #store: Store;
  readonly #cache: Cache;
  readonly #of: readonly [agentId: string, type: string];
  readonly #seed: Seed;
  readonly #ahead: Ahead = { generation: -1, first: "", at: undefined, ids: 1 };

  constructor({ store, cache, random }: Parts, agentId: string, type: string) {
    const salt = (): number => Math.floor(random() * 2 ** 32);
    this.#store = store;
    this.#cache = cache;
    this.#of = [agentId, type];
    this.#seed = { high: salt(), low: salt() };
  }

  add(id: string): void {
    this.#hash(id);
    this.#cache.add();
  }

  remove(id: string): void {
    this.#hash(id);
    this.#cache.remove();
  }

  has(id: string): boolean {
    this.#hash(id);
    return this.#cache.has();
  }

  addAt(bytes: DataView, start: number, end: number): void {
    this.#cache.hash(this.#seed, bytes, start, end);
    this.#cache.add();
  }

  hasAt(bytes: DataView, start: number, end: number): boolean {
    this.#cache.hash(this.#seed, bytes, start, end);
    return this.#cache.has();
  }

  look(id: string, ahead: boolean): boolean {
    const sql = `SELECT 1 FROM entity WHERE agent_id = ? AND type = ? AND id = ? AND ${stands}`;
    if (this.#store.get(sql, ...this.#of, id) === undefined) return false;
    this.add(id);
    if (ahead) readAhead({ store: this.#store, cache: this.#cache, seed: this.#seed, ahead: this.#ahead }, [...this.#of, id]);
    return true;
  }

  #hash(id: string): void {
    this.#cache.hash(this.#seed, written.view, 0, written.write(id));
  }
}

/**
 * Reads on where the last miss of this type left off: from the first id that was missed to the last of all, then from the first to there. So each id is read
 * once, in whatever order they are asked for.
 */
function readAhead(
  { store, cache, seed, ahead }: { store: Store; cache: Cache; seed: Seed; ahead: Ahead },
  [agentId, type, id]: readonly [string, string, string],
): void {
  if (ahead.generation !== cache.generation) Object.assign(ahead, { generation: cache.generation, first: id, at: id, ids: 1 });
  if (ahead.at === undefined || cache.isFull) return;
  const found = store.get<{ ids: Uint8Array | null; last: string }>(
    `SELECT CAST(group_concat(id, char(10)) AS BLOB) AS ids, max(id) AS last FROM (
       SELECT id FROM entity INDEXED BY entity_live
       WHERE agent_id = ? AND type = ? AND deleted_at IS NULL AND id > ? AND id <= ? ORDER BY id LIMIT ?)`,
    agentId,
    type,
    ahead.at,
    ahead.at < ahead.first ? ahead.first : afterAll,
    ahead.ids,
  );
  ahead.ids = Math.min(ahead.ids * 2, mostReadAhead);
  if (found === undefined || found.ids === null) {
    // At the end it goes on at the beginning; back where it began there is nothing left.
    ahead.at = ahead.at < ahead.first ? undefined : "";
    return;
  }
  ahead.at = found.last;
  const { ids } = found;
  const view = viewOf(ids);
  for (let start = 0; start < ids.length; ) {
    const newline = ids.indexOf(0x0a, start);
    const end = newline < 0 ? ids.length : newline;
    cache.hash(seed, view, start, end);
    cache.add();
    start = end + 1;
  }
}

/** The bytes as `KnownOfType` takes them. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Where an id is written before its bytes are hashed. */
const written = (() => {
  let bytes = Buffer.alloc(1_024);
  let view = viewOf(bytes);
  return {
    get view() {
      return view;
    },
    /** Returns its end. */
    write(id: string): number {
      if (id.length > bytes.length) {
        bytes = Buffer.alloc(id.length);
        view = viewOf(bytes);
      }
      return bytes.write(id, "latin1");
    },
  };
})();

/** Told apart by 64 bits of chance for each type of each link. */
interface Seed {
  high: number;
  low: number;
}

/** How far ids of a type were read ahead. */
interface Ahead {
  /** Of the cache: what was read before is forgotten. */
  generation: number;
  /** Where it began. */
  first: string;
  /** The last id read; undefined once all are. */
  at: string | undefined;
  /** How many to read next. */
  ids: number;
}

/** Every function but `hash` is about what was hashed last: two numbers without an object for each call. */
interface Cache {
  hash(seed: Seed, bytes: DataView, start: number, end: number): void;
  add(): void;
  remove(): void;
  has(): boolean;
  clear(): void;
  /** What is added now pushes something else out. */
  readonly isFull: boolean;
  /** How often it was cleared. */
  readonly generation: number;
}

function createCache(): Cache {
  let entries = smallest;
  let words = new Uint32Array(entries * 2);
  let used = 0;
  let generation = 0;
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
  return {
    hash(seed, bytes, start, end) {
      const hashed = murmur128(bytes, start, end);
      high = ((hashed[0] as number) ^ seed.high) >>> 0;
      // 0 marks a free place.
      low = ((hashed[1] as number) ^ seed.low) >>> 0 || 1;
    },
    add() {
      let found = find();
      if (found >= 0) return;
      if (used > entries / 2 && entries < largest) {
        grow();
        found = find();
      }
      put(-found - 1);
    },
    remove() {
      // A gap that another removal left may have let it in twice.
      for (let distance = 0; distance < window; distance++) {
        const at = ((high + distance) & (entries - 1)) * 2;
        if (words[at] !== high || words[at + 1] !== low) continue;
        words[at + 1] = 0;
        used -= 1;
      }
    },
    has: () => find() >= 0,
    clear() {
      words.fill(0);
      used = 0;
      generation += 1;
    },
    get isFull() {
      return entries === largest && used > entries / 2;
    },
    get generation() {
      return generation;
    },
  };
}
