import { expect, test } from "vitest";
import { recall, remember, requestEpoch } from "../../../../agent/channel/memory.ts";
import { FuserError } from "../../../../base/errors.ts";
import { systemClock } from "../../../../base/time.ts";
import type { GatewayOptions } from "../../../../portal/gateway.ts";
import type { Hooks } from "../../../../portal/settings.ts";
import { encodeFrame } from "../../../../protocol/frames.ts";
import type { AgentMessage, Command } from "../../../../protocol/messages.ts";
import { portalBench } from "../../../support/portal.ts";
import { channelBench, errorOf, property, until } from "./bench.ts";

const portals = portalBench();
const bench = channelBench();

async function pair(options?: Partial<GatewayOptions>) {
  const gateway = await portals.open(options);
  const agent = await bench.enrolled(gateway);
  const held = (): string[] =>
    gateway.store.all<{ id: string }>("SELECT id FROM entity WHERE deleted_at IS NULL ORDER BY id").map((row) => row.id);
  const append = (...keys: string[]) =>
    agent.store.outbox.append(
      keys.map((key) => property(key)),
      { bulk: false },
    );
  return { gateway, agent, held, append };
}

/** Everything the agent says, in order. */
function listening(hooks: Hooks) {
  const heard: AgentMessage[] = [];
  hooks.message = (message) => {
    heard.push(message);
    return undefined;
  };
  return {
    heard,
    of: <T extends AgentMessage["type"]>(type: T) => heard.filter((one): one is AgentMessage & { type: T } => one.type === type),
  };
}

test("What is appended travels, is acked, and leaves the outbox", async () => {
  const { agent, held, append } = await pair();
  append("E.1", "E.2");
  const running = bench.run({ agent });
  await until(() => agent.store.outbox.bounds().items === 0 && running.acks.length > 0);
  append("E.3");
  await until(() => held().length === 3 && agent.store.outbox.bounds().items === 0);
  expect(held()).toEqual(["E.1", "E.2", "E.3"]);
});

test("The first conversation begins the first epoch, reconciles once, and later ones go on with it", async () => {
  const { gateway, agent, append } = await pair();
  const { of } = listening(gateway.hooks);
  const running = bench.run({ agent });
  await running.connected();
  await until(() => recall(agent.store.meta).reconcile === undefined);
  append("E.1");
  await until(() => agent.store.outbox.bounds().items === 0);
  gateway.disconnect(agent.agentId);
  await until(() => of("start").length === 2);
  expect(of("start").map((start) => [start.connection, start.renewed, start.next])).toEqual([
    [1, "first", 1],
    [2, undefined, 2],
  ]);
  expect(running.epochs).toEqual(["first"]);
});

test("A source that is new in the configuration is compared with the inventory within the running epoch", async () => {
  const { agent } = await pair();
  const first = bench.run({ agent });
  await first.connected();
  await until(() => recall(agent.store.meta).reconcile === undefined);
  await first.stop();
  let missing = true;
  const asked: string[] = [];
  const second = bench.run({
    agent,
    needsInventory: () => missing,
    async onNewEpoch(reason) {
      asked.push(reason);
      missing = false;
    },
  });
  await second.connected();
  await until(() => asked.length > 0);
  expect([asked, recall(agent.store.meta).begun]).toEqual([["requested"], "first"]);
});

test("A portal that has told what it holds and then does not know the epoch was restored, although no item of the epoch was acked", async () => {
  const { gateway, agent } = await pair();
  const first = bench.run({ agent });
  await first.connected();
  for await (const _ of first.channel.inventory("property", {}, new AbortController().signal));
  await first.stop();
  // As an older copy of its store would say.
  gateway.hooks.welcome = (welcome) => ({ ...welcome, seen: 0, last: null });
  const second = bench.run({ agent });
  await second.connected();
  await until(() => second.epochs.length > 0);
  expect(second.epochs).toEqual(["portal-restored"]);
});

