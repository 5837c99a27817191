import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeFrame } from "../../../protocol/frames.ts";
import { closeCode } from "../../../protocol/messages.ts";
import { hello } from "../../support/fake-agent.ts";
import { portalBench } from "../../support/portal.ts";

const bench = portalBench();

const changes = {
  type: "changes",
  from: 1,
  tables: [{ type: "property", op: "upsert", fields: ["name"], rows: [["E.1", 1, "A"]], cause: { 0: "COMMAND1" } }],
};
const messages: object[] = [
  hello(),
  changes,
  { type: "start", connection: 1, epoch: "epoch-0001", next: 1 },
  { type: "inventory", id: "i", entity: "unit", level: "ranges", after: "a", until: "b", limit: 5 },
  { type: "received", id: "COMMAND1" },
  { type: "result", id: "COMMAND1", revision: 1, outcome: "applied", entity: { type: "ticket", id: "T.1" } },
];

/** A message with one place, at any depth, replaced by something else, and perhaps its bytes damaged. */
const damaged = fc
  .record({
    message: fc.constantFrom(...messages),
    place: fc.nat(30),
    value: fc.jsonValue({ maxDepth: 2 }),
    cut: fc.option(fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.nat(255) })),
    compressed: fc.boolean(),
  })
  .map(({ message, place, value, cut, compressed }) => {
    let seen = 0;
    const json = JSON.stringify(message, (_key, inner) => (seen++ === place ? value : inner)) ?? "null";
    const frame = encodeFrame(
      compressed ? { ...JSON.parse(`{"x":${json}}`).x, padding: "a".repeat(5_000) } : (JSON.parse(json) ?? null),
    );
    if (cut === null) return frame;
    const bytes = Buffer.from(typeof frame === "string" ? Buffer.from(frame) : frame);
    bytes[Math.floor(cut.at * (bytes.length - 1))] = cut.byte;
    return typeof frame === "string" ? bytes.toString("utf8") : bytes;
  });
const noise = fc.oneof(fc.string(), fc.uint8Array({ maxLength: 200 }), fc.json());

const expectedCodes = new Set<number>([
  closeCode.malformed,
  closeCode.tooLarge,
  closeCode.versionMismatch,
  closeCode.stageMismatch,
  closeCode.superseded,
  1_000,
]);

test("Whatever frame comes, the portal refuses it with a code and a reason or handles it, and serves its other agents", async () => {
  const failures: string[] = [];
  const log = { error: (text: string) => void failures.push(text), warn() {}, info() {}, debug() {}, part: () => log };
  const { gateway, agent } = await bench.withAgent({ log });
  const { enrolFakeAgent } = await import("../../support/fake-agent.ts");
  const fuzzer = await enrolFakeAgent(gateway);
  const { link: steady } = await bench.link(gateway, agent);
  let connection = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 4, arbitrary: damaged }, noise), { minLength: 1, maxLength: 4 }),
      async (frames) => {
        const { link, welcome } = await fuzzer.open({
          hello: { connection },
          start: { epoch: "epoch-fuzz", renewed: "requested" },
        });
        connection = welcome.connection;
        for (const frame of frames) link.sendRaw(frame);
        link.send({ type: "bye", reason: "done" });
        const { code } = await link.closed;
        expect(expectedCodes).toContain(code);
      },
    ),
    { numRuns: 100 },
  );
  expect(failures).toEqual([]);
  steady.send({ type: "inventory", id: "i", entity: "unit", level: "ids", limit: 1 });
  expect(await steady.next("answer")).toMatchObject({ outcome: "ok" });
}, 60_000);
