/**
 * Finds an entity's number by a 32-bit hash of its source and key digest. What was filed lately lies in a log, and in memory; the rest in leaves, each the sorted
 * entries of an equal share of all hashes. When the log has grown to a share of the whole, it is folded into the leaves, which are cut anew, piece by piece over
 * the commits that follow. An entry is never wrong for being there twice or for an entity that is gone: whoever asks looks at the entity's page.
 */
import type { Database } from "../database.ts";
import { HashFilter } from "./hash-filter.ts";
import { NumberTable } from "./number-table.ts";

export interface KeyIndex {
  /** Fills `into` with the numbers filed under a hash, and returns it. */
  find(hash: number, into: number[]): number[];
  add(hash: number, no: number): void;
  /** Writes what was added, and goes on folding. */
  flush(): void;
  /** Drops the entries of numbers that are to be given anew. */
  drop(isDropped: (no: number) => boolean): void;
  /** Bulk work is over: what served it alone is given back. */
  rest(): void;
  forget(): void;
}

const mostLogRows = 32_768;
const leavesInMemory = 256;
/** Leaves of the generation that is being made are kept apart from the ones before. */
const generationStep = 2 ** 40;
const allHashes = 2 ** 32;

interface State {
  generation: number;
  /** Leaves of this generation, each with an equal share of all hashes. */
  leaves: number;
  /** While the log is folded: leaves of the next generation, and the hash before which they are made already. */
  nextLeaves: number;
  position: number;
  /** Last row of the log that is being folded. */
  foldTo: number;
  /** Entries in all leaves. */
  entries: number;
}

/** What is in memory of the log. */
interface Log {
  young: NumberTable;
  rows: number;
  lastRow: number;
  /** What is being folded, and the same in order. */
  folding: { table: NumberTable; sorted: Uint32Array; at: number } | undefined;
}

export interface KeyIndexLimits {
  /** The log is folded when it holds so many entries, or a sixteenth of all. */
  leastToFold: number;
  /** So many reads of leaves that found nothing, and a filter is worth its memory. */
  manyInVain: number;
  /** Of a leaf, on average. */
  leafEntries: number;
}

