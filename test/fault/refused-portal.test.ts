// What is wrong between agent and portal is refused with a code, an exit code and a remedy; once it is mended the agent goes on, and nothing is lost.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { closeCode } from "../../protocol/messages.ts";
import { enrolFakeAgent } from "../support/fake-agent.ts";
import { expectRefused } from "../support/refusal.ts";
import { openSite, type Site, type SiteOptions } from "../support/site.ts";
import { testCertificate } from "../support/test-certificate.ts";

const exitPortal = 5;
const sites: Site[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site[Symbol.asyncDispose]();
});

async function newSite(options: SiteOptions = {}): Promise<Site> {
  const site = await openSite(options);
  sites.push(site);
  return site;
}

async function enrolledSite(options: SiteOptions = {}): Promise<Site> {
  const site = await newSite(options);
  await site.join();
  return site;
}

async function expectAllRefused(site: Site, commands: string[][], refusal: Parameters<typeof expectRefused>[1]): Promise<void> {
  const said = await Promise.all(commands.map((args) => site.erpfuser(args)));
  for (const one of said) expectRefused(one, refusal);
}

test("An unknown host ends check and enrol; run waits for it, says so in log and status, and goes on with the right one", async () => {
  const site = await enrolledSite();
  site.configure({ portalUrl: "wss://portal.invalid/agent" });
  const refused = { exit: exitPortal, code: "portal-host-unknown", remedy: /agent\.portal/ };
  await expectAllRefused(site, [["check"], ["enrol", site.code()]], refused);
  const run = site.run();
  expect(await run.logged("portal-host-unknown")).toMatchObject({
    level: "warn",
    message: expect.stringMatching(/agent\.portal/),
  });
  await site.until(() =>
    expect(site.status()?.portal).toMatchObject({ state: "waiting", reason: expect.stringMatching(/portal-host-unknown/) }),
  );
  expect(await run.stop()).toMatchObject({ code: 0 });
  site.configure();
  await site.clerkWorks();
  site.run();
  site.report();
  await site.converges();
});

test("A portal that nobody answers for at the start is waited for: everything arrives by itself once it is up", async () => {
  const site = await enrolledSite();
  await site.closePortal();
  expectRefused(await site.erpfuser(["check"]), {
    exit: exitPortal,
    code: "portal-refused",
    remedy: /address, port and firewall/,
  });
  const run = site.run();
  await run.logged("portal-refused");
  await site.reopenPortal();
  site.report();
  await site.converges();
});

test("A certificate of an unknown authority ends check, enrol and run, and names its issuer; with the right authority everything arrives", async () => {
  const own = testCertificate();
  const site = await newSite({ portal: { tls: own } });
  const ca = join(site.folder, "ca.pem");
  const withCa = (text: string): string => text.replace("agent: { ", `agent: { caFile: ${JSON.stringify(ca)}, `);
  writeFileSync(ca, own.cert);
  site.configure({}, withCa);
  await site.enrol();
  writeFileSync(ca, testCertificate().cert);
  const refused = { exit: exitPortal, code: "tls-unknown-ca", remedy: /agent\.caFile/ };
  await expectAllRefused(site, [["check"], ["enrol", site.code()], ["run"]], refused);
  writeFileSync(ca, "no certificate");
  await expectAllRefused(site, [["check"], ["run"]], { exit: exitPortal, code: "ca-file-unreadable", remedy: /PEM/ });
  writeFileSync(ca, own.cert);
  site.run();
  site.report();
  await site.converges();
});

test("An expired, a used and an unknown enrolment code are refused, and the earlier enrolment still holds", async () => {
  const site = await newSite();
  const used = site.code();
  expect(await site.erpfuser(["enrol", used])).toMatchObject({ code: 0 });
  const expired = site.code({ ttlMs: 1 });
  const codes: [string, string, RegExp][] = [
    [used, "enrol-code-used", /new one in the portal/],
    [expired, "enrol-code-expired", /new one in the portal/],
    ["7KQ2-M9FX-4TDA", "enrol-code-unknown", /typing mistake/],
  ];
  for (const [code, name, remedy] of codes) {
    expectRefused(await site.erpfuser(["enrol", code]), { exit: exitPortal, code: name, remedy });
  }
  site.run();
  await site.converges();
});

test("A revoked key ends check and run; enrolled anew as the same agent, everything arrives", async () => {
  const site = await enrolledSite();
  const run = site.run();
  await site.converges();
  site.gateway.revoke(site.agentId);
  expect(await run.logged("portal-key-refused")).toMatchObject({
    level: "error",
    message: expect.stringMatching(/erpfuser enrol/),
  });
  await site.until(() =>
    expect(site.status()?.portal).toMatchObject({ state: "refused", reason: expect.stringMatching(/portal-key-refused/) }),
  );
  await site.clerkWorks();
  expect(await run.stop()).toMatchObject({ code: 0 });
  await expectAllRefused(site, [["check"], ["run"]], { exit: exitPortal, code: "portal-key-refused", remedy: /erpfuser enrol/ });
  expect(await site.erpfuser(["enrol", site.code({ agentId: site.agentId })])).toMatchObject({ code: 0 });
  site.run();
  site.report();
  await site.converges();
});

