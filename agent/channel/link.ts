/** One link to the portal, as a session sees it: the socket in life, a simulated one in the simulation. */
import type { FuserError } from "../../base/errors.ts";

/** A string travels as text frame, bytes as binary one. */
export type WireData = string | Uint8Array;

/** How a link ended. */
export interface LinkEnd {
  /** WebSocket close code; 1006 where the connection just broke. */
  code: number;
  reason: string;
  /** What this side found wrong, where it was this side that ended it or the network that broke. */
  error: FuserError | undefined;
}

/** What a link tells. Nothing is told after `closed`, which is told once. */
export interface LinkListener {
  frame(data: WireData): void;
  /** What was sent has left for the network. */
  drained(): void;
  closed(end: LinkEnd): void;
}

export interface Link {
  /** `flushed` is called once the bytes were handed to the network; never if the link breaks before. */
  send(data: WireData, flushed?: () => void): void;
  /** Bytes sent and not yet handed to the network. */
  readonly bufferedBytes: number;
  /** When anything was last heard of the other end, ms of the clock that nobody sets. */
  readonly heardAt: number;
  /** Pings this often from now on; silence past two of them ends the link with 4408. */
  heartbeat(seconds: number): void;
  /** Ends the link; `closed` follows, at the latest a few seconds later. */
  close(code: number, reason: string, error?: FuserError): void;
}

/**
 * Opens a link.
 * @throws FuserError that says why none could be had (channel/failures.ts lists the codes)
 */
export type Connect = (listener: LinkListener, signal: AbortSignal) => Promise<Link>;
