/**
 * One gateway under 200 agents that send as fast as it acks, against its bare store: the same frames by the journal's own statement in full commits, and
 * nothing else. A commit holds as many frames as the gateway's own commits held on average; `singleRatio` in the details compares with one frame in each.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildChanges, type ChangeItem } from "../protocol/changes.ts";
import { encodeFrame } from "../protocol/frames.ts";
import type { Json } from "../protocol/model.ts";
import { profileFlags } from "./agent.ts";
import { startHelper } from "./call.ts";
import type { Frame } from "./gateway-agents.ts";
import type { Figures } from "./report.ts";
import { median } from "./statistics.ts";

const agentCount = 200;

/** A way in which agents send. */
interface Load {
  name: string;
  itemsPerFrame: number;
  framesPerAgent: number;
  /** Items sent and not yet acked, of one agent. */
  ahead: number;
}

const loads: readonly Load[] = [
  // A first sync of everybody: frames as the agent cuts them.
  { name: "bulk", itemsPerFrame: 500, framesPerAgent: 8, ahead: 2_000 },
  // Many small changes: each travels alone.
  { name: "live", itemsPerFrame: 1, framesPerAgent: 600, ahead: 50 },
];

const units = 400;
const persons = 400;

const unitId = (no: number): string => `001.${text(Math.floor(no / 50) + 1, 6)}.0001.${text(no % 50, 6)}`;
const personId = (no: number): string => `001.${text(no, 10)}.1`;
const text = (no: number, width: number): string => String(no).padStart(width, "0");

/** What the periods refer to. */
function parents(): ChangeItem[] {
  const common = { op: "upsert", time: 1_760_000_000_000 } as const;
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
  return [
    ...numbers(units).map((no): ChangeItem => {
      return { ...common, type: "unit", id: unitId(no), fields: { name: `Geschoss ${no}`, objectType: "flat" } };
    }),
    ...numbers(persons).map((no): ChangeItem => {
      return { ...common, type: "person", id: personId(no), fields: { kind: "natural", lastName: `Schäfer ${no}` } };
    }),
  ];
}

