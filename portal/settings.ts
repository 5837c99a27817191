/** What the owner of a gateway may set, and the hooks by which tests make it a slow or lying portal. */
import type { AgentMessage, Welcome } from "../protocol/messages.ts";
import type { RefuseHook } from "./judge.ts";

export interface Limits {
  /** Items sent and not yet acked. */
  windowItems: number;
  /** Bytes of `changes` frames as they travel, sent and not yet acked. */
  windowBytes: number;
  /** Largest JSON of one frame in bytes, before compression, either way. */
  maxFrameBytes: number;
  heartbeatSeconds: number;
  /** Commands sent and not yet received. */
  commandsInFlight: number;
  /** A command not received by then is sent again, milliseconds. */
  commandResendMs: number;
  /** Bytes of frames that may be journaled and not applied to the tables yet; past them acks wait. From half of it on applying takes turns with intake. */
  journalBytes: number;
}

export const defaultLimits: Limits = {
  windowItems: 10_000,
  windowBytes: 8 * 1_024 * 1_024,
  maxFrameBytes: 1_024 * 1_024,
  heartbeatSeconds: 30,
  commandsInFlight: 100,
  commandResendMs: 30_000,
  journalBytes: 256 * 1_024 * 1_024,
};

/** All of them may be changed while the gateway runs; the next frame sees it. */
export interface Hooks {
  /** Refuses items of its choice. */
  refuse?: RefuseHook | undefined;
  /** Holds acks back for that long; `never` sends none. */
  ackDelayMs?: number | "never" | undefined;
  /** Changes what the handshake says, e.g. another version or an older `last`. */
  welcome?: ((welcome: Welcome) => Welcome) | undefined;
  /** Sees each message before it is handled: `drop` cuts the link without a word, `ignore` overlooks the message. */
  message?: ((message: AgentMessage, agentId: string) => "drop" | "ignore" | undefined) | undefined;
  /** Sees each piece of a document's bytes before it is kept: `drop` cuts the link without a word. */
  piece?: ((document: string, offset: number) => "drop" | undefined) | undefined;
  /** Commands that the agent did not offer are issued all the same. */
  allowUnoffered?: boolean | undefined;
}
