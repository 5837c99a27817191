/** A frame of `changes` on its way into the journal: as it came, and looked through as bytes where that was enough. */
import { countItems } from "../protocol/changes.ts";
import type { RowPlan, ScannedChanges } from "../protocol/changes-bytes.ts";
import { readFrame } from "../protocol/frames.ts";
import type { Changes } from "../protocol/messages.ts";

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
  readonly scanned: ScannedChanges<RowPlan> | undefined;
  /** The message, made only for who asks. */
  message(): Changes;
}

/** A message that was decoded. @param jsonBytes length of its JSON */
export function arrivedMessage(message: Changes, raw: Uint8Array, jsonBytes: number): Arrived {
  return {
    ...{ from: message.from, items: countItems(message), raw, bytes: raw.length + jsonBytes },
    ...{ deletes: message.tables.some(({ op }) => op === "delete"), scanned: undefined },
    message: () => message,
  };
}

export function arrivedBytes(scanned: ScannedChanges<RowPlan>, raw: Uint8Array): Arrived {
  let message: Changes | undefined;
  const { from, items, tables } = scanned;
  return {
    ...{ from, items, raw, bytes: raw.length + scanned.bytes.length, scanned },
    deletes: tables.some(({ head }) => head.op === "delete"),
    message() {
      message ??= readFrame(raw) as Changes;
      return message;
    },
  };
}
