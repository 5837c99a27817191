import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { besideChannel, type EnrolParts, enrol, fingerprintOf, rotateKey } from "../../../../agent/channel/enrol.ts";
import {
  adoptKey,
  newKey,
  readEnrolment,
  readKey,
  stagedKey,
  stageKey,
  tokenSource,
} from "../../../../agent/channel/identity.ts";
import { systemClock } from "../../../../base/time.ts";
import type { Gateway, GatewayOptions } from "../../../../portal/gateway.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { portalBench } from "../../../support/portal.ts";
import { testCertificate } from "../../../support/test-certificate.ts";
import { channelBench, direct, errorOf, secretsInMemory, until } from "./bench.ts";

const portals = portalBench();
const bench = channelBench();

const stopping = new AbortController();

function agentFor(gateway: Pick<Gateway, "url">) {
  const { store, directory } = bench.store();
  const secrets = secretsInMemory();
  const parts: EnrolParts = {
    portal: gateway.url,
    secrets,
    transport: direct,
    clock: systemClock,
    newId: randomUUID,
    signal: stopping.signal,
  };
  return { store, directory, secrets, parts };
}

const who = (code: string) => ({ code, host: "erp01", agentName: "Musterstadt" });
const code = (gateway: Gateway, more: Partial<Parameters<Gateway["createEnrolmentCode"]>[0]> = {}): string =>
  gateway.createEnrolmentCode({ stage: "live", ttlMs: 60_000, ...more }).code;

/** Runs a channel with what was enrolled, until it is connected or refused. */
async function connects(gateway: Gateway, agent: ReturnType<typeof agentFor>, agentId: string) {
  const connect = bench.connectTo(agent, gateway.url);
  const running = bench.run({ agent: { ...agent, gateway, agentId, connect } });
  await until(() => ["connected", "refused"].includes(running.channel.state().name));
  const state = running.channel.state();
  await running.stop();
  return state;
}

test("Enrolling keeps the private key in the secrets alone, shows the portal's fingerprint, and lets the agent in", async () => {
  const gateway = await portals.open();
  const agent = agentFor(gateway);
  const enrolment = await enrol(agent.parts, who(` ${code(gateway)} `));
  expect(enrolment).toMatchObject({ stage: "live", channel: gateway.url, tenant: "demo" });
  expect(enrolment.fingerprint).toBe(await fingerprintOf(agent.secrets));
  expect(await readEnrolment(agent.secrets)).toEqual(enrolment);
  expect(agent.secrets.values.get("agent-key")).toContain("PRIVATE KEY");
  expect(JSON.stringify(enrolment)).not.toContain("PRIVATE");
  expect((await connects(gateway, agent, enrolment.agentId)).name).toBe("connected");
});

test("A used, an expired and an unknown code are told apart, and leave the earlier enrolment working", async () => {
  const clock = manualClock(systemClock.now());
  const gateway = await portals.open({ clock });
  const agent = agentFor(gateway);
  const used = code(gateway);
  const enrolment = await enrol(agent.parts, who(used));
  const expired = code(gateway, { ttlMs: 1_000 });
  clock.advance(2_000);
  const before = await readKey(agent.secrets);
  await expect(enrol(agent.parts, who(used))).rejects.toMatchObject({ kind: "config", code: "enrol-code-used" });
  await expect(enrol(agent.parts, who(expired))).rejects.toMatchObject({ kind: "config", code: "enrol-code-expired" });
  await expect(enrol(agent.parts, who("NOSUCHCODE"))).rejects.toMatchObject({ kind: "config", code: "enrol-code-unknown" });
  expect((await readKey(agent.secrets)).fingerprint).toBe(before.fingerprint);
  expect(await readEnrolment(agent.secrets)).toEqual(enrolment);
});

test("Enrolling again replaces the key: the new one is let in, the old one is not", async () => {
  const gateway = await portals.open();
  const agent = agentFor(gateway);
  const { agentId } = await enrol(agent.parts, who(code(gateway)));
  const old = await readKey(agent.secrets);
  const again = await enrol(agent.parts, who(code(gateway, { agentId })));
  expect(again.agentId).toBe(agentId);
  expect((await connects(gateway, agent, agentId)).name).toBe("connected");
  await adoptKey(agent.secrets, old);
  expect(errorOf(await connects(gateway, agent, agentId))).toMatchObject({ code: "portal-key-refused", kind: "config" });
});

