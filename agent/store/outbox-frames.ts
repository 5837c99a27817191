/** Items cut into frames as the socket sends them: as few as their limits allow, numbers without gaps. */

import { encodeJsonBytes } from "../../protocol/frames.ts";
import { createFrameText, type FrameText } from "./frame-text.ts";
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
export type CutFrames = (items: readonly OutboxItem[], from: number, maxFrameBytes: number) => Cut;

/** The memory that frames are written into is kept from one cut to the next. */
export function createCutFrames(): CutFrames {
  const text = createFrameText();
  return (items, from, maxFrameBytes) => cut({ items, from, maxFrameBytes, text });
}

interface Work {
  items: readonly OutboxItem[];
  from: number;
  maxFrameBytes: number;
  text: FrameText;
}

function cut({ items, from, maxFrameBytes, text }: Work): Cut {
  const frames: BuiltFrame[] = [];
  const seqs: (number | "too-large")[] = [];
  const hashes = new Uint32Array(Math.min(items.length, maxItemsPerFrame));
  let next = from;
  let first = from;
  const close = (): void => {
    const count = next - first;
    if (count === 0) return;
    const json = text.finish();
    const frame = encodeJsonBytes(json);
    frames.push({
      first,
      last: next - 1,
      text: typeof frame === "string",
      bytes: typeof frame === "string" ? Uint8Array.from(json) : frame,
      jsonSize: json.length,
      ids: hashes.slice(0, count),
    });
    first = next;
  };
  for (const item of items) {
    if (next - first === maxItemsPerFrame) close();
    if (next === first) text.begin(first, maxFrameBytes);
    if (!text.add(item)) {
      // A frame of its own is the last try.
      close();
      text.begin(first, maxFrameBytes);
      if (!text.add(item)) {
        seqs.push("too-large");
        continue;
      }
    }
    hashes[next - first] = idHash(item.type, item.id);
    seqs.push(next++);
  }
  close();
  return { frames, seqs, next };
}

let lastType = "";
let typeHash = 0;

/** FNV-1a, 32 bits (isthe.com/chongo/tech/comp/fnv), over type and id. */
export function idHash(type: string, id: string): number {
  if (type !== lastType) {
    lastType = type;
    typeHash = hashOn(hashOn(0x811c9dc5, type), ":");
  }
  return hashOn(typeHash, id) >>> 0;
}

function hashOn(start: number, text: string): number {
  let hash = start;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}
