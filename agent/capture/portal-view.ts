/** What capture may ask of the portal itself, and when it does. */
import type { HeldId } from "./reconcile.ts";
import type { Window } from "./schedule.ts";

/** A run of entities that the portal holds, in the byte order of their ids. */
export interface HeldRange {
  /** Id of the last one; the next range begins behind it. */
  last: string;
  count: number;
  /** Sum of the shares of its entities (protocol/digest.ts). */
  digest: bigint;
}

/** Ids in byte order. */
export interface IdBounds {
  /** Exclusive; undefined: from the first. */
  after?: string | undefined;
  /** Inclusive; undefined: up to the last. */
  until?: string | undefined;
}

/** The portal, as far as it tells what it holds. Each fails with a transient error where it does not. */
export interface PortalView {
  ids(type: string, bounds: IdBounds, signal: AbortSignal): AsyncIterable<readonly HeldId[]>;
  /** All of a type as digests of ranges of `size` ids. */
  ranges(type: string, size: number, signal: AbortSignal): AsyncIterable<readonly HeldRange[]>;
  /** What an entity adds to the digest of its range. */
  share(id: string, entityDigest: bigint): bigint;
}

export interface Checks {
  portal: PortalView;
  /** Hours in which nobody minds. */
  idle: readonly Window[];
  /** From one look into the ERP to the next, ms, and about how many records of a source are read each time; 0: nothing is looked at by itself. */
  everyMs: number;
  records: number;
}
