/** Whole WebSocket frames (RFC 6455, 5.2) out of the bytes that pass a proxy, so that a test can drop, double, swap or spoil them. */
import type { Line, Tamper } from "./proxy.ts";

export interface WireFrame {
  /** Header and payload, as they travel. */
  bytes: Buffer;
  opcode: number;
  /** Payload without its mask. */
  payload: Buffer;
}

const opcodes = { text: 1, binary: 2 };

/** True for what carries a message; pings, pongs and closes are none. */
export const isMessage = ({ opcode }: WireFrame): boolean => opcode === opcodes.text || opcode === opcodes.binary;

/**
 * Gives each whole frame to `change`, which returns what is passed on in its place. To be in place before the connection opens: what comes before
 * the frames, the upgrade, passes as it is.
 */
export function onFrames(change: (frame: WireFrame, line: Line) => readonly Buffer[]): Tamper {
  const lines = new WeakMap<Line, { upgraded: boolean; rest: Buffer }>();
  return (bytes, line) => {
    const state = lines.get(line) ?? { upgraded: false, rest: Buffer.alloc(0) };
    lines.set(line, state);
    state.rest = Buffer.concat([state.rest, bytes]);
    const passed: Buffer[] = [];
    if (!state.upgraded) {
      const end = state.rest.indexOf("\r\n\r\n");
      if (end < 0) return Buffer.alloc(0);
      passed.push(state.rest.subarray(0, end + 4));
      state.rest = state.rest.subarray(end + 4);
      state.upgraded = true;
    }
    for (let frame = firstFrame(state.rest); frame !== undefined; frame = firstFrame(state.rest)) {
      passed.push(...change(frame, line));
      state.rest = state.rest.subarray(frame.bytes.length);
    }
    return Buffer.concat(passed);
  };
}

function firstFrame(bytes: Buffer): WireFrame | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  const short = second & 0x7f;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const maskBytes = second & 0x80 ? 4 : 0;
  const headBytes = 2 + lengthBytes + maskBytes;
  if (bytes.length < headBytes) return undefined;
  const length = lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < headBytes + length) return undefined;
  const mask = bytes.subarray(headBytes - maskBytes, headBytes);
  const payload = Buffer.from(bytes.subarray(headBytes, headBytes + length));
  if (maskBytes > 0) for (let at = 0; at < payload.length; at++) payload[at] = (payload[at] ?? 0) ^ (mask[at % 4] ?? 0);
  return { bytes: bytes.subarray(0, headBytes + length), opcode: first & 0x0f, payload };
}