test("The connection number is durable before `start` carries it", async () => {
  const { gateway, agent } = await pair();
  const stored: (string | undefined)[] = [];
  gateway.hooks.message = (message) => {
    if (message.type === "start") stored.push(`${message.connection} ${recall(agent.store.meta).connection}`);
    return undefined;
  };
  const running = bench.run({ agent });
  await running.connected();
  await until(() => stored.length > 0);
  expect(stored).toEqual(["1 1"]);
});

test("A `start` lost on its way costs no epoch", async () => {
  const { gateway, agent, held, append } = await pair();
  append("E.1");
  let lost = 0;
  gateway.hooks.message = (message) => (message.type === "start" && lost++ < 2 ? "drop" : undefined);
  const epoch = (): string | undefined => recall(agent.store.meta).epoch;
  const running = bench.run({ agent });
  await until(() => lost === 1);
  const first = epoch();
  await until(() => held().length === 1);
  expect(epoch()).toBe(first);
  expect(new Set(running.epochs)).toEqual(new Set(["first"]));
});

test("Links cut at random lose and double nothing", async () => {
  const { gateway, agent, held } = await pair({ limits: { windowItems: 7 } });
  let count = 0;
  // A cut also loses what arrived in the same turn: up to a window of 7.
  gateway.hooks.message = (message) => (message.type === "changes" && ++count % 17 === 0 ? "drop" : undefined);
  const applied: string[] = [];
  gateway.listen((event) => {
    if (event.kind === "items") applied.push(...event.applied.map((item) => item.id));
  });
  const running = bench.run({ agent });
  const keys = Array.from({ length: 60 }, (_, index) => `E.${index + 100}`);
  for (const key of keys) {
    agent.store.outbox.append([property(key)], { bulk: false });
    if (Number(key.slice(2)) % 10 === 0) await until(() => agent.store.outbox.bounds().items < 10);
  }
  await until(() => agent.store.outbox.bounds().items === 0);
  expect(held()).toEqual(keys);
  expect(applied.toSorted()).toEqual(keys);
  expect(running.epochs).not.toContain("portal-restored");
});

test("An ack lost with its link is repeated, with its refusals, and only then the frame goes", async () => {
  const { gateway, agent, append } = await pair();
  gateway.hooks.refuse = (item) => (item.id === "E.2" ? { code: "invalid", reason: "no such estate" } : undefined);
  gateway.hooks.ackDelayMs = "never";
  const running = bench.run({ agent });
  await running.connected();
  append("E.1", "E.2", "E.3");
  await until(() => gateway.store.get<{ last: number }>("SELECT last FROM agent")?.last === 3);
  expect(agent.store.outbox.bounds().items).toBe(3);
  gateway.hooks.ackDelayMs = undefined;
  gateway.disconnect(agent.agentId);
  await until(() => agent.store.outbox.bounds().items === 0);
  const refused = running.acks.flatMap((ack) => ack.refused.map((one, index) => [one.seq, one.code, ack.names[index]]));
  expect(refused).toEqual([[2, "invalid", "E.2"]]);
});

test("A quiet agent's outbox empties after a lost ack without any new change", async () => {
  const { gateway, agent, append } = await pair();
  gateway.hooks.ackDelayMs = "never";
  const running = bench.run({ agent });
  await running.connected();
  append("E.1");
  await until(() => gateway.store.get<{ last: number }>("SELECT last FROM agent")?.last === 1);
  gateway.hooks.ackDelayMs = undefined;
  gateway.disconnect(agent.agentId);
  await until(() => agent.store.outbox.bounds().items === 0);
});

test("Refusals and ack are one transaction: when what `onAck` writes fails, nothing is dropped", async () => {
  const { agent, append } = await pair();
  append("E.1");
  let fail = true;
  const running = bench.run({
    agent,
    onAck() {
      if (!fail) return;
      fail = false;
      agent.store.meta.set("half-done", "yes");
      throw new FuserError("transient", "disk full", { code: "store-full", operation: "test" });
    },
  });
  await until(() => !fail);
  expect(agent.store.meta.get("half-done")).toBeUndefined();
  await until(() => agent.store.outbox.bounds().items === 0);
  expect(running.states.some((state) => errorOf(state)?.code === "store-full")).toBe(true);
});

