/** How far the checks of a source are, and what they have found: kept in the store, so that a restart neither begins anew nor forgets. */
import type { MetaStore } from "../store/store.ts";

export interface Checked {
  /** When it was last compared with what the portal holds, epoch ms. */
  comparedAt?: number;
  /** When the ERP was last looked into, and when the round under way, or the last one, began. */
  lookedAt?: number;
  roundAt?: number;
  /** Where the round goes on (`EntityStore.held`); undefined: it is through. */
  next?: number;
  /** Differences mended since the store was made, and when the last one was. */
  mended: number;
  mendedAt?: number;
  /** When it was last refreshed by its own schedule; at first: when that was seen first. */
  refreshedAt?: number;
}

const nameOf = (source: string): string => `checked.${source}`;

export function checkedOf(meta: Pick<MetaStore, "get">, source: string): Checked {
  const text = meta.get(nameOf(source));
  return text === undefined ? { mended: 0 } : (JSON.parse(text) as Checked);
}

export function noteChecked(meta: MetaStore, source: string, change: Partial<Checked>): void {
  meta.set(nameOf(source), JSON.stringify({ ...checkedOf(meta, source), ...change }));
}

export function noteMended(meta: MetaStore, source: string, { count, now }: { count: number; now: number }): void {
  if (count === 0) return;
  noteChecked(meta, source, { mended: checkedOf(meta, source).mended + count, mendedAt: now });
}
