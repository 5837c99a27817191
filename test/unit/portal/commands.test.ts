import { expect, test } from "vitest";
import type { Gateway } from "../../../portal/gateway.ts";
import { buildChanges, type ChangeItem } from "../../../protocol/changes.ts";
import type { Command, Result } from "../../../protocol/messages.ts";
import type { Fields } from "../../../protocol/model.ts";
import { type FakeAgent, type FakeLink, hello } from "../../support/fake-agent.ts";
import { manualClock } from "../../support/manual-clock.ts";
import { patient, portalBench } from "../../support/portal.ts";

const bench = portalBench();

const order = (title: string, more: object = {}) => ({ command: "ticket.create", values: { title, kind: "damage" }, ...more });
const result = (id: string, change: Partial<Result> = {}): Result => ({
  type: "result",
  id,
  revision: 1,
  outcome: "applied",
  ...change,
});
const idOf = (agent: FakeAgent): string => agent.enrolment.agentId;

async function settle(link: FakeLink, message: Result) {
  link.send(message);
  return link.next("settled");
}

async function linked(options?: Parameters<typeof bench.withAgent>[0]) {
  const { gateway, agent } = await bench.withAgent(options);
  const { link } = await bench.link(gateway, agent);
  return { gateway, agent, link };
}

/** Everything that the link said before its answer to a question asked now. */
async function saidUntilNow(link: FakeLink): Promise<string[]> {
  link.send({ type: "inventory", id: "now", entity: "unit", level: "ids", limit: 1 });
  await link.next("answer");
  return link.waiting.map((message) => ("id" in message ? message.id : message.type));
}

test("A command issued while the agent is away waits in the store and is sent once it connects", async () => {
  const { gateway, agent } = await bench.withAgent();
  const id = gateway.issue(idOf(agent), order("Tap drips", { actor: "tenant-7", expiresInMs: 60_000 }));
  expect(gateway.command(id)?.state).toBe("issued");
  const { link } = await bench.link(gateway, agent);
  const command = await link.next("command");
  expect(command).toMatchObject({ id, command: "ticket.create", values: { title: "Tap drips" }, actor: "tenant-7" });
  expect(Date.parse(command.expiresAt as string) - Date.parse(command.issuedAt)).toBe(60_000);
});

test("Command ids fit into 20 characters, differ, and sort by time", async () => {
  const clock = manualClock();
  const { gateway, agent } = await bench.withAgent({ clock });
  const ids = Array.from({ length: 200 }, (_, index) => {
    clock.advance(1);
    return gateway.issue(idOf(agent), order(`${index}`));
  });
  expect(ids.every((id) => /^[0-9A-HJKMNP-TV-Z]{20}$/.test(id))).toBe(true);
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(200);
});

test("Received, then applied: the state follows, the result is durable before it is settled", async () => {
  const { gateway, agent, link } = await linked();
  const id = gateway.issue(idOf(agent), order("Tap drips"));
  await link.next("command");
  link.send({ type: "received", id });
  await expect.poll(() => gateway.command(id)?.state, patient).toBe("received");
  const done = result(id, { entity: { type: "ticket", id: "T.1" }, number: "4711", seq: 12 });
  expect(await settle(link, done)).toEqual({ type: "settled", id, revision: 1 });
  const stored = gateway.command(id);
  expect(stored).toMatchObject({ state: "settled", outcome: "applied", revision: 1, type: "ticket.create" });
  expect(JSON.parse(stored?.result ?? "")).toEqual(done);
});

test("On a new connection of the same epoch every command without a settled result is sent again, in order; what was received is said to come again", async () => {
  const { gateway, agent, link } = await linked();
  const ids = ["a", "b", "c"].map((title) => gateway.issue(idOf(agent), order(title)));
  for (const id of ids) expect((await link.next("command")).id).toBe(id);
  link.send({ type: "received", id: ids[1] as string });
  await expect.poll(() => gateway.command(ids[1] as string)?.state, patient).toBe("received");
  await settle(link, result(ids[2] as string, { outcome: "rejected" }));
  const next = await bench.link(gateway, agent, { hello: { connection: 1 } });
  expect([await next.link.next("command"), await next.link.next("command")].map(({ id, again }) => [id, again])).toEqual([
    [ids[0], undefined],
    [ids[1], true],
  ]);
  expect(await saidUntilNow(next.link)).toEqual([]);
});

