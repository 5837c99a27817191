// kill -9 at each named commit point of a command's way, with each way of idempotency: one effect each, and where the ERP can't tell, `uncertain`.

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, test, vi } from "vitest";
import { enrol } from "../../agent/channel/enrol.ts";
import type { Decision } from "../../agent/writeback/decisions.ts";
import { systemClock } from "../../base/time.ts";
import type { Gateway } from "../../portal/gateway.ts";
import { commitPoints } from "../support/commit-points.ts";
import { portalBench } from "../support/portal.ts";
import { type TemporaryDirectory, tempDirectory } from "../support/servers.ts";
import { secretsIn, type Told, type Way } from "./command-process.ts";

const portals = portalBench();
const children: ChildProcess[] = [];
const folders: TemporaryDirectory[] = [];
afterEach(async () => {
  await Promise.all(children.splice(0).map(kill));
  for (const folder of folders.splice(0)) await folder[Symbol.asyncDispose]();
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

interface Scene {
  gateway: Gateway;
  agentId: string;
  told: Told;
  /** Rows in the ERP. */
  effects(): number;
  start(more?: { killAt?: string; nth?: number; decision?: Told["decision"] }): ChildProcess;
}

async function scene(way: Way): Promise<Scene> {
  const folder = await tempDirectory();
  folders.push(folder);
  const erpFile = join(folder.path, "erp.db");
  using erp = new DatabaseSync(erpFile);
  erp.exec(`CREATE TABLE AUFTRAG (NR INTEGER PRIMARY KEY, FREMDNR TEXT${way === "column" ? " UNIQUE" : ""}, KURZTEXT TEXT NOT NULL);
    CREATE TABLE FUSER_LEDGER (command_id TEXT PRIMARY KEY, results TEXT)`);
  const directory = join(folder.path, "state");
  mkdirSync(directory);
  const secretsFile = join(folder.path, "secrets.json");
  writeFileSync(secretsFile, "{}");
  // What the portal does not ask for is known with its first heartbeat after `askedWithinMs`.
  const gateway = await portals.open({ limits: { heartbeatSeconds: 2 } });
  const { code } = gateway.createEnrolmentCode({ stage: "live", ttlMs: 60_000 });
  const { agentId } = await enrol(
    {
      ...{ portal: gateway.url, secrets: secretsIn(secretsFile), clock: systemClock, newId: randomUUID },
      transport: { proxy: undefined, caFile: undefined, env: {} },
      signal: new AbortController().signal,
    },
    { code, host: "erp01", agentName: "Musterstadt" },
  );
  const told: Told = { url: gateway.url, directory, erpFile, secretsFile, way, killAt: undefined, nth: 1, decision: undefined };
  return {
    ...{ gateway, agentId, told },
    effects() {
      using reader = new DatabaseSync(erpFile, { readOnly: true });
      return (reader.prepare("SELECT count(*) AS n FROM AUFTRAG").get() as { n: number }).n;
    },
    start(more = {}) {
      const script = join(import.meta.dirname, "command-process.ts");
      const child = spawn(process.execPath, [script, JSON.stringify({ ...told, ...more })], {
        stdio: ["ignore", "inherit", "inherit"],
      });
      children.push(child);
      return child;
    },
  };
}

/** As agent/store/open.ts names it. */
const storeFile = "store.db";
const patient = { timeout: 20_000, interval: 20 };

/** A command as the agent's store holds it. */
function inStore(directory: string, id: string): { state: string; attempts: number } | undefined {
  if (!existsSync(join(directory, storeFile))) return undefined;
  using store = new DatabaseSync(join(directory, storeFile), { readOnly: true, timeout: 2_000 });
  return store.prepare("SELECT state, attempts FROM command WHERE id = ?").get(id) as
    | { state: string; attempts: number }
    | undefined;
}

const outcomeOf = (gateway: Gateway, id: string, outcome: string): Promise<void> =>
  vi.waitFor(() => expect(gateway.command(id)?.outcome).toBe(outcome), patient);

/** Issues a command, and lets the agent be killed at the nth passing of the point. */
async function killedAt(one: Scene, point: string, nth = 1): Promise<string> {
  const id = one.gateway.issue(one.agentId, { command: "ticket.create", values: { title: "Heizung kalt" } });
  const child = one.start({ killAt: point, nth });
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  expect(signal).toBe("SIGKILL");
  return id;
}

describe.each(["column", "ledger", "probe"] as const)("Idempotency by %s", (way) => {
  test.each(commitPoints)("killed at %s, a command has one effect and its result reaches the portal", async (point) => {
    const one = await scene(way);
    const id = await killedAt(one, point);
    one.start();
    await outcomeOf(one.gateway, id, "applied");
    expect(one.effects()).toBe(1);
    expect(JSON.parse(one.gateway.command(id)?.result ?? "{}")).toMatchObject({
      entity: { type: "ticket", id: "1" },
      number: "1",
    });
  });
});

describe("Where the ERP can't tell", () => {
  const inDoubt: [point: string, effects: number][] = [
    ["after-claim-commit", 0],
    // Of the announcement.
    ["before-reply", 0],
    ["after-reply", 0],
    ["before-erp-commit", 0],
    ["after-erp-commit", 1],
    ["before-conclude-commit", 1],
  ];
  test.each(inDoubt)("killed at %s, a command is uncertain until a person settles it by one decision", async (point, effects) => {
    const one = await scene("blind");
    const id = await killedAt(one, point);
    const second = one.start();
    await outcomeOf(one.gateway, id, "uncertain");
    expect(one.effects()).toBe(effects);
    await kill(second);
    const decision: Decision = effects === 1 ? { kind: "applied", key: "1" } : { kind: "retry" };
    one.start({ decision: { id, decision } });
    await outcomeOf(one.gateway, id, "applied");
    expect(one.effects()).toBe(1);
    // Announced, uncertain, and after a retry announced once more.
    expect(one.gateway.command(id)).toMatchObject({ state: "settled", revision: effects === 1 ? 3 : 4 });
  });

  test.each<[point: string, nth: number]>([
    ["before-claim-commit", 1],
    ["after-conclude-commit", 1],
    // Of the result; the first one is the announcement.
    ["before-reply", 2],
    ["after-reply", 2],
  ])("killed at %s for the %dth time, nothing is in doubt", async (point, nth) => {
    const one = await scene("blind");
    const id = await killedAt(one, point, nth);
    one.start();
    await outcomeOf(one.gateway, id, "applied");
    expect(one.effects()).toBe(1);
  });

  test.each(["arrived", "never arrived"])(
    "put back to a store from when the ERP was locked, the agent does not repeat a command whose result %s",
    async (result) => {
      const one = await scene("blind");
      const { directory, erpFile } = one.told;
      const id = one.gateway.issue(one.agentId, { command: "ticket.create", values: { title: "Heizung kalt" } });
      const copy = `${directory}.copy`;
      let child: ChildProcess;
      {
        using erp = new DatabaseSync(erpFile);
        erp.exec("BEGIN EXCLUSIVE");
        child = one.start(result === "arrived" ? {} : { killAt: "after-conclude-commit" });
        await vi.waitFor(() => expect(inStore(directory, id)).toMatchObject({ state: "received", attempts: 1 }), patient);
        mkdirSync(copy);
        using store = new DatabaseSync(join(directory, storeFile), { readOnly: true });
        store.prepare("VACUUM INTO ?").run(join(copy, storeFile));
      }
      if (result === "arrived") {
        await vi.waitFor(() => expect(one.gateway.command(id)).toMatchObject({ state: "settled", outcome: "applied" }), patient);
        await kill(child);
      } else await once(child, "exit");
      expect(one.effects()).toBe(1);
      expect(one.gateway.command(id)?.outcome).toBe(result === "arrived" ? "applied" : "executing");
      rmSync(directory, { recursive: true });
      renameSync(copy, directory);
      one.start();
      await vi.waitFor(() => expect(inStore(directory, id)?.state).toBe("uncertain"), patient);
      if (result === "never arrived") await outcomeOf(one.gateway, id, "uncertain");
      expect(one.effects()).toBe(1);
    },
  );
});
