/** What a guard holds, in words. */
import type { Guard } from "../store/store.ts";

/** Behind its number. */
export const heldWords: Readonly<Record<Guard["kind"], string>> = {
  deletes: "deletes",
  history: "deletes",
  emptied: "entities that lost values",
  moved: "entities with another parent",
};

export const heldMeanings: Readonly<Record<Guard["kind"], string>> = {
  deletes: "more deletes than the guard allows",
  history: "deletes inferred after lost history (ERP restored, other database)",
  emptied: "more entities lose a value than the guard allows",
  moved: "more entities get another parent than the guard allows",
};
