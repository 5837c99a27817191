/** A frame of the outbox as it may be sent now: not before the number to go on from, and not larger than the portal takes. */
import { zstdDecompressSync } from "node:zlib";
import { buildChanges, expandChanges } from "../../protocol/changes.ts";
import { encodeJsonBytes } from "../../protocol/frames.ts";
import type { Changes } from "../../protocol/messages.ts";
import type { OutboxFrame } from "../store/store.ts";
import type { Flying } from "./acks.ts";
import type { WireData } from "./link.ts";

/** A frame as the socket sends it. */
export interface WireFrame extends Flying {
  first: number;
  data: WireData;
}

export interface Fit {
  /** First number to send; lies at the latest at the frame's last. */
  from: number;
  /** Largest JSON in bytes. */
  maxBytes: number;
}

/** The frame as it stands. */
export function wholeFrame(frame: OutboxFrame): WireFrame {
  const data = frame.text ? textOf(frame.bytes) : frame.bytes;
  return { first: frame.first, last: frame.last, items: frame.last - frame.first + 1, bytes: frame.bytes.length, data };
}

/** The frame from number `from` on (the portal may have acked a part of it); undefined when it is larger than `maxBytes`. */
export function fitFrame(frame: OutboxFrame, fit: Fit): WireFrame | undefined {
  const json = frame.text ? frame.bytes : zstdDecompressSync(frame.bytes.subarray(1));
  if (fit.from <= frame.first) return json.length > fit.maxBytes ? undefined : wholeFrame(frame);
  const rest = [...expandChanges(JSON.parse(textOf(json)) as Changes)].filter((item) => item.seq >= fit.from);
  const cut = Buffer.from(JSON.stringify(buildChanges(fit.from, rest)));
  if (cut.length > fit.maxBytes) return undefined;
  const data = encodeJsonBytes(cut);
  return {
    first: fit.from,
    last: frame.last,
    items: rest.length,
    bytes: typeof data === "string" ? cut.length : data.length,
    data,
  };
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
