import { expect, test } from "vitest";
import type { Gateway } from "../../../portal/gateway.ts";
import { buildChanges, type ChangeItem } from "../../../protocol/changes.ts";
import { createDigester, digestHex } from "../../../protocol/digest.ts";
import { type Ack, closeCode } from "../../../protocol/messages.ts";
import type { Fields } from "../../../protocol/model.ts";
import { patient, portalBench } from "../../support/portal.ts";

const bench = portalBench();

interface Entity {
  type: string;
  id: string;
  fields: string;
  digest: string | null;
  cause: string | null;
  withheld: string | null;
  seq: number;
  deleted_at: number | null;
  delete_reason: string | null;
  replaces: string | null;
  replaced_by: string | null;
}
const entity = (gateway: Gateway, id: string): Entity | undefined =>
  gateway.store.get<Entity>("SELECT * FROM entity WHERE id = ?", id);
const ids = (gateway: Gateway): string[] =>
  gateway.store.all<{ id: string }>("SELECT id FROM entity WHERE deleted_at IS NULL ORDER BY id").map((row) => row.id);

const upsert = (type: string, id: string, fields: Fields, more: Partial<ChangeItem> = {}): ChangeItem =>
  ({ type, id, op: "upsert", time: 1_000, fields, ...more }) as ChangeItem;
const remove = (type: string, id: string, reason = "gone"): ChangeItem =>
  ({ type, id, op: "delete", time: 1_000, reason }) as ChangeItem;
const estate = (id: string, name = id): ChangeItem => upsert("property", id, { name });
const estates = (...names: string[]): ChangeItem[] => names.map((name) => estate(name));

async function linked(options?: Parameters<typeof bench.withAgent>[0]) {
  const { gateway, agent } = await bench.withAgent(options);
  const { link } = await bench.link(gateway, agent);
  const send = (from: number, items: readonly ChangeItem[]): void => link.send(buildChanges(from, items));
  const sent = async (from: number, items: readonly ChangeItem[]): Promise<Ack> => {
    send(from, items);
    return link.next("ack");
  };
  return { gateway, agent, link, send, sent };
}

test("What was acked is in the store, as it was sent, with the digest of its fields", async () => {
  const { gateway, sent } = await linked();
  const fields = { name: "Parkstraße 5", number: null, address: { city: "Köln" } };
  expect(await sent(1, [upsert("property", "E.1", fields, { cause: "COMMAND1" })])).toEqual({ type: "ack", seq: 1, refused: [] });
  const row = entity(gateway, "E.1");
  expect(JSON.parse(row?.fields ?? "")).toEqual(fields);
  expect(row).toMatchObject({ type: "property", seq: 1, cause: "COMMAND1", deleted_at: null });
  expect(row?.digest).toBe(digestHex((await createDigester()).entity(fields)));
});

test("An upsert is the whole state: a field not named is unset, a withheld one loses its old value", async () => {
  const { gateway, sent } = await linked();
  await sent(1, [upsert("serviceProvider", "S.1", { name: "A", kind: "roofer", emails: [{ address: "a@example.org" }] })]);
  await sent(2, [upsert("serviceProvider", "S.1", { name: "A", emails: null }, { withheld: ["emails"] })]);
  expect(JSON.parse(entity(gateway, "S.1")?.fields ?? "")).toEqual({ name: "A", emails: null });
  expect(JSON.parse(entity(gateway, "S.1")?.withheld ?? "")).toEqual(["emails"]);
});

test("A delete keeps its reason, deleting what is not there is fine, and erasing leaves no field behind", async () => {
  const { gateway, sent } = await linked();
  await sent(1, [...estates("E.1", "E.2"), remove("property", "E.1", "out-of-scope"), remove("property", "E.9")]);
  expect(entity(gateway, "E.1")).toMatchObject({ delete_reason: "out-of-scope", digest: null });
  expect(entity(gateway, "E.9")).toBeUndefined();
  const ack = await sent(5, [remove("property", "E.2", "erased")]);
  expect(ack).toMatchObject({ seq: 5, refused: [] });
  expect(entity(gateway, "E.2")).toMatchObject({ fields: "{}", delete_reason: "erased" });
  await sent(6, [estate("E.1", "back again")]);
  expect(entity(gateway, "E.1")).toMatchObject({ deleted_at: null, delete_reason: null });
});

