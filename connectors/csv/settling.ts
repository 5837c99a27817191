import type { Clock } from "../../base/time.ts";
import type { DropFile } from "./drop.ts";

/**
 * Tells when a file is whole: its size and its time have stood still for so long, by this machine's own steady clock. The time stamps of a share are another
 * machine's, and are compared with nothing but themselves.
 */
export interface Settling {
  /** Remembers what was seen; answers per file whether it has settled. What is no longer listed is forgotten. */
  look(files: readonly DropFile[]): ReadonlySet<string>;
  /** It was written on while it was read: it begins anew. */
  unsettle(name: string): void;
}

export function createSettling(clock: Clock, settleMs: number): Settling {
  let seen = new Map<string, DropFile & { sinceMs: number }>();
  return {
    look(files) {
      const now = clock.monotonic();
      const next = new Map<string, DropFile & { sinceMs: number }>();
      const settled = new Set<string>();
      for (const file of files) {
        const before = seen.get(file.name);
        const still = before !== undefined && before.bytes === file.bytes && before.modifiedMs === file.modifiedMs;
        const sinceMs = still ? before.sinceMs : now;
        next.set(file.name, { ...file, sinceMs });
        if (now - sinceMs >= settleMs) settled.add(file.name);
      }
      seen = next;
      return settled;
    },
    unsettle(name) {
      const file = seen.get(name);
      if (file) seen.set(name, { ...file, sinceMs: clock.monotonic() });
    },
  };
}
