import { X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { enrolResponse, httpFault, keyFingerprint } from "../../../protocol/enrolment.ts";
import { enrolFakeAgent, fakeAgent, keyPair, postJson, type Refused } from "../../support/fake-agent.ts";
import { manualClock } from "../../support/manual-clock.ts";
import { portalBench } from "../../support/portal.ts";
import { testCertificate } from "../../support/test-certificate.ts";

const bench = portalBench();
const request = (code: string) => ({ code, publicKey: keyPair().publicKey, host: "host-a" });

test("A code enrols one agent and says everything that the agent needs", async () => {
  const gateway = await bench.open({ tenant: "acme", portalName: "Acme portal" });
  const { code } = gateway.createEnrolmentCode({ stage: "live", ttlMs: 60_000 });
  const asked = request(code);
  const { status, body } = await postJson(`${gateway.httpUrl}/enrol`, asked);
  expect(status).toBe(200);
  const answer = enrolResponse.parse(body);
  expect(answer).toMatchObject({ tenant: "acme", portalName: "Acme portal", stage: "live", channel: gateway.url });
  expect(answer.fingerprint).toBe(keyFingerprint(asked.publicKey));
  expect(gateway.agents()).toMatchObject([{ id: answer.agentId, stage: "live", public_key: asked.publicKey }]);
});

test("A code may be typed in lower case", async () => {
  const gateway = await bench.open();
  const { code } = gateway.createEnrolmentCode({ stage: "test", ttlMs: 60_000 });
  expect((await postJson(`${gateway.httpUrl}/enrol`, request(code.toLowerCase()))).status).toBe(200);
});

test("A code that was used, has expired or never existed is refused with its reason", async () => {
  const clock = manualClock();
  const gateway = await bench.open({ clock });
  const used = gateway.createEnrolmentCode({ stage: "test", ttlMs: 60_000 }).code;
  const old = gateway.createEnrolmentCode({ stage: "test", ttlMs: 1_000 }).code;
  await postJson(`${gateway.httpUrl}/enrol`, request(used));
  clock.advance(1_000);
  const faults = [];
  for (const code of [used, old, "0000-0000-0000"]) faults.push(await postJson(`${gateway.httpUrl}/enrol`, request(code)));
  expect(faults.map(({ status, body }) => [status, httpFault.parse(body).error])).toEqual([
    [403, "code-used"],
    [403, "code-expired"],
    [403, "code-unknown"],
  ]);
  expect(gateway.agents()).toHaveLength(1);
});

test("Whoever guesses codes is slowed down, for a minute", async () => {
  const clock = manualClock();
  const gateway = await bench.open({ clock });
  const { code } = gateway.createEnrolmentCode({ stage: "test", ttlMs: 300_000 });
  for (let guess = 0; guess < 20; guess++) await postJson(`${gateway.httpUrl}/enrol`, request("1111-1111-1111"));
  expect(await postJson(`${gateway.httpUrl}/enrol`, request(code))).toMatchObject({ status: 429, body: { error: "slow-down" } });
  clock.advance(60_001);
  expect((await postJson(`${gateway.httpUrl}/enrol`, request(code))).status).toBe(200);
});

test.each<[string, unknown]>([
  ["no JSON", "code=1"],
  ["a missing key", { code: "1234-1234", host: "a" }],
  ["a key of the wrong length", { code: "1234-1234", host: "a", publicKey: "abc" }],
  ["a field nobody knows", { ...request("1234-1234"), admin: true }],
  ["too large a body", { code: "a".repeat(300_000) }],
])("An enrolment with %s is refused as malformed", async (_, body) => {
  const gateway = await bench.open();
  const answer = await postJson(`${gateway.httpUrl}/enrol`, body);
  expect([answer.status, httpFault.parse(answer.body).error]).toEqual([400, "malformed"]);
});

test("A key that belongs to another agent is refused, and the code stays good", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { code } = gateway.createEnrolmentCode({ stage: "test", ttlMs: 60_000 });
  const taken = await postJson(`${gateway.httpUrl}/enrol`, { ...request(code), publicKey: agent.publicKey });
  expect(taken).toMatchObject({ status: 409, body: { error: "key-in-use" } });
  expect((await postJson(`${gateway.httpUrl}/enrol`, request(code))).status).toBe(200);
});

