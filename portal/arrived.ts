/** A frame of `changes` on its way into the journal: as it came, and looked through as bytes where that was enough. */
import { countItems } from "../protocol/changes.ts";
import type { ScannedChanges } from "../protocol/changes-bytes.ts";
import { readFrame } from "../protocol/frames.ts";
import type { Changes } from "../protocol/messages.ts";
import type { HeadPlan } from "./table-plan.ts";

export interface Arrived {
  /** Number of the first item. */
  readonly from: number;
  readonly items: number;
  /** As it was received. */
  readonly raw: Uint8Array;
  /** Bytes that it takes in memory until it is judged, about. */
  readonly bytes: number;
  /** Something is deleted by it. */
  readonly deletes: boolean;
  /** Undefined where the message was decoded. */
  readonly scanned: ScannedChanges<HeadPlan> | undefined;
  /** Undefined until somebody asks for it: see `messageOf`. */
  decoded: Changes | undefined;
}

/** A message that was decoded. @param jsonBytes length of its JSON */
export function arrivedMessage(message: Changes, raw: Uint8Array, jsonBytes: number): Arrived {
  const deletes = message.tables.some(({ op }) => op === "delete");
  const bytes = raw.length + jsonBytes;
  return { from: message.from, items: countItems(message), raw, bytes, deletes, scanned: undefined, decoded: message };
}

export function arrivedBytes(scanned: ScannedChanges<HeadPlan>, raw: Uint8Array): Arrived {
  const { from, items, tables } = scanned;
  const deletes = tables.some(({ head }) => head.op === "delete");
  return { from, items, raw, bytes: raw.length + scanned.bytes.length, deletes, scanned, decoded: undefined };
}

/** The message of a frame, decoded only for who asks. */
export function messageOf(frame: Arrived): Changes {
  frame.decoded ??= readFrame(frame.raw) as Changes;
  return frame.decoded;
}
