/** An entity that can't be sent as it stands waits in quarantine, with its reason; the portal keeps what it has of it. */
import type { QuarantineEntry } from "../store/store.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

export type ParkReason = Pick<QuarantineEntry, "code" | "field" | "message" | "digest" | "waitsFor">;

interface Parked {
  key: string;
  reason: ParkReason;
  rowDigest: bigint;
  now: number;
}

/** In the transaction that takes the read. `news`: a person has to mend it, and was not told yet; what merely waits for its parent is none. */
export function park({ store }: Room, { mapping }: CapturedSource, { key, reason, rowDigest, now }: Parked): "news" | "known" {
  const { source, type } = mapping;
  const waitsFor = reason.waitsFor && { source: reason.waitsFor.source, key: reason.waitsFor.key };
  const isNews = waitsFor === undefined && store.quarantine.get(source, key)?.code !== reason.code;
  store.quarantine.put({ ...reason, source, key, type, id: mapping.idOf(key), since: now, waitsFor });
  store.entities.put(source, key, { rowDigest, entityDigest: store.entities.get(source, key)?.entityDigest });
  return isNews ? "news" : "known";
}
