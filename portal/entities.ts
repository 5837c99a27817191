/**
 * Entities as the agents sent them. Items, refusals and the last number are committed together, on the condition that the link is still the
 * agent's newest one and nothing is missing: so each number takes effect once, whatever died when.
 */
import type { Clock } from "../base/time.ts";
import { expandChanges, type NumberedItem, type UpsertItem } from "../protocol/changes.ts";
import { type Digester, digestHex } from "../protocol/digest.ts";
import type { Changes, Refusal } from "../protocol/messages.ts";
import type { TypeName } from "../protocol/model.ts";
import { parentReferences } from "../protocol/references.ts";
import { validateItem } from "../protocol/validate.ts";
import type { Store } from "./store.ts";

/** Which link speaks: the commit holds only while it is the newest. */
export interface Speaker {
  agentId: string;
  epoch: string;
  connection: number;
}

export interface Applied {
  /** `fenced`: another link or epoch took over. `gap`: a number is missing; what came before it is committed. */
  outcome: "ok" | "fenced" | "gap";
  /** Last number held durably, 0 for none. */
  last: number;
  applied: NumberedItem[];
  refused: Refusal[];
}

/** A reason to refuse an item beside the portal's own ones. */
export type RefuseHook = (item: NumberedItem) => Omit<Refusal, "seq"> | undefined;

export interface Entities {
  /** Applies frames in their order in one transaction. `accepted`: the types that `welcome` named. */
  apply(
    speaker: Speaker,
    frames: readonly Changes[],
    options: { accepted: ReadonlySet<string>; refuse?: RefuseHook | undefined },
  ): Applied;
  /** Refusals that the agent may not have heard: those of numbers that it still holds, in order. */
  refusalsFrom(speaker: Speaker, firstHeld: number): Refusal[];
}

class Fenced extends Error {}

export function entitiesIn(store: Store, clock: Clock, digester: Digester): Entities {
  return {
    apply(speaker, frames, options) {
      try {
        return store.transaction(() => applyFrames({ store, clock, digester, speaker, ...options }, frames));
      } catch (error) {
        if (error instanceof Fenced) return { outcome: "fenced", last: 0, applied: [], refused: [] };
        throw error;
      }
    },
    refusalsFrom(speaker, firstHeld) {
      const sql =
        "SELECT seq, code, reason, retry_after_ms FROM refusal WHERE agent_id = ? AND epoch = ? AND seq >= ? ORDER BY seq";
      const rows = store.all<{ seq: number; code: Refusal["code"]; reason: string; retry_after_ms: number | null }>(
        sql,
        speaker.agentId,
        speaker.epoch,
        firstHeld,
      );
      return rows.map(({ retry_after_ms: wait, ...refusal }) => (wait === null ? refusal : { ...refusal, retryAfterMs: wait }));
    },
  };
}

interface Work {
  store: Store;
  clock: Clock;
  digester: Digester;
  speaker: Speaker;
  accepted: ReadonlySet<string>;
  refuse?: RefuseHook | undefined;
}

function applyFrames(work: Work, frames: readonly Changes[]): Applied {
  const { store, speaker } = work;
  const sql = "SELECT last FROM agent WHERE id = ? AND epoch = ? AND connection = ? AND revoked_at IS NULL";
  const row = store.get<{ last: number | null }>(sql, speaker.agentId, speaker.epoch, speaker.connection);
  if (row === undefined) throw new Fenced();
  const from = row.last ?? 0;
  const done: Applied = { outcome: "ok", last: from, applied: [], refused: [] };
  for (const frame of frames) {
    if (frame.from > done.last + 1) {
      done.outcome = "gap";
      break;
    }
    for (const item of expandChanges(frame)) {
      if (item.seq <= done.last) continue;
      applyItem(work, item, done);
      done.last = item.seq;
    }
  }
  if (done.last === from) return done;
  const changed = store.run(
    "UPDATE agent SET last = ?, seen_at = ? WHERE id = ? AND epoch = ? AND connection = ? AND coalesce(last, 0) = ?",
    done.last,
    work.clock.now(),
    speaker.agentId,
    speaker.epoch,
    speaker.connection,
    from,
  );
  if (changed !== 1) throw new Fenced();
  return done;
}