export function createKeyIndex(database: Database, { leastToFold, manyInVain, leafEntries }: KeyIndexLimits): KeyIndex {
  const statements = prepareAll(database);
  const leaves = new Map<number, Uint32Array>();
  let state: State | undefined;
  let log: Log | undefined;
  let fresh: number[] = [];
  let filter: HashFilter | undefined;
  let inVain = 0;

  const now = (): State => {
    state ??= statements.state.get<State>() ?? {
      generation: 0,
      leaves: 0,
      nextLeaves: 0,
      position: 0,
      foldTo: 0,
      entries: 0,
    };
    return state;
  };
  const loadLog = (): Log => {
    const { foldTo, position } = now();
    const loaded: Log = { young: new NumberTable(), rows: 0, lastRow: foldTo, folding: undefined };
    const folding = new NumberTable();
    for (const { id, entries } of statements.log.all<{ id: number; entries: Uint8Array }>()) {
      const into = id <= foldTo ? folding : loaded.young;
      if (id > foldTo) loaded.rows += 1;
      loaded.lastRow = id;
      const pairs = wordsOf(entries);
      for (let at = 0; at < pairs.length; at += 2) into.add(pairs[at + 1] as number, pairs[at] as number);
    }
    if (now().nextLeaves > 0) {
      const sorted = folding.sorted();
      loaded.folding = { table: folding, sorted, at: firstFrom(sorted, position) };
    }
    return loaded;
  };
  const logged = (): Log => {
    log ??= loadLog();
    return log;
  };
  const readLeaf = (id: number): Uint32Array => {
    const known = leaves.get(id);
    if (known !== undefined) {
      leaves.delete(id);
      leaves.set(id, known);
      return known;
    }
    const row = statements.leaf.get<{ entries: Uint8Array }>(id);
    const leaf = row === undefined ? new Uint32Array() : wordsOf(row.entries);
    leaves.set(id, leaf);
    if (leaves.size > leavesInMemory) leaves.delete(leaves.keys().next().value as number);
    return leaf;
  };
  const leafOf = (hash: number): Uint32Array => {
    const { generation, leaves: count, nextLeaves, position } = now();
    if (hash < position) return readLeaf((generation + 1) * generationStep + shareOf(hash, nextLeaves));
    return count === 0 ? new Uint32Array() : readLeaf(generation * generationStep + shareOf(hash, count));
  };

  const makeFilter = (): HashFilter => {
    const made = new HashFilter(Math.max(2 * now().entries, 2 ** 19));
    const { young, folding } = logged();
    addAll(made, young.sorted());
    addAll(made, folding?.sorted ?? new Uint32Array());
    for (let after = -1; ; ) {
      const rows = statements.leavesAfter.all<{ id: number; entries: Uint8Array }>(after);
      for (const { id, entries } of rows) {
        after = id;
        addAll(made, wordsOf(entries));
      }
      if (rows.length === 0) return made;
    }
  };

  const beginFold = (): void => {
    const at = logged();
    const { generation, leaves: count, entries } = now();
    const sorted = at.young.sorted();
    at.folding = { table: at.young, sorted, at: 0 };
    at.young = at.young.successor();
    at.rows = 0;
    const nextLeaves = Math.max(1, Math.ceil((entries + sorted.length / 2) / leafEntries));
    state = { generation, leaves: count, nextLeaves, position: 0, foldTo: at.lastRow, entries };
  };

  /** Makes leaves of the next generation until about so many entries are through. */
  const fold = (budget: number): void => {
    const { folding } = logged();
    if (folding === undefined) return;
    const before = now();
    const { generation, nextLeaves } = before;
    let { position, entries } = before;
    let next = Math.round((position * nextLeaves) / allHashes);
    for (let left = budget; left > 0 && next < nextLeaves; next++) {
      const end = startOf(next + 1, nextLeaves);
      const old = oldEntries(before, startOf(next, nextLeaves), end);
      const from = folding.at;
      while (folding.at < folding.sorted.length && (folding.sorted[folding.at + 1] as number) < end) folding.at += 2;
      const merged = merge(old, folding.sorted.subarray(from, folding.at));
      const id = (generation + 1) * generationStep + next;
      statements.putLeaf.run(id, bytesOf(merged));
      leaves.delete(id);
      entries += (merged.length - old.length) / 2;
      left -= merged.length / 2 + 1;
      position = end;
    }
    const done = next >= nextLeaves;
    const gone = done ? before.leaves : shareOf(position, before.leaves);
    statements.dropLeaves.run(generation * generationStep, generation * generationStep + gone);
    if (done) {
      state = { generation: generation + 1, leaves: nextLeaves, nextLeaves: 0, position: 0, foldTo: 0, entries };
      statements.dropLog.run(before.foldTo);
      logged().folding = undefined;
      leaves.clear();
    } else state = { ...before, position, entries };
  };

  const oldEntries = ({ generation, leaves: count }: State, start: number, end: number): Uint32Array => {
    if (count === 0) return new Uint32Array();
    const parts: Uint32Array[] = [];
    for (let share = shareOf(start, count); share <= shareOf(end - 1, count); share++) {
      const leaf = readLeaf(generation * generationStep + share);
      parts.push(leaf.subarray(firstFrom(leaf, start), firstFrom(leaf, end)));
    }
    return parts.length === 1 ? (parts[0] as Uint32Array) : joined(parts);
  };

  const saveState = (): void => {
    const { generation, leaves: count, nextLeaves, position, foldTo, entries } = now();
    statements.putState.run(generation, count, nextLeaves, position, foldTo, entries);
  };

  return {
    find(hash, into) {
      into.length = 0;
      if (filter !== undefined && !filter.mayHave(hash)) return into;
      const { young, folding } = logged();
      young.collect(hash, into);
      folding?.table.collect(hash, into);
      const before = into.length;
      const leaf = leafOf(hash);
      for (let at = firstFrom(leaf, hash); at < leaf.length && leaf[at + 1] === hash; at += 2) into.push(leaf[at] as number);
      if (filter === undefined && into.length === before && leaf.length > 0 && ++inVain >= manyInVain) filter = makeFilter();
      return into;
    },
    add(hash, no) {
      logged().young.add(hash, no);
      fresh.push(no, hash);
      filter?.add(hash);
      // Too full, it would be in doubt too often.
      if (filter !== undefined && filter.size > filter.capacity) filter = undefined;
    },
    flush() {
      if (fresh.length === 0) return;
      const at = logged();
      const added = fresh.length / 2;
      at.lastRow = statements.addLog.insert(bytesOf(new Uint32Array(fresh)));
      at.rows += 1;
      fresh = [];
      const { entries } = now();
      const toFold = Math.max(leastToFold, entries / 16);
      const before = state;
      if (at.folding === undefined && (at.young.size >= toFold || at.rows >= mostLogRows)) beginFold();
      // Through before the log is full again: an entry that comes pays for its share of those that are there.
      if (at.folding !== undefined) fold(1 + 2 * added * (1 + entries / toFold));
      if (state !== before) saveState();
    },
    drop(isDropped) {
      const at = logged();
      while (at.folding !== undefined) fold(Number.POSITIVE_INFINITY);
      beginFold();
      fold(Number.POSITIVE_INFINITY);
      const { generation, leaves: count } = now();
      let entries = 0;
      for (let share = 0; share < count; share++) {
        const id = generation * generationStep + share;
        const kept = without(readLeaf(id), isDropped);
        statements.putLeaf.run(id, bytesOf(kept));
        entries += kept.length / 2;
      }
      leaves.clear();
      filter = undefined;
      state = { ...now(), entries };
      saveState();
    },
    rest() {
      filter = undefined;
      inVain = 0;
    },
    forget() {
      state = undefined;
      log = undefined;
      fresh = [];
      leaves.clear();
      filter = undefined;
    },
  };
}

