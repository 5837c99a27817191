import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { afterEach, expect, test } from "vitest";
import { buildChanges, type ChangeItem } from "../../protocol/changes.ts";
import { enrolFakeAgent, type FakeAgent, fakeAgent } from "../support/fake-agent.ts";
import { portalBench } from "../support/portal.ts";

const bench = portalBench();
const kills = 12;
const items = 20_000;
const entities = 700;
let running: ChildProcess | undefined;

afterEach(() => kill());

async function kill(): Promise<void> {
  const child = running;
  running = undefined;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

async function start(storePath: string): Promise<{ url: string; httpUrl: string; token: string }> {
  running = spawn(process.execPath, ["portal/main.ts", "--store", storePath, "--quiet"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: running.stdout as NodeJS.ReadableStream });
  const [line] = (await once(lines, "line")) as [string];
  lines.close();
  return JSON.parse(line);
}

/** Item `seq` changes one of a few hundred properties; every ninth deletes it. */
function itemAt(seq: number): ChangeItem {
  const common = { type: "property", id: `E.${(seq * 31) % entities}`, time: seq };
  return seq % 9 === 0
    ? { ...common, op: "delete", reason: "gone" }
    : { ...common, op: "upsert", fields: { name: `state ${seq}` } };
}

interface Progress {
  connection: number;
  acked: number;
}

/** Sends on from what the portal holds until the link dies or everything is acked. */
async function stream(agent: FakeAgent, before: Progress): Promise<Progress> {
  const { link, welcome } = await agent.open({
    hello: { connection: before.connection, first: before.acked + 1, next: items + 1 },
  });
  bench.keep(link);
  let { acked } = before;
  let sent = welcome.last ?? 0;
  expect(sent).toBeGreaterThanOrEqual(acked);
  try {
    while (acked < items) {
      while (sent < items && sent - acked < 120) {
        const count = Math.min(1 + ((sent * 7) % 40), items - sent);
        link.send(
          buildChanges(
            sent + 1,
            Array.from({ length: count }, (_, index) => itemAt(sent + 1 + index)),
          ),
        );
        sent += count;
      }
      acked = Math.max(acked, (await link.next("ack")).seq);
    }
  } catch {
    // The portal was killed; what matters is what it promised before.
  }
  await link.close();
  return { connection: welcome.connection, acked };
}

function read(storePath: string, sql: string): number {
  const database = new DatabaseSync(storePath, { readOnly: true, timeout: 2_000 });
  try {
    return Number((database.prepare(sql).get() as { n: number }).n);
  } finally {
    database.close();
  }
}

const lastHeld = (storePath: string): number => read(storePath, "SELECT coalesce(max(last), 0) AS n FROM agent");
const journaled = (storePath: string): number => read(storePath, "SELECT count(*) AS n FROM journal");

test("A portal killed again and again keeps every acked item and ends with the last state of each entity", async () => {
  const storePath = bench.storePath();
  let portal = await start(storePath);
  const answer = await fetch(`${portal.httpUrl}/api/enrolment-codes`, {
    method: "POST",
    headers: { authorization: `Bearer ${portal.token}` },
    body: JSON.stringify({ stage: "test" }),
  });
  const { code } = (await answer.json()) as { code: string };
  const enrolled = await enrolFakeAgent({ httpUrl: portal.httpUrl, createEnrolmentCode: () => ({ code, expiresAt: 0 }) });
  let interrupted = 0;
  let progress: Progress = { connection: 0, acked: 0 };
  for (let round = 0; round <= kills; round++) {
    const streaming = stream(
      fakeAgent({ ...enrolled.enrolment, channel: portal.url }, enrolled.privateKey, enrolled.publicKey),
      progress,
    );
    if (round < kills) {
      // In the midst of the work: as soon as half of this round's share is on disk.
      const goal = Math.floor((items * (round + 0.5)) / (kills + 1));
      await expect.poll(() => lastHeld(storePath), { interval: 3, timeout: 20_000 }).toBeGreaterThanOrEqual(goal);
      await kill();
    }
    progress = await streaming;
    if (progress.acked < items) interrupted += 1;
    if (round < kills) portal = await start(storePath);
  }
  // Kills after the work was done would prove nothing.
  expect(interrupted).toBeGreaterThan(kills / 2);
  expect(progress).toEqual({ acked: items, connection: kills + 1 });
  // At rest the journal drains by itself.
  await expect.poll(() => journaled(storePath), { interval: 10, timeout: 10_000 }).toBe(0);

  const expected = new Map<string, string>();
  for (let seq = 1; seq <= items; seq++) {
    const item = itemAt(seq);
    if (item.op === "delete") expected.delete(item.id);
    else expected.set(item.id, JSON.stringify(item.fields));
  }
  const database = new DatabaseSync(storePath, { readOnly: true });
  const rows = database.prepare("SELECT id, fields FROM entity WHERE deleted_at IS NULL").all() as {
    id: string;
    fields: string;
  }[];
  const integrity = database.prepare("PRAGMA integrity_check").get();
  database.close();
  expect(new Map(rows.map((row) => [row.id, row.fields]))).toEqual(expected);
  expect(integrity).toEqual({ integrity_check: "ok" });
});
