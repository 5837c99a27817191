/**
 * Entities that are known to stand at the portal, tables and journal together: a cache in front of the tables, so that a child's parents are seldom looked up.
 * An entry is 64 bits of hash over link, type and id; like everywhere in the protocol, equal digests count as equal. What is not in here may still be known.
 */
import type { Random } from "../base/time.ts";
import { type Cache, createCache, type Seed } from "./known-cache.ts";
import type { Store } from "./store.ts";

/** Ids of a type read at once where lookups keep missing. */
const mostReadAhead = 8_192;

/** The known entities of one agent, as long as one link of it speaks: another gateway may take over in between. */
export interface KnownOfLink {
  of(type: string): KnownOfType;
  /** It speaks no more; to be called once. */
  end(): void;
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
  parts.cache.joined();
  return {
    of(type) {
      let known = types.get(type);
      if (known === undefined) {
        known = new OfType(parts, agentId, type);
        types.set(type, known);
      }
      return known;
    },
    end: () => parts.cache.left(),
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
