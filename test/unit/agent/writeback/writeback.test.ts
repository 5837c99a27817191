import { expect, test } from "vitest";
import { FuserError } from "../../../../base/errors.ts";
import type { LookupOutcome, WriteOutcome } from "../../../../connectors/connector.ts";
import { command, locked, settle, start, until, writebackBench } from "./bench.ts";

const open = writebackBench();

test("A command takes effect once, and its result names entity, number and the number under which the state travels", async () => {
  const bench = open();
  const id = bench.receive(command());
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toEqual({
    type: "result",
    id,
    revision: 1,
    outcome: "applied",
    entity: { type: "ticket", id: `K-${id}` },
    number: "4711",
    seq: 7,
  });
  expect(bench.get(id)).toMatchObject({ source: "tickets", key: `K-${id}` });
  expect(bench.erp.effects).toEqual(new Map([[id, 1]]));
  expect(bench.readBacks).toEqual([{ source: "tickets", key: `K-${id}`, cause: id }]);
  expect(bench.store.pending.count()).toBe(0);
  expect(bench.store.journal.list({ kind: "command", limit: 5 })).toMatchObject([
    { status: "ok", detail: { id, outcome: "applied" } },
  ]);
});

test("The claim is durable before the ERP is touched, and every commit point is passed in its order", async () => {
  const bench = open();
  const id = bench.receive(command());
  let stateInErp: string | undefined;
  bench.erp.next.push(async () => {
    stateInErp = bench.get(id).state;
    return { state: "rejected", code: "erp-check", message: "no" };
  });
  bench.run();
  await bench.reaches(id, "finished");
  expect(stateInErp).toBe("executing");
  const second = bench.receive(command());
  bench.points.length = 0;
  await bench.reaches(second, "finished");
  expect(bench.points).toEqual([
    "before-claim-commit",
    "after-claim-commit",
    "before-erp-commit",
    "after-erp-commit",
    "before-conclude-commit",
    "after-conclude-commit",
  ]);
});

test("Result and pending key are one transaction", async () => {
  const bench = open();
  const id = bench.receive(command());
  bench.settings.seq = undefined;
  bench.settings.onPoint = async (point) => {
    if (point !== "before-conclude-commit") return;
    expect(bench.get(id).state).toBe("executing");
    expect(bench.store.pending.count()).toBe(0);
  };
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.store.pending.count()).toBe(1);
  expect(bench.get(id).result?.seq).toBeUndefined();
});

test("A read-back that fails costs only the number", async () => {
  const bench = open();
  bench.settings.seq = new FuserError("transient", "gone", { code: "erp-connection-lost", operation: "read" });
  const id = bench.receive(command());
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toMatchObject({ outcome: "applied" });
  expect(bench.store.pending.count("tickets")).toBe(1);
});

test("State and outcome are one transaction", async () => {
  const bench = open();
  const id = bench.receive(command());
  let stateWhenTaken: string | undefined;
  bench.settings.onTake = () => {
    stateWhenTaken = bench.get(id).state;
    bench.store.meta.set("taken", "yes");
  };
  bench.settings.onPoint = async (point) => {
    if (point === "before-conclude-commit") expect(bench.store.meta.get("taken")).toBeUndefined();
    if (point === "after-conclude-commit") expect(bench.get(id).state).toBe("finished");
  };
  bench.run();
  await bench.reaches(id, "finished");
  expect(stateWhenTaken).toBe("executing");
  expect(bench.store.meta.get("taken")).toBe("yes");
});

test("A state that can't be stored costs only the number, and leaves nothing of itself", async () => {
  const bench = open();
  const id = bench.receive(command());
  bench.settings.onTake = () => {
    bench.store.meta.set("taken", "yes");
    throw new TypeError("broken");
  };
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toMatchObject({ outcome: "applied" });
  expect(bench.get(id).result?.seq).toBeUndefined();
  expect(bench.store.meta.get("taken")).toBeUndefined();
  expect(bench.store.pending.get("tickets", `K-${id}`)).toMatchObject({ stage: "marked" });
});

test("Commands on one entity run in order, others in parallel up to the limit", async () => {
  const bench = open();
  bench.settings.parallel = 2;
  bench.restart();
  const order: string[] = [];
  const gates: (() => void)[] = [];
  const gated = async (plan: { commandId: string }): Promise<WriteOutcome> => {
    order.push(plan.commandId);
    await new Promise<void>((resolve) => gates.push(resolve));
    return { state: "applied", key: plan.commandId, repeated: false, results: new Map() };
  };
  bench.erp.next.push(gated, gated, gated, gated);
  const on = (id: string) => ({ command: "ticket.update", entity: { type: "ticket", id } });
  const [a1, a2, b1, c1] = [on("A"), on("A"), on("B"), on("C")].map((more) => bench.receive(command(more))) as [
    string,
    string,
    string,
    string,
  ];
  bench.run();
  await until(() => order.length === 2);
  await settle();
  expect(order).toEqual([a1, b1]);
  expect(bench.writeback.underWay()).toBe(2);
  gates[1]?.();
  await until(() => order.length === 3);
  expect(order[2]).toBe(c1);
  gates[0]?.();
  await until(() => order.length === 4);
  expect(order[3]).toBe(a2);
  for (const open of gates) open();
});

