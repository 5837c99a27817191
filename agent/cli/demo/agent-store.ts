/** What only the agent's own store tells: when each source was last compared, and how many rows its first compare read. */
import type { Clock } from "../../../base/time.ts";
import { loadConfig } from "../../../config/load.ts";
import { openStoreForReading } from "../../store/open.ts";

export interface AgentStore {
  /** True when every source and every child table was compared in full at some time after `epochMs`. */
  comparedAfter(epochMs: number): boolean;
  /** Rows that the first compare of each source read. */
  firstRows(): number;
}

/** Looks into the state of the agent while it runs. */
export async function agentStore(places: { configFile: string; state: string }, clock: Clock): Promise<AgentStore> {
  const { config } = await loadConfig(places.configFile);
  const sources = config?.sources ?? [];
  const names = sources.flatMap(({ name, touchedBy }) => [name, ...touchedBy.map(({ table }) => `${name}/${table}`)]);
  return {
    comparedAfter(epochMs) {
      using store = openStoreForReading(places.state, clock);
      return names.every((name) => (store.sources.get(name).comparedAt ?? 0) > epochMs);
    },
    firstRows() {
      using store = openStoreForReading(places.state, clock);
      const first = new Map<string | undefined, number>();
      // Newest first: the last one that is noted for a source is its first compare.
      for (const { source, detail } of store.journal.list({ kind: "compare", limit: 10_000 }))
        first.set(source, Number(detail.rows));
      return [...first.values()].reduce((sum, rows) => sum + rows, 0);
    },
  };
}
