/** First sync and full compares, each against the yardstick read beside it. */
import { type Helper, startHelper } from "./call.ts";
import { cpuUs, peakMb } from "./machine.ts";
import type { Figures } from "./report.ts";
import type { Pair, Scene } from "./scene.ts";
import { median } from "./statistics.ts";

/** CPU microseconds a row, by process. */
interface Cost {
  agent: number;
  portal: number;
  erp: number;
}

interface Timed {
  ms: number;
  cost: Cost;
}

/** What one round saw. */
interface Round {
  yardstickMs: number[];
  snapshot: Timed;
  /** Bytes that came to the gateway during the first sync. */
  wireBytes: number;
  compare: Timed;
  changed: Timed;
  peakMb: number;
}

const withinMs = 240_000;
/** One of so many rows is changed before the compare with changes. */
const changedOneOf = 1_000;

/** Both states hold the parents and nothing of the periods. */
async function beginAtParents(scene: Scene): Promise<void> {
  if (scene.isKept("parents")) return scene.restore("parents");
  await syncParents(scene);
  scene.keep("parents");
}

/** Brings everything but the periods to the portal. */
async function syncParents(scene: Scene): Promise<void> {
  await using pair = await scene.start({ periods: false, name: "parents" });
  await pair.portal.call("reached", scene.parents);
  await pair.agent.compared("tickets", { after: 0, withinMs });
  await pair.quiet();
}

/** Brings everything to the portal; what other measurements stand on. */
export async function syncAll(scene: Scene): Promise<void> {
  await beginAtParents(scene);
  await using pair = await scene.start({ periods: true, name: "all" });
  await pair.portal.call("reached", scene.parents + scene.sizes.periods);
  await pair.agent.compared("periods", { after: 0, withinMs });
  await pair.quiet();
}

/** One first sync from the kept states, then the compares. */
async function syncRound(scene: Scene, yardstick: Helper, { no, portable }: { no: number; portable: boolean }): Promise<Round> {
  const yardstickMs = [await readBare(yardstick)];
  await beginAtParents(scene);
  await using pair = await scene.start({ periods: true, portable, name: `${portable ? "portable" : "sync"}${no}` });
  const { snapshot, wireBytes } = await firstSync(scene, pair);
  await pair.quiet();
  yardstickMs.push(await readBare(yardstick));
  const compare = await fullCompare(scene, pair, 0);
  const changes = await changeSome(scene, no);
  const changed = await fullCompare(scene, pair, changes);
  yardstickMs.push(await readBare(yardstick));
  return { yardstickMs, snapshot, wireBytes, compare, changed, peakMb: peakMb(pair.agent.pid) };
}

async function readBare(yardstick: Helper): Promise<number> {
  const { ms } = await yardstick.call<{ ms: number }>("read");
  return ms;
}

async function firstSync(scene: Scene, { agent, portal }: Pair): Promise<{ snapshot: Timed; wireBytes: number }> {
  const used = costSince(scene, { agent, portal });
  const bytesBefore = await portal.call<number>("bytesIn");
  const last = scene.parents + scene.sizes.periods;
  const { at } = await portal.call<{ at: number }>("reached", last);
  const cost = used();
  const { endedAt, durationMs } = await agent.compared("periods", { after: 0, withinMs });
  const wireBytes = (await portal.call<number>("bytesIn")) - bytesBefore;
  return { snapshot: { ms: at - (endedAt - durationMs), cost }, wireBytes };
}

/** From the first row asked for until the compare is complete and the last of the changed entities is durable at the portal. */
async function fullCompare(scene: Scene, { agent, portal, quiet }: Pair, changes: number): Promise<Timed> {
  await quiet();
  const before = await portal.call<{ seq: number }>("acked");
  const after = agent.newest();
  const used = costSince(scene, { agent, portal });
  await portal.call("compare", "periods");
  const [{ endedAt, durationMs }, { at }] = await Promise.all([
    agent.compared("periods", { after, withinMs }),
    portal.call<{ at: number }>("reached", before.seq + changes),
  ]);
  return { ms: Math.max(durationMs, at - (endedAt - durationMs)), cost: used() };
}

