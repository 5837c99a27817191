/** Listeners that are told after a commit, and only if something of interest happened in it. */
import type { Database } from "./database.ts";

export interface CommitBell {
  /** Something happened in the transaction under way. */
  touch(): void;
  /** Returns a function that ends the listening. */
  listen(listener: () => void): () => void;
}

export function createCommitBell(database: Database): CommitBell {
  const listeners = new Set<() => void>();
  let touched = false;
  database.on("committed", () => {
    if (!touched) return;
    touched = false;
    for (const listener of [...listeners]) listener();
  });
  database.on("rolled-back", () => {
    touched = false;
  });
  return {
    touch() {
      touched = true;
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