test("What comes again says which result this epoch has told of it, and in another epoch nothing of that", async () => {
  const { gateway, agent, link } = await linked();
  const [told, silent] = ["a", "b"].map((title) => gateway.issue(idOf(agent), order(title))) as [string, string];
  for (const id of [told, silent]) link.send({ type: "received", id });
  await settle(link, result(told, { outcome: "executing" }));
  await settle(link, result(told, { outcome: "uncertain", revision: 2 }));
  const next = await bench.link(gateway, agent, { hello: { connection: 1 } });
  const said = async (link: typeof next.link) => {
    const { id, again, revision } = await link.next("command");
    return [id, again, revision];
  };
  expect([await said(next.link), await said(next.link)]).toEqual([
    [told, true, 2],
    [silent, true, undefined],
  ]);
  const renewed = await bench.link(gateway, agent, {
    hello: { connection: 2 },
    start: { epoch: "epoch-0002", renewed: "agent-restored" },
  });
  expect([await said(renewed.link), await said(renewed.link)]).toEqual([
    [told, undefined, undefined],
    [silent, undefined, undefined],
  ]);
});

test("In a new epoch every command without a final result is sent again, in order", async () => {
  const { gateway, agent, link } = await linked();
  const ids = ["open", "uncertain", "waiting", "applied", "rejected", "received"].map((title) =>
    gateway.issue(idOf(agent), order(title)),
  );
  const [open, uncertain, waiting, applied, rejected, received] = ids as [string, string, string, string, string, string];
  for (const id of [uncertain, waiting, applied, rejected, received]) link.send({ type: "received", id });
  await settle(link, result(uncertain, { outcome: "uncertain" }));
  await settle(link, result(waiting, { outcome: "waiting" }));
  await settle(link, result(applied));
  await settle(link, result(rejected, { outcome: "rejected", error: { code: "x", de: "Nein", en: "No" } }));
  await bench.link(gateway, agent, { hello: { connection: 1 } });
  const renewed = await bench.link(gateway, agent, {
    hello: { connection: 2 },
    start: { epoch: "epoch-0002", renewed: "agent-restored" },
  });
  expect(await saidUntilNow(renewed.link)).toEqual([open, uncertain, waiting, received]);
});

test("A result that is not final leaves the command open; its later revision settles it", async () => {
  const { gateway, agent, link } = await linked();
  const id = gateway.issue(idOf(agent), order("a"));
  expect(await settle(link, result(id, { outcome: "waiting" }))).toMatchObject({ revision: 1 });
  expect(gateway.command(id)).toMatchObject({ state: "received", outcome: "waiting" });
  expect(await settle(link, result(id, { revision: 2 }))).toMatchObject({ revision: 2 });
  expect(gateway.command(id)).toMatchObject({ state: "settled", outcome: "applied" });
});

test("An older or repeated revision changes nothing and is settled all the same", async () => {
  const { gateway, agent, link } = await linked();
  const id = gateway.issue(idOf(agent), order("a"));
  await settle(link, result(id, { revision: 3, number: "1" }));
  expect(await settle(link, result(id, { revision: 2, outcome: "uncertain" }))).toMatchObject({ id, revision: 2 });
  expect(await settle(link, result(id, { revision: 3, number: "2" }))).toMatchObject({ id, revision: 3 });
  expect(JSON.parse(gateway.command(id)?.result ?? "")).toMatchObject({ revision: 3, number: "1" });
});

test("An agent that lost its store may conclude an uncertain command although it counts revisions anew", async () => {
  const { gateway, agent, link } = await linked();
  const id = gateway.issue(idOf(agent), order("a"));
  await settle(link, result(id, { revision: 4, outcome: "uncertain" }));
  const renewed = await bench.link(gateway, agent, {
    hello: { connection: 1 },
    start: { epoch: "epoch-0002", renewed: "agent-restored" },
  });
  await settle(renewed.link, result(id, { revision: 1 }));
  expect(gateway.command(id)).toMatchObject({ state: "settled", outcome: "applied", revision: 1 });
});

