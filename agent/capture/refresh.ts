/**
 * Compares what the portal holds of a type with what was sent: by digests of ranges first, and by name only where these differ, so that it costs what
 * differs. The ERP is read for what is mended alone.
 */

import { FuserError } from "../../base/errors.ts";
import type { Drain } from "./drain.ts";
import { createWitness, type Difference, groundKeeper, mend, type Witness } from "./mending.ts";
import type { Room } from "./parts.ts";
import type { Checks, IdBounds, PortalView } from "./portal-view.ts";
import { mendEnded } from "./reuses.ts";
import type { CapturedSource } from "./source.ts";

/** Ids in a range: so many are named where it differs. */
const rangeSize = 500;
/** Ranges whose ids are held in memory together. */
const rangesAtOnce = 200;
/** A portal that gives no answer for so long has other work. */
const answerWithinMs = 30_000;

/** How much was compared, and what of it differed and was mended, by source. */
export interface Refreshed {
  records: number;
  altered: number;
  unknown: number;
  lost: number;
}

/** A range of ids with what is held of it on one side. */
interface Range {
  bounds: IdBounds;
  count: number;
  digest: bigint;
}

interface Joint {
  checks: Checks;
  drain: Drain;
  signal: AbortSignal;
}

/**
 * @param sources all of one type
 * @throws FuserError transient where the portal does not tell, or something is on its way: it is to be tried again later
 */
export async function refreshType(
  room: Room,
  sources: readonly CapturedSource[],
  { checks, drain, signal }: Joint,
): Promise<ReadonlyMap<string, Refreshed>> {
  using witness = createWitness(room, sources, drain);
  const { portal } = checks;
  const type = sources[0]?.mapping.type ?? "";
  const theirs: Range[] = [];
  const ranges = await withinTime(room, signal, (inner) => collect(portal.ranges(type, rangeSize, inner)));
  for (const { last, count, digest } of ranges)
    theirs.push({ bounds: { after: theirs.at(-1)?.bounds.until, until: last }, count, digest });
  // Behind the last one the portal holds nothing.
  theirs.push({ bounds: { after: theirs.at(-1)?.bounds.until }, count: 0, digest: 0n });
  const counts = new Map(sources.map(({ mapping }) => [mapping.source, { records: 0, altered: 0, unknown: 0, lost: 0 }]));
  const differing = await differingRanges(room, { sources, theirs, portal, counts, signal });
  for (let start = 0; start < differing.length; start += rangesAtOnce) {
    const some = differing.slice(start, start + rangesAtOnce);
    const found = await differences(room, { sources, ranges: some, portal, witness, signal });
    for (const { source, kind } of await mend(room, found, { witness, signal })) {
      const count = counts.get(source.mapping.source);
      if (count !== undefined) count[kind] += 1;
    }
  }
  return counts;
}

async function collect<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) for (const one of page) all.push(one);
  return all;
}

/** Other compares wait meanwhile. */
async function withinTime<T>(room: Room, signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const cancel = room.clock.after(answerWithinMs, () => late.abort(unanswered()));
  try {
    return await ask(AbortSignal.any([signal, late.signal]));
  } finally {
    cancel();
  }
}

interface Comparing {
  sources: readonly CapturedSource[];
  portal: PortalView;
  signal: AbortSignal;
}

/** Ranges of which the two sides do not hold the same. */
async function differingRanges(
  room: Room,
  { sources, theirs, portal, counts, signal }: Comparing & { theirs: readonly Range[]; counts: Map<string, Refreshed> },
): Promise<Range[]> {
  const ours = theirs.map(() => ({ count: 0, digest: 0n }));
  const count = (id: string, digest: bigint): void => {
    const range = ours[rangeOf(theirs, id)] as { count: number; digest: bigint };
    range.count += 1;
    range.digest = BigInt.asUintN(64, range.digest + portal.share(id, digest));
  };
  for (const { mapping } of sources) {
    for (const { key, generation, digest } of room.store.reuses.ended(mapping.source))
      count(mapping.idOf(key, generation), digest);
    for (const { entities } of room.store.entities.held(mapping.source)) {
      for (const { key, entityDigest } of entities) count(mapping.idOf(key), entityDigest);
      (counts.get(mapping.source) as Refreshed).records += entities.length;
      await room.clock.sleep(0, signal);
    }
  }
  return theirs.filter(({ count, digest }, at) => ours[at]?.count !== count || ours[at]?.digest !== digest);
}

