/** Codes that reached the portal only through a map's default: one finding each, with the count of the entities that have it. */
import type { Facts, Raised } from "../quality/judged.ts";
import type { FactChange } from "../store/facts.ts";
import type { Store } from "../store/store.ts";

export interface CountedCodes {
  /** An entity has these codes, which are named nowhere but in what was read. */
  name(codes: Facts["codes"]): void;
  touch(change: FactChange): void;
  /** Counts those that were touched anew. At the end of each transaction that touched any. */
  flush(): void;
}

export function countedCodes({ facts, findings }: Store, now: () => number): CountedCodes {
  const touched = new Set<bigint>();
  const named = new Map<bigint, Raised>();
  return {
    name(codes) {
      for (const { hash, raised } of codes ?? []) named.set(hash, raised);
    },
    touch({ groups }) {
      for (const { kind, hash } of groups) if (kind === "code") touched.add(hash);
    },
    flush() {
      for (const hash of touched) {
        const count = facts.countOf("code", hash);
        const raised = count === 0 ? undefined : (named.get(hash) ?? findings.ofGroup(hash)[0]);
        findings.replace(hash, raised === undefined ? [] : [{ ...raised, params: { ...raised.params, count } }], now());
      }
      touched.clear();
      named.clear();
    },
  };
}
