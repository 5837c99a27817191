import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterEach, expect, test, vi } from "vitest";
import { enrolFakeAgent, fakeAgent } from "../../support/fake-agent.ts";
import { portalBench } from "../../support/portal.ts";

// Each test starts processes of its own, which takes its time on a loaded machine.
vi.setConfig({ testTimeout: 60_000 });

const bench = portalBench();
const running: ChildProcess[] = [];
afterEach(async () => {
  await Promise.all(
    running.splice(0).map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    }),
  );
});

interface Started {
  child: ChildProcess;
  url: string;
  httpUrl: string;
  token: string;
  page?: string;
}

async function start(storePath: string, ...more: string[]): Promise<Started> {
  const child = spawn(process.execPath, ["portal/main.ts", "--store", storePath, "--quiet", ...more], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.push(child);
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = (await once(lines, "line")) as [string];
  lines.close();
  return { child, ...JSON.parse(line) };
}

async function post(portal: Started, path: string, body: object): Promise<Record<string, string>> {
  const headers = { authorization: `Bearer ${portal.token}` };
  const response = await fetch(`${portal.httpUrl}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return (await response.json()) as Record<string, string>;
}

test("The portal's process tells its addresses in one line, serves its page and ends cleanly on SIGTERM", async () => {
  const portal = await start(bench.storePath(), "--page");
  expect(portal.page).toBe(`${portal.httpUrl}/#token=${portal.token}`);
  expect(await (await fetch(portal.httpUrl)).text()).toContain("<title>");
  portal.child.kill("SIGTERM");
  expect(await once(portal.child, "exit")).toEqual([0, null]);
});

test("Without a store it says how it is used and fails", async () => {
  const child = spawn(process.execPath, ["portal/main.ts"], { stdio: ["ignore", "ignore", "pipe"] });
  running.push(child);
  let said = "";
  child.stderr?.on("data", (text) => {
    said += text;
  });
  const [code] = await once(child, "close");
  expect([code, said]).toEqual([1, expect.stringContaining("--store FILE")]);
});

test("What was acked before a kill -9 is there after it", async () => {
  const storePath = bench.storePath();
  const first = await start(storePath);
  const { code } = (await post(first, "/api/enrolment-codes", { stage: "test" })) as { code: string };
  const agent = await enrolFakeAgent({ httpUrl: first.httpUrl, createEnrolmentCode: () => ({ code, expiresAt: 0 }) });
  const { link } = await agent.open();
  bench.keep(link);
  let acked = 0;
  let id: string | undefined;
  for (let from = 1; from <= 41; from += 10) {
    const rows = Array.from({ length: 10 }, (_, index) => [`E.${from + index}`, 1, "estate"]);
    link.send({ type: "changes", from, tables: [{ type: "property", op: "upsert", fields: ["name"], rows }] });
    if (from === 21) id = (await post(first, "/api/commands", { command: "ticket.close", values: {} })).id;
    if (from <= 21) acked = (await link.next("ack")).seq;
  }
  first.child.kill("SIGKILL");
  await link.closed;
  const second = await start(storePath);
  const again = fakeAgent({ ...agent.enrolment, channel: second.url }, agent.privateKey, agent.publicKey);
  const { link: next, welcome } = await again.open({ hello: { connection: 1, first: 1, next: 51 } });
  bench.keep(next);
  expect(acked).toBe(30);
  expect(welcome.last).toBeGreaterThanOrEqual(acked);
  expect((await next.next("ack")).seq).toBe(welcome.last);
  expect((await next.next("command")).id).toBe(id);
});
