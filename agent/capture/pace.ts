/** Courtesy to the ERP: a cap on rows per second, and slower reading while the ERP itself answers slowly. */
import type { Clock } from "../../base/time.ts";

export interface PaceSettings {
  /** False: as fast as the ERP answers, but for the cap. */
  gentle: boolean;
  /** The admin's cap; a gentle pace has one of its own where none is given. */
  rowsPerSecond: number | undefined;
}

export interface Pace {
  /** To be called after each read: waits as long as the ERP should rest before the next one. */
  rest(read: { rows: number; durationMs: number }, signal: AbortSignal): Promise<void>;
  /** How many times slower than usual the ERP answers; 1 is usual. */
  slowness(): number;
}

/** What a gentle pace reads at the most: a hundredth or two of what a database on one core gives. */
const gentleRowsPerSecond = 20_000;
/** Reads of fewer milliseconds say nothing of the ERP's load. */
const noticeableMs = 20;
/** From this ratio on the agent yields. */
const slowFrom = 3;
/** Rests so many times as long as the slow read took, at most: a single change must still come through. */
const longestRestFactor = 3;
const longestRestMs = 10_000;
/** A database answers no faster than this, ms per share: what is below was answered by a cache. */
const fastest = 0.02;
/** Most rows saved up while idle: a second's worth. */
const burstSeconds = 1;

export function createPace(clock: Clock, settings: PaceSettings): Pace {
  const { gentle } = settings;
  const rowsPerSecond = settings.rowsPerSecond ?? (gentle ? gentleRowsPerSecond : undefined);
  let usual: number | undefined;
  let ratio = 1;
  let tokens = (rowsPerSecond ?? 0) * burstSeconds;
  let filledAt = clock.monotonic();

  const capDelayMs = (rows: number): number => {
    if (rowsPerSecond === undefined) return 0;
    const now = clock.monotonic();
    tokens = Math.min(rowsPerSecond * burstSeconds, tokens + ((now - filledAt) / 1_000) * rowsPerSecond) - rows;
    filledAt = now;
    return tokens >= 0 ? 0 : (-tokens / rowsPerSecond) * 1_000;
  };
  const slowDelayMs = (rows: number, durationMs: number): number => {
    // A read costs a round trip and its rows: the share of 50 rows stands for the trip.
    const perRow = durationMs / (rows + 50);
    usual ??= perRow;
    // Quick to believe in better times, slow to get used to worse ones.
    usual += (perRow - usual) * (perRow < usual ? 0.3 : 0.01);
    ratio = durationMs < noticeableMs ? 1 : perRow / Math.max(usual, fastest);
    return ratio < slowFrom || !gentle ? 0 : durationMs * Math.min(ratio - slowFrom + 1, longestRestFactor);
  };

  return {
    async rest({ rows, durationMs }, signal) {
      const delayMs = Math.min(longestRestMs, Math.max(capDelayMs(rows), slowDelayMs(rows, durationMs)));
      if (delayMs >= 1) await clock.sleep(delayMs, signal);
    },
    slowness: () => Math.max(1, ratio),
  };
}
