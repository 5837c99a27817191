import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import type { Gateway } from "../../../portal/gateway.ts";
import { buildChanges, type ChangeItem } from "../../../protocol/changes.ts";
import type { FakeLink } from "../../support/fake-agent.ts";
import { patient, portalBench } from "../../support/portal.ts";

const bench = portalBench();

const upsert = (type: string, id: string, fields: Record<string, string>): ChangeItem => ({
  ...{ type, id, op: "upsert", time: 1_000, fields },
});
const estate = (id: string, name = id): ChangeItem => upsert("property", id, { name });
const building = (id: string, propertyId: string): ChangeItem => upsert("building", id, { name: id, propertyId });
const remove = (type: string, id: string): ChangeItem => ({ type, id, op: "delete", time: 1_000, reason: "gone" });
const refusalsOf = async (link: FakeLink) => (await link.next("ack")).refused.map(({ seq, code }) => `${seq} ${code}`);

/** The file as others see it: what is journaled is not applied by looking. */
function outside(storePath: string): DatabaseSync & Disposable {
  return new DatabaseSync(storePath, { timeout: 5_000 });
}

const count = (database: DatabaseSync, table: string): number =>
  Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);

const stored = (gateway: Gateway, id: string) =>
  gateway.store.get<{ fields: string; seq: number }>("SELECT fields, seq FROM entity WHERE id = ? AND deleted_at IS NULL", id);

/** A portal whose tables can't be written, so that what it acks stays in its journal until `open`; `before` is applied. */
async function jammed({ before = [] }: { before?: readonly ChangeItem[] } = {}) {
  const storePath = bench.storePath();
  const { gateway, agent } = await bench.withAgent({ storePath });
  const { link } = await bench.link(gateway, agent);
  if (before.length > 0) {
    link.send(buildChanges(1, before));
    await link.next("ack");
    await gateway.settled();
  }
  const database = outside(storePath);
  const jam = "BEFORE INSERT ON entity BEGIN SELECT raise(ABORT, 'jammed'); END";
  database.exec(`CREATE TRIGGER jam ${jam}`);
  return {
    ...{ storePath, gateway, agent, link, database },
    /** A copy of the file as it stands. */
    copy(): string {
      const path = bench.storePath();
      database.exec(`VACUUM INTO '${path}'`);
      const copied = outside(path);
      copied.exec("DROP TRIGGER jam");
      copied.close();
      return path;
    },
    open: () => database.exec("DROP TRIGGER jam"),
    /** A new link, which has no memory of the one before, after one more frame was acked. */
    async renewed(items: readonly ChangeItem[]): Promise<FakeLink> {
      const next = before.length + 1;
      const opened = await bench.link(gateway, agent, { hello: { connection: 1, first: next, next } });
      opened.link.send(buildChanges(next, items));
      await opened.link.next("ack");
      const last = await bench.link(gateway, agent, {
        hello: { connection: 2, first: next + items.length, next: next + items.length },
      });
      return last.link;
    },
    [Symbol.dispose]: () => database.close(),
  };
}

test("What is acked and not yet in the tables is applied by the next portal on the same store, once and in order", async () => {
  using portal = await jammed();
  portal.link.send(buildChanges(1, [estate("E.1", "first"), estate("E.2")]));
  portal.link.send(
    buildChanges(3, [estate("E.1", "second"), remove("property", "E.2"), upsert("property", "E.3", { nome: "x" })]),
  );
  while ((await portal.link.next("ack")).seq < 5);
  const storePath = portal.copy();
  using left = outside(storePath);
  expect([count(left, "entity"), count(left, "journal") > 0]).toEqual([0, true]);
  const { gateway } = await bench.reopen(portal.agent, { storePath });
  // By itself, not only when somebody reads.
  await expect.poll(() => count(left, "journal"), patient).toBe(0);
  expect(stored(gateway, "E.1")).toEqual({ fields: '{"name":"second"}', seq: 3 });
  expect([stored(gateway, "E.2"), stored(gateway, "E.3")]).toEqual([undefined, undefined]);
  portal.open();
});

