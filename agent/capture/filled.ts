/** Which fields of an entity have a value, as it is kept: what an entity loses is told by it, for of its former state only digests are known. */
import { keyDigest } from "../../base/key-digest.ts";
import type { EntityState, Filled, Store } from "../store/store.ts";
import type { CapturedSource } from "./source.ts";

/** Bits that were taken under another mapping say nothing: fields that it leaves empty were not emptied in the ERP. */
export function formOf({ sources }: Pick<Store, "sources">, { mapping }: CapturedSource): number {
  // That of the whole mapping stays while the ERP lacks some of it (fingerprint.ts).
  const fingerprint = sources.get(mapping.source).fingerprint ?? mapping.fingerprint;
  return Number(BigInt.asUintN(32, keyDigest(fingerprint))) || 1;
}

/** Bits of the fields that the ERP lacks for now: what they held is as it was sent. */
export function lackingBits({ mapping: { fields, lacks = [] } }: CapturedSource): number {
  return fields.reduce((bits, { name, bit }) => (lacks.includes(name) ? bits | bit : bits), 0);
}

/** @param bits of what was mapped */
export function filledOf(
  { entities }: Pick<Store, "entities">,
  { form, lacking, before }: { form: number; lacking: number; before: EntityState | undefined },
  bits: number,
): Filled {
  const kept = lacking === 0 || before === undefined ? 0 : entities.filled(before.no, form) & lacking;
  return { form, bits: (bits | kept) >>> 0 };
}