test("References to what another command creates are filled in once it is there, in the entity and in the values", async () => {
  const bench = open();
  let release = (): void => undefined;
  bench.erp.next.push(async (plan) => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return { state: "applied", key: "NEW.1", repeated: false, results: new Map([["id", plan.commandId]]) };
  });
  const creator = bench.receive(command());
  const message = bench.receive(command({ command: "message.create", values: { ticketId: { createdBy: creator }, body: "x" } }));
  const update = bench.receive(command({ command: "ticket.update", entity: { createdBy: creator }, values: { title: "y" } }));
  bench.run();
  await until(() => bench.writeback.underWay() === 1);
  await settle();
  expect(bench.erp.writes.map((plan) => plan.commandId)).toEqual([creator]);
  release();
  await bench.reaches(message, "finished");
  await bench.reaches(update, "finished");
  expect(bench.compiled.find((one) => one.id === message)?.values.ticketId).toBe("NEW.1");
  expect(bench.compiled.find((one) => one.id === update)?.entity).toEqual({ type: "ticket", id: "NEW.1" });
});

test("What refers to a refused or unknown command is rejected with its reason", async () => {
  const bench = open();
  bench.erp.next.push({ state: "rejected", code: "erp-check", message: "no" });
  const creator = bench.receive(command());
  const after = bench.receive(command({ values: { ticketId: { createdBy: creator } } }));
  const unknown = bench.receive(command({ values: { ticketId: { createdBy: "NEVER-SEEN" } } }));
  bench.run();
  for (const id of [creator, after, unknown]) await bench.reaches(id, "finished");
  expect(bench.get(creator).result?.error?.code).toBe("erp-check");
  expect(bench.get(after).result).toMatchObject({ outcome: "rejected", error: { code: "predecessor" } });
  expect(bench.get(unknown).result).toMatchObject({ outcome: "rejected", error: { code: "reference-unknown" } });
  expect(bench.erp.writes).toHaveLength(1);
});

test("Behind an uncertain command its entity's later ones are rejected, others flow on", async () => {
  const bench = open();
  bench.erp.next.push({ state: "uncertain", message: "the link broke in the commit" });
  const on = { command: "ticket.update", entity: { type: "ticket", id: "A" } };
  const first = bench.receive(command(on));
  const second = bench.receive(command(on));
  const third = bench.receive(command({ ...on, entity: { type: "ticket", id: "B" } }));
  const fourth = bench.receive(command({ after: first }));
  bench.run();
  for (const id of [second, third, fourth]) await bench.reaches(id, "finished");
  expect(bench.get(first)).toMatchObject({ state: "uncertain", result: { outcome: "uncertain", error: { code: "uncertain" } } });
  expect(bench.get(second).result).toMatchObject({ outcome: "rejected", error: { code: "predecessor" } });
  expect(bench.get(fourth).result).toMatchObject({ outcome: "rejected", error: { code: "predecessor" } });
  expect(bench.get(third).result?.outcome).toBe("applied");
  expect(bench.lines).toContainEqual(expect.objectContaining({ level: "error", code: "command-uncertain", command: first }));
});

test("A command that may be a repetition is asked of the ERP even when it stands behind an uncertain one", async () => {
  const bench = open();
  bench.erp.next.push({ state: "uncertain", message: "?" });
  const on = { command: "ticket.update", entity: { type: "ticket", id: "A" } };
  const first = bench.receive(command(on), { mayBeRepeated: true });
  const second = command(on);
  bench.erp.effects.set(second.id, 1);
  bench.receive(second, { mayBeRepeated: true });
  bench.run();
  await bench.reaches(second.id, "finished");
  expect(bench.get(first).state).toBe("uncertain");
  expect(bench.get(second.id).result?.outcome).toBe("applied");
  expect(bench.erp.effects.get(second.id)).toBe(1);
});

test("A command expires by the portal's clock, not by ours, and is then not executed", async () => {
  const bench = open();
  const soon = { expiresAt: new Date(start + 60_000).toISOString() };
  bench.settings.portalAheadMs = 61_000;
  const late = bench.receive(command(soon));
  bench.run();
  await bench.reaches(late, "finished");
  expect(bench.get(late).result).toMatchObject({ outcome: "expired", error: { code: "expired" } });
  expect(bench.erp.writes).toEqual([]);
  bench.settings.portalAheadMs = -3_600_000;
  bench.clock.advance(120_000);
  const inTime = bench.receive(command(soon));
  await bench.reaches(inTime, "finished");
  expect(bench.get(inTime).result?.outcome).toBe("applied");
});

test("An expired command that may have been executed is looked up: applied, expired or uncertain, as the ERP says", async () => {
  const bench = open();
  const past = { expiresAt: new Date(start - 1).toISOString() };
  const done = command(past);
  bench.erp.effects.set(done.id, 1);
  bench.receive(done, { mayBeRepeated: true });
  const missing = bench.receive(command(past), { mayBeRepeated: true });
  const run = bench.run();
  await bench.reaches(done.id, "finished");
  await bench.reaches(missing, "finished");
  await run.stop();
  bench.settings.way = { way: "base" };
  bench.restart();
  const blind = bench.receive(command(past), { mayBeRepeated: true });
  bench.run();
  await bench.reaches(blind, "uncertain");
  expect(bench.get(done.id).result?.outcome).toBe("applied");
  expect(bench.get(missing).result?.outcome).toBe("expired");
  expect(bench.erp.writes).toEqual([]);
});

