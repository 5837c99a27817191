/** The newest refusal of each entity, until an item of it is accepted: the agent may have to be told again. */
import type { NumberedItem } from "../protocol/changes.ts";
import type { Refusal } from "../protocol/messages.ts";
import type { Store } from "./store.ts";

export interface Refusals {
  /** Whether the agent has any; asked of the store once for each of its links, which alone writes them. */
  any(of: { agentId: string; connection: number }): boolean;
  add(of: { agentId: string; epoch: string }, item: NumberedItem, refusal: Omit<Refusal, "seq">, at: number): void;
  /** The item was accepted. */
  remove(agentId: string, item: NumberedItem): void;
  /** Refusals that the agent may not have heard: those of numbers that it still holds, in order. */
  from(of: { agentId: string; epoch: string }, firstHeld: number): Refusal[];
}

export function refusalsIn(store: Store): Refusals {
  /** By agent; a refusal that was rolled back may count, which costs no more than a look. */
  const known = new Map<string, { connection: number; any: boolean }>();
  return {
    any({ agentId, connection }) {
      let link = known.get(agentId);
      if (link?.connection !== connection) {
        const any = store.get("SELECT 1 FROM refusal WHERE agent_id = ? LIMIT 1", agentId) !== undefined;
        link = { connection, any };
        known.set(agentId, link);
      }
      return link.any;
    },
    add({ agentId, epoch }, item, refusal, at) {
      const link = known.get(agentId);
      if (link !== undefined) link.any = true;
      store.run(
        `INSERT OR REPLACE INTO refusal (agent_id, type, id, epoch, seq, code, reason, retry_after_ms, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        agentId,
        item.type,
        item.id,
        epoch,
        item.seq,
        refusal.code,
        refusal.reason,
        refusal.retryAfterMs ?? null,
        at,
      );
    },
    remove: (agentId, { type, id }) =>
      void store.run("DELETE FROM refusal WHERE agent_id = ? AND type = ? AND id = ?", agentId, type, id),
    from({ agentId, epoch }, firstHeld) {
      const sql =
        "SELECT seq, code, reason, retry_after_ms FROM refusal WHERE agent_id = ? AND epoch = ? AND seq >= ? ORDER BY seq";
      const rows = store.all<{ seq: number; code: Refusal["code"]; reason: string; retry_after_ms: number | null }>(
        sql,
        agentId,
        epoch,
        firstHeld,
      );
      return rows.map(({ retry_after_ms: wait, ...refusal }) => (wait === null ? refusal : { ...refusal, retryAfterMs: wait }));
    },
  };
}
