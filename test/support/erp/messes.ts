/** What is wrong with real companies' data (operations.md, "Data quality"), planted in known number: one mess per chosen unit. */
export const messKinds = [
  "sharedEmail",
  "householdEmail",
  "placeholderEmail",
  "throwawayEmail",
  "staffEmail",
  "invalidEmail",
  "untidyEmail",
  "invalidPhone",
  "lookalikePersons",
  "overlappingPeriods",
  "periodWithoutStart",
  "periodEndsBeforeStart",
  "predecessorNeverClosed",
  "futureTenantOnly",
  "personWithoutPeriod",
  "vacancy",
  "cancelledPeriod",
  "codeByDefault",
  "unitKindByDefault",
  "paddedText",
  "emojiText",
  "longText",
  "legalPerson",
  "sentinelBirthDate",
  "creditNote",
  "hugeAmount",
  "danglingReporter",
  "ticketWithoutDate",
  "specialKey",
  "ticketOfBuilding",
  "severalTextLines",
] as const;
export type MessKind = (typeof messKinds)[number];

/** Rows that must never reach the portal as they stand; what hangs on them waits with them. */
export const badRowKinds = ["invalidDate", "unknownStatus", "missingBuilding"] as const;
export type BadRowKind = (typeof badRowKinds)[number];

const slots: readonly (MessKind | BadRowKind)[] = [...badRowKinds, ...messKinds];
/** The first units stay clean, so that the smallest companies have some. */
const firstSlot = 3;
/** From here on a run of messes starts over: 10,000 units hold 50 of each kind. */
const period = 200;

/** What is wrong with the unit of this ordinal (from 0), if anything. */
export function messOf(ordinal: number): MessKind | BadRowKind | undefined {
  return slots[(ordinal % period) - firstSlot];
}

/** What was planted: kind to the keys concerned (key parts joined by `/`), in the order of planting. */
export interface Manifest {
  units: number;
  rows: Record<string, number>;
  messes: Record<MessKind, string[]>;
  badRows: Record<BadRowKind, string[]>;
}

export function emptyManifest(units: number): Manifest {
  const lists = <K extends string>(kinds: readonly K[]) =>
    Object.fromEntries(kinds.map((kind) => [kind, []])) as unknown as Record<K, string[]>;
  return { units, rows: {}, messes: lists(messKinds), badRows: lists(badRowKinds) };
}

export function isBadRowKind(kind: string): kind is BadRowKind {
  return (badRowKinds as readonly string[]).includes(kind);
}