test("A trouble that passes is waited out with backoff, told once, and loses nothing", async () => {
  const bench = open();
  bench.erp.next.push(locked(), locked(), locked());
  const id = bench.receive(command());
  bench.run();
  for (let tries = 1; tries <= 3; tries++) {
    await until(() => bench.erp.writes.length === tries);
    await bench.reaches(id, "received");
    const waitMs = bench.get(id).notBefore - bench.clock.now();
    expect(waitMs).toBe(500 * 2 ** (tries - 1));
    await settle();
    bench.clock.advance(waitMs);
  }
  await bench.reaches(id, "finished");
  expect(bench.erp.effects.get(id)).toBe(1);
  expect(bench.lines.filter((line) => line.code === "erp-session-locked" && line.level !== "debug")).toHaveLength(1);
});

test("A trouble that a person must mend is tried again slowly and lost neither", async () => {
  const bench = open();
  bench.erp.next.push(new FuserError("config", "login refused", { code: "erp-login-refused", operation: "connect" }));
  const id = bench.receive(command());
  bench.run();
  await until(() => bench.lines.some((line) => line.code === "erp-login-refused" && line.level === "error"));
  await settle();
  expect(bench.get(id)).toMatchObject({ state: "received", notBefore: start + 5 * 60_000 });
  for (let minute = 0; minute < 6; minute++) {
    bench.clock.advance(60_000);
    await settle();
  }
  await bench.reaches(id, "finished");
});

test("While the ERP's schema lacks what a plan needs, a command waits, also one that may have been carried out; then each has one effect", async () => {
  const bench = open();
  bench.settings.waits = new FuserError("config", "no column", { code: "schema-missing", operation: "carry out a command" });
  const ids = [bench.receive(command()), bench.receive(command(), { mayBeRepeated: true })];
  bench.erp.effects.set(ids[1] as string, 1);
  bench.run();
  await until(() => bench.lines.some((line) => line.code === "schema-missing" && line.level === "error"));
  await settle();
  for (const id of ids) expect(bench.get(id)).toMatchObject({ state: "received", notBefore: start + 5 * 60_000 });
  expect(bench.erp.writes).toEqual([]);
  bench.settings.waits = undefined;
  bench.store.inbox.hurry(bench.clock.now());
  for (const id of ids) await bench.reaches(id, "finished");
  for (const id of ids) expect([bench.get(id).result?.outcome, bench.erp.effects.get(id)]).toEqual(["applied", 1]);
});

test("What the ERP can't tell is not taken for a repetition after a try in which nothing was written", async () => {
  const bench = open();
  bench.settings.way = { way: "base" };
  bench.erp.next.push(locked());
  const id = bench.receive(command());
  bench.run();
  await until(() => bench.erp.writes.length === 1);
  await settle();
  bench.clock.advance(5_000);
  await bench.reaches(id, "finished");
  expect(bench.erp.writes.map((plan) => plan.mayBeRepeated)).toEqual([false, false]);
  expect(bench.get(id).result?.outcome).toBe("applied");
});

test("What the ERP can't tell is carried out only once the portal has asked for it; what it can tell does not wait", async () => {
  const bench = open();
  bench.settings.asked = undefined;
  bench.run();
  const sure = bench.receive(command());
  await bench.reaches(sure, "finished");
  bench.settings.way = { way: "base" };
  const blind = bench.receive(command());
  await settle();
  bench.clock.advance(60_000);
  await settle();
  expect(bench.get(blind)).toMatchObject({ state: "received", attempts: 0 });
  bench.settings.asked = true;
  bench.clock.advance(5_000);
  await bench.reaches(blind, "finished");
  expect(bench.erp.writes.at(-1)).toMatchObject({ commandId: blind, mayBeRepeated: false });
});

test("What the ERP can't tell and the portal no longer asks for is uncertain, although the store says it was never tried; a person's retry runs, also after a try that wrote nothing", async () => {
  const bench = open();
  bench.settings.way = { way: "base" };
  bench.settings.asked = false;
  const id = bench.receive(command());
  bench.run();
  await bench.reaches(id, "uncertain");
  expect(bench.erp.effects.size).toBe(0);
  bench.erp.next.push(locked());
  bench.writeback.resolve(id, { kind: "retry" });
  await until(() => bench.erp.next.length === 0);
  await settle();
  bench.clock.advance(10_000);
  await bench.reaches(id, "finished");
  expect(bench.erp.writes.map((plan) => plan.mayBeRepeated)).toEqual([true, false, false]);
  expect(bench.erp.effects.get(id)).toBe(1);
});

test("That a try wrote nothing counts neither in another epoch nor against the portal's word", async () => {
  for (const doubt of ["another epoch", "not asked for"]) {
    const bench = open();
    bench.settings.way = { way: "base" };
    bench.erp.next.push(locked());
    const id = bench.receive(command());
    bench.run();
    await until(() => bench.erp.writes.length === 1);
    await settle();
    if (doubt === "another epoch") bench.store.renewEpoch("epoch-2");
    else bench.settings.asked = false;
    bench.clock.advance(5_000);
    await bench.reaches(id, "uncertain");
    expect(bench.erp.effects.size).toBe(0);
  }
});

