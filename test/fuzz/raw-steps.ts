/** What is written to a socket, step by step, well-formed or not; the same for both ends of the channel. */
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Chance } from "./chance.ts";
import { mutated, mutatedText } from "./mutate.ts";
import { type FrameShape, frameBytes, opcode } from "./wire.ts";

export type RawStep =
  /** One frame that keeps the rules of WebSocket; what it holds may break ours. */
  | { send: "text"; text: string }
  | { send: "binary"; hex: string }
  /** The same payload in several frames, which is allowed. */
  | { send: "fragments"; text: string; parts: number; pingBetween: boolean }
  /** A ping or an unasked pong. */
  | { send: "ping" | "pong"; hex: string }
  /** Bytes that break the rules of WebSocket, or stop in the middle of a frame. */
  | { send: "wire"; hex: string; why: string };

/** The frame of a message as the protocol says: text up to 4 KiB, else zstd. */
export function messageStep(message: unknown, forceBinary = false): RawStep {
  const text = JSON.stringify(message) ?? "null";
  const bytes = Buffer.from(text);
  if (bytes.length <= 4_096 && !forceBinary) return { send: "text", text };
  return { send: "binary", hex: Buffer.concat([Buffer.of(1), zstdCompressSync(bytes)]).toString("hex") };
}

/** A message damaged as a value, as a text, as a compressed frame, or below all of that. */
export function damagedStep(chance: Chance, message: unknown, masked: boolean): RawStep {
  switch (chance.below(8)) {
    case 0:
    case 1:
    case 2:
      return messageStep(mutated(chance, message), chance.oneIn(6));
    case 3:
      return messageStep(mutated(chance, mutated(chance, message)), chance.oneIn(6));
    case 4:
      return { send: "text", text: mutatedText(chance, message) };
    case 5:
      return damagedBinary(chance, message);
    case 6:
      return harmless(chance, message);
    default:
      return brokenWire(chance, message, masked);
  }
}

function damagedBinary(chance: Chance, message: unknown): RawStep {
  const json = Buffer.from(chance.oneIn(3) ? mutatedText(chance, message) : (JSON.stringify(message) ?? "null"));
  const packed = Buffer.concat([Buffer.of(1), zstdCompressSync(json)]);
  const binary = (bytes: Buffer): RawStep => ({ send: "binary", hex: bytes.toString("hex") });
  switch (chance.below(8)) {
    case 0:
      return binary(chance.bytes(chance.below(64)));
    case 1:
      return binary(packed.subarray(0, chance.below(packed.length + 1)));
    case 2:
      packed[chance.below(packed.length)] = chance.below(256);
      return binary(packed);
    case 3:
      // A bomb: a few bytes that unpack to megabytes.
      return binary(Buffer.concat([Buffer.of(1), zstdCompressSync(Buffer.alloc(chance.pick([2, 20, 64]) * 1_048_576, " "))]));
    case 4:
      return binary(Buffer.concat([packed, chance.oneIn(2) ? packed.subarray(1) : chance.bytes(8)]));
    case 5:
      return binary(Buffer.concat([Buffer.of(1), zstdCompressSync(Buffer.concat([json, Buffer.of(0xff, 0xc0, 0x80)]))]));
    case 6:
      return binary(Buffer.concat([Buffer.of(chance.below(256)), packed.subarray(1)]));
    default:
      return binary(packed);
  }
}

/** Unusual, but allowed: nothing of it may be refused. */
function harmless(chance: Chance, message: unknown): RawStep {
  if (chance.oneIn(3)) return { send: chance.pick(["ping", "pong"]), hex: chance.bytes(chance.below(126)).toString("hex") };
  return {
    send: "fragments",
    text: JSON.stringify(message) ?? "null",
    parts: chance.between(2, 6),
    pingBetween: chance.oneIn(2),
  };
}

function brokenWire(chance: Chance, message: unknown, masked: boolean): RawStep {
  const payload = Buffer.from(JSON.stringify(message) ?? "null").subarray(0, 120);
  const right: FrameShape = { opcode: opcode.text, fin: true, reserved: 0, masked };
  const frame = (shape: Partial<FrameShape>, body = payload): Buffer => frameBytes(body, { ...right, ...shape });
  const ways: readonly (readonly [why: string, bytes: () => Buffer])[] = [
    ["masked the wrong way", () => frame({ masked: !masked })],
    ["an opcode nobody knows", () => frame({ opcode: chance.pick([3, 7, 11, 15]) })],
    ["reserved bits", () => frame({ reserved: chance.between(1, 7) })],
    ["a continuation of nothing", () => frame({ opcode: opcode.continuation })],
    ["a second message within a first", () => Buffer.concat([frame({ fin: false }), frame({})])],
    ["a ping in fragments", () => frame({ opcode: opcode.ping, fin: false })],
    ["a ping that is too long", () => frame({ opcode: opcode.ping }, Buffer.alloc(200))],
    ["text that is not UTF-8", () => frame({}, Buffer.of(0x22, 0xff, 0xfe, 0x22))],
    ["a close without a whole code", () => frame({ opcode: opcode.close }, Buffer.of(3))],
    ["a close with a code of nobody", () => frame({ opcode: opcode.close }, Buffer.of(0, chance.below(256)))],
    ["a length of 2^40", () => frame({ length: 1n << 40n })],
    ["a length of 2^63", () => frame({ length: 1n << 63n })],
    ["a length past every limit", () => frame({ length: 64 * 1_048_576 })],
    ["half a frame", () => frame({}).subarray(0, chance.below(payload.length + 2))],
    ["half a header", () => frame({ length: 70_000 }).subarray(0, 3)],
    ["bytes of chance", () => chance.bytes(chance.between(1, 200))],
    ["HTTP", () => Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  ];
  const [why, bytes] = chance.pick(ways);
  return { send: "wire", hex: bytes().toString("hex"), why };
}

/** A step for people, complete: what can be unpacked is shown unpacked. */
export function shownStep(step: RawStep): string {
  if (step.send === "text") return `text ${step.text}`;
  if (step.send === "binary") {
    try {
      return `zstd ${zstdDecompressSync(Buffer.from(step.hex, "hex").subarray(1), { maxOutputLength: 100_000 }).toString()}`;
    } catch {
      return `binary ${step.hex}`;
    }
  }
  return JSON.stringify(step);
}

/** The bytes of a step; `masked` as the writing end must. */
export function bytesOf(step: RawStep, masked: boolean): Buffer {
  const whole = { fin: true, reserved: 0, masked };
  switch (step.send) {
    case "text":
      return frameBytes(Buffer.from(step.text), { opcode: opcode.text, ...whole });
    case "binary":
      return frameBytes(Buffer.from(step.hex, "hex"), { opcode: opcode.binary, ...whole });
    case "ping":
    case "pong":
      return frameBytes(Buffer.from(step.hex, "hex"), { opcode: opcode[step.send], ...whole });
    case "wire":
      return Buffer.from(step.hex, "hex");
    case "fragments": {
      const payload = Buffer.from(step.text);
      const size = Math.ceil(payload.length / step.parts);
      const frames: Buffer[] = [];
      for (let part = 0; part < step.parts; part++) {
        const first = part === 0 ? opcode.text : opcode.continuation;
        const body = payload.subarray(part * size, (part + 1) * size);
        frames.push(frameBytes(body, { opcode: first, reserved: 0, masked, fin: part === step.parts - 1 }));
        if (step.pingBetween) frames.push(frameBytes(Buffer.from("p"), { opcode: opcode.ping, ...whole }));
      }
      return Buffer.concat(frames);
    }
  }
}
