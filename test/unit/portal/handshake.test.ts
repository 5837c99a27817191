import { expect, test } from "vitest";
import { systemClock } from "../../../base/time.ts";
import { closeCode } from "../../../protocol/messages.ts";
import { enrolFakeAgent, type FakeAgent, type FakeLink, hello, Refused } from "../../support/fake-agent.ts";
import { manualClock } from "../../support/manual-clock.ts";
import { patient, portalBench } from "../../support/portal.ts";

const bench = portalBench();
const portal = bench.withAgent;

async function refusal(connecting: Promise<FakeLink>): Promise<Refused> {
  const error = await connecting.then(
    (link) => bench.keep(link),
    (reason) => reason,
  );
  if (!(error instanceof Refused)) throw new Error(`The portal did not refuse: ${error}`);
  return error;
}

const connected = async (connecting: Promise<FakeLink>): Promise<FakeLink> => bench.keep(await connecting);

async function open(agent: FakeAgent, told?: Parameters<FakeAgent["open"]>[0]) {
  const done = await agent.open(told);
  bench.keep(done.link);
  return done;
}

const seconds = (ms: number): number => Math.floor(ms / 1_000);

test("A connection without a token is refused", async () => {
  const { agent } = await portal();
  const error = await refusal(agent.connect({ token: "" }));
  expect([error.status, error.body.error]).toEqual([401, "no-token"]);
});

test("A token signed by another key is refused", async () => {
  const { gateway, agent } = await portal();
  const other = await enrolFakeAgent(gateway);
  const error = await refusal(agent.connect({ token: await agent.token({ key: other.privateKey }) }));
  expect([error.status, error.body.error]).toEqual([401, "bad-token"]);
});

test("A token of an agent that nobody enrolled is refused", async () => {
  const { agent } = await portal();
  const error = await refusal(agent.connect({ token: await agent.token({ sub: "agent-nobody" }) }));
  expect(error.body.error).toBe("unknown-agent");
});

test("A token for another portal is refused", async () => {
  const { agent } = await portal();
  const error = await refusal(agent.connect({ token: await agent.token({ aud: "erpfuser-portal:other" }) }));
  expect(error.body.error).toBe("wrong-audience");
});

test("A token is good for one connection", async () => {
  const { agent } = await portal();
  const token = await agent.token();
  await connected(agent.connect({ token }));
  expect((await refusal(agent.connect({ token }))).body.error).toBe("replayed");
});

test("A clock 4 minutes off is accepted, 6 minutes off it is refused with the portal's time", async () => {
  const { agent } = await portal();
  await connected(agent.connect({ token: await agent.token({ iat: seconds(systemClock.now()) - 240 }) }));
  await connected(agent.connect({ token: await agent.token({ iat: seconds(systemClock.now()) + 240 }) }));
  for (const off of [-360, 360]) {
    const error = await refusal(agent.connect({ token: await agent.token({ iat: seconds(systemClock.now()) + off }) }));
    expect([error.status, error.body.error]).toEqual([401, "wrong-clock"]);
    expect(Math.abs(Date.parse(error.body.now) - systemClock.now())).toBeLessThan(5_000);
  }
});

test("A revoked agent's link is closed at once, and it is not let in again", async () => {
  const { gateway, agent } = await portal();
  const { link } = await open(agent);
  gateway.revoke(agent.enrolment.agentId);
  expect((await link.closed).code).toBe(closeCode.notAuthenticated);
  expect((await refusal(agent.connect())).body.error).toBe("revoked");
});

test("Another subprotocol is refused", async () => {
  const { agent } = await portal();
  const error = await refusal(agent.connect({ subprotocol: "fuser.v9" }));
  expect([error.status, error.body.error]).toEqual([400, "wrong-subprotocol"]);
});

test("An agent that shares no version with the portal is told so", async () => {
  const { agent } = await portal();
  for (const change of [{ protocols: [2, 3] }, { models: [7] }]) {
    const link = await connected(agent.connect());
    link.send(hello(change));
    const end = await link.closed;
    expect(end.code).toBe(closeCode.versionMismatch);
    expect(end.reason).toContain("protocol 1, model 1");
  }
});