test("No more flies than the window allows, but one frame always may", async () => {
  const { gateway, agent } = await pair({ limits: { windowItems: 3 } });
  gateway.hooks.ackDelayMs = "never";
  const { of } = listening(gateway.hooks);
  agent.store.outbox.append(
    ["E.1", "E.2", "E.3", "E.4", "E.5"].map((key) => property(key)),
    { bulk: false },
  );
  agent.store.outbox.append([property("E.6")], { bulk: false });
  const running = bench.run({ agent });
  await running.connected();
  await until(() => of("changes").length === 1 && of("status").length > 0);
  running.channel.statusChanged();
  expect(of("changes").map((frame) => [frame.from, frame.tables[0]?.rows.length])).toEqual([[1, 5]]);
});

test("A portal that holds part of a frame gets the rest of it", async () => {
  const { gateway, agent, held } = await pair();
  agent.store.outbox.append(
    ["E.1", "E.2", "E.3"].map((key) => property(key)),
    { bulk: false },
  );
  gateway.hooks.message = (message) => (message.type === "changes" ? "ignore" : undefined);
  const running = bench.run({ agent });
  await running.connected();
  await until(() => gateway.isConnected(agent.agentId));
  gateway.store.run("UPDATE agent SET last = 2");
  const { of } = listening(gateway.hooks);
  gateway.disconnect(agent.agentId);
  await until(() => agent.store.outbox.bounds().items === 0);
  expect(of("changes")[0]).toMatchObject({ from: 3, tables: [{ rows: [["E.3", 1_000, "E.3"]] }] });
  expect(held()).toEqual(["E.3"]);
});

test("A restored store is recognised: new epoch, outbox emptied, compare asked for until it has succeeded", async () => {
  const { gateway, agent, append } = await pair();
  append("E.1");
  const first = bench.run({ agent });
  await until(() => agent.store.outbox.bounds().items === 0);
  await first.stop();
  agent.store.transaction(() => remember(agent.store.meta, { connection: 0 }));
  append("E.2");
  const { of } = listening(gateway.hooks);
  const epochs: string[] = [];
  const running = bench.run({
    agent,
    async onNewEpoch(reason) {
      epochs.push(reason);
      if (epochs.length < 3)
        throw new FuserError("transient", "inventory broke off", { code: "inventory-unanswered", operation: "test" });
    },
  });
  await until(() => epochs.length === 3 && recall(agent.store.meta).reconcile === undefined);
  expect(epochs).toEqual(["agent-restored", "agent-restored", "agent-restored"]);
  expect(of("start").map((start) => start.renewed)[0]).toBe("agent-restored");
  expect(new Set(of("start").map((start) => start.epoch)).size).toBe(1);
  expect(agent.store.outbox.bounds()).toMatchObject({ first: 1, next: 1, items: 0 });
  expect(running.lines.map((line) => line.code)).toContain("epoch-agent-restored");
});

test("A portal restored from a backup, or one that lost everything, is recognised", async () => {
  const { gateway, agent, append } = await pair();
  append("E.1", "E.2");
  const running = bench.run({ agent });
  await until(() => agent.store.outbox.bounds().items === 0);
  gateway.store.run("UPDATE agent SET last = 1");
  gateway.disconnect(agent.agentId);
  await until(() => running.epochs.includes("portal-restored"));
  append("E.3");
  await until(() => agent.store.outbox.bounds().items === 0);
  gateway.store.run("UPDATE agent SET epoch = NULL, last = NULL, connection = 0");
  gateway.disconnect(agent.agentId);
  await until(() => running.epochs.filter((reason) => reason === "portal-restored").length === 2);
});

test("A cloned host is recognised and named, and a renamed one only told", async () => {
  const { gateway, agent, append } = await pair();
  append("E.1");
  const first = bench.run({ agent });
  await until(() => agent.store.outbox.bounds().items === 0);
  await first.stop();
  const renamed = bench.run({ agent, host: "erp02" });
  await until(() => gateway.agents()[0]?.host === "erp02");
  expect(renamed.otherHosts).toEqual(["erp01"]);
  await renamed.stop();
  expect(renamed.epochs).toEqual([]);
  agent.store.transaction(() => remember(agent.store.meta, { connection: 1 }));
  const clone = bench.run({ agent, host: "erp03" });
  await until(() => clone.epochs.length > 0);
  expect(clone.epochs[0]).toBe("cloned");
  expect(clone.otherHosts).toEqual(["erp02"]);
});

