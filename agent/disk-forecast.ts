/** When the disk of the state will be full, if it goes on as in the last days. */
import { statfs } from "node:fs/promises";
import type { Finding } from "../base/findings.ts";

const lowBytes = 1_073_741_824;
const dayMs = 86_400_000;
/** A disk that fills faster than it lasts so long is told. */
const warnMs = 14 * dayMs;
/** What is shorter says nothing of the days to come. */
const leastMs = dayMs;
const keptMs = 7 * dayMs;

export interface DiskSample {
  /** Epoch ms. */
  at: number;
  freeBytes: number;
}

/** @throws what the file system says, `ENOENT` where there is no such directory */
export async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

export function lowDisk(place: string, freeBytes: number): Finding[] {
  if (freeBytes >= lowBytes) return [];
  const message = `Only ${Math.round(freeBytes / 1_048_576)} MB are free`;
  const remedy = "The store may take up to 1 GB while the portal is away";
  return [{ severity: "warning", code: "state-disk-low", place, message, remedy }];
}

/** The samples of the last week with another one; a clock that was set back begins anew. */
export function withSample(samples: readonly DiskSample[], sample: DiskSample): DiskSample[] {
  return [...samples.filter(({ at }) => at < sample.at && sample.at - at <= keptMs), sample];
}

/** @param samples oldest first */
export function fillingDisk(place: string, samples: readonly DiskSample[]): Finding[] {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.at - first.at < leastMs) return [];
  const perMs = (first.freeBytes - last.freeBytes) / (last.at - first.at);
  const leftMs = last.freeBytes / perMs;
  if (perMs <= 0 || leftMs > warnMs) return [];
  const until = new Date(last.at + leftMs).toISOString().slice(0, 10);
  const message = `The disk of the state directory will be full about ${until}, if it fills as in the last days`;
  return [
    { severity: "warning", code: "state-disk-fills", place, message, remedy: "Look what grows there, or give it more room" },
  ];
}