test("What an earlier process has received waits for the portal's word; what the portal no longer asks for is looked up and not carried out", async () => {
  const bench = open();
  const [asked, done, refusedThere] = [command(), command(), command()].map((one) => bench.receive(one)) as [
    string,
    string,
    string,
  ];
  bench.erp.effects.set(done, 1);
  bench.settings.asked = undefined;
  bench.run();
  const own = bench.receive(command());
  await bench.reaches(own, "finished");
  for (const id of [asked, done, refusedThere]) expect(bench.get(id)).toMatchObject({ state: "received", attempts: 0 });
  bench.settings.asks = (id) => id === asked;
  bench.clock.advance(5_000);
  for (const id of [asked, done, refusedThere]) await bench.reaches(id, "finished");
  expect(bench.get(asked).result).toMatchObject({ outcome: "applied" });
  expect(bench.get(done).result).toMatchObject({ outcome: "applied" });
  expect(bench.get(refusedThere).result).toMatchObject({ outcome: "rejected", error: { code: "not-asked" } });
  expect(bench.erp.lookups.toSorted()).toEqual([done, refusedThere].toSorted());
  expect([asked, done, refusedThere].map((id) => bench.erp.effects.get(id))).toEqual([1, 1, undefined]);
});

test("A person's word brings a vanished effect back although the portal no longer asks for it, also after a restart and a try that wrote nothing", async () => {
  const bench = open();
  const id = bench.receive(command());
  const first = bench.run();
  await bench.reaches(id, "finished");
  bench.store.inbox.settle(id, 1);
  bench.erp.effects.clear();
  expect(await bench.writeback.effectsVanished(new AbortController().signal)).toEqual([id]);
  await first.stop();
  bench.settings.asked = false;
  bench.writeback.resolve(id, { kind: "retry" });
  bench.restart();
  bench.erp.next.push(locked());
  bench.run();
  await until(() => bench.erp.next.length === 0);
  await settle();
  bench.clock.advance(10_000);
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toMatchObject({ outcome: "applied" });
  expect(bench.erp.effects.get(id)).toBe(1);
});

test("What the ERP can't tell is announced to the portal before each try, and without its word the ERP is not touched", async () => {
  const bench = open();
  bench.settings.way = { way: "base" };
  bench.settings.confirms = false;
  const id = bench.receive(command());
  bench.run();
  await until(() => bench.get(id).state === "executing");
  await settle();
  expect(bench.get(id).result).toEqual({ type: "result", id, revision: 1, outcome: "executing" });
  const passes = async (seconds: number, isOver: () => boolean): Promise<void> => {
    for (let second = 0; second < seconds && !isOver(); second++) {
      bench.clock.advance(1_000);
      await settle();
    }
  };
  await passes(15, () => bench.lines.some(({ level, code }) => level === "warn" && code === "command-not-announced"));
  expect(bench.lines).toContainEqual(expect.objectContaining({ level: "warn", code: "command-not-announced" }));
  expect(bench.erp.writes).toEqual([]);
  bench.settings.confirms = true;
  bench.erp.next.push(locked());
  await passes(40, () => bench.get(id).state === "finished");
  expect(bench.erp.writes.map((plan) => plan.mayBeRepeated)).toEqual([false, false]);
  expect(bench.get(id)).toMatchObject({ state: "finished", result: { revision: 4, outcome: "applied" } });
  expect(bench.erp.effects.get(id)).toBe(1);
});

test("What the ERP can tell is not announced", async () => {
  const bench = open();
  bench.settings.confirms = false;
  bench.settings.asked = undefined;
  bench.run();
  const id = bench.receive(command());
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toMatchObject({ revision: 1, outcome: "applied" });
});

const never = (): Promise<never> => new Promise(() => undefined);

test("After a crash what the ERP can't tell is uncertain; a person's retry runs once, and a crash in that is uncertain again", async () => {
  const bench = open();
  bench.settings.way = { way: "base" };
  const id = bench.receive(command());
  for (const beginning of ["at first", "on a person's retry"]) {
    bench.erp.next.push(never);
    if (beginning !== "at first") bench.writeback.resolve(id, { kind: "retry" });
    const run = bench.run();
    await until(() => bench.erp.next.length === 0);
    expect(bench.erp.writes.at(-1)?.mayBeRepeated).toBe(false);
    run.crash();
    bench.restart();
    const again = bench.run();
    await bench.reaches(id, "uncertain");
    await again.stop();
  }
  bench.writeback.resolve(id, { kind: "retry" });
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.erp.effects.get(id)).toBe(1);
});

test("After a restart a claimed command is looked up and has one effect", async () => {
  const bench = open();
  const id = bench.receive(command());
  bench.settings.onPoint = (point) => (point === "after-erp-commit" ? never() : Promise.resolve());
  const run = bench.run();
  await until(() => bench.erp.effects.get(id) === 1);
  run.crash();
  bench.settings.onPoint = async () => undefined;
  bench.restart();
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.erp.effects.get(id)).toBe(1);
  expect(bench.erp.writes.at(-1)?.mayBeRepeated).toBe(true);
  expect(bench.get(id).result).toMatchObject({ outcome: "applied", revision: 1 });
});

test("When the outcome can't be stored after the ERP's commit, the ERP is asked again, not told again", async () => {
  const bench = open();
  const id = bench.receive(command());
  let fail = true;
  bench.settings.onPoint = async (point) => {
    if (point !== "before-conclude-commit" || !fail) return;
    fail = false;
    throw new FuserError("transient", "disk full", { code: "store-full", operation: "store" });
  };
  bench.run();
  await until(() => !fail);
  await settle();
  bench.clock.advance(10_000);
  await bench.reaches(id, "finished");
  expect(bench.erp.effects.get(id)).toBe(1);
  expect(bench.erp.writes.map((plan) => plan.mayBeRepeated)).toEqual([false, true]);
  expect(bench.lines.some((line) => line.code === "store-full")).toBe(true);
});

