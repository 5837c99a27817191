/** The bytes of a document, ready to be read, or why there are none. */

import { createHash } from "node:crypto";

/** Why the bytes of a document can't be had: what is wrong at the place that the ERP names. */
export type BytesFault = "missing" | "unreadable" | "too-large" | "outside";

export interface Content extends AsyncDisposable {
  sizeBytes: number;
  /** Another one whenever the bytes may be others. */
  version: string;
  /** Bytes from an offset on, fewer than asked for only at the end; none where they can't be read any more. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Whether the bytes are still those of `version`. */
  isSame(): Promise<boolean>;
}

/** Bytes that were read as a whole. */
export function wholeContent(all: Uint8Array): Content {
  return {
    sizeBytes: all.length,
    version: createHash("sha256").update(all).digest("hex"),
    read: async (offset, length) => all.subarray(offset, offset + length),
    isSame: async () => true,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
