/** Runs a target for a while: counts, watches memory and time, and makes the smallest case of whatever fails. */
import { performance } from "node:perf_hooks";
import { describeError } from "../../base/errors.ts";
import { fitLine, grownBetweenFifths, type Line } from "../support/slope.ts";
import { caseSeed, chanceOf, recordedChance, replayedChance } from "./chance.ts";
import { longestCaseMs } from "./limits.ts";
import { heapAfterCollection } from "./memory.ts";
import { shrink } from "./shrink.ts";
import { Broken, type OpenTarget, type Target } from "./target.ts";

export interface FuzzOptions {
  seed: number;
  /** Ends after so long, ms. */
  forMs: number;
  /** And not before so many cases, however slow the machine. */
  atLeast?: number;
  /** The run ends with so many different faults. */
  mostFaults?: number;
  /** How long a failing case is made smaller, ms. Default 20 s; with 0 it is told as it is. */
  shrinkMs?: number;
  /** Only this case of the seed. */
  onlyCase?: number;
  /** Told before each case: for whoever watches over cases that never end. */
  onCase?: (number: number) => void;
}

export interface Fault {
  promise: string;
  seen: string;
  seed: number;
  case: number;
  /** The smallest case that was found, and the choices that make it. */
  input: string;
  choices: string;
}

export interface FuzzReport {
  target: string;
  seed: number;
  cases: number;
  executions: number;
  unit: string;
  seconds: number;
  faults: Fault[];
  /** Longest case, ms. */
  slowestMs: number;
  memory: MemoryReport;
}

export interface MemoryReport {
  /** Heap and external memory in use after a collection, MB, at the first and the last sample after the warm-up. */
  firstMb: number;
  lastMb: number;
  samples: number;
  /** MB per minute after the warm-up, with its 95 % confidence interval; undefined with too few samples. */
  slope: Line | undefined;
  grows: boolean;
}

/** Less than this over the whole run is no growth, MB: compiled code, prepared statements and caches fill up. */
const noiseMb = 4;
/** More than this between the medians of the first and the last fifth is growth, however unsure the slope is. */
const mostGrownMb = 16;
const warmUp = 0.2;
const samplesPerRun = 60;

export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  const began = performance.now();
  const { seed, forMs, mostFaults = 5, shrinkMs = 20_000, atLeast = 1, onlyCase } = options;
  const samples: { at: number; mb: number }[] = [];
  const faults: Fault[] = [];
  const report = { target: target.name, seed, cases: 0, executions: 0, unit: target.unit, slowestMs: 0 };
  let open = await target.open();
  const sampleEveryMs = Math.max(250, forMs / samplesPerRun);
  let sampledAt = performance.now();
  try {
    for (
      let number = onlyCase ?? 0;
      (performance.now() - began < forMs || report.cases < atLeast) && faults.length < mostFaults;
      number++
    ) {
      options.onCase?.(number);
      const caseBegan = performance.now();
      const outcome = await attempt(open, () => open.make(chanceOf(caseSeed(seed, number))));
      report.cases += 1;
      report.executions += outcome.executions;
      report.slowestMs = Math.max(report.slowestMs, Math.round(performance.now() - caseBegan));
      if (outcome.fault !== undefined) {
        const found = outcome.fault;
        if (!faults.some((fault) => fault.promise === found.promise))
          faults.push(await smallest(target, found, { seed, number, shrinkMs }));
        await open[Symbol.asyncDispose]();
        open = await target.open();
      }
      if (onlyCase !== undefined) break;
      if (performance.now() - sampledAt >= sampleEveryMs) {
        samples.push({ at: performance.now() - began, mb: heapAfterCollection() });
        sampledAt = performance.now();
      }
    }
  } finally {
    await open[Symbol.asyncDispose]();
  }
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  return { ...report, seconds, faults, memory: judgeMemory(samples) };
}

interface Seen {
  promise: string;
  seen: string;
}