test("A successor is joined to the record that it replaces", async () => {
  const { gateway, sent } = await linked();
  await sent(1, [
    estate("E.1"),
    upsert("property", "E.2", { name: "new" }, { replaces: "E.1" }),
    remove("property", "E.1", "renumbered"),
  ]);
  expect(entity(gateway, "E.1")).toMatchObject({ replaced_by: "E.2", delete_reason: "renumbered" });
  expect(entity(gateway, "E.2")?.replaces).toBe("E.1");
  // Children that still name the old id are not orphans.
  expect(await sent(4, [upsert("building", "B.1", { name: "b", propertyId: "E.1" })])).toMatchObject({ refused: [] });
});

test("A repeated frame changes nothing and is acked; of an overlapping one only the rest is applied", async () => {
  const { gateway, sent } = await linked();
  await sent(1, estates("E.1", "E.2"));
  expect((await sent(1, [estate("E.1", "other"), estate("E.2", "other")])).seq).toBe(2);
  expect(entity(gateway, "E.1")?.fields).toBe('{"name":"E.1"}');
  expect((await sent(2, [estate("E.2", "other"), estate("E.3")])).seq).toBe(3);
  expect(entity(gateway, "E.2")?.fields).toBe('{"name":"E.2"}');
  expect(ids(gateway)).toEqual(["E.1", "E.2", "E.3"]);
});

test("A gap closes the link, and what came before it is kept", async () => {
  const { gateway, link, send, agent } = await linked();
  send(1, estates("E.1"));
  send(3, estates("E.3"));
  expect((await link.closed).code).toBe(closeCode.malformed);
  expect(ids(gateway)).toEqual(["E.1"]);
  expect((await bench.link(gateway, agent, { hello: { connection: 1 } })).welcome.last).toBe(1);
});

test("An item that does not fit the model is refused alone, with its place and without its value", async () => {
  const { gateway, sent } = await linked();
  const ack = await sent(1, [estate("E.1"), upsert("property", "E.2", { name: 17, secret: "Erika" }), estate("E.3")]);
  expect(ack).toMatchObject({ seq: 3, refused: [{ seq: 2, code: "invalid" }] });
  expect(ack.refused[0]?.reason).toMatch(/name.*secret|secret.*name/s);
  expect(ack.refused[0]?.reason).not.toContain("Erika");
  expect(ids(gateway)).toEqual(["E.1", "E.3"]);
});

test("An id that nobody can keep and a type that was not welcome are refused alone", async () => {
  const { gateway, sent } = await linked();
  const ack = await sent(1, [estate("not an id"), upsert("x-castle", "C.1", {}), estate("E.1")]);
  expect(ack.refused.map((refusal) => [refusal.seq, refusal.code])).toEqual([
    [1, "invalid"],
    [2, "invalid"],
  ]);
  expect(ids(gateway)).toEqual(["E.1"]);
});

test("A child without its parent is refused as unknown-parent until the parent is there, in one frame as well", async () => {
  const { gateway, sent } = await linked();
  const building = upsert("building", "B.1", { name: "b", propertyId: "E.1" });
  expect((await sent(1, [building])).refused).toMatchObject([{ seq: 1, code: "unknown-parent" }]);
  expect((await sent(2, [estate("E.1"), building])).refused).toEqual([]);
  const period = (unitId: string, personId: string): ChangeItem =>
    upsert("utilisationPeriod", "V.1", {
      unitId,
      kind: "tenant",
      startDate: "2020-01-01",
      endDate: null,
      participants: [{ personId, role: "main" }],
    });
  await sent(4, [
    upsert("unit", "U.1", { name: "u", objectType: "flat", buildingId: "B.1" }),
    upsert("person", "P.1", { kind: "natural", lastName: "M" }),
  ]);
  expect((await sent(6, [period("U.1", "P.2"), period("U.2", "P.1"), period("U.1", "P.1")])).refused).toMatchObject([
    { seq: 6, code: "unknown-parent" },
    { seq: 7, code: "unknown-parent" },
  ]);
  await sent(9, [remove("property", "E.1")]);
  expect((await sent(10, [building])).refused).toMatchObject([{ code: "unknown-parent" }]);
  expect(ids(gateway)).toEqual(["B.1", "P.1", "U.1", "V.1"]);
});

