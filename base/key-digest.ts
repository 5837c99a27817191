import { murmur128 } from "./murmur.ts";

const digests = new BigUint64Array(1);
const digestWords = new Uint32Array(digests.buffer);
let scratch = Buffer.allocUnsafe(1_024);
let view = viewOf(scratch);

/**
 * 64-bit digest of a key in its key.ts form: the first half of MurmurHash3_x86_128 of its UTF-8 bytes, 1n in place of 0n, which stands for a row without a
 * key. Stored digests outlive the program: it never changes.
 */
export function keyDigest(key: string): bigint {
  if (key.length * 3 > scratch.length) {
    scratch = Buffer.allocUnsafe(key.length * 3);
    view = viewOf(scratch);
  }
  const words = murmur128(view, 0, scratch.write(key, 0, "utf8"));
  digestWords[0] = words[0] as number;
  digestWords[1] = words[1] as number;
  return digests[0] || 1n;
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
