/** What became of an entity's key when its parent got another one. Pure. */
import { decodeKey, encodeKey } from "../../base/key.ts";
import type { Lineage } from "../map/mapped.ts";

/** The key that the entity had while its parent had the key `from`, now that it has `to`; undefined where its own key does not tell. */
export function keyBefore(lineage: Lineage, key: string, { from, to }: { from: string; to: string }): string | undefined {
  const [own, before, now] = [decodeKey(key), decodeKey(from), decodeKey(to)];
  if (own === undefined || before === undefined || now === undefined || before.length !== now.length) return undefined;
  const parts = [...own];
  let moved = false;
  for (const [index, at] of lineage.parts.entries()) {
    if (before[index] === now[index]) continue;
    // What changed of the parent's key does not stand in this one's, or something else stands there.
    if (at < 0 || own[at] !== now[index]) return undefined;
    parts[at] = before[index] as string;
    moved = true;
  }
  return moved ? encodeKey(parts) : undefined;
}