test("A new epoch can be asked for", async () => {
  const { gateway, agent } = await pair();
  const { of } = listening(gateway.hooks);
  const running = bench.run({ agent });
  await running.connected();
  await until(() => recall(agent.store.meta).reconcile === undefined);
  running.channel.renewEpoch();
  await until(() => of("start").at(-1)?.renewed === "requested");
  await until(() => running.epochs.includes("requested"));
  expect(recall(agent.store.meta).renew).toBeUndefined();
});

test("An item that the portal's limit fell below costs a new epoch, never a gap", async () => {
  const { gateway, agent } = await pair({ limits: { maxFrameBytes: 4_096 } });
  agent.store.outbox.append([property("E.1", "x".repeat(6_000))], { bulk: false });
  const { of } = listening(gateway.hooks);
  const running = bench.run({ agent });
  await until(() => running.epochs.includes("requested"));
  expect(of("changes")).toEqual([]);
  expect(agent.store.outbox.bounds().items).toBe(0);
  expect(agent.store.outbox.append([property("E.1", "x".repeat(6_000))], { bulk: false })).toEqual(["too-large"]);
});

test("The inventory comes page by page, with digests, and ends with an error when the link does", async () => {
  const { gateway, agent, append, held } = await pair();
  append("E.1", "E.2", "E.3");
  const running = bench.run({ agent });
  await until(() => held().length === 3);
  const signal = new AbortController().signal;
  const pages: string[][] = [];
  for await (const page of running.channel.inventory("property", {}, signal)) {
    pages.push(page.map((one) => one.id));
    expect(page.every((one) => typeof one.digest === "bigint")).toBe(true);
  }
  expect(pages.flat()).toEqual(["E.1", "E.2", "E.3"]);
  const ranges: [string, string, number][] = [];
  for await (const page of running.channel.ranges("property", { size: 2 }, signal))
    ranges.push(...page.map((one) => [one.first, one.last, one.count] as [string, string, number]));
  expect(ranges).toEqual([
    ["E.1", "E.2", 2],
    ["E.3", "E.3", 1],
  ]);
  gateway.hooks.message = (message) => (message.type === "inventory" ? "drop" : undefined);
  const asking = (async () => {
    for await (const _ of running.channel.inventory("property", {}, signal));
  })();
  await expect(asking).rejects.toMatchObject({ kind: "transient", code: "link-lost" });
});

const order = { command: "ticket.create", values: { title: "Heizung kalt" } };

test("A command is in the inbox before it is `received`, and a result is said until it is settled", async () => {
  const { gateway, agent } = await pair();
  const running = bench.run({ agent });
  await running.connected();
  await until(() => gateway.isConnected(agent.agentId));
  const stored: boolean[] = [];
  let dropped = 0;
  gateway.hooks.message = (message) => {
    if (message.type === "received") stored.push(agent.store.inbox.get(message.id) !== undefined);
    return message.type === "result" && dropped++ < 2 ? "drop" : undefined;
  };
  const id = gateway.issue(agent.agentId, order);
  await until(() => stored.length > 0);
  expect(stored[0]).toBe(true);
  agent.store.inbox.claim(id);
  agent.store.inbox.conclude(id, "rejected", { error: { code: "test", de: "nein", en: "no" } });
  await until(() => agent.store.inbox.get(id)?.state === "settled");
  expect(dropped).toBeGreaterThanOrEqual(3);
  expect(gateway.command(id)).toMatchObject({ outcome: "rejected", state: "settled" });
  expect(running.states.some((state) => errorOf(state)?.kind === "bug")).toBe(false);
});