test("Enrolling an agent again replaces its key and lifts a revocation; entities and numbers stay", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { link } = await bench.link(gateway, agent);
  link.send({
    type: "changes",
    from: 1,
    tables: [{ type: "property", op: "upsert", fields: ["name"], rows: [["E.1", 1, "A"]] }],
  });
  await link.next("ack");
  gateway.revoke(agent.enrolment.agentId);
  const again = await enrolFakeAgent(gateway, agent.enrolment.agentId);
  expect(again.enrolment.agentId).toBe(agent.enrolment.agentId);
  await expect(agent.connect()).rejects.toMatchObject({ body: { error: "bad-token" } } satisfies {
    body: Partial<Refused["body"]>;
  });
  expect((await bench.link(gateway, again, { hello: { connection: 1 } })).welcome.last).toBe(1);
});

test("Enrolling an agent again ends the link of whoever holds the old key", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { link } = await bench.link(gateway, agent);
  await enrolFakeAgent(gateway, agent.enrolment.agentId);
  expect((await link.closed).code).toBe(4401);
});

test("A key is rotated without a gap: both work until the new one was used, then only that", async () => {
  const { gateway, agent } = await bench.withAgent();
  const next = keyPair();
  const rotate = async (publicKey: string) =>
    postJson(`${gateway.httpUrl}/rotate`, { publicKey }, { authorization: `Bearer ${await agent.token()}` });
  // Tried twice, as after a lost answer, and once with yet another key.
  await rotate(keyPair().publicKey);
  await rotate(next.publicKey);
  expect(await rotate(next.publicKey)).toEqual({ status: 200, body: { fingerprint: keyFingerprint(next.publicKey) } });
  bench.keep(await agent.connect());
  const renewed = fakeAgent(agent.enrolment, next.privateKey, next.publicKey);
  bench.keep(await renewed.connect());
  await expect(agent.connect()).rejects.toMatchObject({ body: { error: "bad-token" } });
});

test("Nobody rotates a key without a token signed by the agent", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { publicKey } = keyPair();
  expect((await postJson(`${gateway.httpUrl}/rotate`, { publicKey })).status).toBe(401);
  const forged = await agent.token({ key: keyPair().privateKey });
  expect((await postJson(`${gateway.httpUrl}/rotate`, { publicKey }, { authorization: `Bearer ${forged}` })).status).toBe(401);
  expect(gateway.agents()[0]?.public_key).toBe(agent.publicKey);
});

test("What is not there is answered with 404", async () => {
  const gateway = await bench.open();
  expect((await fetch(`${gateway.httpUrl}/nothing`)).status).toBe(404);
  expect((await postJson(`${gateway.httpUrl}/nothing`, {})).status).toBe(404);
});

test("With a certificate the gateway speaks TLS only, and names a wss address", async () => {
  const tls = testCertificate();
  const gateway = await bench.open({ tls });
  expect(new X509Certificate(tls.cert).checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(gateway.url).toMatch(/^wss:/);
  await expect(fetch(gateway.httpUrl.replace("https", "http"))).rejects.toThrow();
});

test("The address that agents are told may be another one, as behind a proxy", async () => {
  const gateway = await bench.open({ publicOrigin: "https://portal.example.org" });
  const { code } = gateway.createEnrolmentCode({ stage: "test", ttlMs: 60_000 });
  expect(gateway.url).toBe("wss://portal.example.org/agent");
  expect(code).toMatch(/^\w{4}-\w{4}-\w{4}$/);
});

test("Tokens used before a restart are still refused after it", async () => {
  const storePath = bench.storePath();
  const { gateway, agent } = await bench.withAgent({ storePath });
  const token = await agent.token();
  bench.keep(await agent.connect({ token }));
  await gateway.close();
  const after = await bench.reopen(agent, { storePath });
  await expect(after.agent.connect({ token })).rejects.toMatchObject({ body: { error: "replayed" } });
});

test("A store written by a newer portal is refused and left as it is", async () => {
  const storePath = bench.storePath();
  const { gateway } = await bench.withAgent({ storePath });
  gateway.store.run("PRAGMA user_version = 99");
  await gateway.close();
  await expect(bench.open({ storePath })).rejects.toMatchObject({ code: "portal-store-newer", kind: "config" });
});