test("A draft waits for a person, who lets it pass or rejects it", async () => {
  const bench = open();
  bench.settings.limits = { draft: true, perHour: undefined };
  const [one, two] = [bench.receive(command()), bench.receive(command())];
  bench.run();
  await bench.reaches(one, "waiting");
  await bench.reaches(two, "waiting");
  expect(bench.get(one).result).toMatchObject({ outcome: "waiting", error: { code: "draft" } });
  expect(bench.erp.writes).toEqual([]);
  bench.writeback.resolve(one, { kind: "retry" });
  bench.writeback.resolve(two, { kind: "rejected" });
  await bench.reaches(one, "finished");
  expect(bench.get(one).result).toMatchObject({ outcome: "applied", revision: 2 });
  expect(bench.get(two).result).toMatchObject({ outcome: "rejected", error: { code: "rejected-by-person" } });
});

test("Over the cap per hour commands become drafts, also over a restart, until the hour has passed", async () => {
  const bench = open();
  bench.settings.limits = { draft: false, perHour: 2 };
  const ids = [1, 2, 3].map(() => bench.receive(command()));
  const run = bench.run();
  await bench.reaches(ids[2] as string, "waiting");
  await bench.reaches(ids[1] as string, "finished");
  expect(bench.get(ids[2] as string).result?.error?.code).toBe("cap-per-hour");
  await run.stop();
  bench.restart();
  bench.run();
  const after = bench.receive(command());
  await bench.reaches(after, "waiting");
  bench.clock.advance(3_600_001);
  const later = bench.receive(command());
  await bench.reaches(later, "finished");
  expect(bench.erp.effects.size).toBe(3);
});

test("A retried command is counted once against its cap", async () => {
  const bench = open();
  bench.settings.limits = { draft: false, perHour: 1 };
  bench.erp.next.push(locked(), locked());
  const id = bench.receive(command());
  bench.run();
  for (let tries = 1; tries <= 2; tries++) {
    await until(() => bench.erp.writes.length === tries);
    await settle();
    bench.clock.advance(5_000);
  }
  await bench.reaches(id, "finished");
  expect(bench.get(id).result?.outcome).toBe("applied");
});

test("At stage test a command is rehearsed and says so", async () => {
  const bench = open();
  bench.settings.stage = "test";
  bench.erp.next.push(async (plan) => {
    expect(plan.rehearse).toBe(true);
    return { state: "rehearsed", results: new Map(), statements: [] };
  });
  const id = bench.receive(command());
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toMatchObject({ outcome: "rejected", error: { code: "rehearsed" } });
  expect(bench.store.pending.count()).toBe(0);
});

test("On hold nothing is claimed, and afterwards all goes on", async () => {
  const bench = open();
  bench.settings.hold = true;
  const id = bench.receive(command());
  bench.run();
  await settle();
  expect(bench.get(id).state).toBe("received");
  bench.settings.hold = false;
  bench.clock.advance(5_000);
  await bench.reaches(id, "finished");
});

test("What the compiler refuses is rejected for the reader, and its own fault too, without touching the ERP", async () => {
  const bench = open();
  const empty = bench.receive(command({ values: { title: "" } }));
  const broken = bench.receive(command({ values: { title: "bug" } }));
  bench.run();
  await bench.reaches(empty, "finished");
  await bench.reaches(broken, "finished");
  expect(bench.get(empty).result?.error).toEqual({ code: "value-empty", de: "leer", en: "empty" });
  expect(bench.get(broken).result?.error?.code).toBe("internal-error");
  expect(bench.erp.writes).toEqual([]);
});

test("A conflict names the fields", async () => {
  const bench = open();
  bench.erp.next.push({ state: "conflict", fields: [{ column: "STATUS", base: "0", current: "1", wanted: "9" }] });
  const id = bench.receive(command({ command: "ticket.update", entity: { type: "ticket", id: "A" } }));
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toMatchObject({ outcome: "conflict", conflict: [{ field: "status", current: "a", wanted: "b" }] });
});

const disputed = (column: string) => ({ column, base: "0", current: "1", wanted: "9" });
const update = () => command({ command: "ticket.update", entity: { type: "ticket", id: "A" } });
const findingsOf = (bench: ReturnType<typeof open>) =>
  bench.store.findings
    .list({ rule: "field-conflict" })
    .map(({ source, key, field, params }) => [source, key, field, params.settled]);

test("What a command writes over is in its result, its journal line and a finding, though the process dies after the ERP's commit", async () => {
  const bench = open();
  bench.settings.way = { way: "base" };
  bench.settings.seq = undefined;
  let run = { crash: (): void => undefined };
  bench.erp.next.push(async (plan) => {
    plan.overruling?.([disputed("OURS")]);
    run.crash();
    return new Promise(() => undefined);
  });
  const id = bench.receive(update());
  run = bench.run();
  await until(() => bench.erp.writes.length === 1);
  bench.restart();
  bench.erp.next.push({ state: "applied", key: "A", repeated: false, results: new Map() });
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.erp.writes[1]).toMatchObject({ mayBeRepeated: true });
  const conflict = [{ field: "ours", base: null, current: "a", wanted: "b" }];
  expect(bench.get(id).result).toMatchObject({ outcome: "applied", conflict });
  expect(bench.store.journal.list({ kind: "command", limit: 1 })).toMatchObject([
    { detail: { outcome: "applied", conflict: "ours", settled: "portal-wins" } },
  ]);
  expect(findingsOf(bench)).toEqual([["tickets", "A", "ours", "portal-wins"]]);
  // The next one that goes through without a dispute closes it.
  bench.erp.next.push({ state: "applied", key: "A", repeated: false, results: new Map() });
  await bench.reaches(bench.receive(update()), "finished");
  expect(findingsOf(bench)).toEqual([]);
});

