/** Reads the CPU profiles that Node leaves (`--cpu-prof`) and names what took most of the time. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../test/support/run/child.ts";

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  /** Microseconds before each sample. */
  timeDeltas: number[];
}

/** The functions of a profile with the most time of their own, as lines of text. */
export function hotSpots(file: string, most: number): string[] {
  const profile = JSON.parse(readFileSync(file, "utf8")) as CpuProfile;
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, frameName(callFrame)]));
  const own = new Map<string, number>();
  let busy = 0;
  for (const [index, id] of profile.samples.entries()) {
    const name = names.get(id) ?? "?";
    if (name === "(idle)" || name === "(program)") continue;
    const us = profile.timeDeltas[index] ?? 0;
    busy += us;
    own.set(name, (own.get(name) ?? 0) + us);
  }
  return [...own]
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, most)
    .map(([name, us]) => `${((us / busy) * 100).toFixed(1).padStart(5)} %  ${name}`);
}

function frameName({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const place = url.replace(`file://${root}/`, "");
  const name = functionName === "" ? "(anonymous)" : functionName;
  return place === "" ? name : `${name}  ${place}:${lineNumber + 1}`;
}

/** The same for each profile in a directory. */
export function profileText(directory: string, most = 15): string {
  const files = readdirSync(directory).filter((name) => name.endsWith(".cpuprofile"));
  return files.map((name) => [name, ...hotSpots(join(directory, name), most).map((line) => `  ${line}`)].join("\n")).join("\n");
}
