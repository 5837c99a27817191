import { expect, test } from "vitest";
import { nextCommandState } from "../../../../agent/store/command-states.ts";
import type { CommandState } from "../../../../agent/store/store.ts";
import type { Command } from "../../../../protocol/messages.ts";
import { storeBench } from "./bench.ts";

const { clock, folder, open } = storeBench();
const dayMs = 86_400_000;
const first = { now: 1, mayBeRepeated: false };

function command(id: string, more: Partial<Command> = {}): Command {
  return { type: "command", id, command: "ticket.update", values: { title: "Tap" }, issuedAt: "2026-11-22T06:00:00Z", ...more };
}
const onTicket = (id: string) => ({ entity: { type: "ticket", id } });

test("A command is stored once, however often the portal sends it, and survives a restart", () => {
  const directory = folder();
  const store = open(directory);
  expect(store.inbox.receive(command("command-1"), first)).toBe("stored");
  expect(store.inbox.receive(command("command-1"), first)).toBe("known");
  store.close();
  expect(open(directory).inbox.get("command-1")).toMatchObject({ state: "received", command: command("command-1"), attempts: 0 });
});

test("What was executing when the process died comes back as received, to be looked up first", () => {
  const directory = folder();
  const store = open(directory);
  store.inbox.receive(command("command-1"), first);
  store.inbox.claim("command-1");
  store.close();
  const { inbox } = open(directory);
  expect(inbox.claimable(9, 9)).toEqual([]);
  expect(inbox.recover()).toBe(1);
  expect(inbox.claimable(9, 9)).toMatchObject([{ id: "command-1", mayBeRepeated: true, attempts: 1 }]);
});

test("Commands on one entity follow each other in order of receipt, others run beside them", () => {
  const { inbox } = open();
  inbox.receive(command("first-on-7", onTicket("7")), first);
  inbox.receive(command("second-on-7", onTicket("7")), first);
  inbox.receive(command("first-on-8", onTicket("8")), first);
  const ids = () => inbox.claimable(9, 9).map(({ id }) => id);
  expect(ids()).toEqual(["first-on-7", "first-on-8"]);
  inbox.claim("first-on-7");
  expect(ids()).toEqual(["first-on-8"]);
  inbox.retryAt("first-on-7", 100);
  expect(ids()).toEqual(["first-on-8"]);
  inbox.claim("first-on-7");
  inbox.conclude("first-on-7", "applied", {});
  expect(ids()).toEqual(["second-on-7", "first-on-8"]);
});

test("A command waits for the one that it says it comes after, and for the one that creates its entity", () => {
  const { inbox } = open();
  inbox.receive(command("create-it", { command: "ticket.create" }), first);
  inbox.receive(command("update-it", { entity: { createdBy: "create-it" } }), first);
  inbox.receive(command("other-one", { after: "update-it" }), first);
  const ids = () => inbox.claimable(9, 9).map(({ id }) => id);
  expect(ids()).toEqual(["create-it"]);
  inbox.claim("create-it");
  inbox.conclude("create-it", "applied", { entity: { type: "ticket", id: "7" } }, { source: "tickets", key: "7" });
  expect(ids()).toEqual(["update-it"]);
  // By now the portal may name the entity itself: still one lane.
  inbox.receive(command("named-7", onTicket("7")), first);
  expect(ids()).toEqual(["update-it"]);
  inbox.claim("update-it");
  inbox.conclude("update-it", "rejected", {});
  expect(ids()).toEqual(["other-one", "named-7"]);
});

test("A command behind an uncertain one can be claimed, in order to be refused", () => {
  const { inbox } = open();
  inbox.receive(command("uncertain-1", onTicket("7")), first);
  inbox.receive(command("behind-it", { ...onTicket("7"), after: "uncertain-1" }), first);
  inbox.claim("uncertain-1");
  inbox.conclude("uncertain-1", "uncertain", {});
  expect(inbox.claimable(9, 9).map(({ id }) => id)).toEqual(["behind-it"]);
});

test("A result is told until the portal has settled its newest revision", () => {
  const { inbox } = open();
  inbox.receive(command("command-1"), first);
  inbox.claim("command-1");
  inbox.conclude("command-1", "uncertain", {});
  expect(inbox.unsettled()).toMatchObject([{ outcome: "uncertain", revision: 1 }]);
  inbox.settle("command-1", 1);
  expect(inbox.unsettled()).toEqual([]);
  inbox.conclude("command-1", "applied", { number: "4711" }, { source: "tickets", key: "7" });
  expect(inbox.unsettled()).toMatchObject([{ outcome: "applied", revision: 2, number: "4711" }]);
  inbox.settle("command-1", 1);
  expect(inbox.unsettled()).toHaveLength(1);
  inbox.settle("command-1", 2);
  expect(inbox.unsettled()).toEqual([]);
  expect(inbox.get("command-1")?.state).toBe("settled");
});