/** Which of so many equal shares of all hashes this one falls into, and where a share begins. */
const shareOf = (hash: number, shares: number): number => Math.floor((hash * shares) / allHashes);
const startOf = (share: number, shares: number): number => Math.ceil((share * allHashes) / shares);

const bytesOf = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}

/** Index of the first pair whose hash is at least this one. */
function firstFrom(pairs: Uint32Array, hash: number): number {
  let [low, high] = [0, pairs.length / 2];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((pairs[2 * middle + 1] as number) < hash) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  const whole = new Uint32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function addAll(filter: HashFilter, pairs: Uint32Array): void {
  for (let at = 1; at < pairs.length; at += 2) filter.add(pairs[at] as number);
}

/** Two sorted lists of pairs as one, a pair that is in both once. */
function merge(one: Uint32Array, other: Uint32Array): Uint32Array {
  const merged = new Uint32Array(one.length + other.length);
  let left = 0;
  let right = 0;
  let at = 0;
  while (left < one.length && right < other.length) {
    const order = compare(one, left, other, right);
    const from = order <= 0 ? one : other;
    const index = order <= 0 ? left : right;
    merged[at] = from[index] as number;
    merged[at + 1] = from[index + 1] as number;
    at += 2;
    if (order <= 0) left += 2;
    if (order >= 0) right += 2;
  }
  merged.set(one.subarray(left), at);
  at += one.length - left;
  merged.set(other.subarray(right), at);
  return merged.subarray(0, at + other.length - right);
}

function compare(one: Uint32Array, left: number, other: Uint32Array, right: number): number {
  const hashes = (one[left + 1] as number) - (other[right + 1] as number);
  return hashes !== 0 ? hashes : (one[left] as number) - (other[right] as number);
}

function without(pairs: Uint32Array, isDropped: (no: number) => boolean): Uint32Array {
  const kept = new Uint32Array(pairs.length);
  let at = 0;
  for (let from = 0; from < pairs.length; from += 2) {
    if (isDropped(pairs[from] as number)) continue;
    kept[at++] = pairs[from] as number;
    kept[at++] = pairs[from + 1] as number;
  }
  return kept.subarray(0, at);
}

function prepareAll(database: Database) {
  return {
    state: database.prepare(
      `SELECT generation, leaves, next_leaves AS nextLeaves, position, fold_to AS foldTo, entries FROM key_index`,
    ),
    putState: database.prepare("INSERT OR REPLACE INTO key_index VALUES (1, ?, ?, ?, ?, ?, ?)"),
    log: database.prepare("SELECT id, entries FROM key_log ORDER BY id"),
    addLog: database.prepare("INSERT INTO key_log (entries) VALUES (?)"),
    dropLog: database.prepare("DELETE FROM key_log WHERE id <= ?"),
    leaf: database.prepare("SELECT entries FROM key_leaf WHERE id = ?"),
    leavesAfter: database.prepare("SELECT id, entries FROM key_leaf WHERE id > ? ORDER BY id LIMIT 64"),
    putLeaf: database.prepare("INSERT INTO key_leaf VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET entries = excluded.entries"),
    dropLeaves: database.prepare("DELETE FROM key_leaf WHERE id >= ? AND id < ?"),
  };
}