/** Another share of the rows in each round. Returns how many were changed. */
async function changeSome({ erp }: Scene, no: number): Promise<number> {
  const [result] = await erp.query(
    `UPDATE MIETVERTRAG SET ENDE = IF(ENDE = 20991231, 20981231, 20991231) WHERE CRC32(VERTRAGNR) % ${changedOneOf} = ${no}`,
  );
  return (result as { affectedRows: number }).affectedRows;
}

function costSince({ server, sizes }: Scene, { agent, portal }: Pick<Pair, "agent" | "portal">): () => Cost {
  const pids = { agent: agent.pid, portal: portal.pid, erp: server.pid ?? 0 };
  const before = { agent: cpuUs(pids.agent), portal: cpuUs(pids.portal), erp: cpuUs(pids.erp) };
  return () => ({
    agent: (cpuUs(pids.agent) - before.agent) / sizes.periods,
    portal: (cpuUs(pids.portal) - before.portal) / sizes.periods,
    erp: (cpuUs(pids.erp) - before.erp) / sizes.periods,
  });
}

interface SyncWishes {
  rounds: number;
  /** By the path that databases without raw access take. */
  portable: boolean;
  say: (text: string) => void;
}

/** Rounds of first sync and compares; medians of what each round compares within itself. */
export async function measureSync(
  scene: Scene,
  { rounds: count, portable, say }: SyncWishes,
): Promise<{ figures: Figures; details: unknown }> {
  await using yardstick = startHelper("bench/yardstick.ts", { args: [JSON.stringify(scene.access)] });
  // Once for nothing: its code is compiled, and the server has all pages in memory.
  await readBare(yardstick);
  await beginAtParents(scene);
  const rounds: Round[] = [];
  for (let no = 0; no < count; no++) {
    const round = await syncRound(scene, yardstick, { no, portable });
    rounds.push(round);
    say(roundText(round, scene.sizes.periods));
  }
  const figures = portable ? portableFigures(rounds) : figuresOf(rounds, scene.sizes.periods);
  return { figures, details: { rounds } };
}

const ratio = (rounds: readonly Round[], timed: "snapshot" | "compare"): number =>
  median(rounds.map((round) => median(round.yardstickMs) / round[timed].ms));

function portableFigures(rounds: readonly Round[]): Figures {
  return { portableSnapshotRatio: ratio(rounds, "snapshot"), portableCompareRatio: ratio(rounds, "compare") };
}

function figuresOf(rounds: readonly Round[], rows: number): Figures {
  const over = (figure: (round: Round) => number): number => median(rounds.map(figure));
  return {
    snapshotRatio: ratio(rounds, "snapshot"),
    compareRatio: ratio(rounds, "compare"),
    compareChangedRatio: over((round) => round.compare.ms / round.changed.ms),
    wireBytesPerRow: over((round) => round.wireBytes / rows),
    ...peakFigure(rows, Math.max(...rounds.map((round) => round.peakMb))),
  };
}

/** Of fewer rows than a million the peak stands in the details alone: it would pass for a figure that it is not. */
function peakFigure(rows: number, mb: number): Figures {
  if (rows >= 5_000_000) return { rssMb5M: mb };
  return rows >= 1_000_000 ? { rssMb1M: mb } : {};
}

function roundText({ yardstickMs, snapshot, compare, changed, peakMb: mb }: Round, rows: number): string {
  const perRow = ({ ms, cost }: Timed): string => {
    const cpu = [cost.agent, cost.portal, cost.erp].map((us) => us.toFixed(2)).join(" + ");
    return `${((ms / rows) * 1_000).toFixed(2)} µs/row (CPU of agent, gateway, ERP: ${cpu})`;
  };
  const bare = ((median(yardstickMs) / rows) * 1_000).toFixed(2);
  return `bare ${bare} µs/row; first sync ${perRow(snapshot)}; compare ${perRow(compare)}; changed ${perRow(changed)}; agent at most ${mb} MB`;
}