test("A key revoked under the running agent: enrolled anew beside it, the agent goes on without a restart", async () => {
  const site = await enrolledSite();
  const run = site.run();
  await site.converges();
  site.gateway.revoke(site.agentId);
  await run.logged("portal-key-refused");
  await site.clerkWorks();
  expect(await site.erpfuser(["enrol", site.code({ agentId: site.agentId })])).toMatchObject({ code: 0 });
  expect(await site.erpfuser(["sync"])).toMatchObject({ code: 0 });
  site.report();
  await site.converges();
  expect(await run.stop()).toMatchObject({ code: 0 });
});

test("A portal that speaks another version ends run before anything is sent; with the right one everything arrives", async () => {
  const site = await enrolledSite();
  site.gateway.hooks.welcome = (welcome) => ({ ...welcome, protocol: 2 });
  expectRefused(await site.erpfuser(["run"]), { exit: exitPortal, code: "portal-version-mismatch", remedy: /older/ });
  expect(site.gateway.store.all("SELECT 1 FROM entity")).toEqual([]);
  site.gateway.hooks.welcome = undefined;
  const run = site.run();
  await site.converges();
  site.gateway.hooks.welcome = (welcome) => ({ ...welcome, model: 2 });
  site.gateway.disconnect(site.agentId);
  await run.logged("portal-version-mismatch");
  await site.clerkWorks();
  await site.until(() =>
    expect(site.status()?.portal).toMatchObject({ state: "refused", reason: expect.stringMatching(/portal-version-mismatch/) }),
  );
  site.gateway.hooks.welcome = undefined;
  expect(await site.erpfuser(["sync"])).toMatchObject({ code: 0 });
  await site.converges();
  expect(await run.stop()).toMatchObject({ code: 0 });
});

test("The agent refuses frames of the portal that are no JSON, break their schema or are too large; it says so, comes back, and has lost nothing", async () => {
  const site = await enrolledSite();
  const run = site.run();
  await site.converges();
  const frames: [string | Uint8Array, string][] = [
    ["{", "portal-frame-malformed"],
    [JSON.stringify({ type: "ack", seq: "one", refused: [] }), "portal-frame-malformed"],
    [Uint8Array.of(1, 2, 3), "portal-frame-malformed"],
    ["x".repeat(17 * 1_048_576), "portal-frame-too-large"],
  ];
  for (const [index, [frame, code]] of frames.entries()) {
    const before = run.lines.length;
    site.gateway.sendRaw(site.agentId, frame);
    await site.until(() => expect(run.lines.slice(before)).toContainEqual(expect.objectContaining({ code, level: "warn" })));
    await site.clerkWorks();
    site.report(`Schaden ${index}`);
    // The wait between two tries grows with each; a person may shorten it.
    await site.erpfuser(["sync"]);
    await site.converges();
  }
  expect(await run.stop()).toMatchObject({ code: 0 });
});

test("The portal refuses frames that are no JSON, break their schema or are too large, each with its reason, and the agent beside goes on", async () => {
  const site = await enrolledSite();
  site.run();
  const frames: [string | Uint8Array, number][] = [
    ["{", closeCode.malformed],
    [JSON.stringify({ type: "changes", from: -1, tables: [] }), closeCode.malformed],
    [Uint8Array.of(1, 2, 3), closeCode.malformed],
    [`"${"x".repeat(2 * 1_048_576)}"`, closeCode.tooLarge],
  ];
  for (const [frame, code] of frames) {
    const { link } = await (await enrolFakeAgent(site.gateway)).open();
    link.sendRaw(frame);
    expect(await link.closed).toMatchObject({ code, reason: expect.stringMatching(/frame/i) });
  }
  site.report();
  await site.converges();
});

test("An item above the portal's largest frame goes into quarantine with its size; all others arrive, and it too once it is mended", async () => {
  const site = await enrolledSite({ portal: { limits: { maxFrameBytes: 8_192 } } });
  const run = site.run();
  site.report();
  await site.converges();
  const key = await site.describeTicket(9_000);
  await site.until(async () => {
    const { document } = await site.erpfuser(["quarantine", "list"]);
    expect(document.entries).toContainEqual(
      expect.objectContaining({ source: "tickets", key, code: "too-large", message: expect.stringMatching(/9\d{3}/) }),
    );
  });
  const another = site.report();
  await site.until(() => expect(site.gateway.command(another)?.outcome).toBe("applied"));
  await site.describeTicket(200);
  await site.converges();
  expect((await site.erpfuser(["quarantine", "show", "tickets", key])).code).toBe(9);
  expect(await run.stop()).toMatchObject({ code: 0 });
});
