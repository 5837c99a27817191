/** Digests are unsigned outside and SQLite's signed 64-bit integers inside. */
import type { SQLInputValue } from "node:sqlite";

export const toSigned = (digest: bigint | undefined): SQLInputValue => (digest === undefined ? null : BigInt.asIntN(64, digest));
export const toDigest = (value: bigint | null): bigint | undefined => (value === null ? undefined : BigInt.asUintN(64, value));
