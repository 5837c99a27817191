import { expect, test } from "vitest";
import type { Mapped } from "../../agent/map/mapped.ts";
import type { Store } from "../../agent/store/store.ts";
import type { Hooks } from "../../portal/settings.ts";
import { entityText, fieldsOf } from "../../protocol/entity-text.ts";
import { framesAgentWith } from "./frames-agent.ts";
import { framesPortalWith } from "./frames-portal.ts";
import { type FuzzReport, fuzz } from "./fuzz.ts";
import { rowsWith } from "./rows.ts";
import { targets } from "./targets.ts";

/** ERPFUSER_TEST_SEED repeats a run. */
const seed = Number(process.env.ERPFUSER_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
const forMs = 4_000;

/** A fault with the command that shows it again. */
function toldOf({ target, faults }: FuzzReport): string[] {
  return faults.map((fault) => `${fault.seen}\n${fault.input}\nnpm run fuzz -- --target ${target} --choices ${fault.choices}`);
}

for (const target of targets) {
  test(`${target.name}: whatever comes, every promise is kept (seed ${seed})`, async () => {
    const report = await fuzz(target, { seed, forMs, atLeast: 20 });
    expect(toldOf(report)).toEqual([]);
    expect(report.cases).toBeGreaterThanOrEqual(20);
  }, 120_000);
}

const planted: readonly [what: string, hooks: Hooks, promise: RegExp][] = [
  ["loses a frame", { message: (message) => (message.type === "changes" ? "ignore" : undefined) }, /acked|holds|welcome/],
  ["forgets what it holds", { welcome: (welcome) => ({ ...welcome, last: welcome.last === null ? null : 0 }) }, /welcome|holds/],
  ["gives the same connection number again", { welcome: (welcome) => ({ ...welcome, connection: welcome.seen + 1 }) }, /welcome/],
  ["acks nothing", { ackDelayMs: "never" }, /acked/],
  ["refuses what is right", { refuse: (item) => (item.id === "E.2" ? { code: "invalid", reason: "no" } : undefined) }, /refused/],
  [
    "cuts the link on a valid message",
    { message: (message) => (message.type === "status" ? "drop" : undefined) },
    /refused|code/,
  ],
];

const spoilt: readonly [what: string, spoil: (store: Store) => Store, promise: RegExp][] = [
  [
    "acknowledges a command before it is stored",
    (store) => ({ ...store, inbox: { ...store.inbox, receive: () => "stored" } }),
    /stored/,
  ],
  [
    "drops a frame before its ack",
    (store) => ({ ...store, outbox: { ...store.outbox, ack: (seq) => store.outbox.ack(seq + 1) } }),
    /dropped|next number|outbox|history/,
  ],
  [
    "forgets its connection number",
    (store) => ({
      ...store,
      meta: { ...store.meta, set: (name, value) => store.meta.set(name, name === "channel.connection" ? "1" : value) },
    }),
    /connection number/,
  ],
];

for (const [what, spoil, promise] of spoilt) {
  test(`An agent that ${what} is found out`, async () => {
    const report = await fuzz(framesAgentWith(spoil), { seed, forMs: 30_000, mostFaults: 1, shrinkMs: 0 });
    expect(report.faults.map((fault) => fault.promise)).toEqual([expect.stringMatching(promise)]);
  }, 60_000);
}

const twisted: readonly [what: string, twist: (mapped: Mapped, n: number) => Mapped, promise: RegExp][] = [
  ["maps a row differently the second time", (mapped, n) => ({ ...mapped, id: `${mapped.id}${n}` }), /every time/],
  ["loses the id", (mapped) => ({ ...mapped, id: "E.1" }), /keeps its id/],
  [
    "sends what the model does not know",
    (mapped) =>
      mapped.kind === "entity" ? { ...mapped, text: entityText({ ...fieldsOf(mapped.text), colour: "red" }) } : mapped,
    /fits the model/,
  ],
  ["refuses without a reason", (mapped) => (mapped.kind === "faulty" ? { ...mapped, faults: [] } : mapped), /has faults/],
];

for (const [what, twist, promise] of twisted) {
  test(`A mapping that ${what} is found out`, async () => {
    let n = 0;
    const target = rowsWith((mapping) => ({ ...mapping, map: (...row) => twist(mapping.map(...row), n++) }));
    const report = await fuzz(target, { seed, forMs: 30_000, mostFaults: 1, shrinkMs: 0 });
    expect(report.faults.map((fault) => fault.promise)).toEqual([expect.stringMatching(promise)]);
  }, 60_000);
}

for (const [what, hooks, promise] of planted) {
  test(`A portal that ${what} is found out`, async () => {
    const report = await fuzz(framesPortalWith(hooks), { seed, forMs: 30_000, mostFaults: 1, shrinkMs: 0 });
    expect(report.faults.map((fault) => fault.promise)).toEqual([expect.stringMatching(promise)]);
  }, 60_000);
}
