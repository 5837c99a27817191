/** How soon a change of the ERP is durable at the portal, counted from the start of the first poll that could see its commit. */
import { type Connection, createConnection } from "mysql2/promise";
import { systemClock } from "../base/time.ts";
import { unitKey } from "./erp.ts";
import { cpuUs, wallMs } from "./machine.ts";
import type { Figures } from "./report.ts";
import type { Scene } from "./scene.ts";
import { median, percentile } from "./statistics.ts";

const changesPerSecond = 200;
/** Not counted: until then the agent's code is compiled and its connections are open. */
const warmUpMs = 3_000;
const countedMs = 15_000;
/** The other nine sources as an admin would set them. */
const schedule = { periods: "25ms", others: "5s" };
const arriveWithinMs = 15_000;

interface Change {
  id: string;
  /** Wall clock, ms: when the statement was sent, and when its commit was known. */
  sentAt: number;
  committedAt: number;
}

/** The store must hold all periods already. */
export async function measureLatency(scene: Scene): Promise<{ figures: Figures; details: unknown }> {
  await using pair = await scene.start({ periods: true, polls: schedule, name: "latency" });
  const arrivals = async () => new Map(await pair.portal.call<[string, number][]>("arrivals"));
  await pair.portal.call("record", true);
  await untilPolled(scene, arrivals);
  await logStatements(scene, true);
  const before = cpuUs(pair.agent.pid);
  const changes = await change(scene);
  const durableAt = await allArrived(changes, arrivals);
  const cpuUsPerChange = (cpuUs(pair.agent.pid) - before) / changes.length;
  await logStatements(scene, false);
  const polls = await pollStarts(scene);
  const from = (changes[0]?.sentAt ?? 0) + warmUpMs;
  const counted = changes.filter(({ sentAt }) => sentAt >= from);
  const latencies = counted.map((one) => latencyOf(one, durableAt.get(one.id) as number, polls));
  return {
    figures: { latencyP50Ms: percentile(latencies, 50), latencyP99Ms: percentile(latencies, 99) },
    details: {
      changes: counted.length,
      polls: polls.length,
      pollEvery: schedule.periods,
      cpuUsPerChange,
      maxMs: Math.max(...latencies),
      fromCommitP50Ms: median(counted.map((one) => (durableAt.get(one.id) as number) - one.committedAt)),
    },
  };
}

/** A change whose commit was just becoming known may have been seen by the poll before: then it was durable before the next one began. */
export function latencyOf({ committedAt }: Pick<Change, "committedAt">, durableAt: number, polls: readonly number[]): number {
  const next = polls.find((at) => at >= committedAt);
  const seenBy = next !== undefined && next <= durableAt ? next : polls.findLast((at) => at <= durableAt);
  return seenBy === undefined ? Number.NaN : durableAt - seenBy;
}

const ofPeriod = "MANDANT = ? AND OBJNR = ? AND HAUSNR = ? AND WOHNNR = ? AND FOLGE = ?";
const changePeriod = `UPDATE MIETVERTRAG SET ENDE = IF(ENDE = 20881231, 20871231, 20881231), AENDTS = NOW(6) WHERE ${ofPeriod}`;

/** A cursor column tells of what happens from its first poll on. */
async function untilPolled({ erp }: Scene, arrivals: () => Promise<ReadonlyMap<string, number>>): Promise<void> {
  const deadline = performance.now() + arriveWithinMs;
  const key = [...unitKey(0), "1"];
  while (!(await arrivals()).has(key.join("."))) {
    if (performance.now() > deadline) throw new Error("No change reached the portal");
    await erp.execute(changePeriod, key);
    await systemClock.sleep(500);
  }
}

/** One committed change each 5 ms, each of another period. */
async function change({ erp, access }: Scene): Promise<Change[]> {
  const count = ((warmUpMs + countedMs) / 1_000) * changesPerSecond;
  const [rows] = await erp.query(
    `SELECT MANDANT, OBJNR, HAUSNR, WOHNNR, FOLGE FROM MIETVERTRAG ORDER BY CRC32(VERTRAGNR) LIMIT ${count}`,
  );
  const keys = (rows as Record<string, string | number>[]).map((row) => Object.values(row));
  const clerks = await Promise.all(Array.from({ length: 4 }, () => createConnection(access)));
  const begun = wallMs();
  const work = keys.map(async (key, index): Promise<Change> => {
    await systemClock.sleep(Math.max(0, begun + (index * 1_000) / changesPerSecond - wallMs()));
    const sentAt = wallMs();
    await (clerks[index % clerks.length] as Connection).execute(changePeriod, key);
    return { id: key.join("."), sentAt, committedAt: wallMs() };
  });
  const changes = await Promise.all(work);
  await Promise.all(clerks.map((clerk) => clerk.end()));
  return changes;
}

async function allArrived(
  changes: readonly Change[],
  arrivals: () => Promise<ReadonlyMap<string, number>>,
): Promise<ReadonlyMap<string, number>> {
  const deadline = performance.now() + arriveWithinMs;
  for (;;) {
    const durableAt = await arrivals();
    const missing = changes.filter(({ id }) => !durableAt.has(id)).length;
    if (missing === 0) return durableAt;
    if (performance.now() > deadline) throw new Error(`${missing} of ${changes.length} changes did not reach the portal`);
    await systemClock.sleep(200);
  }
}

/** The server notes when each statement began: so the agent need not be told that it is measured. */
async function logStatements({ erp }: Scene, on: boolean): Promise<void> {
  if (on) {
    await erp.query("SET GLOBAL log_output = 'TABLE'");
    await erp.query("TRUNCATE mysql.general_log");
  }
  await erp.query(`SET GLOBAL general_log = ${on ? 1 : 0}`);
}

/** When the polls of the periods began, by our clock, in order. */
async function pollStarts(scene: Scene): Promise<number[]> {
  const offset = await clockOffset(scene);
  const [rows] = await scene.erp.query(
    `SELECT UNIX_TIMESTAMP(event_time) * 1000 AS at FROM mysql.general_log
      WHERE command_type = 'Query' AND argument LIKE 'SELECT %AENDTS%MIETVERTRAG% >= %' ORDER BY event_time`,
  );
  return (rows as { at: string }[]).map(({ at }) => Number(at) - offset);
}

/** How far the server's clock is ahead of ours, ms. */
async function clockOffset({ erp }: Scene): Promise<number> {
  const offsets: number[] = [];
  for (let turn = 0; turn < 21; turn++) {
    const before = wallMs();
    const [rows] = await erp.query("SELECT UNIX_TIMESTAMP(SYSDATE(6)) * 1000 AS at");
    offsets.push(Number((rows as { at: string }[])[0]?.at) - (before + wallMs()) / 2);
  }
  return median(offsets);
}