test("A parent that waits in the journal of a portal that died is known; one whose delete waits there is not", async () => {
  using portal = await jammed();
  portal.link.send(buildChanges(1, [estate("E.1"), estate("E.2"), remove("property", "E.2")]));
  await portal.link.next("ack");
  const { gateway, agent } = await bench.reopen(portal.agent, { storePath: portal.copy() });
  const { link } = await bench.link(gateway, agent, { hello: { connection: 1, first: 4, next: 4 } });
  link.send(buildChanges(4, [building("B.1", "E.1"), building("B.2", "E.2"), building("B.3", "E.3")]));
  expect(await refusalsOf(link)).toEqual(["5 unknown-parent", "6 unknown-parent"]);
  portal.open();
});

test("A parent whose delete was acked is unknown at once, although it still stands in the tables", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { link } = await bench.link(gateway, agent);
  link.send(buildChanges(1, [estate("E.1"), estate("E.2")]));
  await link.next("ack");
  await gateway.settled();
  link.send(buildChanges(3, [remove("property", "E.1")]));
  link.send(buildChanges(4, [building("B.1", "E.1"), building("B.2", "E.2")]));
  const refused = [...(await refusalsOf(link))];
  while (refused.length === 0) refused.push(...(await refusalsOf(link)));
  expect(refused).toEqual(["4 unknown-parent"]);
});

test("A parent that stands in the tables is known on a new link although other frames wait in the journal", async () => {
  using portal = await jammed({ before: [estate("E.1"), estate("E.2")] });
  const again = await portal.renewed([estate("E.3")]);
  again.send(buildChanges(4, [building("B.1", "E.1"), building("B.2", "E.2")]));
  expect(await refusalsOf(again)).toEqual([]);
  expect(count(portal.database, "journal")).toBeGreaterThan(1);
  portal.open();
});

test("A parent whose delete waits in the journal is unknown on a new link, although it stands in the tables", async () => {
  using portal = await jammed({ before: [estate("E.1"), estate("E.2")] });
  const again = await portal.renewed([remove("property", "E.1")]);
  again.send(buildChanges(4, [building("B.1", "E.1"), building("B.2", "E.2")]));
  portal.open();
  expect(await refusalsOf(again)).toEqual(["4 unknown-parent"]);
});

test("What nobody has heard of is refused only once the journal is applied", async () => {
  using portal = await jammed({ before: [estate("E.1"), estate("E.2")] });
  const again = await portal.renewed([estate("E.3")]);
  again.send(buildChanges(4, [building("B.1", "E.1"), building("B.2", "E.9")]));
  portal.open();
  expect(await refusalsOf(again)).toEqual(["5 unknown-parent"]);
});

test("A parent that the same frame deletes is unknown behind its delete, and known again once it returns", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { link } = await bench.link(gateway, agent);
  link.send(buildChanges(1, [estate("E.1"), estate("E.2")]));
  await link.next("ack");
  await gateway.settled();
  const { link: again } = await bench.link(gateway, agent, { hello: { connection: 1, first: 3, next: 3 } });
  const child = (id: string): ChangeItem => building(id, "E.1");
  const items = [child("B.1"), remove("property", "E.1"), child("B.2"), building("B.3", "E.2"), estate("E.1"), child("B.4")];
  again.send(buildChanges(3, items));
  expect(await refusalsOf(again)).toEqual(["5 unknown-parent"]);
});

test("An inventory asked right after an ack holds what was acked", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { link } = await bench.link(gateway, agent);
  for (let round = 0; round < 20; round++) {
    link.send(buildChanges(round + 1, [estate(`E.${round + 10}`)]));
    link.send({ type: "inventory", id: `i${round}`, entity: "property", level: "ids", limit: 100 });
    expect((await link.next("answer")).ids).toHaveLength(round + 1);
  }
});