test("A rotation leaves no gap: both keys are let in until the new one was used", async () => {
  const gateway = await portals.open();
  const agent = agentFor(gateway);
  const { agentId } = await enrol(agent.parts, who(code(gateway)));
  const old = await readKey(agent.secrets);
  const { fingerprint } = await rotateKey(agent.parts);
  const next = await readKey(agent.secrets);
  expect(next.fingerprint).toBe(fingerprint);
  expect(fingerprint).not.toBe(old.fingerprint);
  expect((await readEnrolment(agent.secrets))?.fingerprint).toBe(fingerprint);
  await adoptKey(agent.secrets, old);
  expect((await connects(gateway, agent, agentId)).name).toBe("connected");
  await adoptKey(agent.secrets, next);
  expect((await connects(gateway, agent, agentId)).name).toBe("connected");
  await adoptKey(agent.secrets, old);
  expect((await connects(gateway, agent, agentId)).name).toBe("refused");
});

test("A rotation whose answer was lost is repeated with the same key", async () => {
  const gateway = await portals.open();
  const agent = agentFor(gateway);
  await enrol(agent.parts, who(code(gateway)));
  const staged = newKey();
  await stageKey(agent.secrets, staged);
  expect((await rotateKey(agent.parts)).fingerprint).toBe(staged.fingerprint);
  expect(await stagedKey(agent.secrets)).toBeUndefined();
});

test("A portal that can't be reached, shows an untrusted certificate, or is none, each says so", async () => {
  const tls = testCertificate();
  const secure = await portals.open({ tls } satisfies Partial<GatewayOptions>);
  const gone = await portals.open();
  const { url } = gone;
  await gone.close();
  const at = (portal: string) => enrol({ ...agentFor({ url: portal }).parts }, who("SOMECODE"));
  await expect(at(url)).rejects.toMatchObject({ kind: "transient", code: "portal-refused" });
  const untrusted = expect(at(secure.url)).rejects;
  await untrusted.toMatchObject({ kind: "config", code: "tls-unknown-ca", message: expect.stringContaining("ERP Fuser test") });
  const plain = await portals.open();
  await expect(at(`${plain.url}/deeper/agent`)).rejects.toMatchObject({ kind: "config", code: "portal-address-wrong" });
});

test("Without an enrolment nothing is signed, and the remedy is named", async () => {
  const agent = agentFor({ url: "ws://127.0.0.1:9/agent" });
  const token = tokenSource({ secrets: agent.secrets, clock: systemClock, newId: randomUUID });
  await expect(token()).rejects.toMatchObject({
    kind: "config",
    code: "agent-not-enrolled",
    hint: expect.stringContaining("enrol CODE"),
  });
  await expect(rotateKey(agent.parts)).rejects.toMatchObject({ code: "agent-not-enrolled" });
  agent.secrets.values.set("agent-key", "not a key");
  await expect(readKey(agent.secrets)).rejects.toMatchObject({ kind: "config", code: "agent-key-damaged" });
});

test("A clock that is off is told with the difference", async () => {
  const gateway = await portals.open();
  const agent = agentFor(gateway);
  const { agentId } = await enrol(agent.parts, who(code(gateway)));
  const clock = { ...systemClock, now: () => systemClock.now() - 3 * 3_600_000 };
  const slow = { ...agent, parts: { ...agent.parts, clock } };
  await expect(rotateKey(slow.parts)).rejects.toMatchObject({
    code: "clock-wrong",
    message: expect.stringMatching(/(3h|2h 59m).* behind/),
  });
  expect((await readEnrolment(agent.secrets))?.agentId).toBe(agentId);
});

test("A code of the other stage is refused", async () => {
  const gateway = await portals.open();
  const agent = agentFor(gateway);
  const asked = enrol({ ...agent.parts, stage: "test" }, who(code(gateway, { stage: "live" })));
  await expect(asked).rejects.toMatchObject({ kind: "config", code: "enrol-other-stage" });
  expect(await readEnrolment(agent.secrets)).toBeUndefined();
});

test("Enrolment lies beside the channel", () => {
  expect(besideChannel("wss://portal.example.com/agent", "enrol").href).toBe("https://portal.example.com/enrol");
  expect(besideChannel("wss://portal.example.com/fuser/agent?x=1", "rotate").href).toBe(
    "https://portal.example.com/fuser/rotate",
  );
  expect(besideChannel("ws://127.0.0.1:8080/agent", "enrol").href).toBe("http://127.0.0.1:8080/enrol");
  expect(() => besideChannel("ws://portal.example.com/agent", "enrol")).toThrow(
    expect.objectContaining({ code: "portal-address-invalid" }),
  );
});