test("A reference to a type that the agent does not send is no missing parent", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { link } = await bench.link(gateway, agent, { hello: { types: [{ type: "ticket", fields: [] }] } });
  const ticket = upsert("ticket", "T.1", { kind: "damage", title: "t", status: "open", unitId: "U.1", assigneeId: "M.1" });
  link.send(buildChanges(1, [ticket]));
  expect((await link.next("ack")).refused).toEqual([]);
});

test("A refused item leaves the entity as it was; once accepted, its refusal is gone", async () => {
  const { gateway, sent } = await linked();
  const refusals = () => gateway.store.all("SELECT id FROM refusal");
  await sent(1, [estate("E.1")]);
  await sent(2, [upsert("property", "E.1", { name: 5 })]);
  expect(entity(gateway, "E.1")).toMatchObject({ fields: '{"name":"E.1"}', seq: 1 });
  expect(refusals()).toHaveLength(1);
  await sent(3, [estate("E.1", "mended")]);
  expect(refusals()).toHaveLength(0);
});

test("A refusal whose ack was lost is told again to an agent that still holds the number", async () => {
  const { gateway, agent, send, link } = await linked();
  gateway.hooks.ackDelayMs = "never";
  send(1, [estate("E.1"), upsert("property", "E.2", { name: 5 }), estate("E.3")]);
  await expect.poll(() => ids(gateway), patient).toEqual(["E.1", "E.3"]);
  await link.close();
  const again = await bench.link(gateway, agent, { hello: { connection: 1, first: 1, next: 4 } });
  expect(again.welcome.last).toBe(3);
  expect(await again.link.next("ack")).toMatchObject({ seq: 3, refused: [{ seq: 2, code: "invalid" }] });
  // An agent that has heard it (it dropped the numbers) is not told again: the next thing it hears is an answer.
  const heard = await bench.link(gateway, agent, { hello: { connection: 2, first: 4, next: 4 } });
  heard.link.send({ type: "inventory", id: "i1", entity: "property", level: "ids", limit: 10 });
  await heard.link.next("answer");
  expect(heard.link.waiting).toEqual([]);
});

test("An ack that was lost without any refusal is told again, so that the agent may drop what it holds", async () => {
  const { gateway, agent, send, link } = await linked();
  gateway.hooks.ackDelayMs = "never";
  send(1, estates("E.1", "E.2"));
  await expect.poll(() => ids(gateway), patient).toEqual(["E.1", "E.2"]);
  await link.close();
  const again = await bench.link(gateway, agent, { hello: { connection: 1, first: 2, next: 3 } });
  expect(await again.link.next("ack")).toEqual({ type: "ack", seq: 2, refused: [] });
});

test("Many refusals come in several acks, none of which reaches past a refusal not told yet", async () => {
  const { sent, link } = await linked();
  const items = Array.from({ length: 1_203 }, (_, index) => upsert("property", `E.${index}`, { name: index % 2 ? "good" : 5 }));
  const acks = [await sent(1, items), await link.next("ack")];
  expect(acks.map((ack) => ack.seq)).toEqual([1_000, 1_203]);
  expect(acks.flatMap((ack) => ack.refused.map((refusal) => refusal.seq))).toEqual(
    items.flatMap((_, index) => (index % 2 ? [] : [index + 1])),
  );
});

test("A hook refuses items of its choice with a time to come back", async () => {
  const refuse = (item: ChangeItem) =>
    item.id === "E.2" ? { code: "later" as const, reason: "not now", retryAfterMs: 500 } : undefined;
  const { gateway, sent } = await linked({ hooks: { refuse } });
  expect((await sent(1, estates("E.1", "E.2", "E.3"))).refused).toEqual([
    { seq: 2, code: "later", reason: "not now", retryAfterMs: 500 },
  ]);
  expect(ids(gateway)).toEqual(["E.1", "E.3"]);
});

test("Past the window of items or bytes the link is closed; one frame is always taken, however large", async () => {
  for (const limits of [{ windowItems: 4 }, { windowBytes: 1_024 }]) {
    const { gateway, link, send, sent } = await linked({ limits });
    const names = (prefix: string): string[] => Array.from({ length: 60 }, (_, index) => `${prefix}.${index}`);
    expect((await sent(1, estates(...names("E")))).seq).toBe(60);
    gateway.hooks.ackDelayMs = "never";
    send(61, estates(...names("F")));
    await expect.poll(() => ids(gateway).length, patient).toBe(120);
    send(121, estates("G.1"));
    const end = await link.closed;
    expect(end).toMatchObject({ code: closeCode.malformed, reason: expect.stringContaining("window") });
  }
});