/** What a case did; errors that nobody caught belong to it. */
async function attempt(open: OpenTarget<unknown>, make: () => unknown): Promise<{ executions: number; fault?: Seen }> {
  const stray = Promise.withResolvers<never>();
  stray.promise.catch(() => undefined);
  const onStray = (error: unknown): void =>
    stray.reject(new Broken("nothing is thrown outside of its call", describeError(error)));
  const timer = setTimeout(
    () => stray.reject(new Broken("every case ends in bounded time", `${longestCaseMs} ms`)),
    longestCaseMs,
  );
  process.on("uncaughtException", onStray).on("unhandledRejection", onStray);
  try {
    return { executions: await Promise.race([open.run(make()), stray.promise]) };
  } catch (error) {
    if (error instanceof Broken) return { executions: 1, fault: { promise: error.promise, seen: error.message } };
    const { stack = "" } = error as Error;
    return { executions: 1, fault: { promise: `nothing throws (${placeOf(stack)})`, seen: `${describeError(error)}\n${stack}` } };
  } finally {
    clearTimeout(timer);
    process.off("uncaughtException", onStray).off("unhandledRejection", onStray);
  }
}

/** The first place of a stack that is ours. */
function placeOf(stack: string): string {
  const line = stack
    .split("\n")
    .find((text) => text.includes("file:") && !text.includes("/test/fuzz/") && !text.includes("node_modules"));
  return /([^/]+\/[^/]+\.ts):\d+/.exec(line ?? "")?.[1] ?? "unknown place";
}

async function smallest(target: Target, found: Seen, at: { seed: number; number: number; shrinkMs: number }): Promise<Fault> {
  const { chance, choices } = recordedChance(caseSeed(at.seed, at.number));
  let open = await target.open();
  try {
    if (at.shrinkMs === 0) {
      const input = open.show(open.make(chance));
      return { ...found, seed: at.seed, case: at.number, input, choices: choices.join(",") };
    }
    // Some cases draw from chance while they run.
    await attempt(open, () => open.make(chance));
    await open[Symbol.asyncDispose]();
    open = await target.open();
    let last = found;
    const fails = async (candidate: readonly number[]): Promise<boolean> => {
      const { fault } = await attempt(open, () => open.make(replayedChance(candidate)));
      if (fault === undefined) return false;
      await open[Symbol.asyncDispose]();
      open = await target.open();
      if (fault.promise === found.promise) last = fault;
      return fault.promise === found.promise;
    };
    const best = await shrink({ choices, fails, now: () => performance.now(), withinMs: at.shrinkMs });
    const input = open.show(open.make(replayedChance(best)));
    return { ...found, seen: last.seen, seed: at.seed, case: at.number, input, choices: best.join(",") };
  } finally {
    await open[Symbol.asyncDispose]();
  }
}

/** Carries out the case that these choices make; undefined when it keeps all promises. */
export async function replay(target: Target, choices: readonly number[]): Promise<{ input: string; fault: Seen | undefined }> {
  await using open = await target.open();
  const { fault } = await attempt(open, () => open.make(replayedChance(choices)));
  return { input: open.show(open.make(replayedChance(choices))), fault };
}

/** What samples of memory say (ms, MB): the first fifth of the time is warm-up. */
export function judgeMemory(samples: readonly { at: number; mb: number }[]): MemoryReport {
  const kept = samples.slice(Math.ceil(samples.length * warmUp));
  const [first, last] = [kept[0], kept.at(-1)];
  const none = { firstMb: first?.mb ?? 0, lastMb: last?.mb ?? 0, samples: kept.length, slope: undefined, grows: false };
  if (first === undefined || last === undefined) return none;
  const slope = fitLine(kept.map(({ at, mb }) => [at / 60_000, mb]));
  if (slope === undefined) return none;
  const surelyGrownMb = slope.low * ((last.at - first.at) / 60_000);
  return { ...none, slope, grows: surelyGrownMb > noiseMb || grownBetweenFifths(kept.map(({ mb }) => mb)) > mostGrownMb };
}
