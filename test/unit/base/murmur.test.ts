import { describe, expect, it } from "vitest";
import { murmur128 } from "../../../base/murmur.ts";

function hash128(bytes: Uint8Array, seed: number): Uint8Array {
  const words = murmur128(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength, seed);
  const out = new DataView(new ArrayBuffer(16));
  for (const [index, word] of words.entries()) out.setUint32(index * 4, word, true);
  return new Uint8Array(out.buffer);
}

describe("MurmurHash3_x86_128", () => {
  it("gives the value by which its author tells a right implementation", () => {
    // SMHasher's verification: the keys {}, {0}, {0,1}, … up to 255 bytes, each with seed 256 - length; then the hash of all the hashes.
    const all = new Uint8Array(256 * 16);
    for (let length = 0; length < 256; length++) {
      const key = Uint8Array.from({ length }, (_, index) => index);
      all.set(hash128(key, 256 - length), length * 16);
    }
    expect(new DataView(hash128(all, 0).buffer).getUint32(0, true)).toBe(0xb3ece62a);
  });

  it("is the same wherever in a buffer the bytes lie", () => {
    const bytes = new TextEncoder().encode("Übergabeprotokoll fehlt, Mietvertrag unbefristet");
    const around = new Uint8Array(200).fill(7);
    const hashes = new Set<string>();
    for (let offset = 0; offset < 8; offset++) {
      around.fill(offset);
      around.set(bytes, offset + 13);
      hashes.add(murmur128(new DataView(around.buffer, offset), 13, 13 + bytes.length).join());
    }
    expect(hashes.size).toBe(1);
  });
});