test("An agent at another stage than its enrolment is refused, until the portal changes the stage", async () => {
  const { gateway, agent } = await portal();
  const link = await connected(agent.connect());
  link.send(hello({ stage: "live" }));
  expect((await link.closed).code).toBe(closeCode.stageMismatch);
  gateway.setStage(agent.enrolment.agentId, "live");
  await open(agent, { hello: { stage: "live" } });
});

test("The welcome names only those types that both know", async () => {
  const { agent } = await portal();
  const offer = (type: string) => ({ type, fields: [] });
  const { welcome } = await open(agent, { hello: { types: [offer("unit"), offer("x-castle"), offer("ticket")] } });
  expect(welcome.types.toSorted()).toEqual(["ticket", "unit"]);
});

test("Connection numbers rise past what either side has seen, and count only from `start`", async () => {
  const { agent } = await portal();
  const unfinished = await connected(agent.connect());
  unfinished.send(hello());
  expect(await unfinished.next("welcome")).toMatchObject({ connection: 1, seen: 0, last: null });
  const first = await open(agent);
  expect(first.welcome).toMatchObject({ connection: 1, seen: 0 });
  const second = await open(agent, { hello: { connection: 1 } });
  expect(second.welcome).toMatchObject({ connection: 2, seen: 1, last: 0 });
  const portalRestored = await open(agent, { hello: { connection: 40 } });
  expect(portalRestored.welcome).toMatchObject({ connection: 41, seen: 2 });
});

test("A presented number below the portal's is answered with the portal's own, and noted", async () => {
  const { gateway, agent } = await portal();
  await open(agent, { hello: { connection: 6 } });
  const restored = await open(agent, { hello: { connection: 3 } });
  expect(restored.welcome).toMatchObject({ connection: 8, seen: 7 });
  expect(gateway.recentEvents(20).map((event) => event.code)).toContain("connection-below");
});

test("When the identity was last used on another host, welcome names it", async () => {
  const { gateway, agent } = await portal();
  expect((await open(agent)).welcome.otherHost).toBeUndefined();
  expect((await open(agent, { hello: { host: "host-b", connection: 1 } })).welcome.otherHost).toBe("host-a");
  expect((await open(agent, { hello: { host: "host-b", connection: 2 } })).welcome.otherHost).toBeUndefined();
  expect(gateway.recentEvents(20).map((event) => event.code)).toContain("other-host");
});

test("A second connection closes the first as superseded", async () => {
  const { agent } = await portal();
  const { link } = await open(agent);
  await open(agent, { hello: { connection: 1 } });
  expect((await link.closed).code).toBe(closeCode.superseded);
});

test("A start under another number than the welcome's is refused", async () => {
  const { agent } = await portal();
  const { link } = await open(agent, { start: { connection: 7 } });
  expect((await link.closed).code).toBe(closeCode.malformed);
});

test("A start with a new epoch must say why it begins", async () => {
  const { agent } = await portal();
  const silent = await open(agent, { start: { epoch: "epoch-0002" } });
  expect((await silent.link.closed).code).toBe(closeCode.malformed);
  const renewed = await open(agent, { start: { epoch: "epoch-0002", renewed: "portal-restored" } });
  renewed.link.send({
    type: "changes",
    from: 1,
    tables: [{ type: "property", op: "upsert", fields: ["name"], rows: [["E.1", 1, "A"]] }],
  });
  expect((await renewed.link.next("ack")).seq).toBe(1);
  const old = await open(agent, { hello: { connection: 1 } });
  expect(old.welcome.last).toBeNull();
});

test.each([
  [
    "changes before hello",
    '{"type":"changes","from":1,"tables":[{"type":"unit","op":"delete","fields":["reason"],"rows":[["a",1,"gone"]]}]}',
  ],
  ["text that is not JSON", "hello"],
  ["a message nobody knows", '{"type":"hullo"}'],
  ["an unknown codec", Uint8Array.of(9, 9, 9)],
])("A link is closed as malformed on %s", async (_, frame) => {
  const { agent } = await portal();
  const link = await connected(agent.connect());
  link.sendRaw(frame);
  const end = await link.closed;
  expect(end.code).toBe(closeCode.malformed);
  expect(end.reason).not.toBe("");
});

