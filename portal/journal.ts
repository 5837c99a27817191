/**
 * Frames as they were received, durable before their ack, until they stand in the tables. Entries of one agent are applied in the order of their commit;
 * those of several agents have nothing to do with one another.
 */
import type { Store } from "./store.ts";

/** A frame to be kept. */
export interface Received {
  agentId: string;
  epoch: string;
  /** Number of the first item that counts: those before it were there already. */
  first: number;
  /** Numbers of the items that were refused. */
  refused: readonly number[];
  /** As bytes; a text frame was written as a string by older versions. */
  frame: string | Uint8Array;
}

/** How far the tables can be asked about what an agent's journal may have changed. */
export type Tables =
  /** They hold all. */
  | "complete"
  /** What they hold stands, but more is journaled. */
  | "behind"
  /** What they hold may have been deleted since. */
  | "outdated";

export interface Entry extends Received {
  n: number;
  /** When it was received, milliseconds since the epoch. */
  at: number;
}

/** What an entry costs beside its frame: a small frame takes more room than its bytes. */
export const entryBytes = 512;

/** Where an entry stands in memory: everything else is read when its turn comes. */
export interface Kept {
  n: number;
  agentId: string;
  bytes: number;
  /** Something may be deleted by it. */
  deletes: boolean;
}

export interface Journal {
  /** Within the transaction that also moves the agent's last number. It counts once `keep` was called with what this returns, after the commit. */
  write(received: Received, told: { at: number; deletes: boolean }): Kept;
  keep(entries: readonly Kept[]): void;
  /** Bytes not applied yet. */
  readonly bytes: number;
  /** Whether entries of this agent are not applied yet. */
  holds(agentId: string): boolean;
  /** What the tables are worth beside the entries of this agent that are not applied yet. */
  tables(agentId: string): Tables;
  /** Agents with entries; one that had an entry applied comes last. */
  agents(): Iterable<string>;
  /** How many entries of an agent there are. */
  count(agentId: string): number;
  /** The agent's entry at this place, 0 being the oldest; undefined where it is gone from the store. */
  entry(agentId: string, index: number): Entry | undefined;
  /** Within the transaction that applied its items. */
  drop(n: number): void;
  /** Within the transaction that applied the items before `first`. */
  advance(n: number, first: number): void;
  /** The agent's oldest entry was dropped, after the commit. */
  dropped(agentId: string): void;
}

/** An agent's entries, oldest first, and how many of them may delete something. */
interface OfAgent {
  entries: Kept[];
  deletes: number;
}

export function journalIn(store: Store): Journal {
  const kept = new Map<string, OfAgent>();
  let bytes = 0;
  const keep = (entries: Iterable<Kept>): void => {
    for (const entry of entries) {
      bytes += entry.bytes;
      const ofAgent = kept.get(entry.agentId);
      const deletes = entry.deletes ? 1 : 0;
      if (ofAgent === undefined) kept.set(entry.agentId, { entries: [entry], deletes });
      else {
        ofAgent.entries.push(entry);
        ofAgent.deletes += deletes;
      }
    }
  };
  // What a portal that died has not applied.
  const left = "SELECT n, agent_id AS agentId, octet_length(frame) + ? AS bytes FROM journal ORDER BY n";
  keep(store.all<Omit<Kept, "deletes">>(left, entryBytes).map((entry) => ({ ...entry, deletes: true })));
  return {
    write({ agentId, epoch, first, refused, frame }, { at, deletes }) {
      const n = store.insert(
        "INSERT INTO journal (agent_id, epoch, first, refused, at, frame) VALUES (?, ?, ?, ?, ?, ?)",
        agentId,
        epoch,
        first,
        refused.length === 0 ? null : JSON.stringify(refused),
        at,
        frame,
      );
      return { n, agentId, bytes: frame.length + entryBytes, deletes };
    },
    keep,
    get bytes() {
      return bytes;
    },
    holds: (agentId) => kept.has(agentId),
    tables(agentId) {
      const ofAgent = kept.get(agentId);
      if (ofAgent === undefined) return "complete";
      return ofAgent.deletes === 0 ? "behind" : "outdated";
    },
    agents: () => kept.keys(),
    count: (agentId) => kept.get(agentId)?.entries.length ?? 0,
    entry(agentId, index) {
      const place = kept.get(agentId)?.entries[index];
      return place && readEntry(store, place);
    },
    drop: (n) => void store.run("DELETE FROM journal WHERE n = ?", n),
    advance: (n, first) => void store.run("UPDATE journal SET first = ? WHERE n = ?", first, n),
    dropped(agentId) {
      const ofAgent = kept.get(agentId);
      const entry = ofAgent?.entries.shift();
      if (ofAgent === undefined || entry === undefined) return;
      bytes -= entry.bytes;
      if (entry.deletes) ofAgent.deletes -= 1;
      // Moved to the end, so that each agent has its turn.
      kept.delete(agentId);
      if (ofAgent.entries.length > 0) kept.set(agentId, ofAgent);
    },
  };
}

function readEntry(store: Store, { n, agentId }: Kept): Entry | undefined {
  interface Row {
    epoch: string;
    first: number;
    refused: string | null;
    at: number;
    frame: string | Uint8Array;
  }
  const row = store.get<Row>("SELECT epoch, first, refused, at, frame FROM journal WHERE n = ?", n);
  return row && { ...row, n, agentId, refused: row.refused === null ? [] : (JSON.parse(row.refused) as number[]) };
}
