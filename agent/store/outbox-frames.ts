/** Items cut into frames as the socket sends them: as few as their limits allow, numbers without gaps. */
import { buildChanges } from "../../protocol/changes.ts";
import { encodeJsonBytes } from "../../protocol/frames.ts";
import type { OutboxItem } from "./store.ts";

/** performance.md, "What wins", 3: one frame per 500 to 1,000 items. */
export const maxItemsPerFrame = 1_000;

export interface BuiltFrame {
  first: number;
  last: number;
  text: boolean;
  bytes: Uint8Array;
  jsonSize: number;
  /** `idHash` of each item, in order: finds an id's frame without unpacking the others. */
  ids: Uint32Array;
}

export interface Cut {
  frames: readonly BuiltFrame[];
  /** In the order of the items. */
  seqs: readonly (number | "too-large")[];
  next: number;
}

/** Cuts items into frames whose JSON has at most `maxFrameBytes`, the first number being `from`. An item that fits no frame takes no number. */
export function cutFrames(items: readonly OutboxItem[], from: number, maxFrameBytes: number): Cut {
  const frames: BuiltFrame[] = [];
  const seqs: (number | "too-large")[] = [];
  let next = from;
  let at = 0;
  let take = maxItemsPerFrame;
  while (at < items.length) {
    const chunk = items.slice(at, at + take);
    const json = Buffer.from(JSON.stringify(buildChanges(next, chunk)));
    if (json.length > maxFrameBytes) {
      if (chunk.length === 1) {
        seqs.push("too-large");
        at += 1;
        take = maxItemsPerFrame;
      } else {
        // Sized by what this chunk needed, and at least halved, so that it ends.
        take = Math.max(
          1,
          Math.min(Math.floor(chunk.length / 2), Math.floor((chunk.length * maxFrameBytes * 0.9) / json.length)),
        );
      }
      continue;
    }
    const frame = encodeJsonBytes(json);
    frames.push({
      first: next,
      last: next + chunk.length - 1,
      text: typeof frame === "string",
      bytes: typeof frame === "string" ? json : frame,
      jsonSize: json.length,
      ids: Uint32Array.from(chunk, (item) => idHash(item.type, item.id)),
    });
    for (let index = 0; index < chunk.length; index++) seqs.push(next++);
    at += chunk.length;
  }
  return { frames, seqs, next };
}

/** FNV-1a, 32 bits (isthe.com/chongo/tech/comp/fnv), over type and id. */
export function idHash(type: string, id: string): number {
  let hash = 0x811c9dc5;
  const text = `${type}:${id}`;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