test("A dispute of a try that left nothing behind is not told of the one that was carried out", async () => {
  const bench = open();
  bench.settings.way = { way: "base" };
  bench.erp.next.push(async (plan) => {
    plan.overruling?.([disputed("OURS")]);
    throw locked();
  });
  bench.erp.next.push({ state: "applied", key: "A", repeated: false, results: new Map() });
  const id = bench.receive(update());
  bench.run();
  await until(() => bench.erp.writes.length === 1);
  await settle();
  bench.clock.advance(60_000);
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toMatchObject({ outcome: "applied" });
  expect(bench.get(id).result?.conflict).toBeUndefined();
  expect(findingsOf(bench)).toEqual([]);
});

test("Where the policy is to ask, a command waits with both values for a person, who lets one of them stand; approving it would not say which", async () => {
  const bench = open();
  bench.settings.way = { way: "base" };
  const asks = (): void => void bench.erp.next.push({ state: "conflict", fields: [disputed("ASKED"), disputed("OURS")] });
  asks();
  const id = bench.receive(update());
  bench.run();
  await bench.reaches(id, "waiting");
  const conflict = ["asked", "ours"].map((field) => ({ field, base: null, current: "a", wanted: "b" }));
  expect(bench.get(id).result).toMatchObject({ outcome: "waiting", conflict, error: { code: "conflict-asked" } });
  expect(findingsOf(bench).map(([, , field, settled]) => [field, settled])).toEqual([
    ["asked", "ask"],
    ["ours", "ask"],
  ]);
  expect(() => bench.writeback.resolve(id, { kind: "retry" })).toThrow(
    expect.objectContaining({ code: "command-conflict-open" }),
  );
  bench.erp.next.push({ state: "applied", key: "A", repeated: false, results: new Map() });
  bench.writeback.resolve(id, { kind: "settle", wins: "portal" });
  await bench.reaches(id, "finished");
  // What the person was shown may be written over, and nothing newer.
  expect(bench.erp.writes.at(-1)?.seen).toEqual({ ASKED: "1", OURS: "1" });
  expect(bench.get(id).result).toMatchObject({ outcome: "applied", conflict });
  expect(() => bench.writeback.resolve(id, { kind: "settle", wins: "portal" })).toThrow(
    expect.objectContaining({ code: "command-finished" }),
  );
  asks();
  const other = bench.receive(update());
  await bench.reaches(other, "waiting");
  const writes = bench.erp.writes.length;
  bench.writeback.resolve(other, { kind: "settle", wins: "erp" });
  expect(bench.get(other)).toMatchObject({ state: "finished", result: { outcome: "conflict", conflict } });
  expect(findingsOf(bench).map(([, , , settled]) => settled)).toEqual(["erp-wins", "erp-wins"]);
  expect(bench.erp.writes.length).toBe(writes);
});

test("A dispute that a person was asked about is listed no longer once the command is over, however it ended; that of the next command is another one", async () => {
  const bench = open();
  bench.settings.way = { way: "base" };
  const asked = async (more: object = {}): Promise<string> => {
    bench.erp.next.push({ state: "conflict", fields: [disputed("ASKED")] });
    const id = bench.receive({ ...update(), ...more });
    await bench.reaches(id, "waiting");
    expect(findingsOf(bench).map(([, , field, settled]) => [field, settled])).toEqual([["asked", "ask"]]);
    return id;
  };
  bench.run();
  bench.writeback.resolve(await asked(), { kind: "rejected" });
  expect(findingsOf(bench)).toEqual([]);
  bench.writeback.resolve(await asked(), { kind: "applied", key: "" });
  expect(findingsOf(bench)).toEqual([]);
  const late = await asked({ expiresAt: new Date(bench.clock.now() + 60_000).toISOString() });
  bench.clock.advance(120_000);
  bench.erp.nextLookup.push({ state: "absent" });
  bench.writeback.resolve(late, { kind: "settle", wins: "portal" });
  await bench.reaches(late, "finished");
  expect([bench.get(late).result?.outcome, findingsOf(bench)]).toEqual(["expired", []]);

  bench.writeback.resolve(await asked(), { kind: "settle", wins: "erp" });
  const [before] = bench.store.findings.list();
  bench.store.findings.accept(before?.id ?? 0, { at: bench.clock.now(), until: undefined, reason: "talked over" });
  bench.clock.advance(86_400_000);
  await asked();
  expect(bench.store.findings.list()).toMatchObject([{ since: bench.clock.now(), accepted: undefined }]);
});