test("Results go in the order of their commands, each once per connection, and a later revision follows", async () => {
  const { gateway, agent } = await pair();
  const running = bench.run({ agent });
  await running.connected();
  await until(() => gateway.isConnected(agent.agentId));
  const ids = [1, 2, 3].map(() => gateway.issue(agent.agentId, order));
  await until(() => agent.store.inbox.counts().received === 3);
  const { of } = listening(gateway.hooks);
  agent.store.transaction(() => {
    for (const id of ids) {
      agent.store.inbox.claim(id);
      agent.store.inbox.conclude(id, "uncertain", {});
    }
  });
  await until(() => of("result").length === 3);
  agent.store.inbox.conclude(ids[1] as string, "rejected", { error: { code: "test", de: "nein", en: "no" } });
  await until(() => of("result").length === 4);
  expect(of("result").map((result) => [ids.indexOf(result.id), result.revision])).toEqual([
    [0, 1],
    [1, 1],
    [2, 1],
    [1, 2],
  ]);
});

test("A command that is sent again gets its result again, even one that was settled", async () => {
  const { gateway, agent } = await pair();
  const running = bench.run({ agent });
  await running.connected();
  await until(() => gateway.isConnected(agent.agentId));
  const ids = [1, 2].map(() => gateway.issue(agent.agentId, order)) as [string, string];
  await until(() => agent.store.inbox.counts().received === 2);
  const { of } = listening(gateway.hooks);
  agent.store.transaction(() => {
    for (const id of ids) agent.store.inbox.claim(id);
    agent.store.inbox.conclude(ids[0], "rejected", {});
    agent.store.inbox.conclude(ids[1], "uncertain", {});
  });
  await until(() => agent.store.inbox.unsettled().length === 0 && agent.store.inbox.counts().settled === 1);
  for (const id of ids) gateway.sendRaw(agent.agentId, encodeFrame(JSON.parse(gateway.command(id)?.body ?? "{}")));
  await until(() => of("result").length === 4);
  expect(of("result").map((result) => [ids.indexOf(result.id), result.outcome])).toEqual([
    [0, "rejected"],
    [1, "uncertain"],
    [0, "rejected"],
    [1, "uncertain"],
  ]);
});

test("A status that the protocol does not allow is held back and told once, and the conversation goes on", async () => {
  const { gateway, agent, append, held } = await pair();
  let pending = -1;
  const running = bench.run({
    agent,
    status: () => ({ state: "active", sources: [], commands: { pending, uncertain: 0 }, outbox: { items: 0, bytes: 0 } }),
  });
  const { of } = listening(gateway.hooks);
  await running.connected();
  append("E.1");
  await until(() => held().length === 1);
  expect(of("status")).toEqual([]);
  expect(running.lines.filter((line) => line.code === "status-invalid")).toMatchObject([{ place: "commands.pending" }]);
  pending = 1;
  running.channel.statusChanged();
  await until(() => of("status").length === 1);
});

test("A backlog of thousands of small frames leaves its turn to others, and all of it arrives", async () => {
  const { agent, held } = await pair();
  agent.store.transaction(() => {
    for (let index = 0; index < 3_000; index++) agent.store.outbox.append([property(`E.${index}`)], { bulk: false });
  });
  const running = bench.run({ agent });
  await until(() => agent.store.outbox.bounds().items === 0);
  expect(held()).toHaveLength(3_000);
  expect(running.epochs).toEqual(["first"]);
});

test("An applied result names the number under which its entity travels", async () => {
  const { gateway, agent, append } = await pair();
  const running = bench.run({ agent });
  await running.connected();
  await until(() => gateway.isConnected(agent.agentId));
  gateway.hooks.ackDelayMs = "never";
  const id = gateway.issue(agent.agentId, order);
  await until(() => agent.store.inbox.get(id) !== undefined);
  const { of } = listening(gateway.hooks);
  const [seq] = append("E.7");
  agent.store.inbox.claim(id);
  agent.store.inbox.conclude(id, "applied", { entity: { type: "property", id: "E.7" } }, { source: "estates", key: "E.7" });
  await until(() => of("result").length === 1);
  expect(of("result")[0]?.seq).toBe(seq);
});

