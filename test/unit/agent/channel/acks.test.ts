import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decideEpoch,
  emptyFlight,
  type Flying,
  judgeAck,
  land,
  launch,
  maySend,
  type Standing,
} from "../../../../agent/channel/acks.ts";

const standing = (change: Partial<Standing>): Standing => ({
  presented: 3,
  seen: 3,
  first: 11,
  next: 21,
  last: 15,
  established: true,
  otherHost: false,
  ...change,
});

test("Two memories of one history go on right behind what the portal holds", () => {
  expect(decideEpoch(standing({}))).toEqual({ kind: "resume", from: 16 });
  expect(decideEpoch(standing({ last: 10 }))).toEqual({ kind: "resume", from: 11 });
  expect(decideEpoch(standing({ last: 20 }))).toEqual({ kind: "resume", from: 21 });
});

test("A connection number below the portal's means a restored agent, and a cloned one where another host was seen", () => {
  expect(decideEpoch(standing({ presented: 2 }))).toEqual({ kind: "renew", reason: "agent-restored" });
  expect(decideEpoch(standing({ presented: 2, otherHost: true }))).toEqual({ kind: "renew", reason: "cloned" });
});

test("A portal that holds numbers not given yet means a restored agent", () => {
  expect(decideEpoch(standing({ last: 21 }))).toEqual({ kind: "renew", reason: "agent-restored" });
  expect(decideEpoch(standing({ last: 21, otherHost: true }))).toEqual({ kind: "renew", reason: "cloned" });
});

test("A portal that lacks numbers it has acked, or the whole epoch, was restored", () => {
  expect(decideEpoch(standing({ last: 9 }))).toEqual({ kind: "renew", reason: "portal-restored" });
  expect(decideEpoch(standing({ last: null }))).toEqual({ kind: "renew", reason: "portal-restored" });
});

test("An epoch that the portal never held begins again without being given up", () => {
  expect(decideEpoch(standing({ last: null, established: false, first: 1 }))).toEqual({ kind: "begin", from: 1 });
});

test("Another host alone changes nothing while both memories agree", () => {
  expect(decideEpoch(standing({ otherHost: true }))).toEqual({ kind: "resume", from: 16 });
});

/** Both memories as they develop: items are made, sent and acked, links break at any moment, and either side may be set back to a backup. */
interface World {
  agent: { connection: number; first: number; next: number; established: boolean };
  portal: { seen: number; last: number | null };
}

type Step =
  | { kind: "append"; count: number }
  | { kind: "meet"; startLost: boolean; arrives: number; acks: boolean }
  | { kind: "backup" };

const copy = (world: World): World => structuredClone(world);
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("append" as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({
      kind: fc.constant("meet" as const),
      startLost: fc.boolean(),
      arrives: fc.integer({ min: 0, max: 8 }),
      acks: fc.boolean(),
    }),
    fc.record({ kind: fc.constant("backup" as const) }),
  ),
  { maxLength: 40 },
);

const standingOf = ({ agent, portal }: World): Standing => ({
  presented: agent.connection,
  seen: portal.seen,
  first: agent.first,
  next: agent.next,
  last: portal.last,
  established: agent.established,
  otherHost: false,
});

/** One meeting within one history; returns the decision. */
function meet(world: World, step: Step & { kind: "meet" }) {
  const { agent, portal } = world;
  const decision = decideEpoch(standingOf(world));
  if (decision.kind === "renew") return decision;
  agent.connection = Math.max(agent.connection, portal.seen) + 1;
  if (portal.last !== null) agent.established = true;
  if (step.startLost) return decision;
  portal.seen = agent.connection;
  portal.last ??= 0;
  portal.last = Math.max(portal.last, Math.min(agent.next - 1, decision.from - 1 + step.arrives));
  if (step.acks && portal.last >= agent.first) {
    agent.first = portal.last + 1;
    agent.established = true;
  }
  return decision;
}

const fresh = (): World => ({ agent: { connection: 0, first: 1, next: 1, established: false }, portal: { seen: 0, last: null } });

