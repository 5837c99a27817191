/**
 * What a scan has read and not settled yet. A commit costs as much as reading a thousand rows, so the few rows that differ are gathered over several
 * batches. They are mapped when they come, for a batch is gone once the next one is asked for.
 */
import type { EntityState } from "../store/store.ts";
import type { Reading, ReadRow } from "./reading.ts";

/** A row that a scan may take directly. */
export interface HeldReading extends Reading {
  keyDigest: bigint;
  pending: undefined;
  row: ReadRow;
  state: EntityState | "none";
  /** Commits of the store when the state was read. */
  commits: number;
}

export interface HeldReadings {
  /** `readAt`: epoch ms, from before the row was asked for; `now`: monotonic ms. */
  add(reading: HeldReading, times: { readAt: number; now: number }): void;
  /** Its key is only to be marked. */
  suspect(key: string): void;
  isEmpty(): boolean;
  isDue(now: number): boolean;
  /** Hands out all of it. `readAt`: that of the oldest reading. */
  take(): { readings: readonly HeldReading[]; suspects: string[]; readAt: number };
}

/** With so many rows the commit is a small part of what they cost. */
const mostReadings = 500;
const mostCharacters = 1_000_000;
/** A change that only a compare finds need not be faster. */
const longestMs = 250;

export function createHeldReadings(): HeldReadings {
  let readings: HeldReading[] = [];
  let suspects: string[] = [];
  let characters = 0;
  let oldest = { readAt: 0, now: 0 };
  return {
    add(reading, times) {
      if (readings.length === 0) oldest = times;
      readings.push(reading);
      const { mapped } = reading.row;
      characters += mapped.kind === "entity" ? mapped.text.values.length : 0;
    },
    suspect(key) {
      suspects.push(key);
    },
    isEmpty: () => readings.length === 0 && suspects.length === 0,
    isDue(now) {
      if (suspects.length > 0 || readings.length >= mostReadings || characters >= mostCharacters) return true;
      return readings.length > 0 && now - oldest.now >= longestMs;
    },
    take() {
      const taken = { readings, suspects, readAt: oldest.readAt };
      readings = [];
      suspects = [];
      characters = 0;
      return taken;
    },
  };
}
