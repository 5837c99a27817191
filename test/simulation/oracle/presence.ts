/** When rows of the ERP were there and when not: what a delete at the portal must be able to point at. */
import type { Commit } from "../erp/server.ts";

interface Absence {
  from: number;
  /** undefined: still absent. */
  until: number | undefined;
}

/** A row that is missed by one read and found by the next was never gone; between the two lie 2 s. */
const confirmedMs = 1_900;
/** A delete may be long on its way: agent stopped, portal away, approval awaited. */
const longestWayMs = 3 * 3_600_000;

export class Presence {
  readonly #absences = new Map<string, Absence[]>();
  /** Rows that a restore took away, and that only a person may have deleted. */
  readonly #lost = new Set<string>();

  note(changes: Commit["changes"], now: number): void {
    for (const { table, key, row, before } of changes) {
      const place = `${table} ${key}`;
      const isThere = row !== undefined && row.STORNO !== "J";
      const wasThere = before !== undefined && before.STORNO !== "J";
      if (row !== undefined) this.#lost.delete(place);
      const list = this.#absences.get(place) ?? [];
      this.#absences.set(place, list);
      if (wasThere && !isThere) list.push({ from: now, until: undefined });
      const last = list.at(-1);
      if (isThere && last !== undefined && last.until === undefined) last.until = now;
    }
  }

  noteLost(changes: Commit["changes"], now: number): void {
    this.note(changes, now);
    for (const { table, key, row } of changes) if (row === undefined) this.#lost.add(`${table} ${key}`);
  }

  /** Nobody could have told that it was a restore. */
  forgive(): void {
    this.#lost.clear();
  }

  /** Whether the row was gone long enough to be believed; one that says itself that it is cancelled is believed at once. */
  wasGone(place: string, reason: string, now: number): boolean {
    const leastMs = reason === "cancelled" ? 0 : confirmedMs;
    const absences = this.#absences.get(place) ?? [];
    return absences.some(({ from, until = now }) => until - from >= leastMs && now - until < longestWayMs);
  }

  wasLost(place: string): boolean {
    return this.#lost.has(place);
  }
}
