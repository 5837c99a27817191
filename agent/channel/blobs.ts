/**
 * Bytes of documents on one connection: one document after the other, in pieces, no more of them under way than the portal has taken, and none while
 * changes wait to be sent. What was under way when the link ends is asked for again on the next one.
 */
import { createHash } from "node:crypto";
import type { Clock } from "../../base/time.ts";
import { encodePiece, pieceBytes, piecesInFlight } from "../../protocol/blob-piece.ts";
import type { AgentMessage, BlobRequest } from "../../protocol/messages.ts";
import type { WireData } from "./link.ts";

/** The bytes of a document, ready to be read. */
export interface BlobContent extends AsyncDisposable {
  sizeBytes: number;
  /** Another one whenever the bytes may be others. */
  version: string;
  /** Fewer than asked for only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  isSame(): Promise<boolean>;
}

export type OpenBlob = (document: string, signal: AbortSignal) => Promise<BlobContent | { refused: string }>;

interface BlobParts {
  /** Absent: no bytes are offered. */
  open: OpenBlob | undefined;
  send: (message: AgentMessage) => void;
  sendPiece: (frame: WireData) => void;
  /** Asks for a call of `lineIsFree` as soon as it is. */
  askLine: () => void;
  /** Largest frame that the portal takes. */
  maxFrameBytes: number;
  clock: Clock;
  /** A portal that takes no piece for so long gets no more of this document, ms. */
  patienceMs: number;
  onFailed: (error: unknown) => void;
  /** Ends with the link. */
  signal: AbortSignal;
}

export interface Blobs {
  request(request: BlobRequest): void;
  /** The portal has kept a piece. */
  acked(id: string, offset: number): void;
  /** The line is free: changes have nothing to send, or may not send it yet. */
  lineIsFree(): void;
}

/** Requests that wait for their turn. */
const mostWaiting = 1_000;

interface Transfer {
  id: string;
  sent: number;
  acked: number;
  /** Wakes it where it waits for room. */
  wake: (() => void) | undefined;
}

export function createBlobs(parts: BlobParts): Blobs {
  const { open, send, signal } = parts;
  const waiting: BlobRequest[] = [];
  let current: Transfer | undefined;
  let isRunning = false;

  const refuse = (id: string, reason: string): void => send({ type: "answer", id, outcome: "refused", reason });

  const run = async (opened: OpenBlob): Promise<void> => {
    isRunning = true;
    try {
      for (let next = waiting.shift(); next !== undefined && !signal.aborted; next = waiting.shift()) {
        const content = await opened(next.document, signal);
        if ("refused" in content) {
          refuse(next.id, content.refused);
          continue;
        }
        await using _ = content;
        await transfer(next, content);
      }
    } catch (error) {
      parts.onFailed(error);
    } finally {
      isRunning = false;
      current = undefined;
    }
  };

  const transfer = async ({ id, version, offset }: BlobRequest, content: BlobContent): Promise<void> => {
    const { sizeBytes } = content;
    const from = version === content.version && offset <= sizeBytes ? offset : 0;
    const hash = createHash("sha256");
    const own: Transfer = { id, sent: from, acked: from, wake: undefined };
    current = own;
    send({ type: "blob", id, offset: from, sizeBytes, version: content.version });
    const most = Math.min(pieceBytes, parts.maxFrameBytes);
    for (let at = 0; at < sizeBytes; ) {
      // What the portal holds already counts for the digest all the same.
      const isHeld = at < from;
      if (!isHeld && !(await room(own))) return refuse(id, "busy");
      const bytes = await content.read(at, Math.min(most, (isHeld ? from : sizeBytes) - at));
      signal.throwIfAborted();
      if (bytes.length === 0) return refuse(id, "changed");
      hash.update(bytes);
      if (!isHeld) parts.sendPiece(encodePiece({ id, offset: at, bytes }));
      at += bytes.length;
      own.sent = Math.max(own.sent, at);
    }
    if (!(await content.isSame())) return refuse(id, "changed");
    send({ type: "answer", id, outcome: "ok", blob: { sizeBytes, sha256: hash.digest("hex") } });
  };

  /** Waits for a turn of the line and until the portal has taken enough; false where it takes nothing for too long. */
  const room = async (own: Transfer): Promise<boolean> => {
    const free = Promise.withResolvers<boolean>();
    const cancel = parts.clock.after(parts.patienceMs, () => free.resolve(false));
    const onAbort = (): void => free.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    own.wake = () => {
      if (own.sent - own.acked < piecesInFlight * pieceBytes) free.resolve(true);
    };
    try {
      signal.throwIfAborted();
      // The next look at the line tells: changes that came meanwhile go first.
      parts.askLine();
      return await free.promise;
    } finally {
      own.wake = undefined;
      cancel();
      signal.removeEventListener("abort", onAbort);
    }
  };

  return {
    request(request) {
      if (open === undefined) return refuse(request.id, "not offered");
      if (waiting.length >= mostWaiting) return refuse(request.id, "busy");
      waiting.push(request);
      if (!isRunning) void run(open);
    },
    acked(id, offset) {
      if (current?.id === id && offset <= current.sent) current.acked = Math.max(current.acked, offset);
    },
    lineIsFree: () => current?.wake?.(),
  };
}