function applyItem(work: Work, item: NumberedItem, done: Applied): void {
  const { store, speaker } = work;
  const refusal = work.refuse?.(item) ?? reasonToRefuse(work, item);
  if (refusal !== undefined) {
    done.refused.push({ seq: item.seq, ...refusal });
    store.run(
      `INSERT OR REPLACE INTO refusal (agent_id, type, id, epoch, seq, code, reason, retry_after_ms, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      speaker.agentId,
      item.type,
      item.id,
      speaker.epoch,
      item.seq,
      refusal.code,
      refusal.reason,
      refusal.retryAfterMs ?? null,
      work.clock.now(),
    );
    return;
  }
  if (item.op === "upsert") upsert(work, item);
  else remove(work, item);
  store.run("DELETE FROM refusal WHERE agent_id = ? AND type = ? AND id = ?", speaker.agentId, item.type, item.id);
  done.applied.push(item);
}

function reasonToRefuse(work: Work, item: NumberedItem): Omit<Refusal, "seq"> | undefined {
  if (!work.accepted.has(item.type)) return { code: "invalid", reason: "type: is not among the accepted types" };
  const faults = validateItem(item);
  if (faults.length > 0) {
    const reason = faults.map((fault) => `${fault.path}: ${fault.message}`).join("; ");
    return { code: "invalid", reason: reason.slice(0, 1_000) };
  }
  if (item.op === "delete") return undefined;
  for (const parent of parentReferences(item.type as TypeName, item.fields)) {
    // Types that this agent does not send can't be asked for.
    const types = parent.types.filter((type) => work.accepted.has(type));
    if (types.length === 0 || (parent.id === item.id && types.includes(item.type))) continue;
    if (!types.some((type) => isKnown(work, type, parent.id))) {
      return { code: "unknown-parent", reason: `${types.join(" or ")} is not known here` };
    }
  }
  return undefined;
}

/** A replaced entity still counts: its children are re-homed, they do not become orphans. */
function isKnown(work: Work, type: string, id: string): boolean {
  const sql =
    "SELECT 1 FROM entity WHERE agent_id = ? AND type = ? AND id = ? AND (deleted_at IS NULL OR replaced_by IS NOT NULL)";
  return work.store.get(sql, work.speaker.agentId, type, id) !== undefined;
}

/** The whole state: what the item does not name is gone. */
function upsert(work: Work, item: UpsertItem & { seq: number }): void {
  const { store, speaker } = work;
  store.run(
    `INSERT INTO entity (agent_id, type, id, fields, digest, cause, withheld, seq, epoch, time, replaces) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET fields = excluded.fields, digest = excluded.digest, cause = excluded.cause, withheld = excluded.withheld,
       seq = excluded.seq, epoch = excluded.epoch, time = excluded.time, replaces = coalesce(excluded.replaces, replaces),
       deleted_at = NULL, delete_reason = NULL, replaced_by = NULL`,
    speaker.agentId,
    item.type,
    item.id,
    JSON.stringify(item.fields),
    digestHex(work.digester.entity(item.fields)),
    item.cause ?? null,
    item.withheld === undefined ? null : JSON.stringify(item.withheld),
    item.seq,
    speaker.epoch,
    item.time,
    item.replaces ?? null,
  );
  if (item.replaces === undefined) return;
  const sql = "UPDATE entity SET replaced_by = ? WHERE agent_id = ? AND type = ? AND id = ? AND id <> ?1";
  store.run(sql, item.id, speaker.agentId, item.type, item.replaces);
}

/** Deleting what is not there is fine. What was erased leaves nothing of its fields behind. */
function remove(work: Work, item: NumberedItem & { op: "delete" }): void {
  work.store.run(
    `UPDATE entity SET deleted_at = ?1, delete_reason = ?2, digest = NULL, cause = ?3, seq = ?4, epoch = ?5, time = ?6,
       fields = CASE WHEN ?2 = 'erased' THEN '{}' ELSE fields END
     WHERE agent_id = ?7 AND type = ?8 AND id = ?9`,
    work.clock.now(),
    item.reason,
    item.cause ?? null,
    item.seq,
    work.speaker.epoch,
    item.time,
    work.speaker.agentId,
    item.type,
    item.id,
  );
}
