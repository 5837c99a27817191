// kill -9 at each named commit point of a command's way, with each way of idempotency: one effect each, and where the ERP can't tell, `uncertain`.

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
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
  start(more?: { killAt?: string; decision?: Told["decision"] }): ChildProcess;
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
  const gateway = await portals.open();
  const { code } = gateway.createEnrolmentCode({ stage: "live", ttlMs: 60_000 });
  const { agentId } = await enrol(
    {
      ...{ portal: gateway.url, secrets: secretsIn(secretsFile), clock: systemClock, newId: randomUUID },
      transport: { proxy: undefined, caFile: undefined, env: {} },
      signal: new AbortController().signal,
    },
    { code, host: "erp01", agentName: "Musterstadt" },
  );
  const told: Told = { url: gateway.url, directory, erpFile, secretsFile, way, killAt: undefined, decision: undefined };
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

const outcomeOf = (gateway: Gateway, id: string, outcome: string): Promise<void> =>
  vi.waitFor(() => expect(gateway.command(id)?.outcome).toBe(outcome), { timeout: 20_000, interval: 20 });

/** Issues a command, lets the agent be killed at the point, and starts it again. */
async function killedAt(one: Scene, point: string): Promise<string> {
  const id = one.gateway.issue(one.agentId, { command: "ticket.create", values: { title: "Heizung kalt" } });
  const child = one.start({ killAt: point });
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
    expect(one.gateway.command(id)).toMatchObject({ state: "settled", revision: 2 });
  });

  test.each(["before-claim-commit", "after-conclude-commit", "before-reply", "after-reply"])(
    "killed at %s, nothing is in doubt",
    async (point) => {
      const one = await scene("blind");
      const id = await killedAt(one, point);
      one.start();
      await outcomeOf(one.gateway, id, "applied");
      expect(one.effects()).toBe(1);
    },
  );
});
