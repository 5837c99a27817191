import { zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { decodeFrame, encodeFrame, encodeJsonBytes, MalformedFrame } from "../../../protocol/frames.ts";
import { agentMessage, portalMessage } from "../../../protocol/messages.ts";

const options = { maxBytes: 100_000, schema: agentMessage };
const bye = (reason: string) => ({ type: "bye" as const, reason });
const jsonOf = (bytes: number): object => {
  const empty = Buffer.byteLength(JSON.stringify({ type: "x", text: "" }));
  return { type: "x", text: "a".repeat(bytes - empty) };
};

function fault(data: string | Uint8Array): MalformedFrame {
  try {
    decodeFrame(data, options);
  } catch (error) {
    if (error instanceof MalformedFrame) return error;
    throw error;
  }
  throw new Error("The frame was accepted.");
}

test("A message of 4 KiB travels as text, one byte more as zstd with its codec byte", () => {
  expect(encodeFrame(jsonOf(4_096))).toBeTypeOf("string");
  const binary = encodeFrame(jsonOf(4_097)) as Uint8Array;
  expect(binary[0]).toBe(1);
  expect(binary.length).toBeLessThan(200);
});

test("The limit counts bytes, not characters", () => {
  expect(encodeFrame({ text: "ü".repeat(2_030) })).toBeTypeOf("string");
  expect(encodeFrame({ text: "ü".repeat(2_050) })).toBeInstanceOf(Uint8Array);
});

test.each([10, 900])("What was encoded is decoded unchanged (%i characters)", (length) => {
  const message = bye("Grüße 😀 ".repeat(length).slice(0, length));
  expect(decodeFrame(encodeFrame(message), options)).toEqual(message);
});

test("JSON that is already serialised makes the same frame as its message", () => {
  for (const size of [200, 4_096, 4_097, 50_000]) {
    const message = jsonOf(size);
    expect(encodeJsonBytes(Buffer.from(JSON.stringify(message)))).toEqual(encodeFrame(message));
  }
});

test("A frame that is not JSON is refused without quoting it", () => {
  const error = fault('{"type":"bye", "reason": secret');
  expect(error.code).toBe("not-json");
  expect(`${error.message} ${error.cause}`).not.toContain("secret");
});

test.each([
  ["an unknown codec", Uint8Array.of(2, 1, 2, 3), "unknown-codec"],
  ["an empty binary frame", new Uint8Array(), "unknown-codec"],
  ["damaged zstd", Uint8Array.of(1, 1, 2, 3), "not-json"],
  ["truncated zstd", (encodeFrame(jsonOf(9_000)) as Uint8Array).subarray(0, 20), "not-json"],
  ["bytes that are not UTF-8", Buffer.concat([Uint8Array.of(1), zstdCompressSync(Uint8Array.of(0x22, 0xff, 0x22))]), "not-json"],
])("A frame with %s is refused", (_, data, code) => {
  expect(fault(data).code).toBe(code);
});

test("A text frame past the limit is refused, at the limit it is read", () => {
  const reason = "ü".repeat(900);
  const text = JSON.stringify(bye(reason));
  const bytes = Buffer.byteLength(text);
  expect(decodeFrame(text, { ...options, maxBytes: bytes })).toEqual(bye(reason));
  expect(() => decodeFrame(text, { ...options, maxBytes: bytes - 1 })).toThrow(expect.objectContaining({ code: "too-large" }));
});

test("A decompression bomb is refused without unpacking it", () => {
  const bomb = Buffer.concat([Uint8Array.of(1), zstdCompressSync(Buffer.alloc(200_000_000, 0x20))]);
  expect(bomb.length).toBeLessThan(50_000);
  const before = process.memoryUsage.rss();
  expect(fault(bomb).code).toBe("too-large");
  expect(process.memoryUsage.rss() - before).toBeLessThan(100_000_000);
});

test("Nesting deep enough to exhaust a stack is refused or read, never a crash", () => {
  const depth = 40_000;
  const nested = `{"type":"bye","reason":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  expect(fault(nested).code).toBe("schema");
});

test.each([
  ["an unknown message", { type: "hullo" }, "type"],
  ["a missing field", { type: "bye" }, "reason"],
  ["a field of another kind", { type: "bye", reason: 12 }, "reason"],
  ["a field nobody knows", { type: "bye", reason: "x", shade: "very secret" }, "shade"],
  ["an unknown field that looks like data", { type: "bye", reason: "x", "Erika Mustermann": 1 }, "?"],
  ["a fault deep inside", { type: "inventory", id: "1", entity: "unit", level: "all", limit: 3 }, "level"],
])("A frame with %s is refused with its place and without its values", (_, message, path) => {
  const error = fault(JSON.stringify(message));
  expect(error.code).toBe("schema");
  expect(error.path).toBe(path);
  expect(error.message).not.toMatch(/secret|Erika|hullo/);
});

test("A field named __proto__ is refused, not left out: what is stored is what was sent", () => {
  const command = (values: string): string =>
    `{"type":"command","id":"COMMAND-1","command":"ticket.create","values":${values},"issuedAt":"2026-11-22T06:00:00Z"}`;
  const read = (text: string) => decodeFrame(text, { maxBytes: 10_000, schema: portalMessage });
  expect(read(command('{"title":"x","proto":1}'))).toMatchObject({ values: { title: "x", proto: 1 } });
  expect(() => read(command('{"title":"x","__proto__":null}'))).toThrow(
    expect.objectContaining({ code: "schema", path: "values.?" }),
  );
  expect(() => read(command('{"title":"x"},"base":{"__proto__":{}}'))).toThrow(expect.objectContaining({ code: "schema" }));
});

test.each(["null", "[]", '"text"', "17"])("JSON that is no object is refused: %s", (text) => {
  expect(fault(text).code).toBe("schema");
});
