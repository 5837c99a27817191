/** Lies planted in the other end, and in the mapping: the fuzzer finds each of them out. */
import { expect, test } from "vitest";
import type { Mapped, RowWriter } from "../../agent/map/mapped.ts";
import type { Store } from "../../agent/store/store.ts";
import type { Hooks } from "../../portal/settings.ts";
import { entityText, fieldsOf } from "../../protocol/entity-text.ts";
import { seed } from "../support/seed.ts";
import { has } from "../support/servers.ts";
import { framesAgentWith } from "./frames-agent.ts";
import { framesPortalWith } from "./frames-portal.ts";
import { fuzz } from "./fuzz.ts";
import { rowsWith } from "./rows.ts";
import type { Target } from "./target.ts";

/** What a lie leads to first is a matter of the case; any promise will do, but no error of the fuzzer's own. */
async function foundOut(target: Target): Promise<void> {
  const report = await fuzz(target, { seed, forMs: 0, atLeast: 1_000, mostFaults: 1, shrinkMs: 0 });
  expect(report.faults.map((fault) => fault.promise)).toEqual([expect.not.stringMatching(/^nothing/)]);
}

const planted: readonly [what: string, hooks: Hooks][] = [
  ["loses a frame", { message: (message) => (message.type === "changes" ? "ignore" : undefined) }],
  ["forgets what it holds", { welcome: (welcome) => ({ ...welcome, last: welcome.last === null ? null : 0 }) }],
  ["gives the same connection number again", { welcome: (welcome) => ({ ...welcome, connection: welcome.seen + 1 }) }],
  ["acks nothing", { ackDelayMs: "never" }],
  ["refuses what is right", { refuse: (item) => (item.id === "E.2" ? { code: "invalid", reason: "no" } : undefined) }],
  ["cuts the link on a valid message", { message: (message) => (message.type === "status" ? "drop" : undefined) }],
];

for (const [what, hooks] of planted) {
  test(`A portal that ${what} is found out`, () => foundOut(framesPortalWith(hooks)), 120_000);
}

const spoilt: readonly [what: string, spoil: (store: Store) => Store][] = [
  ["acknowledges a command before it is stored", (store) => ({ ...store, inbox: { ...store.inbox, receive: () => "stored" } })],
  [
    "drops a frame before its ack",
    (store) => ({ ...store, outbox: { ...store.outbox, ack: (seq) => store.outbox.ack(seq + 1) } }),
  ],
  [
    "forgets its connection number",
    (store) => ({
      ...store,
      meta: { ...store.meta, set: (name, value) => store.meta.set(name, name === "channel.connection" ? "1" : value) },
    }),
  ],
];

for (const [what, spoil] of spoilt) {
  test(`An agent that ${what} is found out`, () => foundOut(framesAgentWith(spoil)), 120_000);
}

const twisted: readonly [what: string, twist: (mapped: Mapped, n: number) => Mapped][] = [
  ["maps a row differently the second time", (mapped, n) => ({ ...mapped, id: `${mapped.id}${n}` })],
  ["loses the id", (mapped) => ({ ...mapped, id: "E.1" })],
  [
    "sends what the model does not know",
    (mapped) =>
      mapped.kind === "entity" ? { ...mapped, text: entityText({ ...fieldsOf(mapped.text), colour: "red" }) } : mapped,
  ],
  ["refuses without a reason", (mapped) => (mapped.kind === "faulty" ? { ...mapped, faults: [] } : mapped)],
];

for (const [what, twist] of twisted) {
  test(`A mapping that ${what} is found out`, () => {
    let n = 0;
    return foundOut(rowsWith((mapping) => ({ ...mapping, map: (...row) => twist(mapping.map(...row), n++) })));
  }, 120_000);
}

test.skipIf(!has("mariadb"))(
  "A row writer that writes another text than the mapping is found out",
  () => {
    const spoilt = (writer: RowWriter | undefined): RowWriter | undefined =>
      writer && {
        ...writer,
        write(rows, keyLength, into) {
          const written = writer.write(rows, keyLength, into);
          if (written) into.bytes[into.end - 1] = 0x20;
          return written;
        },
      };
    return foundOut(rowsWith((mapping) => ({ ...mapping, writerFor: (forms) => spoilt(mapping.writerFor(forms)) })));
  },
  120_000,
);
