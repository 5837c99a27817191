/** Whom the portal has asked about and not linked yet: hashes under its own id of the person, in the store's `meta`. */
import type { MetaStore } from "./store.ts";

/** `Asked` of agent/quality/matching.ts. */
type Hashes = Partial<Record<"name" | "email" | "unit", bigint>>;

interface Entry {
  id: string;
  at: number;
  /** By kind, in decimal digits. */
  hashes: Readonly<Record<string, string>>;
}

export interface AskedPersons {
  any(): boolean;
  /** In place of what was asked of the same one before. Returns those who are forgotten for it. */
  add(portalId: string, asked: Hashes, now: number): readonly string[];
  remove(portalId: string): void;
  /** Who was asked about so long ago that nobody waits for an answer any more. */
  old(now: number): readonly string[];
  list(): readonly { portalId: string; asked: Hashes }[];
}

const name = "persons.asked";
/** Beyond, the oldest are forgotten: whoever is still of interest is asked about again. */
const most = 300;
const keepMs = 400 * 86_400_000;

export function askedPersons(meta: MetaStore): AskedPersons {
  const read = (): Entry[] => JSON.parse(meta.get(name) ?? "[]") as Entry[];
  const write = (entries: readonly Entry[]): void => meta.set(name, entries.length === 0 ? undefined : JSON.stringify(entries));
  return {
    any: () => meta.get(name) !== undefined,
    add(id, asked, at) {
      const hashes = Object.fromEntries(Object.entries(asked).map(([kind, hash]) => [kind, String(hash)]));
      const entries = [...read().filter((entry) => entry.id !== id), { id, at, hashes }];
      write(entries.slice(-most));
      return entries.slice(0, -most).map((entry) => entry.id);
    },
    remove(id) {
      const entries = read();
      if (entries.some((entry) => entry.id === id)) write(entries.filter((entry) => entry.id !== id));
    },
    old: (now) => read().flatMap(({ id, at }) => (at > now - keepMs ? [] : [id])),
    list: () =>
      read().map(({ id, hashes }) => ({
        portalId: id,
        asked: Object.fromEntries(Object.entries(hashes).map(([kind, digits]) => [kind, BigInt(digits)])),
      })),
  };
}
