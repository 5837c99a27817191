/** An entity while it is written, and what every writer of a part of it needs. */
import type { WrittenRows } from "../../connectors/connector.ts";
import type { WrittenEntity } from "./mapped.ts";

/**
 * Writes what it reads of the row at hand at `at`, as canonical JSON, and gives its end; `empty` where there is nothing, `declined` where `map` must say what
 * comes of it. It makes room for what it writes.
 */
export type WriteBytes = (rows: WrittenRows, into: WrittenEntity, at: number) => number;

export const empty = -1;
export const declined = -2;

const firstRoom = 4_096;
const firstParents = 16;

export function newEntity(names: WrittenEntity["names"]): WrittenEntity {
  const positions = (): Int32Array => new Int32Array(firstParents);
  const parents = { parentCount: 0, parentTargets: positions(), parentStarts: positions(), parentEnds: positions() };
  return { bytes: Buffer.allocUnsafe(firstRoom), start: 0, end: 0, names, filled: 0, ...parents };
}

/** Makes room for so many bytes at `at`. */
export function reserve(into: WrittenEntity, at: number, bytes: number): void {
  if (at + bytes > into.bytes.length) grow(into, at, bytes);
}

function grow(into: WrittenEntity, at: number, bytes: number): void {
  const grown = Buffer.allocUnsafe(Math.max(into.bytes.length * 2, at + bytes));
  into.bytes.copy(grown, 0, 0, at);
  into.bytes = grown;
}

/** Notes a parent whose key stands from `start` up to `end`. */
export function noteParent(into: WrittenEntity, target: number, start: number, end: number): void {
  const { parentCount } = into;
  if (parentCount === into.parentTargets.length) {
    into.parentTargets = larger(into.parentTargets);
    into.parentStarts = larger(into.parentStarts);
    into.parentEnds = larger(into.parentEnds);
  }
  into.parentTargets[parentCount] = target;
  into.parentStarts[parentCount] = start;
  into.parentEnds[parentCount] = end;
  into.parentCount = parentCount + 1;
}

function larger(positions: Int32Array): Int32Array {
  const grown = new Int32Array(positions.length * 2);
  grown.set(positions);
  return grown;
}

/** A native copy costs more than a loop up to about so many bytes. */
const longestLoop = 48;

/** Writes a text that is always the same, and gives its end. */
export function writeFixed(fixed: Buffer, into: WrittenEntity, at: number): number {
  const { length } = fixed;
  reserve(into, at, length);
  const { bytes } = into;
  if (length > longestLoop) bytes.set(fixed, at);
  else for (let next = 0; next < length; next++) bytes[at + next] = fixed[next] as number;
  return at + length;
}
