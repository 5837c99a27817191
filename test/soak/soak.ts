/** A company on MariaDB, portal and agent as processes, hours of their life in between: does anything grow, leak, or differ in the end? */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { FuserError } from "../../base/errors.ts";
import { systemClock } from "../../base/time.ts";
import type { OracleVerdict } from "../support/erp/oracle.ts";
import { openRig, type Rig } from "../support/rig.ts";
import { tempDirectory } from "../support/servers.ts";
import { probeFolder } from "./probe-files.ts";
import { type Sample, takeSample } from "./samples.ts";
import { judgeSamples, type Verdict } from "./verdict.ts";
import { type Done, work } from "./work.ts";

export interface SoakOptions {
  /** Of load before anything is measured: heaps, caches and tables take their size. */
  warmUp: number;
  /** Of load that is measured. */
  minutes: number;
  seed: number;
  units?: number;
  changesPerSecond?: number;
  commandsPerSecond?: number;
  say: (text: string) => void;
  /** Ends the load early; what was measured until then is judged all the same. */
  signal: AbortSignal;
}

export interface SoakReport extends Verdict {
  warmUp: number;
  minutes: number;
  seed: number;
  units: number;
  changes: number;
  changesPerSecond: number;
  commands: number;
  commandsPerSecond: number;
  reconnects: number;
  /** From the end of the load until nothing was under way and all was compared twice. */
  restSeconds: number;
  oracle: { mismatches: number; commands: OracleVerdict["commands"]; entities: number };
}

const sampleEveryMs = 3_000;
const reconnectEveryMs = 60_000;
const restWithinMs = 240_000;
/** Less than this share of the load counts as not having been carried out. */
const enough = 0.95;
/** Clerks may have changed first what a command wants to change, but not most of the time. */
const enoughApplied = 0.5;

export async function soak({
  warmUp,
  minutes,
  seed,
  units = 1_000,
  changesPerSecond = 200,
  commandsPerSecond = 5,
  say,
  signal: stop,
}: SoakOptions): Promise<SoakReport> {
  await using probes = await tempDirectory();
  const folder = join(probes.path, "probes");
  mkdirSync(folder);
  process.env[probeFolder] = folder;
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ""} --import=${import.meta.resolve("./heap-probe.ts")}`.trim();
  // The life of an hour renumbers and merges more persons than a company has in a year.
  const guards = { rows: 100_000, percent: 100 };
  await using rig = await openRig({ dialect: "mysql", units, seed: 1, proxied: true, config: { compareEvery: "1m", guards } });
  rig.agent.start();
  await rig.inStep(120_000);
  const before = await entitiesAtPortal(rig);
  say(`${before} entities are in step; ${warmUp} minutes of warm-up begin, then ${minutes} that count`);
  const over = new AbortController();
  const signal = AbortSignal.any([rig.signal, over.signal, stop]);
  const cancel = systemClock.after((warmUp + minutes) * 60_000, () => over.abort());
  const began = systemClock.monotonic();
  const watching = watch(rig, { signal, folder, say });
  const cutting = cutLinks(rig, signal);
  let done: Done;
  try {
    done = await work(rig, { changesPerSecond, commandsPerSecond, seed, signal });
  } finally {
    cancel();
    over.abort();
  }
  const seconds = (systemClock.monotonic() - began) / 1_000;
  const samples = await watching;
  const reconnects = await cutting;
  const rested = systemClock.monotonic();
  say(`${Math.round(seconds)} s of load are over; waiting for rest`);
  const restless = await rig.atRest(restWithinMs).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof FuserError && error.code === "demo-no-rest") return error.message;
      throw error;
    },
  );
  const restSeconds = Math.round((systemClock.monotonic() - rested) / 100) / 10;
  const oracle = await rig.judge();
  const newEntities = (await entitiesAtPortal(rig)) - before;
  const verdict = judgeSamples(samples, { warmUp: 60 * warmUp, commands: done.commands, newEntities });
  const pace = { changesPerSecond: round(done.changes / seconds), commandsPerSecond: round(done.commands / seconds) };
  const { violations } = verdict;
  if (restless !== undefined) violations.push(restless);
  if (pace.changesPerSecond < changesPerSecond * enough) violations.push("the ERP was not changed as fast as asked for");
  if (pace.commandsPerSecond < commandsPerSecond * enough) violations.push("the portal issued fewer commands than asked for");
  if (oracle.mismatches > 0) violations.push("ERP and portal differ");
  if (oracle.commands.appliedOnce < oracle.commands.issued * enoughApplied) violations.push("most commands were not carried out");
  if (reconnects < Math.floor(warmUp + minutes) - 1) violations.push("the link was not made anew after each cut");
  return {
    ...{ warmUp, minutes, seed, units, ...done, ...pace, reconnects, restSeconds, ...verdict },
    oracle: { mismatches: oracle.mismatches, commands: oracle.commands, entities: sum(Object.values(oracle.entities)) },
  };
}

const round = (number: number): number => Math.round(number * 10) / 10;
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

async function entitiesAtPortal(rig: Rig): Promise<number> {
  return sum(Object.values((await rig.portal.agent())?.entities ?? {}));
}

async function watch(
  rig: Rig,
  { signal, folder, say }: { signal: AbortSignal; folder: string; say: (text: string) => void },
): Promise<Sample[]> {
  const samples: Sample[] = [];
  if (rig.server === undefined) throw new Error("a soak needs a database server");
  const database = await rig.server.connect();
  const began = systemClock.monotonic();
  let told = 0;
  try {
    while (!signal.aborted) {
      await systemClock.sleep(sampleEveryMs, signal).catch(() => undefined);
      if (signal.aborted) break;
      const at = (systemClock.monotonic() - began) / 1_000;
      const sample = await takeSample(rig, { database, probes: folder, at });
      if (sample !== undefined) samples.push(sample);
      if (sample === undefined || at - told < 60) continue;
      told = at;
      const { agent, gateway, pending, outbox, store } = sample;
      say(
        `${Math.round(at)} s: agent ${agent.rssMb} MB, ${agent.handles} handles; gateway ${gateway.rssMb} MB, ${gateway.handles} handles; ${pending} pending, ${outbox} in the outbox, store ${store.fileMb} MB`,
      );
    }
  } finally {
    await database.end();
  }
  return samples;
}

/** Ends the agent's link every minute, by turns as a reset and as an orderly end. Returns how often it was made anew. */
async function cutLinks({ wayToPortal }: Rig, signal: AbortSignal): Promise<number> {
  if (wayToPortal === undefined) throw new Error("a soak needs a proxy before the portal");
  const before = wayToPortal.accepted;
  for (let cuts = 0; !signal.aborted; cuts++) {
    await systemClock.sleep(reconnectEveryMs, signal).catch(() => undefined);
    if (!signal.aborted) wayToPortal.cut(cuts % 2 === 0 ? "rst" : "fin");
  }
  return wayToPortal.accepted - before;
}
