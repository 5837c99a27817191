/**
 * Courtesy to the ERP: an even, bounded rate of rows, and rests in proportion to the time that the ERP itself takes to answer. A loaded ERP answers later, so
 * it is left alone for longer; and yet reading always goes on.
 */
import type { Clock } from "../../base/time.ts";

export interface PaceSettings {
  /** False: as fast as the ERP answers, but for the cap. */
  gentle: boolean;
  /** The admin's cap; a gentle pace has one of its own where none is given. */
  rowsPerSecond: number | undefined;
  /** What is read: in a stream the server works ahead, so that the time until an answer comes tells little of what it cost. */
  reads: "stream" | "keys";
}

export interface Read {
  rows: number;
  /** How long the ERP let us wait for them, ms. */
  durationMs: number;
}

export interface Pace {
  /** To be called after each read: waits as long as the ERP should rest before the next one. */
  rest(read: Read, signal: AbortSignal): Promise<void>;
  /** Whether the ERP is left alone for noticeably long just now: what can be read later, with more at a time, had better be. */
  isResting(): boolean;
}

/** What a gentle pace reads at the most: a database on one core gives a hundred times as many. */
const gentleRowsPerSecond = 12_500;
/** Most rows saved up while idle: so many seconds' worth. */
const burstSeconds = 1;
/** Share of its time that a gentle pace lets the ERP work for us, and how much of it can be saved up, ms. */
const gentleShare = 0.1;
const burstMs = 250;
/** No row costs a longer rest than this on average (a million rows: four minutes), unless its own reading takes as long. */
const longestRestPerRowMs = 0.25;
const longestRestMs = 10_000;
/** From this ratio on the agent yields, for a few times as long as the slow read took. */
const slowFrom = 3;
const longestSlowFactor = 3;
/** Reads of fewer milliseconds say nothing of the ERP's load. */
const noticeableMs = 20;
/** A shorter rest is no reason to put anything off. */
const longRestMs = 50;
/** A database answers no faster than this, ms per share: what is below was answered by a cache. */
const fastest = 0.02;
/** A read costs a round trip and its rows: the trip counts as so many. */
const tripRows = 50;
/** Answers that are remembered. Of these the third longest counts: a server sends ahead, so that most come at once whatever they cost. */
const remembered = 32;
const countedOfLongest = 3;

export function createPace(clock: Clock, settings: PaceSettings): Pace {
  const { gentle } = settings;
  const rowsPerSecond = settings.rowsPerSecond ?? (gentle ? gentleRowsPerSecond : undefined);
  const rows = rowsPerSecond === undefined ? undefined : createBudget(clock, rowsPerSecond / 1_000, rowsPerSecond * burstSeconds);
  const time = gentle ? createBudget(clock, gentleShare, burstMs) : undefined;
  const answers = settings.reads === "stream" ? createAnswers() : undefined;
  const slow = createSlowness();
  let resting = 0;
  return {
    isResting: () => resting > 0,
    async rest(read, signal) {
      const { durationMs } = read;
      const costMs = Math.max(durationMs, answers?.note(read) ?? 0);
      const mostMs = Math.min(longestRestMs, Math.max(read.rows * longestRestPerRowMs, costMs));
      const ratio = slow.note(read);
      const slowMs = !gentle || ratio < slowFrom ? 0 : durationMs * Math.min(ratio - slowFrom + 1, longestSlowFactor);
      const restMs = Math.max(
        rows?.spend(read.rows, longestRestMs) ?? 0,
        time?.spend(costMs, mostMs) ?? 0,
        Math.min(slowMs, longestRestMs),
      );
      if (restMs < 1) return;
      const isLong = restMs >= longRestMs;
      if (isLong) resting += 1;
      try {
        await clock.sleep(restMs, signal);
      } finally {
        if (isLong) resting -= 1;
      }
    },
  };
}

interface Budget {
  /** Returns how many ms it takes until the debt is paid; what would take longer than `mostMs` is remitted. */
  spend(amount: number, mostMs: number): number;
}

/** Something that grows back with time, up to `most`, and may be overdrawn. */
function createBudget(clock: Clock, perMs: number, most: number): Budget {
  let left = most;
  let filledAt = clock.monotonic();
  return {
    spend(amount, mostMs) {
      const now = clock.monotonic();
      left = Math.max(Math.min(most, left + (now - filledAt) * perMs) - amount, -mostMs * perMs);
      filledAt = now;
      return left >= 0 ? 0 : -left / perMs;
    },
  };
}

/** What a read costs the ERP, judged by the latest answers; ms. */
function createAnswers(): { note(read: Read): number } {
  const perRow: number[] = [];
  return {
    note({ rows, durationMs }) {
      perRow.push(durationMs / (rows + tripRows));
      if (perRow.length > remembered) perRow.shift();
      const counted = perRow.toSorted((one, other) => other - one)[countedOfLongest - 1] ?? 0;
      return counted * (rows + tripRows);
    },
  };
}

/** How many times slower than usual an answer is. */
function createSlowness(): { note(read: Read): number } {
  let usual: number | undefined;
  return {
    note({ rows, durationMs }) {
      const perRow = durationMs / (rows + tripRows);
      usual ??= perRow;
      // Quick to believe in better times, slow to get used to worse ones.
      usual += (perRow - usual) * (perRow < usual ? 0.3 : 0.01);
      return durationMs < noticeableMs ? 1 : perRow / Math.max(usual, fastest);
    },
  };
}
