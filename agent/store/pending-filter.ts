/**
 * Which keys may be pending, told from their digests without asking the database: a scan asks it of every row. One bit for each of some thousands of digests; keys
 * are added as they are marked, and those that were cleared go when the bits are taken anew.
 */
import { keyDigest } from "../../base/key-digest.ts";
import type { Database } from "./database.ts";

export interface PendingFilter {
  add(source: number, key: string): void;
  which(source: number, keyDigests: BigUint64Array): readonly number[];
}

const bits = 2 ** 18;
/** With more keys too many rows would be asked for anyway, and taking the bits would take too long. */
const mostKeys = 16_384;
/** When so many keys came, and as many as there were, most of those the bits tell of may have been cleared. */
const staleAfter = 4_096;

const digests = new BigUint64Array(1);
const words = new Uint32Array(digests.buffer);

export function createPendingFilter(database: Database): PendingFilter {
  const all = database.prepare("SELECT source, key FROM pending LIMIT ?");
  const words32 = new Uint32Array(bits / 32);
  let state: "unknown" | "taken" | "too-many" = "unknown";
  let left = 0;
  database.on("rolled-back", () => {
    state = "unknown";
  });
  const set = (source: number, key: string): void => {
    digests[0] = keyDigest(key);
    const bit = bitOf(source, words[0] as number);
    words32[bit >>> 5] = (words32[bit >>> 5] as number) | (1 << (bit & 31));
  };
  const take = (): void => {
    const keys = all.all<{ source: number; key: string }>(mostKeys + 1);
    words32.fill(0);
    // With too many the bits say nothing, and are looked at again after as many more.
    left = Math.max(keys.length, staleAfter);
    state = keys.length > mostKeys ? "too-many" : "taken";
    if (state === "taken") for (const { source, key } of keys) set(source, key);
  };
  return {
    add(source, key) {
      if (state === "taken") set(source, key);
      if (--left <= 0) state = "unknown";
    },
    which(source, keyDigests) {
      if (state === "unknown") take();
      const halves = new Uint32Array(keyDigests.buffer, keyDigests.byteOffset, 2 * keyDigests.length);
      const found: number[] = [];
      for (let index = 0; index < keyDigests.length; index++) {
        const bit = bitOf(source, halves[2 * index] as number);
        if (state === "too-many" || ((words32[bit >>> 5] as number) & (1 << (bit & 31))) !== 0) found.push(index);
      }
      return found;
    },
  };
}

function bitOf(source: number, low: number): number {
  return ((low ^ Math.imul(source, 0x9e3779b1)) >>> 0) % bits;
}
