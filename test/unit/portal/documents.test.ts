// What the gateway makes of the bytes that a scripted agent sends: well, damaged, too many, or none.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { systemClock } from "../../../base/time.ts";
import { adminRoute } from "../../../portal/admin.ts";
import { encodePiece } from "../../../protocol/blob-piece.ts";
import { buildChanges } from "../../../protocol/changes.ts";
import type { Fields } from "../../../protocol/model.ts";
import { patient, portalBench } from "../../support/portal.ts";

const bench = portalBench();
const bytes = Buffer.from("The lease, as it was signed.");
const sha256 = createHash("sha256").update(bytes).digest("hex");

/** A portal that holds one document, and its agent. */
async function withDocument(more: Fields = {}) {
  const { gateway, agent } = await bench.withAgent();
  const { agentId } = agent.enrolment;
  const { link } = await bench.link(gateway, agent);
  const fields = { subject: [], category: "contract", name: "Lease", mediaType: "application/pdf", ...more };
  link.send(buildChanges(1, [{ op: "upsert", type: "document", id: "D.1", time: 1_000, fields }]));
  await link.next("ack");
  const state = () => gateway.document(agentId, "D.1");
  return { gateway, agent, agentId, link, state };
}

test("Bytes are asked for, acked piece by piece, and served once size and digest are right", async () => {
  const { gateway, agentId, link, state } = await withDocument({ sizeBytes: bytes.length, sha256 });
  gateway.wantDocument(agentId, "D.1");
  const { id, document, offset, version } = await link.next("blob-request");
  expect([document, offset, version]).toEqual(["D.1", 0, undefined]);
  link.send({ type: "blob", id, offset: 0, sizeBytes: bytes.length, version: "v1" });
  for (const at of [0, 10]) {
    link.sendRaw(encodePiece({ id, offset: at, bytes: bytes.subarray(at, at === 0 ? 10 : undefined) }));
    expect(await link.next("blob-ack")).toMatchObject({ id, offset: at === 0 ? 10 : bytes.length });
  }
  expect(gateway.documentBytes(agentId, "D.1")).toBeUndefined();
  link.send({ type: "answer", id, outcome: "ok", blob: { sizeBytes: bytes.length, sha256 } });
  await expect.poll(state, patient).toMatchObject({ state: "held", sha256 });
  gateway.addRoute(adminRoute(gateway, { token: "t", clock: systemClock }));
  const served = await fetch(`${gateway.httpUrl}/api/document-bytes?id=D.1`, { headers: { authorization: "Bearer t" } });
  expect([served.headers.get("content-disposition"), Buffer.from(await served.arrayBuffer()).equals(bytes)]).toEqual([
    "attachment",
    true,
  ]);
});

test("Bytes of another digest than the entity's are refused and dropped, damaged ones are asked for again, three times at the most", async () => {
  const { gateway, agentId, link, state } = await withDocument({ sha256: "0".repeat(64) });
  gateway.wantDocument(agentId, "D.1");
  const send = async (told: string): Promise<void> => {
    const { id, offset } = await link.next("blob-request");
    expect(offset).toBe(0);
    link.send({ type: "blob", id, offset: 0, sizeBytes: bytes.length, version: "v1" });
    link.sendRaw(encodePiece({ id, offset: 0, bytes }));
    link.send({ type: "answer", id, outcome: "ok", blob: { sizeBytes: bytes.length, sha256: told } });
  };
  await send(sha256);
  await expect.poll(state, patient).toMatchObject({ state: "refused", reason: "differs", received: 0 });
  gateway.wantDocument(agentId, "D.1");
  for (let tries = 0; tries < 3; tries++) await send("f".repeat(64));
  await expect.poll(state, patient).toMatchObject({ state: "refused", reason: "damaged", received: 0 });
  expect(link.waiting.filter(({ type }) => type === "blob-request")).toEqual([]);
});