/** A whole number below `below`, the same in every run: xorshift (Marsaglia, 2003). */
function chance(): (below: number) => number {
  let state = 12_345;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A period as the bench's ERP has them, which a frame compresses no better than those. */
function period(no: number, below: (below: number) => number): ChangeItem {
  const day = (): string => `${1990 + below(35)}-${text(1 + below(12), 2)}-${text(1 + below(28), 2)}`;
  const person = (role: string): Json => ({ personId: personId(below(persons)), role });
  const unit = unitId(Math.floor(no / 10) % units);
  const fields = {
    endDate: below(3) === 0 ? null : day(),
    kind: below(10) === 0 ? "ownership" : "tenant",
    number: `MV 001/${text(Math.floor(no / 500), 6)}/${text(no, 10)}`,
    participants: [person("main"), ...(below(10) < 4 ? [person("co-tenant")] : [])],
    startDate: day(),
    unitId: unit,
  };
  return { type: "utilisationPeriod", op: "upsert", id: `${unit}.${no}`, time: 1_760_000_000_000, fields };
}

function frame(from: number, items: readonly ChangeItem[]): Frame {
  const encoded = encodeFrame(buildChanges(from, items));
  const bytes = typeof encoded === "string" ? Buffer.from(encoded) : Buffer.from(encoded);
  return { base64: bytes.toString("base64"), binary: typeof encoded !== "string", items: items.length };
}

function framesOf({ itemsPerFrame, framesPerAgent }: Load, before: number): Frame[] {
  const below = chance();
  return Array.from({ length: framesPerAgent }, (_, index) => {
    const from = before + 1 + index * itemsPerFrame;
    return frame(
      from,
      Array.from({ length: itemsPerFrame }, (_item, at) => period(index * itemsPerFrame + at, below)),
    );
  });
}

interface Round {
  /** Items/s through the gateway, and into the bare store: by commits of the same size, and of one frame each. */
  gateway: number;
  bare: number;
  bareSingle: number;
  /** Frames in a commit of the gateway, on average. */
  perCommit: number;
  /** CPU of the gateway until the last ack, and of applying afterwards, microseconds an item. */
  cpuUs: number;
  applyUs: number;
}

interface Place {
  directory: string;
  /** Of the round. */
  name: string;
  profiles: string | undefined;
}

async function measureLoad(load: Load, { directory, name, profiles }: Place): Promise<Round> {
  const profile = profiles === undefined ? [] : profileFlags(join(profiles, `gateway-${load.name}-${name}.cpuprofile`));
  await using portal = startHelper("bench/gateway-portal.ts", { args: [directory], nodeFlags: profile });
  await using clients = startHelper("bench/gateway-agents.ts");
  const httpUrl = await portal.call<string>("open", name);
  const codes: string[] = [];
  for (let agent = 0; agent < agentCount; agent++) codes.push(await portal.call<string>("code"));
  await clients.call("enrol", { httpUrl, codes });
  const first = parents();
  await clients.call("send", { frames: [frame(1, first)], before: 0, ahead: first.length });
  await portal.call("settled");

  const frames = framesOf(load, first.length);
  const items = load.itemsPerFrame * load.framesPerAgent * agentCount;
  const commitsBefore = await portal.call<number>("commits");
  const cpuBefore = await portal.call<number>("cpuUs");
  const ms = await clients.call<number>("send", { frames, before: first.length, ahead: load.ahead });
  const cpuAcked = await portal.call<number>("cpuUs");
  const commits = (await portal.call<number>("commits")) - commitsBefore;
  await portal.call("settled");
  const cpuApplied = await portal.call<number>("cpuUs");
  await clients.stop();
  await portal.call("close");
  await portal.stop();
  // In a process of its own, whose profile nobody wants.
  await using bare = startHelper("bench/gateway-portal.ts", { args: [directory] });
  const payload = { frames: frames.map(({ base64 }) => base64), agents: agentCount };
  const bareRate = async (perCommit: number): Promise<number> => {
    const bareMs = await bare.call<number>("bare", { name: `${name}-${perCommit}`, payload: { ...payload, perCommit } });
    return (items / bareMs) * 1_000;
  };
  const perCommit = Math.max(1, Math.round((load.framesPerAgent * agentCount) / commits));
  return {
    gateway: (items / ms) * 1_000,
    bare: await bareRate(perCommit),
    bareSingle: await bareRate(1),
    perCommit,
    cpuUs: (cpuAcked - cpuBefore) / items,
    applyUs: (cpuApplied - cpuAcked) / items,
  };
}

/** @param told.rounds measurements of each load; `say` tells progress; `profiles`: directory for those of the gateway */
export async function measureGateway(told: {
  rounds: number;
  profiles: string | undefined;
  say: (text: string) => void;
}): Promise<{ figures: Figures; details: unknown }> {
  const details: Record<string, unknown> = {};
  const ratios: number[] = [];
  for (const load of loads) {
    const rounds: Round[] = [];
    for (let round = 0; round < told.rounds; round++) {
      const directory = mkdtempSync(join(tmpdir(), "erpfuser-bench-"));
      try {
        rounds.push(await measureLoad(load, { directory, name: `round-${round}`, profiles: told.profiles }));
      } finally {
        rmSync(directory, { recursive: true });
      }
      told.say(`gateway, ${load.name}: ${JSON.stringify(rounds.at(-1))}`);
    }
    const over = (figure: (round: Round) => number): number => median(rounds.map(figure));
    const ratio = over(({ gateway, bare }) => gateway / bare);
    ratios.push(ratio);
    details[load.name] = { ratio, singleRatio: over(({ gateway, bareSingle }) => gateway / bareSingle), rounds };
  }
  return { figures: { gatewayRatio: Math.min(...ratios) }, details };
}