test("Within the window frames are taken while acks are late, and one ack covers them all", async () => {
  const { gateway, link, send } = await linked({ limits: { windowItems: 10 } });
  gateway.hooks.ackDelayMs = 150;
  for (let from = 1; from <= 9; from += 2) send(from, estates(`E.${from}`, `E.${from + 1}`));
  expect((await link.next("ack")).seq).toBe(10);
  expect(link.waiting).toEqual([]);
});

test("A link that was superseded commits nothing any more", async () => {
  const { gateway, agent, link, send } = await linked();
  await bench.link(gateway, agent, { hello: { connection: 1 } });
  await link.closed;
  expect(() => send(1, estates("E.1"))).not.toThrow();
  // As after a take-over by another gateway node on the same store: only the number in the store counts.
  const third = await bench.link(gateway, agent, { hello: { connection: 2 } });
  gateway.store.run("UPDATE agent SET connection = 99");
  third.link.send(buildChanges(1, estates("E.1")));
  expect((await third.link.closed).code).toBe(closeCode.superseded);
  expect(ids(gateway)).toEqual([]);
});

test("A start is refused when another link sent items after the welcome", async () => {
  const { gateway, agent, sent } = await linked();
  await sent(1, estates("E.1"));
  const link = bench.keep(await agent.connect());
  const { hello } = await import("../../support/fake-agent.ts");
  link.send(hello({ connection: 1 }));
  const welcome = await link.next("welcome");
  expect(welcome.last).toBe(1);
  gateway.store.run("UPDATE agent SET last = 2");
  link.send({ type: "start", connection: welcome.connection, epoch: "epoch-0001", next: 2 });
  expect((await link.closed).code).toBe(closeCode.superseded);
});

test("A new epoch counts from 1 again and keeps the entities", async () => {
  const { gateway, agent, sent } = await linked();
  await sent(1, estates("E.1", "E.2", "E.3"));
  const { link } = await bench.link(gateway, agent, {
    hello: { connection: 1 },
    start: { epoch: "epoch-0002", renewed: "agent-restored" },
  });
  link.send(buildChanges(1, [estate("E.2", "new")]));
  expect((await link.next("ack")).seq).toBe(1);
  expect(ids(gateway)).toEqual(["E.1", "E.2", "E.3"]);
  const { welcome } = await bench.link(gateway, agent, { hello: { connection: 2, epoch: "epoch-0002" } });
  expect(welcome.last).toBe(1);
});

test("Acked items and the last number survive the portal's end", async () => {
  const storePath = bench.storePath();
  const { gateway, agent, sent } = await linked({ storePath });
  await sent(1, estates("E.1", "E.2"));
  await gateway.close();
  const after = await bench.reopen(agent, { storePath });
  expect((await bench.link(after.gateway, after.agent, { hello: { connection: 1 } })).welcome).toMatchObject({
    last: 2,
    seen: 1,
    connection: 2,
  });
  expect(ids(after.gateway)).toEqual(["E.1", "E.2"]);
});

test("A portal restored from a backup says an older last, so the agent can tell", async () => {
  const storePath = bench.storePath();
  const { gateway, agent, sent } = await linked({ storePath });
  await sent(1, estates("E.1"));
  gateway.store.run(`VACUUM INTO '${storePath}.backup'`);
  await sent(2, estates("E.2", "E.3"));
  await gateway.close();
  const restored = await bench.reopen(agent, { storePath: `${storePath}.backup` });
  expect((await bench.link(restored.gateway, restored.agent, { hello: { connection: 1, first: 4, next: 4 } })).welcome.last).toBe(
    1,
  );
});

test("Two agents may hold the same ids", async () => {
  const { gateway, sent } = await linked();
  await sent(1, [estate("E.1", "of the first")]);
  const { enrolFakeAgent } = await import("../../support/fake-agent.ts");
  const other = await bench.link(gateway, await enrolFakeAgent(gateway));
  other.link.send(buildChanges(1, [estate("E.1", "of the second")]));
  await other.link.next("ack");
  expect(
    gateway.store
      .all<{ fields: string }>("SELECT fields FROM entity")
      .map((row) => JSON.parse(row.fields).name)
      .sort(),
  ).toEqual(["of the first", "of the second"]);
});