test("A bytes' transfer goes on with the next link, from what is held and under its version", async () => {
  const { gateway, agent, agentId, link, state } = await withDocument();
  gateway.wantDocument(agentId, "D.1");
  const { id } = await link.next("blob-request");
  link.send({ type: "blob", id, offset: 0, sizeBytes: bytes.length, version: "v1" });
  link.sendRaw(encodePiece({ id, offset: 0, bytes: bytes.subarray(0, 10) }));
  await link.next("blob-ack");
  await link.close();
  const { link: second } = await bench.link(gateway, agent, { hello: { connection: 1, first: 2, next: 2 } });
  const again = await second.next("blob-request");
  expect(again).toMatchObject({ document: "D.1", offset: 10, version: "v1" });
  // It is another file by now.
  second.send({ type: "blob", id: again.id, offset: 0, sizeBytes: 3, version: "v2" });
  second.sendRaw(encodePiece({ id: again.id, offset: 0, bytes: Buffer.from("new") }));
  const digest = createHash("sha256").update("new").digest("hex");
  second.send({ type: "answer", id: again.id, outcome: "ok", blob: { sizeBytes: 3, sha256: digest } });
  await expect.poll(state, patient).toMatchObject({ state: "held", sizeBytes: 3, sha256: digest });
});

test("What an agent refuses for now is asked for again on the next link, and what was held before stays", async () => {
  const { gateway, agent, agentId, link, state } = await withDocument();
  gateway.wantDocument(agentId, "D.1");
  const { id } = await link.next("blob-request");
  link.send({ type: "answer", id, outcome: "refused", reason: "later" });
  await expect.poll(state, patient).toMatchObject({ state: "refused", reason: "later" });
  await link.close();
  const { link: second } = await bench.link(gateway, agent, { hello: { connection: 1, first: 2, next: 2 } });
  const again = await second.next("blob-request");
  second.send({ type: "blob", id: again.id, offset: 0, sizeBytes: bytes.length, version: "v1" });
  second.sendRaw(encodePiece({ id: again.id, offset: 0, bytes }));
  second.send({ type: "answer", id: again.id, outcome: "ok", blob: { sizeBytes: bytes.length, sha256 } });
  await expect.poll(state, patient).toMatchObject({ state: "held" });
  gateway.wantDocument(agentId, "D.1");
  const third = await second.next("blob-request");
  expect(third).toMatchObject({ offset: bytes.length, version: "v1" });
  second.send({ type: "answer", id: third.id, outcome: "refused", reason: "later" });
  await expect.poll(state, patient).toMatchObject({ state: "held", reason: "later" });
  expect(Buffer.concat([...(gateway.documentBytes(agentId, "D.1") ?? [])]).equals(bytes)).toBe(true);
});

test.each([
  ["of a request that is not under way", (id: string) => encodePiece({ id: `${id}x`, offset: 0, bytes })],
  ["that leaves bytes out", (id: string) => encodePiece({ id, offset: 1, bytes })],
  ["beyond the size", (id: string) => encodePiece({ id, offset: 0, bytes: Buffer.alloc(bytes.length + 1) })],
  ["that is larger than a piece", (id: string) => encodePiece({ id, offset: 0, bytes: Buffer.alloc(32_769) })],
  ["that is cut short", (id: string) => encodePiece({ id, offset: 0, bytes }).subarray(0, 9)],
  ["without bytes", (id: string) => encodePiece({ id, offset: 0, bytes: new Uint8Array() })],
])("A piece %s closes with 4400, and nothing of it is kept", async (_, piece) => {
  const { gateway, agentId, link, state } = await withDocument();
  gateway.wantDocument(agentId, "D.1");
  const { id } = await link.next("blob-request");
  link.send({ type: "blob", id, offset: 0, sizeBytes: bytes.length, version: "v1" });
  link.sendRaw(piece(id));
  expect(await link.closed).toMatchObject({ code: 4400 });
  expect(state()).toMatchObject({ state: "wanted", received: 0 });
});
