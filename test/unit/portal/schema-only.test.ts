import { randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import type { Gateway } from "../../../portal/gateway.ts";
import { buildChanges } from "../../../protocol/changes.ts";
import { fakeAgent, hello, keyPair, postJson } from "../../support/fake-agent.ts";
import { patient, portalBench } from "../../support/portal.ts";
import {
  bodyFault,
  entityDigest,
  fromFrame,
  type Message,
  messageFault,
  rangeDigest,
  toFrame,
} from "../../support/schema-only.ts";
import { openSchemaOnlyPortal } from "../../support/schema-only-portal.ts";
import { channelBench, property, until } from "../agent/channel/bench.ts";

const bench = portalBench();
const channels = channelBench();

/** An agent that knows the documents alone: whatever it hears must fit their schemas. */
async function schemaOnlyAgent(httpUrl: string, code: string) {
  const { privateKey, publicKey } = keyPair();
  const asked = { code, publicKey, host: "host-of-documents" };
  expect(bodyFault("enrolRequest", asked)).toBeUndefined();
  const { body } = await postJson(`${httpUrl}/enrol`, asked);
  expect(bodyFault("enrolResponse", body)).toBeUndefined();
  const identity = body as { agentId: string; audience: string; channel: string };
  const token = await new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: "EdDSA" })
    .setSubject(identity.agentId)
    .setAudience(identity.audience)
    .setIssuedAt()
    .sign(privateKey);
  const socket = new WebSocket(identity.channel, "fuser.v1", { headers: { authorization: `Bearer ${token}` } });
  const heard: Message[] = [];
  socket.on("message", (data, isBinary) => {
    const message = fromFrame(data as Buffer, isBinary);
    expect(messageFault("fromPortal", message)).toBeUndefined();
    heard.push(message);
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return {
    agentId: identity.agentId,
    say(message: Message) {
      expect(messageFault("fromAgent", message)).toBeUndefined();
      socket.send(toFrame(message));
    },
    async hear(type: string): Promise<Message> {
      await expect.poll(() => heard.some((message) => message.type === type), patient).toBe(true);
      return heard.splice(
        heard.findIndex((message) => message.type === type),
        1,
      )[0] as Message;
    },
    close: () => new Promise((resolve) => socket.once("close", resolve).terminate()),
  };
}

test("An agent built from the generated documents alone enrols, sends, is asked, answers and compares", async () => {
  const gateway = await bench.open();
  const agent = await schemaOnlyAgent(gateway.httpUrl, gateway.createEnrolmentCode({ stage: "test", ttlMs: 60_000 }).code);
  const offer = (type: string, ...fields: string[]) => ({ type, fields: fields.map((name) => ({ name, owner: "shared" })) });
  agent.say({
    ...{ type: "hello", protocols: [1], models: [1], agentVersion: "documents", host: "host-of-documents", stage: "test" },
    ...{ epoch: randomUUID(), connection: 0, first: 1, next: 1 },
    types: [offer("property", "name"), offer("ticket", "title")],
    commands: [offer("ticket.create", "title", "kind")],
  });
  const welcome = await agent.hear("welcome");
  expect(welcome).toMatchObject({ connection: 1, last: null });
  agent.say({ type: "start", connection: 1, epoch: "epoch-of-documents", renewed: "first", next: 1 });

  // Enough rows to pass 4 KiB, one of them not fit for the model.
  const rows = Array.from({ length: 300 }, (_, index) => [`E.${index}`, 1, index === 7 ? 7 : `Estate ${index}`]);
  agent.say({ type: "changes", from: 1, tables: [{ type: "property", op: "upsert", fields: ["name"], rows }] });
  expect(await agent.hear("ack")).toMatchObject({ seq: 300, refused: [{ seq: 8, code: "invalid" }] });

  const id = gateway.issue(agent.agentId, { command: "ticket.create", values: { title: "Tap drips", kind: "damage" } });
  expect(await agent.hear("command")).toMatchObject({ id, values: { title: "Tap drips" } });
  agent.say({ type: "received", id });
  const ticket = {
    type: "ticket",
    op: "upsert",
    fields: ["kind", "title", "status"],
    rows: [["T.1", 2, "damage", "Tap drips", "open"]],
  };
  agent.say({ type: "changes", from: 301, tables: [{ ...ticket, cause: { 0: id } }] });
  agent.say({
    type: "result",
    id,
    revision: 1,
    outcome: "applied",
    entity: { type: "ticket", id: "T.1" },
    number: "1",
    seq: 301,
  });
  expect(await agent.hear("settled")).toEqual({ type: "settled", id, revision: 1 });
  expect(gateway.command(id)).toMatchObject({ state: "settled", outcome: "applied" });

  agent.say({ type: "inventory", id: "q1", entity: "property", level: "ranges", limit: 1_000 });
  const held = rows
    .filter((_, index) => index !== 7)
    .map(([entity, , name]) => [entity as string, entityDigest({ name })] as const);
  expect(await agent.hear("answer")).toMatchObject({
    id: "q1",
    complete: true,
    ranges: [{ count: 299, digest: rangeDigest(held) }],
  });
  await agent.close();
});

test("A portal built from the generated documents alone serves an agent", async () => {
  await using portal = await openSchemaOnlyPortal({ stage: "test" });
  const { privateKey, publicKey } = keyPair();
  const enrolled = await postJson(`${portal.httpUrl}/enrol`, { code: portal.code, publicKey, host: "host-a" });
  const agent = fakeAgent(enrolled.body as never, privateKey, publicKey);
  const { link, welcome } = await agent.open({ start: { renewed: "first" } });
  bench.keep(link);
  expect(welcome).toMatchObject({ connection: 1, seen: 0, last: null });
  const estate = (id: string, name: string) => ({ type: "property", id, op: "upsert" as const, time: 1, fields: { name } });
  link.send(
    buildChanges(1, [
      estate("E.1", "a"),
      estate("E.2", "b"),
      { type: "property", id: "E.2", op: "delete", time: 2, reason: "gone" },
    ]),
  );
  expect(await link.next("ack")).toEqual({ type: "ack", seq: 3, refused: [] });
  expect([...portal.entities]).toEqual([["property/E.1", { name: "a" }]]);
  const id = portal.issue({ command: "ticket.create", values: { title: "t" } });
  expect((await link.next("command")).id).toBe(id);
  link.send({ type: "received", id });
  link.send({ type: "result", id, revision: 1, outcome: "applied" });
  await link.next("settled");
  expect(portal.results.get(id)).toMatchObject({ outcome: "applied" });
  link.send({ type: "inventory", id: "q", entity: "property", level: "ids", limit: 10 });
  expect(await link.next("answer")).toMatchObject({ ids: [["E.1", entityDigest({ name: "a" })]], complete: true });
  expect(portal.faults).toEqual([]);
});

test("The agent's own channel enrols at that portal, sends, compares, and carries commands and results", async () => {
  await using portal = await openSchemaOnlyPortal({ stage: "live" });
  const url = `${portal.httpUrl.replace("http", "ws")}/agent`;
  const agent = await channels.enrolled({
    url,
    createEnrolmentCode: () => ({ code: portal.code, expiresAt: 0 }),
  } as unknown as Gateway);
  const running = channels.run({ agent });
  await running.connected();
  // Enough for binary frames, deletes and an item that the portal refuses.
  const names = Array.from({ length: 400 }, (_, index) => `E.${index}`);
  agent.store.outbox.append(
    names.map((name) => property(name)),
    { bulk: false },
  );
  agent.store.outbox.append([{ op: "delete", type: "property", id: "E.0", time: 2, reason: "gone" }], { bulk: false });
  await until(() => agent.store.outbox.bounds().items === 0);
  expect([...portal.entities.keys()]).toEqual(names.slice(1).map((name) => `property/${name}`));

  const held: string[] = [];
  for await (const page of running.channel.inventory("property", {}, new AbortController().signal))
    held.push(...page.map((entity) => entity.id));
  expect(held).toEqual(names.slice(1).sort());

  const id = portal.issue({ command: "ticket.create", values: { title: "Tap drips" } });
  await until(() => agent.store.inbox.get(id) !== undefined);
  agent.store.inbox.claim(id);
  agent.store.inbox.conclude(id, "applied", { number: "4711" });
  await until(() => agent.store.inbox.get(id)?.state === "settled");
  expect(portal.results.get(id)).toMatchObject({ outcome: "applied", number: "4711" });
  await until(() => portal.statuses.length > 0);
  expect(portal.faults).toEqual([]);
});

test("That portal tells what does not fit the documents", async () => {
  await using portal = await openSchemaOnlyPortal({ stage: "test" });
  const { privateKey, publicKey } = keyPair();
  const enrolled = await postJson(`${portal.httpUrl}/enrol`, { code: portal.code, publicKey, host: "host-a" });
  const agent = fakeAgent(enrolled.body as never, privateKey, publicKey);
  const { link } = await agent.open({ start: { renewed: "first" } });
  link.send(buildChanges(1, [{ type: "property", id: "E.1", op: "upsert", time: 1, fields: { name: 5 } }]));
  expect((await link.next("ack")).refused).toMatchObject([{ seq: 1, code: "invalid" }]);
  link.sendRaw(JSON.stringify({ ...hello(), surprise: true }));
  expect((await bench.keep(link).closed).code).toBe(4400);
  expect(portal.faults).toHaveLength(2);
});