test("A late `applied` after the expiry is accepted", async () => {
  const clock = manualClock();
  const { gateway, agent, link } = await linked({ clock });
  const id = gateway.issue(idOf(agent), order("a", { expiresInMs: 1_000 }));
  clock.advance(20_000);
  await settle(link, result(id));
  expect(gateway.command(id)).toMatchObject({ state: "settled", outcome: "applied" });
});

test("The result of a command that the portal has lost is kept and settled", async () => {
  const { gateway, link } = await linked();
  expect(await settle(link, result("LOSTCOMMAND1", { number: "77" }))).toEqual({
    type: "settled",
    id: "LOSTCOMMAND1",
    revision: 1,
  });
  expect(
    gateway.store.all<{ result: string }>("SELECT result FROM unknown_result").map((row) => JSON.parse(row.result).number),
  ).toEqual(["77"]);
});

test("A command that is not received in time is sent again on the same link", async () => {
  const clock = manualClock();
  const { gateway, agent, link } = await linked({ clock, limits: { heartbeatSeconds: 10, commandResendMs: 15_000 } });
  const id = gateway.issue(idOf(agent), order("a"));
  const other = gateway.issue(idOf(agent), order("b"));
  expect(await saidUntilNow(link)).toEqual([id, other]);
  link.send({ type: "received", id: other });
  clock.advance(10_000);
  expect(await saidUntilNow(link)).toEqual([id, other]);
  clock.advance(10_000);
  expect(await saidUntilNow(link)).toEqual([id, other, id]);
});

test("No more commands are under way than the limit; each one received lets the next go", async () => {
  const { gateway, agent, link } = await linked({ limits: { commandsInFlight: 2 } });
  const ids = ["a", "b", "c", "d"].map((title) => gateway.issue(idOf(agent), order(title)));
  expect(await saidUntilNow(link)).toEqual(ids.slice(0, 2));
  link.send({ type: "received", id: ids[0] as string });
  expect(await saidUntilNow(link)).toEqual(ids.slice(0, 3));
  await settle(link, result(ids[1] as string));
  expect(await saidUntilNow(link)).toEqual(ids);
});

test("Commands and results survive the portal's end", async () => {
  const storePath = bench.storePath();
  const { gateway, agent, link } = await linked({ storePath });
  const ids = ["a", "b"].map((title) => gateway.issue(idOf(agent), order(title)));
  await settle(link, result(ids[0] as string));
  await gateway.close();
  const after = await bench.reopen(agent, { storePath });
  const again = await bench.link(after.gateway, after.agent, { hello: { connection: 1 } });
  expect(await saidUntilNow(again.link)).toEqual([ids[1]]);
  expect(after.gateway.command(ids[0] as string)?.state).toBe("settled");
});

test.each<[string, string, object]>([
  ["a command that the agent does not offer", "command-not-offered", { command: "unit.blow-up", values: {} }],
  ["a field that the agent does not offer", "command-not-offered", { command: "ticket.create", values: { assigneeId: "M.1" } }],
  ["a predecessor that was never issued", "command-unknown", order("a", { after: "NEVERISSUED1" })],
  ["an id that is none", "command-invalid", order("a", { entity: { type: "ticket", id: "not an id" } })],
])("Issuing %s is refused", async (_, code, bad) => {
  const { gateway, agent } = await linked();
  expect(() => gateway.issue(idOf(agent), bad as never)).toThrow(expect.objectContaining({ code, kind: "rejected" }));
  expect(gateway.commands(idOf(agent), 10)).toEqual([]);
});

test("A command for an agent that nobody enrolled is refused", async () => {
  const gateway = await bench.open();
  expect(() => gateway.issue("agent-nobody", order("a"))).toThrow(expect.objectContaining({ code: "agent-unknown" }));
});