test("A dispute about one field that the ERP keeps is refused as a whole, and a draft is no dispute", async () => {
  const bench = open();
  bench.erp.next.push({ state: "conflict", fields: [disputed("ASKED"), disputed("STATUS")] });
  const id = bench.receive(update());
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toMatchObject({ outcome: "conflict", conflict: [{ field: "asked" }, { field: "status" }] });
  bench.settings.limits = { draft: true, perHour: undefined };
  const draft = bench.receive(update());
  await bench.reaches(draft, "waiting");
  expect(() => bench.writeback.resolve(draft, { kind: "settle", wins: "erp" })).toThrow(
    expect.objectContaining({ code: "command-not-asked" }),
  );
});

test("A command over which our own code keeps failing ends up with a person, not in an endless loop", async () => {
  const bench = open();
  bench.erp.next.push(new TypeError("broken"), new TypeError("broken"), new TypeError("broken"));
  const id = bench.receive(command());
  bench.run();
  for (let tries = 1; tries <= 3; tries++) {
    await until(() => bench.erp.writes.length === tries);
    await settle();
    for (let minute = 0; minute < 6; minute++) {
      bench.clock.advance(60_000);
      await settle();
    }
  }
  await bench.reaches(id, "uncertain");
});

test("A person's word settles what the agent can't: applied under a key, or rejected", async () => {
  const bench = open();
  bench.erp.next.push({ state: "uncertain", message: "?" }, { state: "uncertain", message: "?" });
  const [one, two] = [bench.receive(command()), bench.receive(command())];
  bench.run();
  await bench.reaches(one, "uncertain");
  await bench.reaches(two, "uncertain");
  bench.writeback.resolve(one, { kind: "applied", key: "001.0004711" });
  bench.writeback.resolve(two, { kind: "rejected" });
  expect(bench.get(one)).toMatchObject({
    state: "finished",
    key: "001.0004711",
    result: { outcome: "applied", revision: 2, entity: { type: "ticket", id: "001.0004711" } },
  });
  expect(bench.store.pending.get("tickets", "001.0004711")).toBeDefined();
  expect(bench.get(two).result).toMatchObject({ outcome: "rejected", revision: 2 });
});

test("A key that is none is refused, and a person who knows none may still say that it is there", async () => {
  const bench = open();
  bench.erp.next.push({ state: "uncertain", message: "?" });
  const id = bench.receive(command());
  bench.run();
  await bench.reaches(id, "uncertain");
  expect(() => bench.writeback.resolve(id, { kind: "applied", key: "a b/ü" })).toThrow(
    expect.objectContaining({ code: "command-key-invalid" }),
  );
  bench.writeback.resolve(id, { kind: "applied", key: "" });
  expect(bench.get(id).result).toEqual({ type: "result", id, revision: 2, outcome: "applied" });
});

test("A result that the protocol does not allow is told without its faulty part, and logged", async () => {
  const bench = open();
  bench.erp.next.push({ state: "applied", key: "K".repeat(400), repeated: false, results: new Map() });
  const id = bench.receive(command());
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toEqual({ type: "result", id, revision: 1, outcome: "applied", seq: 7 });
  expect(bench.lines).toContainEqual(expect.objectContaining({ code: "result-invalid", parts: "entity" }));
});

test("A decision on a finished, unknown or running command is refused with its reason", async () => {
  const bench = open();
  const id = bench.receive(command());
  expect(() => bench.writeback.resolve(id, { kind: "retry" })).toThrow(expect.objectContaining({ code: "command-under-way" }));
  bench.run();
  await bench.reaches(id, "finished");
  for (const kind of ["retry", "rejected"] as const) {
    expect(() => bench.writeback.resolve(id, { kind })).toThrow(
      expect.objectContaining({ kind: "rejected", code: "command-finished" }),
    );
  }
  expect(() => bench.writeback.resolve("NEVER-SEEN", { kind: "retry" })).toThrow(
    expect.objectContaining({ code: "command-unknown" }),
  );
  expect(bench.erp.effects.get(id)).toBe(1);
});

test("Effects that a restored ERP has lost are listed, repeated only on a person's word, and then once", async () => {
  const bench = open();
  const ids = [1, 2, 3].map(() => bench.receive(command())) as [string, string, string];
  bench.run();
  for (const id of ids) await bench.reaches(id, "finished");
  bench.store.inbox.settle(ids[0], 1);
  const signal = new AbortController().signal;
  expect(await bench.writeback.effectsVanished(signal)).toEqual([]);
  bench.erp.effects.delete(ids[0]);
  bench.erp.effects.delete(ids[2]);
  expect(await bench.writeback.effectsVanished(signal)).toEqual([ids[2], ids[0]]);
  await settle();
  expect(bench.erp.effects.has(ids[0])).toBe(false);
  expect(bench.lines.some((line) => line.code === "effects-vanished" && line.level === "error")).toBe(true);
  bench.writeback.resolve(ids[0], { kind: "retry" });
  await bench.reaches(ids[0], "finished");
  expect(bench.erp.effects.get(ids[0])).toBe(1);
  expect(bench.get(ids[0]).result).toMatchObject({ outcome: "applied", revision: 2 });
  expect(bench.store.inbox.unsettled().map((result) => result.id)).toContain(ids[0]);
  expect(bench.writeback.vanished()).toEqual([ids[2]]);
  expect(() => bench.writeback.resolve(ids[0], { kind: "retry" })).toThrow(expect.objectContaining({ code: "command-finished" }));
});