test("While the tables can't be written acks go on until the journal is full, wait then, and go on once it is applied", async () => {
  const storePath = bench.storePath();
  const { gateway, agent } = await bench.withAgent({ storePath, limits: { journalBytes: 4_000 } });
  const { link } = await bench.link(gateway, agent);
  using database = outside(storePath);
  database.exec("CREATE TRIGGER jam BEFORE INSERT ON entity BEGIN SELECT raise(ABORT, 'jammed'); END");
  const frames = 30;
  for (let from = 1; from <= frames; from++) link.send(buildChanges(from, [estate(`E.${from}`)]));
  await expect.poll(() => count(database, "journal"), patient).toBeGreaterThan(4);
  expect(count(database, "journal")).toBeLessThan(10);
  const acked = link.waiting.flatMap((message) => (message.type === "ack" ? [message.seq] : []));
  expect(Math.max(...acked)).toBeLessThan(frames);
  database.exec("DROP TRIGGER jam");
  await expect.poll(() => link.waiting.some((message) => message.type === "ack" && message.seq === frames), patient).toBe(true);
  await gateway.settled();
  expect(count(database, "entity")).toBe(frames);
});

test("Changes that never cease to trickle in are applied all the same, without anybody asking", async () => {
  const storePath = bench.storePath();
  const { gateway, agent } = await bench.withAgent({ storePath });
  const { link } = await bench.link(gateway, agent);
  using database = outside(storePath);
  let from = 0;
  await expect
    .poll(async () => {
      link.send(buildChanges(++from, [estate(`E.${from}`)]));
      await link.next("ack");
      return count(database, "entity");
    }, patient)
    .toBeGreaterThan(3);
});

test("What can't be journaled is not acked, closes the link, and leaves nothing behind, not even a known parent", async () => {
  const storePath = bench.storePath();
  const { gateway, agent } = await bench.withAgent({ storePath });
  const { link } = await bench.link(gateway, agent);
  using database = outside(storePath);
  database.exec("CREATE TRIGGER jam BEFORE INSERT ON journal BEGIN SELECT raise(ABORT, 'jammed'); END");
  link.send(buildChanges(1, [estate("E.1")]));
  expect((await link.closed).code).toBe(1011);
  expect(link.waiting).toEqual([]);
  database.exec("DROP TRIGGER jam");
  const again = await bench.link(gateway, agent, { hello: { connection: 1, first: 1, next: 3 } });
  expect(again.welcome.last).toBe(0);
  again.link.send(buildChanges(1, [building("B.1", "E.1")]));
  expect(await refusalsOf(again.link)).toEqual(["1 unknown-parent"]);
});

test("One link that fails its conditions does not hold back others in the same turn", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { enrolFakeAgent } = await import("../../support/fake-agent.ts");
  const other = await enrolFakeAgent(gateway);
  const [one, two] = [await bench.link(gateway, agent), await bench.link(gateway, other)];
  gateway.store.run("UPDATE agent SET connection = 99 WHERE id = ?", agent.enrolment.agentId);
  one.link.send(buildChanges(1, [estate("E.1")]));
  two.link.send(buildChanges(1, [estate("E.2")]));
  expect((await two.link.next("ack")).seq).toBe(1);
  expect((await one.link.closed).code).toBe(4409);
  expect([stored(gateway, "E.1"), stored(gateway, "E.2")?.seq]).toEqual([undefined, 1]);
});

test("A long frame is applied in several steps, and its items once each", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { link } = await bench.link(gateway, agent);
  const items = Array.from({ length: 3_456 }, (_, index) => estate(`E.${index % 3_000}`, `state ${index}`));
  link.send(buildChanges(1, items));
  await link.next("ack");
  await gateway.settled();
  expect(gateway.store.get("SELECT count(*) AS n, sum(seq) AS seqs FROM entity")).toEqual({
    n: 3_000,
    seqs: Array.from({ length: 3_000 }, (_, index) => (index < 456 ? 3_001 + index : index + 1)).reduce((sum, seq) => sum + seq),
  });
});

test("The owner's listener hears the items that were committed, without those refused or known before", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { link } = await bench.link(gateway, agent);
  const heard: number[][] = [];
  gateway.listen((event) => {
    if (event.kind === "items") heard.push(event.applied.map(({ seq }) => seq));
  });
  link.send(buildChanges(1, [estate("E.1"), upsert("property", "E.2", { nome: "x" }), estate("E.3")]));
  await link.next("ack");
  link.send(buildChanges(2, [estate("E.2"), estate("E.3"), estate("E.4")]));
  await link.next("ack");
  expect(heard).toEqual([[1, 3], [4]]);
});
