/**
 * Differences between what the portal holds and what was put into the outbox, and how they are mended: the portal's own word takes the place of what was
 * believed, and the key is read anew. What is sent, and what is deleted, is decided by that read like any other, through confirmation, grace and guards.
 */
import { FuserError } from "../../base/errors.ts";
import type { Drain } from "./drain.ts";
import { lostHistory } from "./lost-history.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

/** `altered`: the portal holds another state than the one that was sent; `unknown`: one of which nobody here knows; `lost`: none. */
export type Difference = {
  source: CapturedSource;
  key: string;
} & ({ kind: "altered" | "unknown"; entityDigest: bigint } | { kind: "lost" });

/** Keys that may be read while a check runs, and still be told from what it found; beyond, the check is put off. */
const mostRead = 200_000;

/** A check, from before anything is asked. */
export interface Witness extends Disposable {
  /** Nothing of this key has been on its way since, nor waits: what was found of it is no news that only comes late. */
  stands(source: CapturedSource, key: string): boolean;
  /** @throws FuserError `check-put-off` when a new epoch, or a loss of history, has overtaken the check */
  requireGround(): void;
}

/** @throws FuserError `check-put-off` while something is on its way to the portal: what it answers then could be older than what is known here */
export function createWitness(room: Room, sources: readonly CapturedSource[], drain: Drain): Witness {
  const { store } = room;
  const requireGround = groundKeeper(room, sources);
  if (store.outbox.bounds().items > 0) throw putOff();
  const read = new Map(sources.map(({ mapping }) => [mapping.source, new Set<string>()]));
  let count = 0;
  const stopListening = drain.onSettled((source, keys) => {
    const known = read.get(source);
    if (known === undefined || count > mostRead) return;
    count += keys.length;
    for (const key of keys) known.add(key);
  });
  return {
    stands({ mapping: { source, type, idOf } }, key) {
      if (read.get(source)?.has(key) !== false || store.pending.get(source, key) !== undefined) return false;
      return store.quarantine.get(source, key) === undefined && store.outbox.seqOf(type, idOf(key)) === undefined;
    },
    requireGround() {
      if (count > mostRead) throw putOff();
      requireGround();
    },
    [Symbol.dispose]: stopListening,
  };
}

/** Throws from then on once another epoch began or a history was lost, and at once where there is nothing to stand on. */
export function groundKeeper(room: Room, sources: readonly CapturedSource[]): () => void {
  const began = groundOf(room, sources);
  const require = (): void => {
    if (began === undefined || groundOf(room, sources) !== began) throw putOff();
  };
  require();
  return require;
}

/** What a check stands on; undefined while there is nothing to check: what is held, or what the ERP says, is still being found out. */
function groundOf({ store }: Room, sources: readonly CapturedSource[]): string | undefined {
  const isReady = sources.every(({ mapping: { source } }) => {
    const { reconciled, comparedAt } = store.sources.get(source);
    return reconciled && comparedAt !== undefined && lostHistory(store.meta, source) === undefined;
  });
  return isReady ? (store.meta.get("epoch") ?? "") : undefined;
}

function putOff(): FuserError {
  return new FuserError("transient", "Records are on their way: a check of what the portal holds is put off", {
    code: "check-put-off",
    operation: "compare with what the portal holds",
  });
}

/** Most keys marked in one commit: more would hold up the heartbeat. */
const markedAtOnce = 1_000;

/**
 * Mends what still stands of the differences, and gives it. What may end as a delete is marked in one commit, so that the guards count all of it before the first
 * one goes.
 */
export async function mend(
  room: Room,
  found: readonly Difference[],
  { witness, signal }: { witness: Witness; signal: AbortSignal },
): Promise<readonly Difference[]> {
  const mended: Difference[] = [];
  const mendSome = (some: readonly Difference[]): void => {
    const { store, clock } = room;
    store.transaction(() => {
      witness.requireGround();
      for (const one of some) {
        const name = one.source.mapping.source;
        if (!witness.stands(one.source, one.key)) continue;
        if (one.kind === "lost") store.entities.put(name, one.key, { rowDigest: undefined, entityDigest: undefined });
        else store.entities.addInventory(name, [{ key: one.key, entityDigest: one.entityDigest }]);
        store.pending.mark(name, [one.key], { now: clock.now(), confirm: false });
        mended.push(one);
      }
    }, "mend");
  };
  const unknown = found.filter(({ kind }) => kind === "unknown");
  if (unknown.length > 0) mendSome(unknown);
  const others = found.filter(({ kind }) => kind !== "unknown");
  for (let start = 0; start < others.length; start += markedAtOnce) {
    if (start > 0) await room.clock.sleep(0, signal);
    mendSome(others.slice(start, start + markedAtOnce));
  }
  return mended;
}
