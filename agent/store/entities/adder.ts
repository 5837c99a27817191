import type { EntityAdder, MadeEntity } from "../store.ts";
import type { Dependents } from "./dependents.ts";
import { slotFlags } from "./digest-page.ts";
import type { Finder } from "./finder.ts";
import type { KeyBytes } from "./key-bytes.ts";
import type { Known } from "./known.ts";
import type { NewSlot, Pages } from "./pages.ts";

export interface AdderParts {
  finder: Finder;
  known: Known;
  dependents: Dependents;
  pages: Pages;
  /** A number was given. */
  made(no: number): void;
}

const madeFlags = slotFlags.used | slotFlags.row | slotFlags.entity;

/** @param source its number @param made numbers of the sources that its entities may refer to, and the form of what is filled */
export function createAdder(
  parts: AdderParts,
  source: number,
  { targets, form }: { targets: readonly number[]; form: number },
): EntityAdder {
  const { finder, known, dependents, pages, made } = parts;
  const key: KeyBytes = { bytes: new Uint8Array(), view: new DataView(new ArrayBuffer(0)), start: 0, end: 0 };
  const slot: NewSlot = { key, keyLow: 0, keyHigh: 0, rowLow: 0, rowHigh: 0, entity: 0n, flags: madeFlags, form, filled: 0 };
  const noted = targets.map(() => false);
  return {
    known: (target, parent) => known.noOf(targets[target] as number, parent),
    add(entity: MadeEntity) {
      slot.key = entity.key;
      slot.keyLow = entity.keyLow;
      slot.keyHigh = entity.keyHigh;
      slot.rowLow = entity.rowLow;
      slot.rowHigh = entity.rowHigh;
      slot.entity = entity.entityDigest;
      slot.filled = entity.filled;
      const no = finder.take(source, slot);
      made(no);
      const { parents, parentCount } = entity;
      if (parentCount === 0) return;
      for (let at = 0; at < parentCount; at++) {
        const target = entity.targets[at] as number;
        if (noted[target] === true) continue;
        noted[target] = true;
        dependents.note(source, targets[target] as number);
      }
      pages.setParents(no, parents, parentCount);
    },
  };
}
