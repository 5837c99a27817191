/** The last things that happened in the ERP, for the clerk's page. */
import type { FeedKind } from "./life-words.ts";

export interface FeedEntry {
  n: number;
  /** Epoch milliseconds. */
  at: number;
  kind: FeedKind;
  /** The ticket it is about, where that is known. */
  ticket?: string;
}

export interface Feed {
  add(kind: FeedKind, ticket?: string): void;
  /** Entries after number `n`, newest first. */
  since(n: number): readonly FeedEntry[];
}

const kept = 100;

export function createFeed(now: () => number): Feed {
  let entries: FeedEntry[] = [];
  let last = 0;
  return {
    add(kind, ticket) {
      last += 1;
      entries = [{ n: last, at: now(), kind, ...(ticket === undefined ? {} : { ticket }) }, ...entries].slice(0, kept);
    },
    since: (n) => entries.filter((entry) => entry.n > n),
  };
}
