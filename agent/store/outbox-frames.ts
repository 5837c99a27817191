/** Items cut into frames as the socket sends them: as few as their limits allow, numbers without gaps. */

import { encodeJsonBytes } from "../../protocol/frames.ts";
import { createFrameText } from "./frame-text.ts";
import type { OutboxItem, OutboxRow } from "./store.ts";

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

/** Cuts items into frames, one after the other. */
export interface FrameCutter {
  /** Begins with number `from`; each frame is handed out as soon as it is full, its JSON at most `maxFrameBytes`. What was not ended before is dropped. */
  begin(from: number, limits: { maxFrameBytes: number; onFrame: (frame: BuiltFrame) => void }): void;
  /** The item's number. One that fits no frame takes no number. */
  add(item: OutboxItem): number | "too-large";
  addRow(row: OutboxRow): number | "too-large";
  /** Hands out the last frame, and returns the number that is next. */
  end(): number;
}

/** The memory that frames are written into is kept from one cut to the next. */
export function createFrameCutter(): FrameCutter {
  const text = createFrameText();
  const hashes = new Uint32Array(maxItemsPerFrame);
  let first = 1;
  let next = 1;
  let maxBytes = 0;
  let handOut: (frame: BuiltFrame) => void = () => {};
  const close = (): void => {
    const count = next - first;
    if (count === 0) return;
    const json = text.finish();
    const frame = encodeJsonBytes(json);
    handOut({
      first,
      last: next - 1,
      text: typeof frame === "string",
      bytes: typeof frame === "string" ? Uint8Array.from(json) : frame,
      jsonSize: json.length,
      ids: hashes.slice(0, count),
    });
    first = next;
  };
  /** Whether there is place for it, in this frame or in one of its own. */
  const hasPlace = <T>(item: T, write: (item: T) => boolean): boolean => {
    if (next - first === maxItemsPerFrame) close();
    if (next === first) text.begin(first, maxBytes);
    if (write(item)) return true;
    // A frame of its own is the last try.
    close();
    text.begin(first, maxBytes);
    return write(item);
  };
  return {
    begin(from, { maxFrameBytes, onFrame }) {
      first = from;
      next = from;
      maxBytes = maxFrameBytes;
      handOut = onFrame;
    },
    add(item) {
      if (!hasPlace(item, text.add)) return "too-large";
      hashes[next - first] = idHash(item.type, item.id);
      return next++;
    },
    addRow(row) {
      if (!hasPlace(row, text.addRow)) return "too-large";
      hashes[next - first] = idHashOf(row);
      return next++;
    },
    end() {
      close();
      return next;
    },
  };
}

export interface Cut {
  frames: readonly BuiltFrame[];
  /** In the order of the items. */
  seqs: readonly (number | "too-large")[];
  next: number;
}

/** Cuts a list of items at once. */
export function cutFrames(
  cutter: FrameCutter,
  items: readonly OutboxItem[],
  { from, maxFrameBytes }: { from: number; maxFrameBytes: number },
): Cut {
  const frames: BuiltFrame[] = [];
  cutter.begin(from, { maxFrameBytes, onFrame: (frame) => frames.push(frame) });
  const seqs = items.map(cutter.add);
  return { frames, seqs, next: cutter.end() };
}

let lastType = "";
let typeHash = 0;

/** FNV-1a, 32 bits (isthe.com/chongo/tech/comp/fnv), over type and id. */
export function idHash(type: string, id: string): number {
  return hashOn(hashOfType(type), id) >>> 0;
}

/** The same of an id that is ASCII bytes. */
function idHashOf({ type, bytes, idEnd }: OutboxRow): number {
  let hash = hashOfType(type);
  for (let at = 0; at < idEnd; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return hash >>> 0;
}

function hashOfType(type: string): number {
  if (type !== lastType) {
    lastType = type;
    typeHash = hashOn(hashOn(0x811c9dc5, type), ":");
  }
  return typeHash;
}

function hashOn(start: number, text: string): number {
  let hash = start;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}
