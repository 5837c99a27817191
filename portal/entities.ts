/** Entities as the agents sent them: what an item of `changes` does to the tables. */
import type { NumberedItem, UpsertItem } from "../protocol/changes.ts";
import { type Digester, digestHex } from "../protocol/digest.ts";
import { dropDocument } from "./documents.ts";
import type { Store } from "./store.ts";

/** Where an item came from. */
export interface Origin {
  agentId: string;
  epoch: string;
  /** When it was received, milliseconds since the epoch. */
  at: number;
}

export interface Entities {
  /** Within a transaction. */
  apply(origin: Origin, item: NumberedItem): void;
}

export function entitiesIn(store: Store, digester: Digester): Entities {
  return {
    apply(origin, item) {
      if (item.op === "upsert") upsert({ store, digester }, origin, item);
      else remove(store, origin, item);
    },
  };
}

/** The whole state: what the item does not name is gone. */
function upsert(parts: { store: Store; digester: Digester }, origin: Origin, item: UpsertItem & { seq: number }): void {
  const { store, digester } = parts;
  store.run(
    `INSERT INTO entity (agent_id, type, id, fields, digest, cause, withheld, seq, epoch, time, replaces) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET fields = excluded.fields, digest = excluded.digest, cause = excluded.cause, withheld = excluded.withheld,
       seq = excluded.seq, epoch = excluded.epoch, time = excluded.time, replaces = coalesce(excluded.replaces, replaces),
       deleted_at = NULL, delete_reason = NULL, replaced_by = NULL`,
    origin.agentId,
    item.type,
    item.id,
    JSON.stringify(item.fields),
    digestHex(digester.entity(item.fields)),
    item.cause ?? null,
    item.withheld === undefined ? null : JSON.stringify(item.withheld),
    item.seq,
    origin.epoch,
    item.time,
    item.replaces ?? null,
  );
  if (item.replaces === undefined) return;
  const sql = "UPDATE entity SET replaced_by = ? WHERE agent_id = ? AND type = ? AND id = ? AND id <> ?1";
  store.run(sql, item.id, origin.agentId, item.type, item.replaces);
}

/** Deleting what is not there is fine. What was erased leaves nothing of its fields behind. */
function remove(store: Store, origin: Origin, item: NumberedItem & { op: "delete" }): void {
  if (item.type === "document") dropDocument(store, origin.agentId, item.id);
  store.run(
    `UPDATE entity SET deleted_at = ?1, delete_reason = ?2, digest = NULL, cause = ?3, seq = ?4, epoch = ?5, time = ?6,
       fields = CASE WHEN ?2 = 'erased' THEN '{}' ELSE fields END
     WHERE agent_id = ?7 AND type = ?8 AND id = ?9`,
    origin.at,
    item.reason,
    item.cause ?? null,
    item.seq,
    origin.epoch,
    item.time,
    origin.agentId,
    item.type,
    item.id,
  );
}
