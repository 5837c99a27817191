/** How a conversation begins: what `hello` says, and which epoch goes on after `welcome`. All it decides is durable before `start` is sent. */
import type { Clock } from "../../base/time.ts";
import type { Hello, Start, Welcome } from "../../protocol/messages.ts";
import { modelVersion, protocolVersion } from "../../protocol/version.ts";
import type { InboxStore, MetaStore, OutboxStore } from "../store/store.ts";
import { decideEpoch, type RenewReason } from "./acks.ts";
import { recall, remember } from "./memory.ts";

/** What the agent says of itself in `hello`. */
export type Offer = Pick<Hello, "agentVersion" | "host" | "stage" | "types" | "commands" | "lookups">;

/** The part of the store that the channel needs. */
export interface ChannelStore {
  transaction<T>(action: () => T): T;
  renewEpoch(epoch: string): void;
  readonly meta: MetaStore;
  readonly outbox: OutboxStore;
  readonly inbox: InboxStore;
}

export interface GreetingParts {
  store: ChannelStore;
  clock: Clock;
  /** Unique text of 8 to 64 characters. */
  newId: () => string;
}

/** A command issued so long after a new epoch's begin can't have been executed before it, ms. */
const suspectMarginMs = 10 * 60_000;

/** The first message. The very first one of a store also names its first epoch. */
export function helloOf(parts: GreetingParts, offer: Offer): Hello {
  const { store, newId } = parts;
  const { first, next } = store.outbox.bounds();
  const memory = recall(store.meta);
  const epoch = memory.epoch ?? newId();
  if (memory.epoch === undefined) store.transaction(() => remember(store.meta, { epoch, begun: "first", reconcile: "first" }));
  const versions = { protocols: [protocolVersion], models: [modelVersion] };
  return { type: "hello", ...versions, ...offer, epoch, connection: memory.connection, first, next };
}

export interface Begin {
  start: Start;
  /** Why everything must be compared with the portal's inventory; undefined when that is done. */
  reconcile: RenewReason | undefined;
  /** A new epoch began just now. */
  renewed: RenewReason | undefined;
  /** Frames up to this number may be larger than the portal takes. */
  checkUntil: number;
}

/** Answers `welcome`: one transaction that stores the connection number and, where the two memories disagree, begins a new epoch. */
export function beginEpoch(parts: GreetingParts, welcome: Welcome): Begin {
  return parts.store.transaction(() => begin(parts, welcome));
}

function begin(parts: GreetingParts, welcome: Welcome): Begin {
  const { store, clock } = parts;
  const { meta, outbox } = store;
  const decision = decide(parts, welcome);
  const portalNow = Date.parse(welcome.now);
  remember(meta, { connection: welcome.connection, clockOffset: portalNow - clock.now() });
  if (decision.kind === "renew") {
    const epoch = parts.newId();
    store.renewEpoch(epoch);
    const { reason } = decision;
    remember(meta, {
      epoch,
      established: false,
      begun: reason,
      reconcile: reason,
      renew: undefined,
      suspectUntil: portalNow + suspectMarginMs,
    });
  } else if (decision.kind === "resume") remember(meta, { established: true });
  const checkUntil = takeFrameLimit(parts.store, welcome.maxFrameBytes);
  const memory = recall(meta);
  const next = decision.kind === "renew" ? outbox.bounds().first : decision.from;
  const renewed = memory.established ? {} : { renewed: memory.begun ?? "first" };
  return {
    start: { type: "start", connection: welcome.connection, epoch: memory.epoch as string, ...renewed, next },
    reconcile: memory.reconcile,
    renewed: decision.kind === "renew" ? decision.reason : undefined,
    checkUntil,
  };
}

function decide({ store }: GreetingParts, welcome: Welcome) {
  const memory = recall(store.meta);
  if (memory.renew !== undefined) return { kind: "renew", reason: memory.renew } as const;
  const { first, next } = store.outbox.bounds();
  return decideEpoch({
    presented: memory.connection,
    seen: welcome.seen,
    first,
    next,
    last: welcome.last,
    established: memory.established,
    otherHost: welcome.otherHost !== undefined,
  });
}

/** A lower limit than before is remembered only once no frame of the old one is left (upstream.ts), so that a crash forgets nothing. */
function takeFrameLimit({ meta, outbox }: ChannelStore, bytes: number): number {
  const { frameLimit } = recall(meta);
  outbox.setMaxFrameBytes(bytes);
  const { first, next } = outbox.bounds();
  const mayBeLarger = (frameLimit === undefined || bytes < frameLimit) && next > first;
  if (!mayBeLarger && frameLimit !== bytes) remember(meta, { frameLimit: bytes });
  return mayBeLarger ? next - 1 : 0;
}
