import { expect, test } from "vitest";
import { buildChanges } from "../../../protocol/changes.ts";
import { addShare, createDigester, digestHex } from "../../../protocol/digest.ts";
import type { Answer, Inventory } from "../../../protocol/messages.ts";
import { portalBench } from "../../support/portal.ts";

const bench = portalBench();
const digester = await createDigester();

async function holding(ids: readonly string[], limits: Parameters<typeof bench.withAgent>[0] = {}) {
  const { gateway, agent } = await bench.withAgent(limits);
  const { link } = await bench.link(gateway, agent);
  const item = (id: string) => ({ type: "property", id, op: "upsert" as const, time: 1, fields: { name: `estate ${id}` } });
  for (let sent = 0; sent < ids.length; sent += 50) {
    link.send(buildChanges(sent + 1, ids.slice(sent, sent + 50).map(item)));
    await link.next("ack");
  }
  const ask = (asked: Partial<Inventory>): Promise<Answer> => {
    link.send({ type: "inventory", id: "q", entity: "property", level: "ids", limit: 100, ...asked });
    return link.next("answer");
  };
  return { link, ask };
}

const digestOf = (id: string): bigint => digester.entity({ name: `estate ${id}` });
const rangeDigest = (ids: readonly string[]): string =>
  digestHex(ids.map((id) => digester.share(id, digestOf(id))).reduce(addShare, 0n));
const idsOf = (answer: Answer): string[] => (answer.ids ?? []).map(([id]) => id);

test("Ids come in the byte order of their UTF-8, each with its digest", async () => {
  const { ask } = await holding(["b", "a.2", "B", "a.10", "_", "Z", "a"]);
  const answer = await ask({});
  expect(idsOf(answer)).toEqual(["B", "Z", "_", "a", "a.10", "a.2", "b"]);
  expect(answer.ids?.[0]).toEqual(["B", digestHex(digestOf("B"))]);
  expect(answer.complete).toBe(true);
});

test("After is exclusive, until inclusive, and complete tells whether more follows", async () => {
  const { ask } = await holding(["a", "b", "c", "d", "e"]);
  expect(idsOf(await ask({ after: "b", until: "d" }))).toEqual(["c", "d"]);
  const first = await ask({ limit: 2 });
  expect([idsOf(first), first.complete]).toEqual([["a", "b"], false]);
  const exact = await ask({ after: "c", limit: 2 });
  expect([idsOf(exact), exact.complete]).toEqual([["d", "e"], true]);
});

test("Ranges name their ends, count and the digest over their entities", async () => {
  const { ask } = await holding(["a", "b", "c", "d", "e"]);
  const answer = await ask({ level: "ranges", limit: 2 });
  expect(answer).toMatchObject({
    complete: true,
    ranges: [
      { first: "a", last: "b", count: 2, digest: rangeDigest(["b", "a"]) },
      { first: "c", last: "d", count: 2, digest: rangeDigest(["c", "d"]) },
      { first: "e", last: "e", count: 1, digest: rangeDigest(["e"]) },
    ],
  });
  expect((await ask({ level: "ranges", limit: 2, after: "d" })).ranges).toHaveLength(1);
});

test("Deleted entities, other types and an empty portal are not listed", async () => {
  const { link, ask } = await holding(["a", "b"]);
  link.send({
    type: "changes",
    from: 3,
    tables: [{ type: "property", op: "delete", fields: ["reason"], rows: [["a", 1, "gone"]] }],
  });
  await link.next("ack");
  expect(idsOf(await ask({}))).toEqual(["b"]);
  expect(await ask({ entity: "unit" })).toMatchObject({ ids: [], complete: true });
  expect(await ask({ entity: "unit", level: "ranges" })).toMatchObject({ ranges: [], complete: true });
});

test("An answer that would pass the largest frame is cut, and can be gone on with", async () => {
  const ids = Array.from({ length: 200 }, (_, index) => `E.${String(index).padStart(4, "0")}.${"x".repeat(100)}`);
  const { ask } = await holding(ids, { limits: { maxFrameBytes: 16_384, windowItems: 1 } }).catch((error) =>
    Promise.reject(error),
  );
  for (const level of ["ids", "ranges"] as const) {
    const found: string[] = [];
    let answers = 0;
    for (let after: string | undefined; ; answers++) {
      const answer = await ask({ level, limit: level === "ids" ? 10_000 : 1, ...(after ? { after } : {}) });
      found.push(...(level === "ids" ? idsOf(answer) : (answer.ranges ?? []).map((range) => range.first)));
      expect(JSON.stringify(answer).length).toBeLessThan(16_384);
      if (answer.complete) break;
      after = found.at(-1);
    }
    expect(answers).toBeGreaterThan(1);
    expect(found).toEqual(ids);
  }
});