test("A second hello is out of turn", async () => {
  const { agent } = await portal();
  const { link } = await open(agent);
  link.send(hello());
  expect(await link.closed).toMatchObject({ code: closeCode.malformed, reason: "hello: out of turn (open)" });
});

test("A frame above the largest is refused as too large, compressed or not", async () => {
  const { agent } = await portal({ limits: { maxFrameBytes: 10_000 } });
  for (const reason of ["a".repeat(11_000), "b".repeat(30_000)]) {
    const { link, welcome } = await open(agent);
    expect(welcome.maxFrameBytes).toBe(10_000);
    link.sendRaw(JSON.stringify({ type: "bye", reason }));
    expect((await link.closed).code).toBe(closeCode.tooLarge);
  }
});

test("A link that stays silent past two heartbeats is closed, one that answers pings is kept", async () => {
  const clock = manualClock();
  const { gateway, agent } = await portal({ clock, limits: { heartbeatSeconds: 10 } });
  const quiet = await enrolFakeAgent(gateway);
  const { link } = await open(agent);
  const dead = await connected(quiet.connect({ autoPong: false }));
  dead.send(hello());
  await dead.next("welcome");
  const pinged = async (): Promise<void> => {
    clock.advance(10_000);
    // A round trip through the live link: its pong has been read by then.
    link.send({ type: "inventory", id: "i", entity: "unit", level: "ids", limit: 1 });
    await link.next("answer");
  };
  await pinged();
  await pinged();
  await pinged();
  expect((await dead.closed).code).toBe(closeCode.silence);
  expect(gateway.isConnected(agent.enrolment.agentId)).toBe(true);
});

test("A link frozen half-way is cut although it never answers the close", async () => {
  const clock = manualClock();
  const { gateway, agent } = await portal({ clock, limits: { heartbeatSeconds: 10 } });
  const { link } = await open(agent);
  await expect.poll(() => gateway.isConnected(agent.enrolment.agentId), patient).toBe(true);
  const gone = new Promise<void>((resolve) => gateway.listen((event) => event.kind === "disconnected" && resolve()));
  link.freeze();
  clock.advance(30_000);
  clock.advance(5_000);
  await gone;
  expect(gateway.isConnected(agent.enrolment.agentId)).toBe(false);
});

test("An agent that never reads is sent away before it fills the portal's memory", async () => {
  const { gateway, agent } = await portal({ limits: { maxFrameBytes: 65_536 } });
  const { link } = await open(agent);
  await expect.poll(() => gateway.isConnected(agent.enrolment.agentId), patient).toBe(true);
  const gone = new Promise<number>((resolve) => gateway.listen((event) => event.kind === "disconnected" && resolve(event.code)));
  link.freeze();
  const frame = new Uint8Array(1_000_000);
  let sent = 0;
  while (gateway.sendRaw(agent.enrolment.agentId, frame) && sent < 200) sent += 1;
  expect(sent).toBeLessThan(200);
  expect(await gone).toBe(closeCode.slowDown);
});

test("A portal that stops says bye, and when to come back", async () => {
  const { gateway, agent } = await portal();
  const { link } = await open(agent);
  await expect.poll(() => gateway.isConnected(agent.enrolment.agentId), patient).toBe(true);
  await gateway.close({ retryAfterMs: 1_234 });
  expect(await link.next("bye")).toMatchObject({ retryAfterMs: 1_234 });
  expect((await link.closed).code).toBe(closeCode.restart);
});

test.each([
  ["a connection number behind which numbers end", { connection: Number.MAX_SAFE_INTEGER - 1 }],
  ["the last connection number that there is", { connection: 2 ** 52 }],
  ["an epoch that a database gives back as another text", { epoch: "\ud800epoch-3" }],
])("A hello with %s is refused, and the agent is welcome with a right one", async (_what, change) => {
  const { agent } = await portal();
  const link = await connected(agent.connect());
  link.send(hello(change));
  expect((await link.closed).code).toBe(closeCode.malformed);
  const { welcome } = await open(agent);
  expect([welcome.connection, welcome.seen]).toEqual([1, 0]);
});