test("Whatever links break and acks get lost, an undisturbed history is never taken for another one and loses no number", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = fresh();
      for (const step of all) {
        if (step.kind === "append") world.agent.next += step.count;
        if (step.kind !== "meet") continue;
        const decision = meet(world, step);
        expect(decision.kind).not.toBe("renew");
      }
      // Nothing is dropped that the portal does not hold.
      expect(world.agent.first - 1).toBeLessThanOrEqual(world.portal.last ?? 0);
    }),
  );
});

test("A portal set back to a backup from before an ack is always recognised", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = fresh();
      let backup = copy(world).portal;
      for (const step of all) {
        if (step.kind === "append") world.agent.next += step.count;
        if (step.kind === "backup") backup = { ...world.portal };
        if (step.kind === "meet") meet(world, step);
      }
      const forgotAcked = (backup.last ?? 0) < world.agent.first - 1;
      const decision = decideEpoch(standingOf({ ...world, portal: backup }));
      if (forgotAcked) expect(decision).toEqual({ kind: "renew", reason: "portal-restored" });
      if (decision.kind !== "renew") expect(decision.from).toBeGreaterThanOrEqual(world.agent.first);
    }),
  );
});

test("An agent set back to a backup from before a counted connection, or before numbers that arrived, is always recognised", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = fresh();
      let backup = copy(world).agent;
      for (const step of all) {
        if (step.kind === "append") world.agent.next += step.count;
        if (step.kind === "backup") backup = { ...world.agent };
        if (step.kind === "meet") meet(world, step);
      }
      const decision = decideEpoch(standingOf({ ...world, agent: backup }));
      if (backup.connection < world.portal.seen || (world.portal.last ?? 0) >= backup.next) {
        expect(decision).toEqual({ kind: "renew", reason: "agent-restored" });
      }
    }),
  );
});

const flying = fc.record({
  last: fc.nat(),
  items: fc.integer({ min: 1, max: 1_000 }),
  bytes: fc.integer({ min: 1, max: 100_000 }),
});

test("The window is never exceeded but by a single frame, which may always fly", () => {
  const limits = fc.record({ items: fc.integer({ min: 1, max: 2_000 }), bytes: fc.integer({ min: 1_024, max: 200_000 }) });
  fc.assert(
    fc.property(fc.array(flying), limits, (frames, window) => {
      const flight = emptyFlight();
      for (const frame of frames) if (maySend(flight, window, frame)) launch(flight, frame);
      const sum = (of: (frame: Flying) => number): number => flight.frames.reduce((total, frame) => total + of(frame), 0);
      expect([flight.items, flight.bytes]).toEqual([sum((frame) => frame.items), sum((frame) => frame.bytes)]);
      if (frames.length > 0) expect(flight.frames.length).toBeGreaterThan(0);
      if (flight.frames.length < 2) return;
      expect(flight.items).toBeLessThanOrEqual(window.items);
      expect(flight.bytes).toBeLessThanOrEqual(window.bytes);
    }),
  );
});

test("A frame acked in part still flies", () => {
  const flight = emptyFlight();
  launch(flight, { last: 10, items: 10, bytes: 100 });
  launch(flight, { last: 20, items: 10, bytes: 50 });
  const after = (seq: number): [number, number, number] => {
    land(flight, seq);
    return [flight.frames.length, flight.items, flight.bytes];
  };
  expect(after(9)).toEqual([2, 20, 150]);
  expect(after(10)).toEqual([1, 10, 50]);
  expect(after(15)).toEqual([1, 10, 50]);
  expect(after(20)).toEqual([0, 0, 0]);
});

const refusal = (seq: number) => ({ seq, code: "invalid" as const, reason: "" });

test("An ack may not name what was never sent, nor refuse past itself or out of order", () => {
  const progress = { acked: 10, sent: 20 };
  const judge = (seq: number, ...refused: number[]) =>
    judgeAck({ type: "ack", seq, refused: refused.map(refusal) }, progress).kind;
  expect(judge(20)).toBe("apply");
  expect(judge(11, 11)).toBe("apply");
  expect(judge(10)).toBe("stale");
  expect(judge(21)).toBe("fault");
  expect(judge(15, 16)).toBe("fault");
  expect(judge(15, 14, 12)).toBe("fault");
  expect(judge(15, 12, 12)).toBe("fault");
});
