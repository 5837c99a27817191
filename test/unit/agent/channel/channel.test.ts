import { expect, test } from "vitest";
import type { Link, LinkEnd, LinkListener, WireData } from "../../../../agent/channel/link.ts";
import type { Store } from "../../../../agent/store/store.ts";
import { FuserError } from "../../../../base/errors.ts";
import type { Clock } from "../../../../base/time.ts";
import { decodeFrame } from "../../../../protocol/frames.ts";
import { type AgentMessage, agentMessage, type PortalMessage } from "../../../../protocol/messages.ts";
import { type ManualClock, manualClock } from "../../../support/manual-clock.ts";
import { channelBench, errorOf, property, type Running } from "./bench.ts";

const bench = channelBench();

/** Lets everything that can go on without time do so. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A portal without a network: each connection is answered as the test says. */
class Wire implements Link {
  readonly said: AgentMessage[] = [];
  readonly listener: LinkListener;
  bufferedBytes = 0;
  heardAt = 0;
  closed: LinkEnd | undefined;
  readonly clock: Clock;
  constructor(listener: LinkListener, clock: Clock) {
    this.listener = listener;
    this.clock = clock;
  }
  send(data: WireData, flushed?: () => void): void {
    this.said.push(decodeFrame(data, { maxBytes: 1_000_000, schema: agentMessage }));
    flushed?.();
  }
  heartbeat(): void {}
  close(code: number, reason: string, error?: FuserError): void {
    this.end({ code, reason, error });
  }
  end(end: LinkEnd): void {
    if (this.closed !== undefined) return;
    this.closed = end;
    queueMicrotask(() => this.listener.closed(end));
  }
  say(message: PortalMessage): void {
    this.heardAt = this.clock.monotonic();
    this.listener.frame(JSON.stringify(message));
  }
  welcome(connection: number, more: Partial<PortalMessage & { type: "welcome" }> = {}): void {
    this.say({
      ...{
        type: "welcome",
        protocol: 1,
        model: 1,
        connection,
        seen: connection - 1,
        last: connection === 1 ? null : 0,
        types: ["property"],
      },
      ...{
        windowItems: 10,
        windowBytes: 10_000,
        maxFrameBytes: 10_000,
        heartbeatSeconds: 30,
        now: new Date(start).toISOString(),
      },
      ...more,
    });
  }
}

const start = Date.parse("2026-11-22T06:00:00Z");

interface Scene extends Running {
  store: Store;
  /** Thrown when the status is asked for. */
  fail: { with: unknown };
  clock: ManualClock;
  wires: Wire[];
  wire(): Wire;
  /** Waits of the retries so far, ms. */
  waits: number[];
}

/** `refuse` makes connecting itself fail. */
function scene(options: { refuse?: () => FuserError | undefined; random?: () => number } = {}): Scene {
  const clock = manualClock(start);
  const { store, directory } = bench.store(undefined, clock);
  const wires: Wire[] = [];
  const waits: number[] = [];
  const connect = async (listener: LinkListener): Promise<Link> => {
    const refusal = options.refuse?.();
    if (refusal) throw refusal;
    wires.push(new Wire(listener, clock));
    return wires.at(-1) as Wire;
  };
  const agent = { store, directory, connect } as unknown as Parameters<typeof bench.run>[0]["agent"];
  const states: Running["states"] = [];
  const fail: Scene["fail"] = { with: undefined };
  const running = bench.run({
    agent,
    clock,
    random: options.random ?? (() => 1),
    timing: { backoff: { minMs: 1_000, maxMs: 300_000 } },
    status() {
      if (fail.with !== undefined) throw fail.with;
      return { state: "active", sources: [], commands: { pending: 0, uncertain: 0 }, outbox: { items: 0, bytes: 0 } };
    },
    onState(state) {
      states.push(state);
      if ("until" in state) waits.push(state.until - clock.now());
    },
  });
  return { ...running, store, fail, states, clock, wires, waits, wire: () => wires.at(-1) as Wire };
}

const refused = new FuserError("transient", "Nobody accepts connections there", { code: "portal-refused", operation: "connect" });

test("Failures back off exponentially up to five minutes, jittered over the whole span, and are told once", async () => {
  const full = scene({ refuse: () => refused });
  for (let tries = 0; tries < 11; tries++) {
    await settle();
    full.clock.advance(full.waits.at(-1) ?? 0);
  }
  expect(full.waits.slice(0, 11)).toEqual([
    1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000,
  ]);
  expect(full.lines.filter((line) => line.code === "portal-refused" && line.level !== "debug")).toHaveLength(1);
  const half = scene({ refuse: () => refused, random: () => 0.25 });
  await settle();
  expect(half.waits).toEqual([250]);
});

test("Only a conversation that lasted ten seconds begins the backoff anew: a link that is cut each minute is made anew at once", async () => {
  const one = scene();
  let connection = 0;
  const converse = async (ms: number): Promise<void> => {
    await settle();
    one.wire().welcome(++connection);
    await settle();
    one.clock.advance(ms);
    one.wire().end({ code: 1006, reason: "", error: undefined });
    await settle();
    one.clock.advance(one.waits.at(-1) ?? 0);
  };
  for (const ms of [100, 100, 9_000, 11_000, 100]) await converse(ms);
  expect(one.waits.slice(0, 5)).toEqual([1_000, 2_000, 4_000, 1_000, 2_000]);
});

