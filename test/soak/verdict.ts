/** What the samples of a soak say: pure, so that each rule can be tried without a soak. */
import { fifthsOf, fitLine, grownBetweenFifths, type Line } from "../support/slope.ts";
import type { ProcessSample, Sample, StoreSizes } from "./samples.ts";

export interface Growth {
  first: number;
  last: number;
  peak: number;
  /** MB per hour after the warm-up, with its 95 % confidence interval; undefined with too few samples. */
  perHour: Line | undefined;
  /** MB between the medians of the first and the last fifth. */
  between: number;
}

export interface ProcessVerdict {
  /** At whatever moment of the process's own collections: goes up and down with them, in waves of a quarter of an hour and more. */
  rssMb: Growth;
  /** What stayed resident, and in use, right after a collection. */
  collectedRssMb: Growth;
  collectedHeapMb: Growth;
  handles: { first: number; last: number; leaked: number };
}

export interface StoreVerdict {
  firstMb: number;
  lastMb: number;
  walPeakMb: number;
  bounded: boolean;
}

export interface Verdict {
  samples: number;
  agent: ProcessVerdict;
  gateway: ProcessVerdict;
  databaseConnections: { first: number; last: number; leaked: number };
  store: StoreVerdict;
  portalStore: StoreVerdict;
  pendingPeak: number;
  outboxPeak: number;
  violations: string[];
}

/** What is kept of a command and of an entity that is new, bytes, at the most: messages, results and journal lines are kept for days on purpose. */
const perCommandBytes = 8_000;
const perEntityBytes = 2_000;
const slackMb = 16;
/** More than this between the medians of the first and the last fifth is growth, however slow waves widen the slope's interval. */
const mostGrownMb = 32;
const mostWalMb = 64;

/** `warmUp`: seconds that do not count. */
export function judgeSamples(
  samples: readonly Sample[],
  told: { warmUp: number; commands: number; newEntities: number },
): Verdict {
  const counted = samples.filter(({ at }) => at >= told.warmUp);
  const agent = judgeProcess(counted, (sample) => sample.agent);
  const gateway = judgeProcess(counted, (sample) => sample.gateway);
  const connections = leakOf(counted.map((sample) => sample.databaseConnections));
  const store = judgeStore(counted, (sample) => sample.store, told);
  const portalStore = judgeStore(counted, (sample) => sample.portalStore, told);
  const violations: string[] = [];
  // Whoever saw nothing has nothing to say.
  if (agent.collectedRssMb.perHour === undefined || gateway.collectedRssMb.perHour === undefined)
    violations.push("too few samples to judge memory by");
  for (const [name, found] of [
    ["agent", agent],
    ["gateway", gateway],
  ] as const) {
    if (growsIn(found)) violations.push(`the ${name}'s memory grows`);
    if (found.handles.leaked > 0) violations.push(`the ${name} leaks handles`);
  }
  if (connections.leaked > 0) violations.push("connections to the database are left behind");
  if (!store.bounded) violations.push("the agent's store grows beyond what it must keep");
  if (!portalStore.bounded) violations.push("the portal's store grows beyond what it must keep");
  const peak = (of: (sample: Sample) => number): number => Math.max(0, ...samples.map(of));
  return {
    ...{ samples: counted.length, agent, gateway, databaseConnections: connections, store, portalStore, violations },
    pendingPeak: peak((sample) => sample.pending),
    outboxPeak: peak((sample) => sample.outbox),
  };
}

function judgeProcess(samples: readonly Sample[], of: (sample: Sample) => ProcessSample): ProcessVerdict {
  // Many samples see the same collection.
  const collected = samples.flatMap((sample, index) => {
    const found = of(sample).collected;
    const before = samples[index - 1];
    return found === undefined || before === undefined || found.no === of(before).collected?.no
      ? []
      : [{ at: sample.at, ...found }];
  });
  return {
    rssMb: growthOf(samples.map((sample) => [sample.at / 3_600, of(sample).rssMb])),
    collectedRssMb: growthOf(collected.map(({ at, rssMb }) => [at / 3_600, rssMb])),
    collectedHeapMb: growthOf(collected.map(({ at, heapMb }) => [at / 3_600, heapMb])),
    handles: leakOf(samples.map((sample) => of(sample).handles)),
  };
}

/** The slope of what is left after collections can be told from zero, upwards, or the last fifth lies too far above the first. */
function growsIn({ rssMb, collectedRssMb }: ProcessVerdict): boolean {
  return (collectedRssMb.perHour?.low ?? 0) > 0 || Math.max(collectedRssMb.between, rssMb.between) > mostGrownMb;
}

function growthOf(points: readonly (readonly [hours: number, mb: number])[]): Growth {
  const values = points.map(([, mb]) => mb);
  const rounded = (mb: number | undefined): number => Math.round((mb ?? 0) * 10) / 10;
  return {
    first: rounded(values[0]),
    last: rounded(values.at(-1)),
    peak: rounded(Math.max(0, ...values)),
    perHour: fitLine(points),
    between: values.length === 0 ? 0 : rounded(grownBetweenFifths(values)),
  };
}

/** A reconnect or a command of the moment is no leak: medians are compared. */
function leakOf(values: readonly number[]): { first: number; last: number; leaked: number } {
  const { first, last } = fifthsOf(values);
  return { first, last, leaked: Math.max(0, last - first - 1) };
}

function judgeStore(
  samples: readonly Sample[],
  of: (sample: Sample) => StoreSizes,
  { commands, newEntities }: { commands: number; newEntities: number },
): StoreVerdict {
  const firstMb = samples[0] === undefined ? 0 : of(samples[0]).fileMb;
  const lastMb = Math.max(0, ...samples.map((sample) => of(sample).fileMb));
  const walPeakMb = Math.max(0, ...samples.map((sample) => of(sample).walMb));
  const mayGrowMb = slackMb + (commands * perCommandBytes + Math.max(0, newEntities) * perEntityBytes) / 1_048_576;
  return { firstMb, lastMb, walPeakMb, bounded: lastMb - firstMb <= mayGrowMb && walPeakMb <= mostWalMb };
}
