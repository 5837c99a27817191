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

interface Portal {
  url: string;
  httpUrl: string;
  token: string;
}

/** Undefined where it died before it listened. */
async function startScript(script: readonly string[], storePath: string): Promise<Portal | undefined> {
  running = spawn(process.execPath, [...script, "--store", storePath, "--quiet"], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: running.stdout as NodeJS.ReadableStream });
  const [line] = (await Promise.race([once(lines, "line"), once(running, "exit").then(() => [])])) as [string?];
  lines.close();
  return line === undefined ? undefined : JSON.parse(line);
}

const start = async (storePath: string): Promise<Portal> => (await startScript(["portal/main.ts"], storePath)) as Portal;

/** Item `seq` changes one of a few hundred properties; every ninth deletes it, some can't be taken. */
function itemAt(seq: number): ChangeItem {
  const common = { type: "property", id: `E.${(seq * 31) % entities}`, time: seq };
  // Each under an id of its own, for a refusal is told again until an item of the same entity is accepted.
  if (isRefused(seq)) return { ...common, id: `X.${seq}`, op: "upsert", fields: { name: 17 } };
  return seq % 9 === 0
    ? { ...common, op: "delete", reason: "gone" }
    : { ...common, op: "upsert", fields: { name: `state ${seq}` } };
}

const isRefused = (seq: number): boolean => seq % 97 === 0;

interface Progress {
  connection: number;
  acked: number;
  /** Numbers that the agent was told are refused. */
  refused: Set<number>;
}

const nothing = (): Progress => ({ connection: 0, acked: 0, refused: new Set() });

/** Sends on from what the portal holds until the link dies or `until` is acked. */
async function stream(agent: FakeAgent, before: Progress, until: number): Promise<Progress> {
  const { link, welcome } = await agent.open({
    hello: { connection: before.connection, first: before.acked + 1, next: until + 1 },
  });
  bench.keep(link);
  let { acked } = before;
  let sent = welcome.last ?? 0;
  expect(sent).toBeGreaterThanOrEqual(acked);
  try {
    while (acked < until) {
      while (sent < until && sent - acked < 120) {
        const count = Math.min(1 + ((sent * 7) % 40), until - sent);
        link.send(
          buildChanges(
            sent + 1,
            Array.from({ length: count }, (_, index) => itemAt(sent + 1 + index)),
          ),
        );
        sent += count;
      }
      const ack = await link.next("ack");
      for (const { seq } of ack.refused) before.refused.add(seq);
      acked = Math.max(acked, ack.seq);
    }
  } catch {
    // The portal was killed; what matters is what it promised before.
  }
  await link.close();
  return { ...before, connection: welcome.connection, acked };
}

async function enrol(portal: { httpUrl: string; token: string }): Promise<FakeAgent> {
  const answer = await fetch(`${portal.httpUrl}/api/enrolment-codes`, {
    method: "POST",
    headers: { authorization: `Bearer ${portal.token}` },
    body: JSON.stringify({ stage: "test" }),
  });
  const { code } = (await answer.json()) as { code: string };
  return enrolFakeAgent({ httpUrl: portal.httpUrl, createEnrolmentCode: () => ({ code, expiresAt: 0 }) });
}

const movedTo = (agent: FakeAgent, { url }: { url: string }): FakeAgent =>
  fakeAgent({ ...agent.enrolment, channel: url }, agent.privateKey, agent.publicKey);

/** Waits until the portal is at rest, and compares all that it holds with what was sent up to `until`. */
async function expectAll(storePath: string, until: number): Promise<void> {
  // At rest the journal drains by itself.
  await expect.poll(() => journaled(storePath), { interval: 10, timeout: 10_000 }).toBe(0);
  const expected = new Map<string, string>();
  for (let seq = 1; seq <= until; seq++) {
    const item = itemAt(seq);
    if (isRefused(seq)) continue;
    if (item.op === "delete") expected.delete(item.id);
    else expected.set(item.id, `${JSON.stringify(item.fields)} by ${seq}`);
  }
  const database = new DatabaseSync(storePath, { readOnly: true });
  const rows = database.prepare("SELECT id, fields, seq FROM entity WHERE deleted_at IS NULL").all() as {
    id: string;
    fields: string;
    seq: number;
  }[];
  const integrity = database.prepare("PRAGMA integrity_check").get();
  database.close();
  expect(new Map(rows.map((row) => [row.id, `${row.fields} by ${row.seq}`]))).toEqual(expected);
  expect(integrity).toEqual({ integrity_check: "ok" });
}

const allRefused = (until: number): Set<number> =>
  new Set(Array.from({ length: until }, (_, index) => index + 1).filter((seq) => isRefused(seq)));

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
  const enrolled = await enrol(portal);
  let interrupted = 0;
  let progress = nothing();
  for (let round = 0; round <= kills; round++) {
    const streaming = stream(movedTo(enrolled, portal), progress, items);
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
  expect(progress).toEqual({ acked: items, connection: kills + 1, refused: allRefused(items) });
  await expectAll(storePath, items);
});

test("Killed at each kind of commit, before or after it, the portal applies each acked item once and repeats each refusal", async () => {
  const storePath = bench.storePath();
  const kinds = ["journal:before", "journal:after", "apply:before", "apply:after"];
  const enrolled = await enrol(await start(storePath));
  await kill();
  let progress = nothing();
  let end = 0;
  for (const point of kinds.flatMap((kind) => [1, 2, 5].map((count) => `${kind}:${count}`))) {
    // With a journal left over it may die before it listens.
    const portal = await startScript(["test/support/killed-portal.ts", point], storePath);
    const child = running as ChildProcess;
    const lives = (): boolean => child.exitCode === null && child.signalCode === null;
    // Burst by burst, so that each is applied by a commit of its own.
    while (portal !== undefined && lives()) {
      end += 100;
      progress = await stream(movedTo(enrolled, portal), progress, end).catch(() => progress);
      await expect.poll(() => !lives() || journaled(storePath) === 0, { interval: 5, timeout: 10_000 }).toBe(true);
    }
    expect({ point, signal: child.signalCode }).toEqual({ point, signal: "SIGKILL" });
  }
  const portal = await start(storePath);
  progress = await stream(movedTo(enrolled, portal), progress, end);
  expect(progress).toMatchObject({ acked: end, refused: allRefused(end) });
  await expectAll(storePath, end);
});
