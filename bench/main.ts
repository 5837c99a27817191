// `npm run bench`: measures what docs/performance.md promises, all in one run on one machine. Ends with 1 when something that must be met is not.
import { measureCommands } from "./commands.ts";
import { measureCourtesy } from "./courtesy.ts";
import { measureGateway } from "./gateway.ts";
import { measureIdle } from "./idle.ts";
import { measureLatency } from "./latency.ts";
import { machineNote } from "./machine.ts";
import { measureMemory } from "./memory.ts";
import type { Part } from "./metrics.ts";
import { type Options, parseOptions, usage } from "./options.ts";
import { profileText } from "./profile.ts";
import { allMet, type Figures, jsonText, type Result, tableText } from "./report.ts";
import { openScene } from "./scene.ts";
import { measureSync, syncAll } from "./sync.ts";

/** They make their own. */
const withoutScene: ReadonlySet<Part> = new Set(["gateway", "memory5m"]);
/** Measured on a portal that holds everything. */
const needsAll: readonly Part[] = ["commands", "idle", "courtesy", "latency"];

const started = performance.now();

/** Progress goes to stderr: stdout belongs to the result. */
function say(text: string): void {
  console.error(`${((performance.now() - started) / 1_000).toFixed(1).padStart(6)} s  ${text}`);
}

async function measure({ rows, rounds, parts, profiles }: Options): Promise<Result> {
  const machine = machineNote();
  const figures: Record<string, number> = {};
  const details: Record<string, unknown> = {};
  const take = (part: string, measured: { figures: Figures; details: unknown }): void => {
    Object.assign(figures, measured.figures);
    details[part] = measured.details;
  };
  if (parts.has("gateway")) take("gateway", await measureGateway({ rounds, profiles, say }));
  if (parts.has("memory5m")) take("memory5m", await measureMemory(say));
  if (parts.isSubsetOf(withoutScene)) return { rows, rounds, machine, figures, details };
  await using scene = await openScene({ rows, profiles, say });
  say(`a row has ${scene.rowBytes.toFixed(1)} bytes as text`);
  // Each leaves gateway and agent as they are after a first sync, for the next one.
  if (parts.has("portable")) take("portable", await measureSync(scene, { rounds, portable: true, say }));
  if (parts.has("sync")) take("sync", await measureSync(scene, { rounds, portable: false, say }));
  else if (needsAll.some((part) => parts.has(part))) await syncAll(scene);
  if (parts.has("commands")) take("commands", await measureCommands(scene));
  if (parts.has("idle")) take("idle", await measureIdle(scene));
  if (parts.has("courtesy")) take("courtesy", await measureCourtesy(scene, { rounds, say }));
  if (parts.has("latency")) take("latency", await measureLatency(scene));
  return { rows, rounds, machine, figures, details };
}

function options(): Options | undefined {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    return undefined;
  }
}

const chosen = options();
if (chosen === undefined) process.exitCode = 2;
else {
  const result = await measure(chosen);
  if (chosen.profiles !== undefined) console.error(profileText(chosen.profiles));
  console.log(chosen.json ? jsonText(result) : tableText(result));
  process.exitCode = allMet(result.figures) ? 0 : 1;
}