test("Only commands issued before a new epoch may be repetitions", async () => {
  const { gateway, agent } = await pair();
  const running = bench.run({ agent });
  await running.connected();
  await until(() => gateway.isConnected(agent.agentId));
  const fresh = gateway.issue(agent.agentId, order);
  await until(() => agent.store.inbox.get(fresh) !== undefined);
  expect(agent.store.inbox.get(fresh)?.mayBeRepeated).toBe(false);
  requestEpoch(agent.store.meta);
  gateway.disconnect(agent.agentId);
  await until(() => agent.store.inbox.get(fresh)?.mayBeRepeated === true);
  const later: Command = {
    type: "command",
    id: "LATER-0001",
    ...order,
    issuedAt: new Date(systemClock.now() + 3_600_000).toISOString(),
  };
  gateway.sendRaw(agent.agentId, encodeFrame(later));
  await until(() => agent.store.inbox.get(later.id) !== undefined);
  expect(agent.store.inbox.get(later.id)?.mayBeRepeated).toBe(false);
});

test("A command that the portal says was received, and that the store has forgotten, begins a new epoch; one that it knows does not", async () => {
  const { gateway, agent } = await pair();
  const running = bench.run({ agent });
  await running.connected();
  await until(() => gateway.isConnected(agent.agentId));
  const known = gateway.issue(agent.agentId, order);
  await until(() => gateway.command(known)?.state === "received");
  const { epoch } = recall(agent.store.meta);
  const resent = (id: string): string =>
    encodeFrame({ ...JSON.parse(gateway.command(known)?.body ?? "{}"), id, again: true }) as string;
  const { of } = listening(gateway.hooks);
  gateway.sendRaw(agent.agentId, resent(known));
  await until(() => of("received").length === 1);
  expect(recall(agent.store.meta).epoch).toBe(epoch);
  gateway.sendRaw(agent.agentId, resent("FORGOTTEN-0001"));
  await until(() => recall(agent.store.meta).epoch !== epoch);
  expect(recall(agent.store.meta).begun).toBe("agent-restored");
  expect(agent.store.inbox.get("FORGOTTEN-0001")).toBeUndefined();
  await until(() => agent.store.inbox.get(known)?.mayBeRepeated === true);
});

test("A command of which the portal holds a result that the store has not told begins a new epoch; one that it has told does not", async () => {
  const { gateway, agent } = await pair();
  const running = bench.run({ agent });
  await running.connected();
  const id = gateway.issue(agent.agentId, order);
  await until(() => agent.store.inbox.get(id) !== undefined);
  agent.store.inbox.claim(id);
  agent.store.inbox.announce(id);
  await until(() => agent.store.inbox.get(id)?.settledRevision === 1);
  expect(gateway.command(id)).toMatchObject({ state: "received", outcome: "executing", revision: 1 });
  const { epoch } = recall(agent.store.meta);
  const resent = (revision: number): string =>
    encodeFrame({ ...JSON.parse(gateway.command(id)?.body ?? "{}"), again: true, revision }) as string;
  const { of } = listening(gateway.hooks);
  gateway.sendRaw(agent.agentId, resent(1));
  await until(() => of("received").length === 1);
  expect(recall(agent.store.meta).epoch).toBe(epoch);
  gateway.sendRaw(agent.agentId, resent(2));
  await until(() => recall(agent.store.meta).epoch !== epoch);
  expect(recall(agent.store.meta).begun).toBe("agent-restored");
});

test("What the portal asks for is known per connection: what it sent is, what is settled is no more, and nothing is said before it had its time", async () => {
  const { gateway, agent } = await pair({ limits: { heartbeatSeconds: 1 } });
  const running = bench.run({ agent, timing: { askedWithinMs: 300 } });
  expect(running.channel.asks("NEVER-SENT-0001")).toBeUndefined();
  await running.connected();
  expect(running.channel.asks("NEVER-SENT-0001")).toBeUndefined();
  const id = gateway.issue(agent.agentId, order);
  await until(() => running.channel.asks(id) === true);
  await until(() => running.channel.asks("NEVER-SENT-0001") === false);
  agent.store.inbox.claim(id);
  agent.store.inbox.conclude(id, "uncertain", { error: { code: "test", de: "?", en: "?" } });
  await until(() => gateway.command(id)?.outcome === "uncertain");
  expect(running.channel.asks(id)).toBe(true);
  await running.stop();
  expect(running.channel.asks(id)).toBeUndefined();
  const again = bench.run({ agent, timing: { askedWithinMs: 300 } });
  await until(() => again.channel.asks(id) === true);
  agent.store.inbox.conclude(id, "rejected", { error: { code: "test", de: "nein", en: "no" } });
  await until(() => agent.store.inbox.get(id)?.state === "settled");
  await until(() => again.channel.asks(id) === false);
});

