/** What the bench must show, as data: the table of docs/performance.md. */

/** A measurement that yields one or more figures. */
export type Part = "sync" | "portable" | "latency" | "commands" | "memory5m" | "idle" | "courtesy" | "gateway";

export interface Metric {
  /** Its name in the JSON object. */
  name: string;
  part: Part;
  /** What it says, for people. */
  what: string;
  /** Whether more or less of it is better. */
  better: "more" | "less";
  must: number;
  stretch: number;
}

const more = (name: string, part: Part, what: string, [must, stretch]: readonly [number, number]): Metric => ({
  ...{ name, part, what, must, stretch },
  better: "more",
});
const less = (name: string, part: Part, what: string, [must, stretch]: readonly [number, number]): Metric => ({
  ...{ name, part, what, must, stretch },
  better: "less",
});

export const metrics: readonly Metric[] = [
  more("snapshotRatio", "sync", "first sync, rows/s end to end ÷ bare driver read", [0.3, 0.6]),
  more("compareRatio", "sync", "full compare, nothing changed ÷ bare driver read", [1.0, 1.2]),
  more("compareChangedRatio", "sync", "full compare, 0.1 % changed ÷ without change", [0.9, 0.97]),
  less("wireBytesPerRow", "sync", "bytes on the wire per row, first sync", [80, 60]),
  less("rssMb1M", "sync", "peak RSS of the agent at 1 million rows, MB", [180, 140]),
  more("portableSnapshotRatio", "portable", "first sync by the portable path ÷ bare driver read", [0.25, 0.35]),
  more("portableCompareRatio", "portable", "full compare by the portable path ÷ bare driver read", [0.4, 0.5]),
  less(
    "latencyP50Ms",
    "latency",
    "ERP commit → portal durable at 200 changes/s, from the first poll that could see it, ms",
    [3, 1],
  ),
  less("latencyP99Ms", "latency", "the same, 99th percentile", [15, 5]),
  less("commandP50Ms", "commands", "portal command → ERP commit → result durable at the portal, ms", [10, 5]),
  less("commandP99Ms", "commands", "the same, 99th percentile", [50, 20]),
  less("rssMb5M", "memory5m", "peak RSS of the agent at 5 million rows, MB", [220, 180]),
  less("idleCpuPercent", "idle", "CPU of the idle agent, ten sources polled every second, % of a core", [0.8, 0.3]),
  more("erpThroughputRatio", "courtesy", "throughput of an OLTP load during a full compare ÷ without us", [0.95, 0.98]),
  less("erpP99Ratio", "courtesy", "its 99th percentile ÷ without us", [1.2, 1.05]),
  less("courteousCompareMinutes", "courtesy", "length of that full compare per million rows, minutes", [5, 2]),
  more("gatewayRatio", "gateway", "gateway: items/s over 200 agents ÷ bare commit rate of its store", [0.5, 0.7]),
];

export type Verdict = "stretch" | "met" | "missed";

export function verdictOf({ better, must, stretch }: Metric, value: number): Verdict {
  const reaches = (bound: number): boolean => (better === "more" ? value >= bound : value <= bound);
  if (reaches(stretch)) return "stretch";
  return reaches(must) ? "met" : "missed";
}
