/** What the portal holds of one type, as the agent asks for it: digests by range of ids, then ids with their digests. */
import { addShare, type Digester, digestHex } from "../protocol/digest.ts";
import type { Answer, Inventory } from "../protocol/messages.ts";
import type { Store } from "./store.ts";

/** Entities read for one answer at the most, so that the link's turn stays short. */
const maxScanned = 50_000;

interface Held {
  id: string;
  digest: string;
}

/** The answer to one `inventory`. `maxBytes`: largest frame; a fuller answer is cut and says `complete: false`. */
export function answerInventory(
  parts: { store: Store; digester: Digester; maxBytes: number },
  agentId: string,
  asked: Inventory,
): Answer {
  // SQLite compares TEXT by the bytes of its UTF-8, which is the order that the protocol names.
  const cap = asked.level === "ids" ? asked.limit : Math.max(1, Math.floor(maxScanned / asked.limit)) * asked.limit;
  const rows = parts.store.all<Held>(
    `SELECT id, digest FROM entity WHERE agent_id = ? AND type = ? AND deleted_at IS NULL AND id > ? AND (?4 IS NULL OR id <= ?4)
     ORDER BY id LIMIT ?5`,
    agentId,
    asked.entity,
    asked.after ?? "",
    asked.until ?? null,
    // One more than the answer may cover tells whether something follows.
    cap + 1,
  );
  const common = { type: "answer", id: asked.id, outcome: "ok" } as const;
  // An id has at most 300 bytes; 60 more hold the rest of a range.
  const room = Math.floor(parts.maxBytes / 2);
  if (asked.level === "ids") {
    const ids = cut(rows, asked.limit, (row) => row.id.length + 25, room).map((row): [string, string] => [row.id, row.digest]);
    return { ...common, ids, complete: ids.length === rows.length };
  }
  const scanned = Math.min(rows.length, cap);
  const ranges: NonNullable<Answer["ranges"]> = [];
  let covered = 0;
  let bytes = 0;
  while (covered < scanned) {
    const part = rows.slice(covered, Math.min(covered + asked.limit, scanned));
    const range = rangeOf(parts.digester, part);
    bytes += range.first.length + range.last.length + 80;
    if (ranges.length > 0 && bytes > room) break;
    ranges.push(range);
    covered += part.length;
  }
  return { ...common, ranges, complete: covered === rows.length };
}

function cut<T>(rows: readonly T[], limit: number, bytesOf: (row: T) => number, room: number): T[] {
  const taken: T[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += bytesOf(row);
    if (taken.length === limit || (taken.length > 0 && bytes > room)) break;
    taken.push(row);
  }
  return taken;
}

function rangeOf(digester: Digester, part: readonly Held[]): NonNullable<Answer["ranges"]>[number] {
  let sum = 0n;
  for (const { id, digest } of part) sum = addShare(sum, digester.share(id, BigInt(`0x${digest}`)));
  return { first: (part[0] as Held).id, last: (part.at(-1) as Held).id, count: part.length, digest: digestHex(sum) };
}