/** Index of the range in which an id lies: the first one that does not end before it. All characters of our ids are ASCII, so that texts compare like bytes. */
function rangeOf(ranges: readonly Range[], id: string): number {
  let [low, high] = [0, ranges.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const until = ranges[middle]?.bounds.until;
    if (until !== undefined && until < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

const isWithin = (bounds: IdBounds | undefined, id: string): boolean => bounds !== undefined && lies(bounds, id);

const lies = ({ after, until }: IdBounds, id: string): boolean =>
  (after === undefined || id > after) && (until === undefined || id <= until);

async function differences(
  room: Room,
  { sources, ranges, portal, witness, signal }: Comparing & { ranges: readonly Range[]; witness: Witness },
): Promise<Difference[]> {
  const type = sources[0]?.mapping.type ?? "";
  const found: Difference[] = [];
  const held = new Map<string, bigint>();
  for (const { bounds } of ranges) {
    const ids = await withinTime(room, signal, (inner) => collect(portal.ids(type, bounds, inner)));
    for (const { id, digest } of ids) {
      held.set(id, digest);
      const place = placeOf(sources, id);
      const known = place && room.store.entities.get(place.source.mapping.source, place.key)?.entityDigest;
      if (place === undefined || known === digest || !mayMend(place.source)) continue;
      found.push({ ...place, kind: known === undefined ? "unknown" : "altered", entityDigest: digest });
    }
  }
  for (const source of sources.filter(mayMend)) {
    const isAsked = (id: string): boolean => isWithin(ranges[rangeOf(ranges, id)]?.bounds, id);
    mendEnded(room, source, { held, isWithin: isAsked });
    for (const { entities } of room.store.entities.held(source.mapping.source)) {
      for (const { key } of entities) {
        const id = source.mapping.idOf(key);
        if (isAsked(id) && !held.has(id)) found.push({ source, key, kind: "lost" });
      }
      await room.clock.sleep(0, signal);
    }
  }
  return found.filter(({ source, key }) => witness.stands(source, key));
}

function placeOf(sources: readonly CapturedSource[], id: string): { source: CapturedSource; key: string } | undefined {
  for (const source of sources) {
    const key = source.mapping.keyOf(id);
    // What has ended is no longer read.
    if (key !== undefined) return source.mapping.idOf(key) === id ? { source, key } : undefined;
  }
  return undefined;
}

/** What would be sent while the ERP lacks columns has holes: better what the portal holds. */
const mayMend = ({ mapping }: CapturedSource): boolean => (mapping.lacks ?? []).length === 0;

function unanswered(): FuserError {
  return new FuserError("transient", "The portal takes its time to say what it holds: the check is put off", {
    code: "inventory-unanswered",
    operation: "compare with what the portal holds",
  });
}

/**
 * Lets everything that the portal holds of a source be read and sent again, whether it differs or not. Interrupted, it is to be begun anew. Returns how many.
 * @throws FuserError transient `check-put-off`
 */
export async function resendAll(room: Room, source: CapturedSource, signal: AbortSignal): Promise<number> {
  const { store, clock } = room;
  const name = source.mapping.source;
  if (!mayMend(source)) return 0;
  const requireGround = groundKeeper(room, [source]);
  let count = 0;
  for (const { entities } of store.entities.held(name)) {
    store.transaction(() => {
      requireGround();
      for (const { key, entityDigest } of entities) {
        if (store.pending.get(name, key) !== undefined || store.quarantine.get(name, key) !== undefined) continue;
        // The digest of another state than this one: it is sent whatever the row says, and still counts as known.
        store.entities.put(name, key, { rowDigest: undefined, entityDigest: BigInt.asUintN(64, ~entityDigest) });
        store.pending.mark(name, [key], { now: clock.now(), confirm: false });
        count += 1;
      }
    }, "mend");
    await clock.sleep(0, signal);
  }
  return count;
}