test("Requests are answered, and what is not offered is refused with its reason", async () => {
  const { gateway, agent } = await pair();
  const running = bench.run({ agent });
  await running.connected();
  await until(() => gateway.isConnected(agent.agentId));
  expect(await gateway.request(agent.agentId, { action: "sync", source: "units", full: true })).toMatchObject({ outcome: "ok" });
  expect(running.requests).toMatchObject([{ action: "sync", source: "units", full: true }]);
  const { of } = listening(gateway.hooks);
  gateway.sendRaw(agent.agentId, encodeFrame({ type: "blob-request", id: "b1", document: "D.1", offset: 0 }));
  gateway.sendRaw(agent.agentId, encodeFrame({ type: "lookup", id: "l1", name: "tree", version: "1", fields: [], rows: [] }));
  await until(() => of("answer").length === 2);
  expect(of("answer")).toMatchObject([
    { id: "b1", outcome: "refused", reason: "not offered" },
    { id: "l1", outcome: "refused", reason: "no mapping uses it" },
  ]);
});

test("A change that comes while a document is under way waits for no more of it than was sent", async () => {
  const { gateway, agent, append } = await pair();
  const bytes = Buffer.alloc(1_000_000, "x");
  const came: string[] = [];
  gateway.hooks.message = ({ type }) => {
    if (type === "changes" || type === "answer") came.push(type);
    return undefined;
  };
  const running = bench.run({
    agent,
    openBlob: async () => ({
      sizeBytes: bytes.length,
      version: "v1",
      read: async (offset, length) => bytes.subarray(offset, offset + length),
      isSame: async () => true,
      [Symbol.asyncDispose]: async () => undefined,
    }),
  });
  await running.connected();
  await until(() => recall(agent.store.meta).reconcile === undefined);
  append("D.1");
  await until(() => agent.store.outbox.bounds().items === 0 && came.length === 1);
  gateway.store.run("UPDATE entity SET type = 'document' WHERE id = 'D.1'");
  gateway.hooks.piece = (_, offset) => {
    came.push("piece");
    if (offset === 0) append("E.1");
    return undefined;
  };
  gateway.wantDocument(agent.agentId, "D.1");
  await until(() => gateway.document(agent.agentId, "D.1")?.state === "held");
  expect(came.filter((one) => one === "piece")).toHaveLength(31);
  expect(came.indexOf("changes", 1)).toBeLessThanOrEqual(5);
});

test("Status is sent at once after `start`, again only when it changed, and not more often than agreed", async () => {
  const { gateway, agent } = await pair();
  const { of } = listening(gateway.hooks);
  let pending = 0;
  const running = bench.run({
    agent,
    status: () => ({ state: "active", sources: [], commands: { pending, uncertain: 0 }, outbox: { items: 0, bytes: 0 } }),
    // A busy machine may take longer than some tenths of a second to see the first one.
    timing: { statusEveryMs: 1_000 },
  });
  await until(() => of("status").length === 1);
  running.channel.statusChanged();
  for (pending = 1; pending < 5; pending++) running.channel.statusChanged();
  await until(() => of("status").length === 2);
  // By the agent's own clock: on a busy machine the first may arrive late.
  const [first, second] = of("status").map(({ at }) => Date.parse(at)) as [number, number];
  expect(second - first).toBeGreaterThan(950);
  expect(of("status").map((status) => status.commands.pending)).toEqual([0, 5]);
});