test("A follower names its predecessor and what it made", async () => {
  const { gateway, agent, link } = await linked();
  const first = gateway.issue(idOf(agent), order("a"));
  gateway.issue(idOf(agent), {
    command: "ticket.update",
    values: { title: "b" },
    base: { title: "a" },
    after: first,
    entity: { createdBy: first },
  });
  await link.next("command");
  expect(await link.next("command")).toMatchObject({
    after: first,
    entity: { createdBy: first },
    base: { title: "a" },
  } satisfies Partial<Command>);
});

test("What a predecessor has made stands in its place once it is applied, for an agent that lost its store", async () => {
  const { gateway, agent, link } = await linked();
  const first = gateway.issue(idOf(agent), order("a"));
  const update = { command: "ticket.update", values: { title: "b" }, after: first, entity: { createdBy: first } };
  const ids = [
    update,
    { command: "message.create", values: { ticketId: { createdBy: first }, body: ["see", { createdBy: first }] } },
  ].map((later) => gateway.issue(idOf(agent), later));
  await settle(link, result(first, { entity: { type: "ticket", id: "T.1" } }));
  const renewed = await bench.link(gateway, agent, {
    hello: { connection: 1 },
    start: { epoch: "epoch-0002", renewed: "agent-restored" },
  });
  const sent = [await renewed.link.next("command"), await renewed.link.next("command")];
  expect(sent.map((message) => message.id)).toEqual(ids);
  expect(sent[0]).toMatchObject({ entity: { type: "ticket", id: "T.1" } });
  expect(sent[0]).not.toHaveProperty("after");
  expect(sent[1]?.values).toEqual({ ticketId: "T.1", body: ["see", "T.1"] });
});

test("A predecessor that was rejected stays named", async () => {
  const { gateway, agent, link } = await linked();
  const first = gateway.issue(idOf(agent), order("a"));
  gateway.issue(idOf(agent), { command: "ticket.update", values: { title: "b" }, after: first, entity: { createdBy: first } });
  await settle(link, result(first, { outcome: "rejected" }));
  const again = await bench.link(gateway, agent, { hello: { connection: 1 } });
  expect(await again.link.next("command")).toMatchObject({ after: first, entity: { createdBy: first } });
});

test("A question to the agent is answered by its id; it fails when the agent is away or goes away", async () => {
  const { gateway, agent, link } = await linked();
  const asked = gateway.request(idOf(agent), { action: "sync", source: "tenants", full: true });
  const request = await link.next("request");
  expect(request).toMatchObject({ action: "sync", source: "tenants", full: true });
  link.send({ type: "answer", id: "of-nobody", outcome: "ok" });
  link.send({ type: "answer", id: request.id, outcome: "refused", reason: "not allowed" });
  expect(await asked).toMatchObject({ outcome: "refused", reason: "not allowed" });

  const unanswered = gateway.request(idOf(agent), { action: "status" });
  await link.next("request");
  const left = expect(unanswered).rejects.toMatchObject({ code: "agent-away", kind: "transient" });
  await link.close();
  await left;
  await expect(gateway.request(idOf(agent), { action: "status" })).rejects.toMatchObject({ code: "agent-away" });
});

test("A question can be given up", async () => {
  const { gateway, agent } = await linked();
  const abort = new AbortController();
  const asked = gateway.request(idOf(agent), { action: "status" }, abort.signal);
  abort.abort(new Error("enough"));
  await expect(asked).rejects.toThrow("enough");
});

test("A lying portal can be told to drop links, overlook messages, offer other versions and send anything", async () => {
  const { gateway, agent, link } = await linked();
  gateway.hooks.message = (message) => (message.type === "status" ? "drop" : message.type === "received" ? "ignore" : undefined);
  const id = gateway.issue(idOf(agent), order("a"));
  link.send({ type: "received", id });
  await saidUntilNow(link);
  expect(gateway.command(id)?.state).toBe("issued");
  gateway.sendRaw(idOf(agent), JSON.stringify({ type: "settled", id: "SOMECOMMAND", revision: 7 }));
  expect(await link.next("settled")).toMatchObject({ revision: 7 });
  link.send(statusMessage);
  expect((await link.closed).code).toBe(1006);

  gateway.hooks.message = undefined;
  gateway.hooks.welcome = (welcome) => ({ ...welcome, protocol: 9, last: 4 });
  const other = bench.keep(await agent.connect());
  other.send(hello({ connection: 1 }));
  expect(await other.next("welcome")).toMatchObject({ protocol: 9, last: 4 });
});

