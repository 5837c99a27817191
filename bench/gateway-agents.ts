/**
 * Many agents of one gateway, as cheap as can be: plain sockets, WebSocket frames encoded before. A helper process of the bench: it must not be what is
 * measured.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { enrolFakeAgent, type FakeAgent, hello } from "../test/support/fake-agent.ts";
import { answerCalls } from "./call.ts";

interface Line {
  send(payload: Uint8Array, binary: boolean): void;
  /** The next message, as text. */
  next(): Promise<string>;
}

/** Frames of one agent: `base64` of the payload, whether it is binary, and its last number. */
export interface Frame {
  base64: string;
  binary: boolean;
  items: number;
}

let agents: FakeAgent[] = [];
let lines: Line[] = [];

/** A client's frame (RFC 6455, 5.2) under the masking key 0, which leaves the payload as it is. */
function wireFrame(payload: Uint8Array, opcode: number): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(2 + extended + 4 + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, 6 + extended);
  return frame;
}

/** Opens a WebSocket by hand. */
async function openLine(agent: FakeAgent): Promise<Line> {
  const url = new URL(agent.enrolment.channel);
  const socket: Socket = connect(Number(url.port), url.hostname);
  socket.setNoDelay(true);
  await once(socket, "connect");
  const head = [
    `GET ${url.pathname} HTTP/1.1`,
    `Host: ${url.host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Protocol: fuser.v1",
    `Authorization: Bearer ${await agent.token()}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  const texts: string[] = [];
  let waiting: ((text: string) => void) | undefined;
  let rest: Buffer = Buffer.alloc(0);
  let greeted = false;
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (!greeted) {
      const end = rest.indexOf("\r\n\r\n");
      if (end < 0) return;
      if (!rest.toString("latin1", 0, 12).endsWith("101")) throw new Error(rest.toString("latin1"));
      rest = rest.subarray(end + 4);
      greeted = true;
    }
    for (let text = takeText(); text !== undefined; text = takeText()) {
      if (waiting === undefined) texts.push(text);
      else {
        const resolve = waiting;
        waiting = undefined;
        resolve(text);
      }
    }
  });
  const takeText = (): string | undefined => {
    if (rest.length < 2) return undefined;
    const short = (rest[1] as number) & 0x7f;
    const from = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (rest.length < from) return undefined;
    const length = short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
    if (rest.length < from + length) return undefined;
    const opcode = (rest[0] as number) & 0x0f;
    const payload = rest.subarray(from, from + length);
    if (opcode === 9) {
      rest = rest.subarray(from + length);
      socket.write(wireFrame(payload, 10));
      return takeText();
    }
    if (opcode === 8) throw new Error(`The gateway closed: ${payload.subarray(2).toString()}`);
    rest = rest.subarray(from + length);
    return payload.toString();
  };
  return {
    send: (payload, binary) => void socket.write(wireFrame(payload, binary ? 2 : 1)),
    next() {
      const text = texts.shift();
      if (text !== undefined) return Promise.resolve(text);
      return new Promise((resolve) => {
        waiting = resolve;
      });
    },
  };
}

async function shakeHands(agent: FakeAgent): Promise<Line> {
  const line = await openLine(agent);
  const say = (message: unknown): void => line.send(Buffer.from(JSON.stringify(message)), false);
  say(hello());
  const welcome = JSON.parse(await line.next()) as { connection: number };
  say({ type: "start", connection: welcome.connection, epoch: "epoch-0001", next: 1 });
  return line;
}

const seqOf = (text: string): number => {
  const found = /^\{"type":"ack","seq":(\d+),"refused":\[\]\}$/.exec(text);
  if (found === null) throw new Error(`Not an ack without refusals: ${text.slice(0, 200)}`);
  return Number(found[1]);
};

/** Sends an agent's frames, so many items ahead of the acks, until all are acked. */
async function stream(
  line: Line,
  frames: readonly { wire: Uint8Array; binary: boolean; last: number }[],
  ahead: number,
): Promise<void> {
  let sent = 0;
  let acked = frames.length === 0 ? 0 : (frames[0] as { last: number }).last - 1;
  const last = frames.at(-1)?.last ?? 0;
  while (acked < last) {
    for (let next = frames[sent]; next !== undefined && (sent === 0 || next.last - acked <= ahead); next = frames[sent]) {
      line.send(next.wire, next.binary);
      sent += 1;
    }
    acked = seqOf(await line.next());
  }
}

answerCalls({
  async enrol({ httpUrl, codes }: { httpUrl: string; codes: string[] }) {
    agents = await Promise.all(
      codes.map((code) => enrolFakeAgent({ httpUrl, createEnrolmentCode: () => ({ code, expiresAt: 0 }) })),
    );
    lines = await Promise.all(agents.map(shakeHands));
  },
  /** Sends the same frames over each line; milliseconds until the last one is acked. */
  async send({ frames, before, ahead }: { frames: Frame[]; before: number; ahead: number }) {
    let last = before;
    const ready = frames.map(({ base64, binary, items }) => {
      last += items;
      return { wire: Buffer.from(base64, "base64"), binary, last };
    });
    const from = performance.now();
    await Promise.all(lines.map((line) => stream(line, ready, ahead)));
    return performance.now() - from;
  },
});

process.once("SIGTERM", () => process.exit(0));
