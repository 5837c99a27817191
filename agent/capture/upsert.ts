import type { Mapped, Parent } from "../map/mapped.ts";
import type { EntityState, Filled, OutboxItem } from "../store/store.ts";

/** An entity on its way into the outbox, and what is to be kept of it. */
export interface Upsert {
  key: string;
  keyDigest: bigint | undefined;
  rowDigest: bigint;
  entityDigest: bigint;
  filled: Filled;
  parents: readonly Parent[];
  /** Left out, because they are not there. */
  awaited: readonly Parent[];
  before: EntityState | "none";
  /** Key of the entity that it continues, of which the portal is told now. */
  replaces: string | undefined;
  /** Its key was given to somebody new since it was sent last. */
  reused: boolean;
  /** Whose it is. */
  bearer: Extract<Mapped, { kind: "entity" }>["bearer"];
  item: OutboxItem & { op: "upsert" };
}