const statusMessage = {
  type: "status" as const,
  at: "2026-11-22T06:00:00Z",
  state: "active" as const,
  sources: [],
  commands: { pending: 0, uncertain: 0 },
  outbox: { items: 0, bytes: 0 },
};

test("Status is kept and told to listeners", async () => {
  const { gateway, agent, link } = await linked();
  const heard = new Promise((resolve) => gateway.listen((event) => event.kind === "status" && resolve(event.status)));
  link.send(statusMessage);
  expect(await heard).toEqual(statusMessage);
  expect(JSON.parse((gateway as Gateway).agents().find((row) => row.id === idOf(agent))?.status ?? "")).toEqual(statusMessage);
});

test("A command that names an id which was replaced is sent with the one that stands now, in its entity and in its values, also if it was issued before", async () => {
  const { gateway, agent } = await bench.withAgent();
  const issue = (id: string) => gateway.issue(idOf(agent), id === "" ? made : { ...update, entity: { type: "workOrder", id } });
  const made = order("Tap drips", { values: { title: "Tap drips", kind: "damage", unitId: "U.1", reporterId: "P.1" } });
  const update = { command: "workOrder.update", values: { ticketId: "T.1" }, base: { ticketId: "T.9" } };
  const early = [issue(""), issue("W.1")];
  const { link } = await bench.link(gateway, agent);
  const item = (type: string, id: string, fields: Fields, replaces?: string): ChangeItem =>
    ({ type, id, op: "upsert", time: 1, fields, ...(replaces === undefined ? {} : { replaces }) }) as ChangeItem;
  const gone = (type: string, id: string): ChangeItem => ({ type, id, op: "delete", time: 2, reason: "renumbered" });
  const unit = { name: "WE", objectType: "flat" };
  for (const id of early) expect((await link.next("command")).id).toBe(id);
  const ticket = { title: "t", kind: "damage", status: "open" };
  link.send(
    buildChanges(1, [
      item("unit", "U.2", unit),
      item("unit", "U.1", unit),
      item("unit", "U.2", unit, "U.1"),
      item("unit", "U.3", unit, "U.2"),
      item("ticket", "T.1", ticket),
      item("ticket", "T.2", ticket, "T.1"),
      item("workOrder", "W.1", { ticketId: "T.2", kind: "corrective", status: "open" }),
      item("workOrder", "W.2", { ticketId: "T.2", kind: "corrective", status: "open" }, "W.1"),
      ...["unit U.1", "unit U.2", "ticket T.1", "workOrder W.1"].map((name) => gone(...(name.split(" ") as [string, string]))),
      // What still stands speaks for itself.
      item("unit", "U.9", unit),
      item("unit", "U.10", unit, "U.9"),
    ]),
  );
  expect((await link.next("ack")).refused).toEqual([]);
  await gateway.settled();
  issue("");
  expect((await link.next("command")).values).toMatchObject({ unitId: "U.3", reporterId: "P.1", title: "Tap drips" });
  gateway.issue(idOf(agent), order("x", { values: { title: "x", kind: "damage", unitId: "U.9" } }));
  expect((await link.next("command")).values).toMatchObject({ unitId: "U.9" });
  const next = await bench.link(gateway, agent, { hello: { connection: 1 } });
  expect(await next.link.next("command")).toMatchObject({ id: early[0], values: { unitId: "U.3" } });
  expect(await next.link.next("command")).toMatchObject({
    ...{ id: early[1], entity: { type: "workOrder", id: "W.2" } },
    ...{ values: { ticketId: "T.2" }, base: { ticketId: "T.9" } },
  });
});