test("A malformed frame of the portal ends the link with 4400, is counted as trouble, and the agent comes back", async () => {
  const { gateway, agent } = await pair();
  const closed: number[] = [];
  gateway.listen((event) => {
    if (event.kind === "disconnected") closed.push(event.code);
  });
  const running = bench.run({ agent });
  await running.connected();
  for (const frame of [
    '{"type":"ack"}',
    "no json",
    new Uint8Array([7, 7]),
    '{"type":"surprise"}',
    encodeFrame({ type: "ack", seq: 99, refused: [] }),
  ]) {
    const before = closed.length;
    await until(() => gateway.isConnected(agent.agentId));
    gateway.sendRaw(agent.agentId, frame);
    await until(() => closed.length > before);
    expect(closed.at(-1)).toBe(4400);
  }
  await until(() => running.channel.state().name === "connected");
  expect(running.states.filter((state) => errorOf(state)?.code === "portal-frame-malformed")).toHaveLength(5);
  expect(
    running.lines.filter((line) => line.code === "portal-frame-malformed").every((line) => !line.message.includes("surprise")),
  ).toBe(true);
});

test("A portal that speaks another version is a config error that names both, on either side's refusal", async () => {
  const { gateway, agent } = await pair();
  gateway.hooks.welcome = (welcome) => ({ ...welcome, protocol: 2 });
  const running = bench.run({ agent, giveUpOn: (error) => error.kind === "config" });
  const error = await running.done;
  expect(error).toMatchObject({ kind: "config", code: "portal-version-mismatch" });
  expect((error as Error).message).toMatch(/speaks protocol 1, model 1.*portal protocol 2, model 1/);
});

test("A portal at another stage is a config error", async () => {
  const { agent } = await pair();
  const running = bench.run({ agent, stage: "test", giveUpOn: (error) => error.kind === "config" });
  expect(await running.done).toMatchObject({ kind: "config", code: "portal-stage-mismatch" });
});

test("A revoked key is told and tried again slowly", async () => {
  const { gateway, agent } = await pair();
  const running = bench.run({ agent });
  await running.connected();
  await until(() => gateway.isConnected(agent.agentId));
  gateway.revoke(agent.agentId);
  await until(() => running.channel.state().name === "refused");
  const state = running.channel.state();
  expect(errorOf(state)).toMatchObject({ kind: "config", code: "portal-key-refused" });
  expect("until" in state && state.until - systemClock.now()).toBeGreaterThan(120_000);
  running.channel.wake();
  await until(() => running.states.filter((one) => one.name === "refused").length === 2);
  expect(running.lines.filter((line) => line.level === "error").length).toBeGreaterThanOrEqual(1);
});

test("Of two copies of one agent the superseded one stays away for five minutes and says why", async () => {
  const { gateway, agent } = await pair();
  const running = bench.run({ agent });
  await running.connected();
  await until(() => gateway.isConnected(agent.agentId));
  gateway.disconnect(agent.agentId, { code: 4409, reason: "a newer connection of this agent took over" });
  await until(() => running.channel.state().name === "superseded");
  const state = running.channel.state();
  expect("until" in state && state.until - systemClock.now()).toBeGreaterThan(295_000);
  expect(errorOf(state)?.hint).toContain("copied");
});

test("A stop says `bye`, ends `run` without an error, and leaves nothing behind", async () => {
  const { gateway, agent } = await pair();
  const { of } = listening(gateway.hooks);
  const running = bench.run({ agent });
  await running.connected();
  await until(() => gateway.isConnected(agent.agentId));
  expect(await running.stop()).toBeUndefined();
  await until(() => of("bye").length === 1);
  expect(running.channel.state().name).toBe("stopped");
});

test("A portal that stops is met again as soon as it said, on the same epoch", async () => {
  const storePath = portals.storePath();
  const { gateway, agent, append } = await pair({ storePath });
  const running = bench.run({ agent });
  await running.connected();
  const port = Number(new URL(gateway.url).port);
  await gateway.close({ retryAfterMs: 20 });
  append("E.1");
  const again = await portals.open({ storePath, port });
  await until(() => agent.store.outbox.bounds().items === 0);
  expect(again.store.get<{ id: string }>("SELECT id FROM entity")?.id).toBe("E.1");
  expect(running.epochs).toEqual(["first"]);
});