test("A `bye` that names a time is followed, never sooner and spread out, but not for ever", async () => {
  const soon = scene({ random: () => 0.5 });
  await settle();
  soon.wire().welcome(1);
  soon.wire().say({ type: "bye", reason: "update", retryAfterMs: 2_000 });
  await settle();
  expect(soon.waits).toEqual([3_000]);
  const never = scene({ random: () => 0 });
  await settle();
  never.wire().say({ type: "bye", reason: "go away", retryAfterMs: 10 ** 12 });
  await settle();
  expect(never.waits).toEqual([3_600_000]);
});

test("Each close code has its reaction", async () => {
  const cases: [code: number, reason: string, state: string, wait: [number, number], problem: string, kind: string][] = [
    [4401, "revoked", "refused", [150_000, 300_000], "portal-key-refused", "config"],
    [4406, "this portal speaks protocol 2", "refused", [150_000, 300_000], "portal-version-mismatch", "config"],
    [4412, "stage", "refused", [150_000, 300_000], "portal-stage-mismatch", "config"],
    [4409, "another took over", "superseded", [300_000, 330_000], "portal-superseded", "transient"],
    [4429, "retry after 7s", "waiting", [7_000, 12_000], "portal-slow-down", "transient"],
    [4429, "", "waiting", [60_000, 92_000], "portal-slow-down", "transient"],
    [4400, "ack: seq", "waiting", [0, 1_000], "portal-refused-frame", "transient"],
    [4413, "", "waiting", [0, 1_000], "portal-refused-frame", "transient"],
    [4408, "", "waiting", [0, 1_000], "portal-silence", "transient"],
    [1012, "", "waiting", [0, 1_000], "portal-restarts", "transient"],
    [1011, "", "waiting", [0, 1_000], "portal-closed", "transient"],
  ];
  for (const [code, reason, name, [least, most], problem, kind] of cases) {
    const one = scene({ random: () => 0.5 });
    await settle();
    one.wire().end({ code, reason, error: undefined });
    await settle();
    const state = one.channel.state();
    expect([code, state.name]).toEqual([code, name]);
    expect(errorOf(state)).toMatchObject({ code: problem, kind });
    expect(one.waits[0]).toBeGreaterThanOrEqual(least);
    expect(one.waits[0]).toBeLessThanOrEqual(most);
    await one.stop();
  }
});

test("Both versions are named when the portal refuses ours", async () => {
  const one = scene();
  await settle();
  one.wire().end({ code: 4406, reason: "this portal speaks protocol 2, model 1", error: undefined });
  await settle();
  expect(errorOf(one.channel.state())?.message).toMatch(/agent speaks protocol 1, model 1.*this portal speaks protocol 2/);
});

test("A wake ends the waiting at once", async () => {
  let down = true;
  const one = scene({ refuse: () => (down ? refused : undefined) });
  await settle();
  expect(one.channel.state().name).toBe("waiting");
  down = false;
  one.channel.wake();
  await settle();
  expect(one.wires).toHaveLength(1);
});

test("A portal that never welcomes, or speaks out of turn, is left", async () => {
  const silent = scene();
  await settle();
  silent.clock.advance(30_000);
  await settle();
  expect(silent.wire().closed).toMatchObject({ code: 4408 });
  const hasty = scene();
  await settle();
  hasty.wire().say({ type: "ack", seq: 1, refused: [] });
  await settle();
  expect(hasty.wires[0]?.closed).toMatchObject({ code: 4400, error: { code: "portal-frame-malformed" } });
  const twice = scene();
  await settle();
  twice.wire().welcome(1);
  twice.wire().welcome(2);
  await settle();
  expect(twice.wires[0]?.closed).toMatchObject({ code: 4400 });
});

test("Nothing is handed over while the network does not take what was sent, and all once it does", async () => {
  const one = scene();
  await settle();
  one.wire().bufferedBytes = 2_000_000;
  one.wire().welcome(1);
  one.store.outbox.append([property("E.1")], { bulk: false });
  await settle();
  const changes = (): number => one.wire().said.filter((message) => message.type === "changes").length;
  expect(changes()).toBe(0);
  one.wire().bufferedBytes = 0;
  one.wire().listener.drained();
  await settle();
  expect(changes()).toBe(1);
});

test("Portal time follows the welcome's clock, not our own, and is remembered for the next start", async () => {
  const one = scene();
  await settle();
  one.wire().welcome(1, { now: new Date(start + 3_600_000).toISOString() });
  await settle();
  one.clock.advance(5_000);
  expect(one.channel.portalNow()).toBe(start + 3_605_000);
  one.clock.setWall(start - 86_400_000);
  expect(one.channel.portalNow()).toBe(start + 3_605_000);
});

test("What a silent portal has not asked for is not taken for settled: it may only be held up", async () => {
  const one = scene();
  await settle();
  one.wire().welcome(1);
  await settle();
  one.clock.advance(90_000);
  expect(one.channel.asks("SENT-TOO-LATE-01")).toBeUndefined();
  // Its answer to a ping.
  one.wire().heardAt = one.clock.monotonic();
  expect(one.channel.asks("SENT-TOO-LATE-01")).toBe(false);
});

test("A fault of our own ends `run` with it, a trouble of the store is waited out", async () => {
  const one = scene();
  await settle();
  one.wire().welcome(1);
  await settle();
  one.fail.with = new FuserError("transient", "disk full", { code: "store-full", operation: "test" });
  one.channel.statusChanged();
  one.clock.advance(10_000);
  await settle();
  expect(errorOf(one.channel.state())?.code).toBe("store-full");
  one.fail.with = new TypeError("broken");
  one.clock.advance(1_000);
  await settle();
  one.wire().welcome(2);
  await settle();
  expect(await one.done).toBeInstanceOf(TypeError);
});
