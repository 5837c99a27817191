/**
 * Digests by which agent and portal compare entities without sending them. Both ends must agree to the bit, so the algorithm is part of the
 * protocol: XXH64 with seed 0 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md) over UTF-8 text.
 */
import createXxhash from "xxhash-wasm";
import { type EntityText, entityText, type FieldNames } from "./entity-text.ts";
import type { Fields } from "./model.ts";

export interface Digester {
  /** Digest of an entity: over the canonical JSON of its fields' values, joined by commas and seeded with the names' digest; without type and id. */
  entity(fields: Fields): bigint;
  /** The same of an entity that is written down already. */
  text(text: EntityText): bigint;
  /** The same of values that are bytes: `EntityText.values` as UTF-8. */
  written(names: FieldNames, values: Uint8Array): bigint;
  /** What one entity adds to the digest of its range: over `<id>:<entity digest as hex>`. */
  share(id: string, entityDigest: bigint): bigint;
}

/** Loads the hash (WebAssembly) once; the digester itself is synchronous. */
export async function createDigester(): Promise<Digester> {
  const { h64, h64Raw } = await createXxhash();
  let names: FieldNames | undefined;
  let seed = 0n;
  const seedOf = (of: FieldNames): bigint => {
    if (of !== names) {
      names = of;
      seed = h64(names.json);
    }
    return seed;
  };
  const text = (entity: EntityText): bigint => h64(entity.values, seedOf(entity.names));
  return {
    entity: (fields) => text(entityText(fields)),
    text,
    written: (of, values) => h64Raw(values, seedOf(of)),
    share: (id, entityDigest) => h64(`${id}:${digestHex(entityDigest)}`),
  };
}

/** Digest of a range of entities: the sum of their shares modulo 2^64, so that their order does not matter. Start with 0n. */
export function addShare(range: bigint, share: bigint): bigint {
  return BigInt.asUintN(64, range + share);
}

/** A digest as it travels: 16 lowercase hex digits. */
export function digestHex(digest: bigint): string {
  return digest.toString(16).padStart(16, "0");
}
