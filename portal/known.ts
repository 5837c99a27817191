/**
 * Entities that are known to stand at the portal, tables and journal together: a cache in front of the tables, so that a child's parents are seldom looked up.
 * An entry is 64 bits of hash over link, type and id; like everywhere in the protocol, equal digests count as equal. What is not in here may still be known.
 */
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
  /** An upsert of it was journaled. */
  add(type: string, id: string): void;
  /** It was deleted, or may not be known for another reason. */
  remove(type: string, id: string): void;
  /** Found in the cache. */
  has(type: string, id: string): boolean;
  /**
   * Asks the tables. What they hold must still stand, so no delete of this agent may wait in the journal; with `ahead` none may be about to go there either,
   * and more of the type is read than was asked for. What they don't hold may have been journaled.
   */
  look(type: string, id: string, ahead: boolean): boolean;
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

function knownOfLink(parts: { store: Store; cache: Cache; random: Random }, agentId: string): KnownOfLink {
  const { store, cache, random } = parts;
  const salt = (): number => Math.floor(random() * 2 ** 32);
  const types = new Map<string, TypeOfLink>();
  const seedOf = (type: string): TypeOfLink => {
    let seed = types.get(type);
    if (seed === undefined) {
      seed = { high: salt(), low: salt(), last: undefined, generation: 0, ahead: undefined };
      types.set(type, seed);
    }
    return seed;
  };
  return {
    add: (type, id) => cache.add(seedOf(type), id),
    remove(type, id) {
      const seed = seedOf(type);
      seed.last = undefined;
      cache.remove(seed, id);
    },
    has(type, id) {
      const seed = seedOf(type);
      if (seed.last === id && seed.generation === cache.generation) return true;
      if (!cache.has(seed, id)) return false;
      seed.last = id;
      seed.generation = cache.generation;
      return true;
    },
    look(type, id, ahead) {
      const sql = `SELECT 1 FROM entity WHERE agent_id = ? AND type = ? AND id = ? AND ${stands}`;
      if (store.get(sql, agentId, type, id) === undefined) return false;
      const seed = seedOf(type);
      cache.add(seed, id);
      if (ahead) readAhead({ store, cache }, agentId, { type, seed, id });
      return true;
    },
  };
}

/**
 * Reads on where the last miss of this type left off: from the first id that was missed to the last of all, then from the first to there. So each id is read
 * once, in whatever order they are asked for.
 */
function readAhead(
  { store, cache }: { store: Store; cache: Cache },
  agentId: string,
  { type, seed, id }: { type: string; seed: TypeOfLink; id: string },
): void {
  if (seed.ahead?.generation !== cache.generation) seed.ahead = { generation: cache.generation, first: id, at: id, ids: 1 };
  const { ahead } = seed;
  if (ahead.at === undefined || cache.isFull) return;
  const found = store.get<{ ids: string | null; last: string }>(
    `SELECT group_concat(id, char(10)) AS ids, max(id) AS last FROM (
       SELECT id FROM entity INDEXED BY entity_live
       WHERE agent_id = ? AND type = ? AND deleted_at IS NULL AND id > ? AND id <= ? ORDER BY id LIMIT ?)`,
    agentId,
    type,
    ahead.at,
    ahead.at < ahead.first ? ahead.first : afterAll,
    ahead.ids,
  );
  ahead.ids = Math.min(ahead.ids * 2, mostReadAhead);
  const ids = found?.ids?.split("\n") ?? [];
  for (const one of ids) cache.add(seed, one);
  if (ids.length > 0) ahead.at = found?.last;
  // At the end it goes on at the beginning; back where it began there is nothing left.
  else ahead.at = ahead.at < ahead.first ? undefined : "";
}

interface Seed {
  high: number;
  low: number;
}

interface TypeOfLink extends Seed {
  /** Known, and likely to be asked for again: neighbours often have one parent. */
  last: string | undefined;
  /** Of the cache, when `last` was found there. */
  generation: number;
  /** How far ids were read ahead. */
  ahead: Ahead | undefined;
}

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

interface Cache {
  add(seed: Seed, id: string): void;
  remove(seed: Seed, id: string): void;
  has(seed: Seed, id: string): boolean;
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
  // Set by `hash`: two numbers without an object for each call.
  let high = 0;
  let low = 0;
  const hash = (seed: Seed, id: string): void => {
    let one = seed.high;
    let two = seed.low;
    for (let at = 0; at < id.length; at++) {
      const unit = id.charCodeAt(at);
      one = Math.imul(one ^ unit, 0x9e3779b1);
      two = (Math.imul(two ^ unit, 0x85ebca77) + (one >>> 15)) | 0;
    }
    // The final mixing of MurmurHash3 (github.com/aappleby/smhasher), each half with the other.
    one = Math.imul(one ^ (one >>> 16) ^ two, 0x85ebca6b);
    two = Math.imul(two ^ (two >>> 13) ^ one, 0xc2b2ae35);
    high = (one ^ (one >>> 16)) >>> 0;
    // 0 marks a free place.
    low = (two ^ (two >>> 15)) >>> 0 || 1;
  };
  /** Index of a place in `words`, counted from the hash's own. */
  const place = (distance: number): number => ((high + distance) & (entries - 1)) * 2;
  const has = (): boolean => {
    for (let distance = 0; distance < window; distance++) {
      const at = place(distance);
      if (words[at + 1] === 0) return false;
      if (words[at] === high && words[at + 1] === low) return true;
    }
    return false;
  };
  const put = (): void => {
    // Without room something else is forgotten.
    let distance = used > entries / 2 ? window : 0;
    while (distance < window && words[place(distance) + 1] !== 0) distance += 1;
    const at = place(distance % window);
    if (words[at + 1] === 0) used += 1;
    words[at] = high;
    words[at + 1] = low;
  };
  /** Twice the room; leaves the hash of `id` behind. */
  const grow = (seed: Seed, id: string): void => {
    const old = words;
    entries *= 2;
    words = new Uint32Array(entries * 2);
    used = 0;
    for (let at = 0; at < old.length; at += 2) {
      low = old[at + 1] as number;
      if (low === 0) continue;
      high = old[at] as number;
      put();
    }
    hash(seed, id);
  };
  return {
    add(seed, id) {
      hash(seed, id);
      if (has()) return;
      if (used > entries / 2 && entries < largest) grow(seed, id);
      put();
    },
    remove(seed, id) {
      hash(seed, id);
      // A gap that another removal left may have let it in twice.
      for (let distance = 0; distance < window; distance++) {
        const at = place(distance);
        if (words[at] !== high || words[at + 1] !== low) continue;
        words[at + 1] = 0;
        used -= 1;
      }
    },
    has(seed, id) {
      hash(seed, id);
      return has();
    },
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
