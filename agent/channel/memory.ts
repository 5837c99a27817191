/** What the channel must remember between connections, in the store's `meta`. */
import type { MetaStore } from "../store/store.ts";
import type { RenewReason } from "./acks.ts";

const names = {
  // Written by the store's `renewEpoch` as well.
  epoch: "epoch",
  connection: "channel.connection",
  established: "channel.established",
  begun: "channel.begun",
  reconcile: "channel.reconcile",
  renew: "channel.renew",
  suspectUntil: "channel.suspect-until",
  clockOffset: "channel.clock-offset",
  frameLimit: "channel.frame-limit",
} as const;

/** Why this side wants a new epoch. */
type RenewalWish = Extract<RenewReason, "requested" | "agent-restored">;

export interface ChannelMemory {
  /** Identity of the numbers in the outbox; undefined before the first connection. */
  epoch: string | undefined;
  /** Connection number last received; 0 for none. */
  connection: number;
  /** The portal has said that it knows this epoch: by a number, an ack, or an answer. */
  established: boolean;
  /** Why this epoch began. */
  begun: RenewReason | undefined;
  /** Reason of a new epoch whose reconciliation is not finished. */
  reconcile: RenewReason | undefined;
  /** A new epoch was asked for. */
  renew: RenewalWish | undefined;
  /** Portal time (epoch ms) up to which an issued command may have been executed before this store knew it. */
  suspectUntil: number | undefined;
  /** Portal's clock minus ours, ms, as of the last `welcome`. */
  clockOffset: number;
  /** Largest frame under which the outbox was filled. */
  frameLimit: number | undefined;
}

const numberOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));

export function recall(meta: MetaStore): ChannelMemory {
  const epoch = meta.get(names.epoch);
  return {
    epoch,
    connection: numberOf(meta.get(names.connection)) ?? 0,
    established: epoch !== undefined && meta.get(names.established) === epoch,
    begun: meta.get(names.begun) as RenewReason | undefined,
    reconcile: meta.get(names.reconcile) as RenewReason | undefined,
    renew: meta.get(names.renew) as RenewalWish | undefined,
    suspectUntil: numberOf(meta.get(names.suspectUntil)),
    clockOffset: numberOf(meta.get(names.clockOffset)) ?? 0,
    frameLimit: numberOf(meta.get(names.frameLimit)),
  };
}

/** Writes the named parts; call it inside the transaction to which they belong. */
export function remember(meta: MetaStore, change: Partial<ChannelMemory>): void {
  for (const [part, value] of Object.entries(change)) {
    if (part === "established") meta.set(names.established, value ? meta.get(names.epoch) : undefined);
    else meta.set(names[part as keyof typeof names], value === undefined ? undefined : String(value));
  }
}

/** Asks for a new epoch at the next connection: the outbox is emptied and everything compared with the portal's inventory. */
export function requestEpoch(meta: MetaStore, why: RenewalWish = "requested"): void {
  remember(meta, { renew: why });
}