test("After a failover those are asked for that may have been carried out last, however long ago they came", async () => {
  const bench = open();
  bench.settings.limits = { draft: true, perHour: undefined };
  const draft = bench.receive(command());
  bench.run();
  await bench.reaches(draft, "waiting");
  bench.settings.limits = { draft: false, perHour: undefined };
  const settled = bench.receive(command());
  await bench.reaches(settled, "finished");
  bench.store.inbox.settle(settled, 1);
  bench.clock.advance(7 * 86_400_000);
  const settledSince = bench.clock.now() - 86_400_000;
  bench.writeback.resolve(draft, { kind: "retry" });
  await bench.reaches(draft, "finished");
  bench.erp.effects.clear();
  expect(await bench.writeback.effectsVanished(new AbortController().signal, { settledSince })).toEqual([draft]);
  bench.store.inbox.settle(draft, bench.get(draft).result?.revision as number);
  expect(bench.get(draft).state).toBe("settled");
  expect(await bench.writeback.effectsVanished(new AbortController().signal, { settledSince })).toEqual([draft]);
});

test("Updates whose rows stand as before them count as lost, but not where a later one of the same entity stands", async () => {
  const bench = open();
  const ids: string[] = [];
  for (const key of ["K-1", "K-1", "K-2"]) {
    bench.erp.next.push({ state: "applied", key, repeated: false, results: new Map() });
    ids.push(bench.receive(command()));
    if (ids.length === 1) bench.run();
    await bench.reaches(ids.at(-1) as string, "finished");
    bench.clock.advance(1);
  }
  const seen = (asBefore: boolean): LookupOutcome => ({ state: "unknown", message: "can't tell", asBefore });
  // Newest first: of K-1 the later update stands, so the earlier one was overwritten, not lost.
  bench.erp.nextLookup.push(seen(true), seen(false), seen(true));
  expect(await bench.writeback.effectsVanished(new AbortController().signal)).toEqual([ids[2]]);
});

test("What was listed as lost while the ERP was still being restored is listed no longer once it is back", async () => {
  const bench = open();
  const id = bench.receive(command());
  bench.run();
  await bench.reaches(id, "finished");
  const signal = new AbortController().signal;
  bench.erp.effects.delete(id);
  expect(await bench.writeback.effectsVanished(signal)).toEqual([id]);
  expect(await bench.writeback.effectsVanished(signal)).toEqual([id]);
  expect(bench.lines.filter((line) => line.code === "effects-vanished")).toHaveLength(1);
  bench.erp.effects.set(id, 1);
  expect(await bench.writeback.effectsVanished(signal)).toEqual([]);
  expect(bench.writeback.vanished()).toEqual([]);
});

test("A lost command stays listed while the one it refers to is carried out again, and that one is not listed anew meanwhile", async () => {
  const bench = open();
  bench.erp.next.push({ state: "applied", key: "K-1", repeated: false, results: new Map() });
  const created = bench.receive(command());
  bench.run();
  await bench.reaches(created, "finished");
  const comment = bench.receive(command({ command: "ticket.comment", entity: { createdBy: created } }));
  await bench.reaches(comment, "finished");
  const signal = new AbortController().signal;
  bench.erp.effects.clear();
  expect(await bench.writeback.effectsVanished(signal)).toEqual([comment, created]);
  let release = (): void => undefined;
  bench.erp.next.push(async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return { state: "applied", key: "K-1", repeated: false, results: new Map() };
  });
  bench.writeback.resolve(created, { kind: "retry" });
  await until(() => bench.get(created).state === "executing");
  expect(await bench.writeback.effectsVanished(signal)).toEqual([comment]);
  release();
  await bench.reaches(created, "finished");
  bench.writeback.resolve(comment, { kind: "retry" });
  await bench.reaches(comment, "finished");
  expect(bench.writeback.vanished()).toEqual([]);
});

test("What a person has carried out again while the ERP was being asked is not listed by what was seen before", async () => {
  const bench = open();
  const id = bench.receive(command());
  bench.run();
  await bench.reaches(id, "finished");
  const signal = new AbortController().signal;
  bench.erp.effects.delete(id);
  expect(await bench.writeback.effectsVanished(signal)).toEqual([id]);
  bench.erp.nextLookup.push(async () => {
    bench.writeback.resolve(id, { kind: "retry" });
    await bench.reaches(id, "finished");
    return { state: "absent" };
  });
  expect(await bench.writeback.effectsVanished(signal)).toEqual([]);
  expect(bench.writeback.vanished()).toEqual([]);
});

test("A stop lets what is under way end, and begins nothing new", async () => {
  const bench = open();
  let release = (): void => undefined;
  bench.erp.next.push(async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return { state: "applied", key: "K", repeated: false, results: new Map() };
  });
  const id = bench.receive(command());
  const run = bench.run();
  await until(() => bench.writeback.underWay() === 1);
  const stopped = run.stop();
  const next = bench.receive(command());
  await settle();
  release();
  expect(await stopped).toBeUndefined();
  expect(bench.get(id).state).toBe("finished");
  expect(bench.get(next).state).toBe("received");
});

test("A driver that never comes back does not keep the agent from stopping", async () => {
  const bench = open();
  bench.erp.next.push(never);
  const id = bench.receive(command());
  const run = bench.run();
  await until(() => bench.erp.next.length === 0);
  const stopped = run.stop();
  await settle();
  bench.clock.advance(15_000);
  expect(await stopped).toBeUndefined();
  expect(bench.get(id).state).toBe("executing");
});
