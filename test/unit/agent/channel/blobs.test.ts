import { createHash } from "node:crypto";
import { expect, test, vi } from "vitest";
import { type BlobContent, createBlobs } from "../../../../agent/channel/blobs.ts";
import { decodePiece, pieceBytes, piecesInFlight } from "../../../../protocol/blob-piece.ts";
import type { AgentMessage } from "../../../../protocol/messages.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const all = Buffer.from(Array.from({ length: 10 * pieceBytes }, (_, index) => (index * 7) % 256));
const sha256 = createHash("sha256").update(all).digest("hex");

/** Bytes in memory; `closed` counts. */
function content(told: { isSame?: boolean } = {}) {
  let closed = 0;
  const opened = (): BlobContent => ({
    sizeBytes: all.length,
    version: "v1",
    read: async (offset, length) => all.subarray(offset, offset + length),
    isSame: async () => told.isSame ?? true,
    [Symbol.asyncDispose]: async () => void closed++,
  });
  return { opened, closed: () => closed };
}

function transfers(open: (document: string) => BlobContent | { refused: string }) {
  const said: AgentMessage[] = [];
  const pieces: { id: string; offset: number }[] = [];
  const clock = manualClock();
  const over = new AbortController();
  const failures: unknown[] = [];
  const blobs = createBlobs({
    open: async (document) => open(document),
    send: (message) => void said.push(message),
    sendPiece: (frame) => void pieces.push(decodePiece(frame as Uint8Array)),
    askLine: () => queueMicrotask(() => lineIsFree && blobs.lineIsFree()),
    maxFrameBytes: 1_048_576,
    clock,
    patienceMs: 1_000,
    onFailed: (error) => void failures.push(error),
    signal: over.signal,
  });
  let lineIsFree = true;
  const ask = (id: string, more: { offset?: number; version?: string } = {}): void =>
    blobs.request({ type: "blob-request", id, document: "D.1", offset: 0, ...more });
  return { blobs, said, pieces, clock, over, failures, ask, block: () => (lineIsFree = false) };
}

const seen = (look: () => void): Promise<void> => vi.waitFor(look, { timeout: 8_000, interval: 2 });

test("No more pieces are under way than the portal has taken, and size and digest end them", async () => {
  const one = content();
  const { blobs, said, pieces, ask } = transfers(one.opened);
  ask("r1");
  await seen(() => expect(pieces).toHaveLength(piecesInFlight));
  blobs.lineIsFree();
  await Promise.resolve();
  expect(pieces).toHaveLength(piecesInFlight);
  for (let taken = 1; taken <= 10; taken++) {
    blobs.acked("r1", taken * pieceBytes);
    blobs.lineIsFree();
    await seen(() => expect(pieces).toHaveLength(Math.min(10, taken + piecesInFlight)));
  }
  await seen(() => expect(said).toHaveLength(2));
  expect(said).toMatchObject([
    { type: "blob", offset: 0, sizeBytes: all.length },
    { type: "answer", outcome: "ok", blob: { sizeBytes: all.length, sha256 } },
  ]);
  await seen(() => expect(one.closed()).toBe(1));
});

test("What the portal holds of the same version is not sent again and counts for the digest; of another version all is", async () => {
  for (const [version, from] of [
    ["v1", 7 * pieceBytes],
    ["v0", 0],
  ] as const) {
    const { blobs, said, pieces, ask } = transfers(content().opened);
    ask("r1", { offset: 7 * pieceBytes, version });
    await seen(() => expect(pieces[0]?.offset).toBe(from));
    blobs.acked("r1", all.length);
    const free = setInterval(() => {
      blobs.acked("r1", (pieces.at(-1)?.offset ?? 0) + pieceBytes);
      blobs.lineIsFree();
    }, 1);
    await seen(() => expect(said.at(-1)).toMatchObject({ type: "answer", blob: { sha256 } }));
    clearInterval(free);
    expect(pieces).toHaveLength((all.length - from) / pieceBytes);
  }
});

test("While changes have the line no piece goes", async () => {
  const { blobs, said, pieces, ask, block, over, failures } = transfers(content().opened);
  block();
  ask("r1");
  await seen(() => expect(said).toHaveLength(1));
  await new Promise((resolve) => setImmediate(resolve));
  expect(pieces).toEqual([]);
  blobs.lineIsFree();
  await seen(() => expect(pieces).toHaveLength(1));
  over.abort(new Error("the link ended"));
  await seen(() => expect(failures).toHaveLength(1));
});

test("A portal that takes nothing any more makes room for the next document, and bytes that changed are not said to be whole", async () => {
  const one = content({ isSame: false });
  const { said, pieces, clock, ask } = transfers(one.opened);
  ask("r1");
  ask("r2", { offset: all.length, version: "v1" });
  await seen(() => expect(pieces).toHaveLength(piecesInFlight));
  await seen(() => {
    clock.advance(1_000);
    expect(said.at(-1)).toMatchObject({ id: "r2", outcome: "refused", reason: "changed" });
  });
  expect(said.map(({ type, ...more }) => [type, "id" in more ? more.id : undefined])).toEqual([
    ["blob", "r1"],
    ["answer", "r1"],
    ["blob", "r2"],
    ["answer", "r2"],
  ]);
  expect(said[1]).toMatchObject({ outcome: "refused", reason: "busy" });
  await seen(() => expect(one.closed()).toBe(2));
});