test("A portal restored from its backup gets the old result again, and nothing is executed again", () => {
  const { inbox } = open();
  inbox.receive(command("command-1"), first);
  inbox.claim("command-1");
  inbox.conclude("command-1", "applied", { number: "4711" });
  inbox.settle("command-1", 1);
  expect(inbox.receive(command("command-1"), { now: 5, mayBeRepeated: true })).toBe("known");
  expect(inbox.claimable(99, 9)).toEqual([]);
  expect(inbox.unsettled()).toMatchObject([{ id: "command-1", outcome: "applied", revision: 1, number: "4711" }]);
});

test("A draft is let pass by a person, and an uncertain command is looked up before it is tried again", () => {
  const { inbox } = open();
  inbox.receive(command("the-draft"), first);
  inbox.conclude("the-draft", "waiting", {});
  expect(inbox.claimable(9, 9)).toEqual([]);
  inbox.approve("the-draft", 5);
  expect(inbox.claimable(9, 9)).toMatchObject([{ id: "the-draft", approved: true }]);
  inbox.claim("the-draft");
  inbox.retryAt("the-draft", 50);
  expect(inbox.get("the-draft")).toMatchObject({ mayBeRepeated: true, approved: true, notBefore: 50 });
});

test("The cause of an entity's state is the last command applied to it", () => {
  const { inbox } = open();
  for (const [id, outcome] of [
    ["command-1", "applied"],
    ["command-2", "rejected"],
  ] as const) {
    inbox.receive(command(id), first);
    inbox.claim(id);
    inbox.conclude(id, outcome, {}, { source: "tickets", key: "7" });
  }
  expect([inbox.causeOf("tickets", "7"), inbox.causeOf("tickets", "8")]).toEqual(["command-1", undefined]);
});

test("A settled command's payload goes with its retention, its id is remembered for 400 days", () => {
  const { inbox } = open(folder(), { commandKeepDays: 30 });
  for (const id of ["settled-1", "open-one"]) inbox.receive(command(id), first);
  inbox.claim("settled-1");
  inbox.conclude("settled-1", "applied", {});
  inbox.settle("settled-1", 1);
  const now = clock.now();
  inbox.purge(now + 31 * dayMs);
  expect(inbox.get("settled-1")).toMatchObject({ command: undefined, state: "settled" });
  expect(inbox.get("open-one")?.command).toBeDefined();
  inbox.purge(now + 399 * dayMs);
  expect(inbox.receive(command("settled-1"), first)).toBe("known");
  inbox.settle("settled-1", 1);
  inbox.purge(now + 401 * dayMs);
  expect(inbox.get("settled-1")).toBeUndefined();
  expect(inbox.get("open-one")?.command).toBeDefined();
});

const allowed: Record<string, CommandState[]> = {
  claim: ["received"],
  retry: ["executing"],
  recover: ["executing"],
  approve: ["waiting", "uncertain"],
  settle: ["finished", "settled"],
};
test.each(Object.keys(allowed))("The event %s is a bug in every state but its own", (event) => {
  const states: CommandState[] = ["received", "executing", "waiting", "uncertain", "finished", "settled"];
  for (const state of states) {
    const move = () => nextCommandState(state, event as "claim");
    if (allowed[event]?.includes(state)) expect(move).not.toThrow();
    else expect(move).toThrow(expect.objectContaining({ kind: "bug", code: "command-state" }));
  }
});

test("A finished command can't be concluded again", () => {
  for (const outcome of ["applied", "rejected", "conflict", "expired", "executing", "uncertain", "waiting"] as const) {
    expect(() => nextCommandState("finished", { concluded: outcome })).toThrow();
    expect(() => nextCommandState("settled", { concluded: outcome })).toThrow();
  }
});

test("What a command made is an entity of its source like every other, also when the store was opened anew", () => {
  const directory = folder();
  const before = open(directory);
  before.entities.put("tickets", "7", { rowDigest: 1n, entityDigest: 1n });
  before.inbox.receive(command("create-it"), first);
  before.inbox.claim("create-it");
  before.inbox.conclude("create-it", "applied", {}, { source: "tickets", key: "7" });
  before.close();
  const store = open(directory);
  expect(store.inbox.get("create-it")).toMatchObject({ source: "tickets", key: "7" });
  expect(store.inbox.causeOf("tickets", "7")).toBe("create-it");
  expect(store.entities.get("tickets", "7")).toMatchObject({ rowDigest: 1n, entityDigest: 1n });
  expect(store.entities.count("tickets")).toBe(1);
});
