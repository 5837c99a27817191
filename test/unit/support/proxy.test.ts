import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { openedSince, openResources } from "../../support/open-resources.ts";
import { atFirst, cutAfter, openProxy, reset, type TcpProxy } from "../../support/proxy.ts";
import { isMessage, onFrames } from "../../support/websocket-frames.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A server that says back what it hears, behind a proxy. */
async function echo(): Promise<TcpProxy> {
  const server = createServer((socket) => void socket.on("error", () => undefined).pipe(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await openProxy({ port: (server.address() as AddressInfo).port });
  closing.push(async () => {
    await proxy[Symbol.asyncDispose]();
    server.close();
    await once(server, "close");
  });
  return proxy;
}

interface Caller {
  socket: Socket;
  heard: () => string;
  /** How it ended: `fin`, or the code of an error; undefined while it is open. */
  ended: () => string | undefined;
}

function call(proxy: TcpProxy): Caller {
  const socket = connect({ host: "127.0.0.1", port: proxy.port });
  closing.push(() => socket.destroy());
  let heard = "";
  let ended: string | undefined;
  socket.setEncoding("latin1").on("data", (text: string) => {
    heard += text;
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    ended = error.code;
  });
  socket.on("end", () => {
    ended ??= "fin";
  });
  return { socket, heard: () => heard, ended: () => ended };
}

const until = (look: () => void): Promise<void> => vi.waitFor(look, { timeout: 5_000, interval: 5 });

test("What is stalled arrives once the network is healed; what is frozen never does, while new connections pass", async () => {
  const proxy = await echo();
  const stalled = call(proxy);
  proxy.stall("down");
  stalled.socket.write("held");
  await proxy.heal();
  await until(() => expect(stalled.heard()).toBe("held"));
  proxy.freeze();
  stalled.socket.write(" lost");
  const next = call(proxy);
  next.socket.write("new");
  await until(() => expect(next.heard()).toBe("new"));
  expect([stalled.heard(), stalled.ended()]).toEqual(["held", undefined]);
});

test.each(["rst", "fin"] as const)("A connection is cut by %s after as many bytes as said, and no byte more", async (how) => {
  const proxy = await echo();
  const { socket, heard, ended } = call(proxy);
  proxy.tamper("down", cutAfter(7, how));
  socket.write("0123456789");
  await until(() => expect(ended()).toBe(how === "fin" ? "fin" : "ECONNRESET"));
  // A reset may take with it what was not read yet.
  expect("0123456".startsWith(heard())).toBe(true);
  if (how === "fin") expect(heard()).toBe("0123456");
});

test.each(["while it still connects", "in the same turn", "once its end was sent"])(
  "A connection that was ended and is reset %s is closed, and leaves nothing open",
  async (when) => {
    const accepted = Promise.withResolvers<Socket>();
    const server = createServer({ allowHalfOpen: true }, accepted.resolve).listen(0, "127.0.0.1");
    closing.push(() => void server.close());
    await once(server, "listening");
    const before = openResources();
    const socket = connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, allowHalfOpen: true });
    if (when !== "while it still connects") await once(socket, "connect");
    closing.push(() => socket.destroy());
    socket.end();
    if (when === "once its end was sent") await once(socket, "finish");
    const closed = once(socket, "close");
    reset(socket);
    await closed;
    (await accepted.promise).destroy();
    await until(() => expect(openedSince(before).filter((kind) => kind.endsWith("TCPSocketWrap"))).toEqual([]));
  },
);

test("Connections are refused, and taken again on the same port", async () => {
  const proxy = await echo();
  await proxy.refuse();
  const refused = call(proxy);
  await until(() => expect(refused.ended()).toBe("ECONNREFUSED"));
  await proxy.heal();
  const taken = call(proxy);
  taken.socket.write("here");
  await until(() => expect(taken.heard()).toBe("here"));
});

test("A moment is met once, and what it waits for, the bytes wait for", async () => {
  const proxy = await echo();
  const { socket, heard } = call(proxy);
  const gate = Promise.withResolvers<void>();
  const moment = atFirst("now", async (bytes) => {
    await gate.promise;
    return Buffer.concat([bytes, Buffer.from("!")]);
  });
  proxy.tamper("up", moment.tamper);
  socket.write("now");
  await moment.seen;
  gate.resolve();
  await until(() => expect(heard()).toBe("now!"));
  socket.write("now");
  await until(() => expect(heard()).toBe("now!now"));
});

test("Frames are found whole, whatever portions they come in, with their mask taken off", () => {
  const frames: { text: string; message: boolean }[] = [];
  const tamper = onFrames((frame) => {
    frames.push({ text: frame.payload.toString(), message: isMessage(frame) });
    return [frame.bytes];
  });
  const line = { cut() {}, freeze() {} };
  const mask = [1, 2, 3, 4];
  const masked = Buffer.from([...Buffer.from("hello")].map((byte, at) => byte ^ (mask[at % 4] as number)));
  const long = Buffer.alloc(300, "x");
  const all = Buffer.concat([
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.from([0x81, 0x85, ...mask]),
    masked,
    Buffer.from([0x89, 0x00]),
    Buffer.from([0x82, 126, 300 >> 8, 300 & 0xff]),
    long,
  ]);
  const passed = Buffer.concat(Array.from(all, (byte) => tamper(Buffer.of(byte), line) as Buffer));
  expect(passed.equals(all)).toBe(true);
  expect(frames).toEqual([
    { text: "hello", message: true },
    { text: "", message: false },
    { text: long.toString(), message: true },
  ]);
});
