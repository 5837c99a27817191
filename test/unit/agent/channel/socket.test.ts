import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import type { Link, LinkEnd, WireData } from "../../../../agent/channel/link.ts";
import { socketConnector } from "../../../../agent/channel/socket.ts";
import type { TransportSettings } from "../../../../agent/channel/transport.ts";
import type { FuserError } from "../../../../base/errors.ts";
import { type Clock, systemClock } from "../../../../base/time.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { openProxy } from "../../../support/proxy.ts";
import { direct, until } from "./bench.ts";
import { type Authority, authority } from "./certificates.ts";

let ca: Authority;
beforeAll(() => {
  ca = authority("Trusted Test Root");
});
afterAll(() => ca[Symbol.dispose]());

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function listen(server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => undefined).on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    for (const socket of open) socket.destroy();
    return new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

interface Portal {
  port: number;
  sockets: WebSocket[];
  requests: IncomingMessage[];
}

/** A bare WebSocket server; `answer` refuses with an HTTP status in place of the upgrade. */
async function portal(
  options: { tls?: { key: string; cert: string }; answer?: (request: IncomingMessage) => string | undefined } = {},
): Promise<Portal> {
  const server = options.tls ? createTlsServer(options.tls) : createHttpServer();
  const upgrade = new WebSocketServer({ noServer: true, autoPong: true, perMessageDeflate: false });
  const found: Portal = { port: 0, sockets: [], requests: [] };
  server.on("upgrade", (request, socket, head) => {
    found.requests.push(request);
    const answer = options.answer?.(request);
    if (answer !== undefined) return void socket.end(answer);
    upgrade.handleUpgrade(request, socket, head, (open) => found.sockets.push(open));
  });
  server.on("tlsClientError", () => undefined);
  found.port = await listen(server);
  return found;
}

interface Opened {
  link: Link;
  frames: WireData[];
  ends: LinkEnd[];
  drained: number;
}

async function open(
  url: string,
  more: { clock?: Clock; transport?: Partial<TransportSettings>; maxPayload?: number; handshakeMs?: number } = {},
): Promise<Opened> {
  const { clock = systemClock, transport, ...limits } = more;
  const opened = { frames: [] as WireData[], ends: [] as LinkEnd[], drained: 0 };
  const connectTo = socketConnector({ ...direct, ...transport, url, token: async () => "signed-token", clock, ...limits });
  const link = await connectTo(
    { frame: (data) => opened.frames.push(data), drained: () => void opened.drained++, closed: (end) => opened.ends.push(end) },
    new AbortController().signal,
  );
  closing.push(async () => {
    link.close(1000, "test over");
    await until(() => opened.ends.length > 0);
  });
  return Object.assign(opened, { link });
}

const failure = async (opening: Promise<unknown>): Promise<FuserError> => {
  try {
    await opening;
  } catch (error) {
    return error as FuserError;
  }
  throw new Error("it opened");
};

const httpAnswer = (status: number, body = "", headers: string[] = []): string =>
  [`HTTP/1.1 ${status} Refused`, `content-length: ${Buffer.byteLength(body)}`, "connection: close", ...headers, "", body].join(
    "\r\n",
  );

test("The upgrade asks for fuser.v1, carries the token and offers no compression", async () => {
  const server = await portal();
  await open(`ws://127.0.0.1:${server.port}/agent`);
  expect(server.requests[0]?.headers).toMatchObject({
    authorization: "Bearer signed-token",
    "sec-websocket-protocol": "fuser.v1",
  });
  expect(server.requests[0]?.headers["sec-websocket-extensions"]).toBeUndefined();
});

test("Text and binary frames travel as what they are, both ways", async () => {
  const server = await portal();
  const opened = await open(`ws://127.0.0.1:${server.port}/`);
  const socket = server.sockets[0] as WebSocket;
  const got: [string, boolean][] = [];
  socket.on("message", (data, isBinary) => got.push([String(data), isBinary]));
  opened.link.send("text");
  opened.link.send(new Uint8Array([98, 121]));
  socket.send("hello");
  socket.send(new Uint8Array([1, 2]));
  await until(() => got.length === 2 && opened.frames.length === 2);
  expect(got).toEqual([
    ["text", false],
    ["by", true],
  ]);
  expect(opened.frames[0]).toBe("hello");
  expect(opened.frames[1]).toEqual(Buffer.from([1, 2]));
});

test("Unencrypted connections are made to this machine only, and a faulty address is refused", async () => {
  for (const url of [
    "ws://portal.example.com/agent",
    "ws://192.0.2.7/agent",
    "http://127.0.0.1/",
    "wss://user:secret@portal.example.com/",
    "portal",
  ]) {
    const error = await failure(open(url));
    expect(error).toMatchObject({ kind: "config", code: "portal-address-invalid" });
    expect(`${error.message} ${error.place}`).not.toContain("secret");
  }
});

test("A certificate from an unknown root is refused, and its issuer named", async () => {
  using interceptor = authority("Inspecting Firewall");
  const server = await portal({ tls: interceptor.issue("IP:127.0.0.1") });
  const error = await failure(open(`wss://127.0.0.1:${server.port}/`));
  expect(error).toMatchObject({ kind: "config", code: "tls-unknown-ca" });
  expect(error.message).toContain("Inspecting Firewall");
  expect(error.hint).toContain("agent.caFile");
  expect(server.requests).toEqual([]);
});

test("A root named in the CA file is trusted besides the system's", async () => {
  const server = await portal({ tls: ca.issue("IP:127.0.0.1") });
  await open(`wss://127.0.0.1:${server.port}/`, { transport: { caFile: ca.caFile } });
  expect(server.sockets).toHaveLength(1);
});

test("A CA file that is missing or holds no certificate is a config error", async () => {
  for (const caFile of ["/nonexistent/ca.pem", import.meta.filename]) {
    expect(await failure(open("wss://127.0.0.1:9/", { transport: { caFile } }))).toMatchObject({
      kind: "config",
      code: "ca-file-unreadable",
      place: caFile,
    });
  }
});

test("An expired certificate and one for another host are told apart", async () => {
  const expired = await portal({ tls: ca.issue("IP:127.0.0.1", { expired: true }) });
  const other = await portal({ tls: ca.issue("DNS:elsewhere.test") });
  const transport = { caFile: ca.caFile };
  expect(await failure(open(`wss://127.0.0.1:${expired.port}/`, { transport }))).toMatchObject({
    kind: "config",
    code: "tls-expired",
  });
  const error = await failure(open(`wss://127.0.0.1:${other.port}/`, { transport }));
  expect(error).toMatchObject({ kind: "config", code: "tls-host-mismatch" });
  expect(error.message).toContain("elsewhere.test");
});

test("TLS older than 1.2 is refused", async () => {
  const server = createTlsServer({
    ...ca.issue("IP:127.0.0.1"),
    maxVersion: "TLSv1.1",
    minVersion: "TLSv1",
    ciphers: "DEFAULT@SECLEVEL=0",
  });
  server.on("tlsClientError", () => undefined);
  const port = await listen(server);
  expect(await failure(open(`wss://127.0.0.1:${port}/`, { transport: { caFile: ca.caFile } }))).toMatchObject({
    kind: "config",
    code: "tls-failed",
  });
});

test.each(["up", "down"] as const)(
  "Bytes that are spoilt on the way %s in the TLS handshake are no reason to call a person",
  async (way) => {
    const { port } = await portal({ tls: ca.issue("IP:127.0.0.1") });
    const proxy = await openProxy({ port });
    closing.push(() => proxy[Symbol.asyncDispose]());
    const encrypted = 0x17;
    proxy.tamper(way, (bytes) => {
      // The server's greeting goes before, in the clear.
      const at = bytes[0] === encrypted ? 0 : bytes.indexOf(Uint8Array.of(encrypted, 3, 3));
      if (at < 0) return bytes;
      const spoilt = Buffer.from(bytes);
      spoilt[at + 8] = (spoilt[at + 8] ?? 0) ^ 1;
      return spoilt;
    });
    const error = await failure(open(`wss://127.0.0.1:${proxy.port}/`, { transport: { caFile: ca.caFile } }));
    expect(error).toMatchObject({ kind: "transient", code: "portal-unreachable" });
  },
);

test("An unknown host, a closed port and a port that speaks no TLS each say so", async () => {
  const plain = await portal();
  const closed = await listen(createTcpServer());
  await closing.pop()?.();
  expect(await failure(open("wss://no-such-host.invalid/"))).toMatchObject({ kind: "transient", code: "portal-host-unknown" });
  expect(await failure(open(`wss://127.0.0.1:${closed}/`))).toMatchObject({ kind: "transient", code: "portal-refused" });
  expect(await failure(open(`wss://127.0.0.1:${plain.port}/`))).toMatchObject({ kind: "config", code: "tls-failed" });
});

test("A host that takes the connection and stays silent is given up after the handshake's time", async () => {
  const port = await listen(createTcpServer(() => undefined));
  expect(await failure(open(`ws://127.0.0.1:${port}/`, { handshakeMs: 50 }))).toMatchObject({
    kind: "transient",
    code: "portal-handshake-timeout",
  });
});

test("A stop during the handshake ends it at once", async () => {
  const port = await listen(createTcpServer(() => undefined));
  const stopping = new AbortController();
  const connectTo = socketConnector({ ...direct, url: `ws://127.0.0.1:${port}/`, token: async () => "t", clock: systemClock });
  const opening = connectTo({ frame() {}, drained() {}, closed() {} }, stopping.signal);
  stopping.abort(new Error("stop"));
  await expect(opening).rejects.toThrow("stop");
});

const fault = (error: string, now: number): string =>
  JSON.stringify({ error, message: "Because.", now: new Date(now).toISOString() });

test("A wrong clock is told with its difference, by the portal's word or by its Date header", async () => {
  const ahead = systemClock.now() + 2 * 3_600_000;
  for (const answer of [
    httpAnswer(401, fault("wrong-clock", ahead)),
    httpAnswer(401, "", [`date: ${new Date(ahead).toUTCString()}`]),
  ]) {
    const server = await portal({ answer: () => answer });
    const error = await failure(open(`ws://127.0.0.1:${server.port}/`));
    expect(error).toMatchObject({ kind: "config", code: "clock-wrong" });
    expect(error.message).toMatch(/clock is (2h|1h 59m) behind the portal's/);
  }
});

test("Each refusal over HTTP has its code and kind", async () => {
  const expected: [string, string, string][] = [
    [httpAnswer(401, fault("revoked", systemClock.now())), "portal-key-refused", "config"],
    [httpAnswer(401, "plain text"), "portal-key-refused", "config"],
    [httpAnswer(403), "portal-forbidden", "config"],
    [httpAnswer(404), "portal-address-wrong", "config"],
    [httpAnswer(302, "", ["location: https://elsewhere.test/"]), "portal-no-channel", "config"],
    [httpAnswer(200, "<html>"), "portal-no-channel", "config"],
    [httpAnswer(429), "portal-unavailable", "transient"],
    [httpAnswer(503), "portal-unavailable", "transient"],
  ];
  for (const [answer, code, kind] of expected) {
    const server = await portal({ answer: () => answer });
    expect(await failure(open(`ws://127.0.0.1:${server.port}/`))).toMatchObject({ code, kind });
  }
});

/** An HTTP proxy that asks for user and password. */
async function proxyServer(): Promise<{ port: number; connects: string[] }> {
  const proxy = createHttpServer();
  const connects: string[] = [];
  const wanted = `Basic ${Buffer.from("fuser:s3cret").toString("base64")}`;
  proxy.on("connect", (request, socket) => {
    socket.on("error", () => undefined);
    if (request.headers["proxy-authorization"] !== wanted) {
      return void socket.end(
        "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n",
      );
    }
    connects.push(request.url ?? "");
    const [, port] = (request.url ?? "").split(":");
    if (port === "1") return void socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    const upstream = connect(Number(port), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
  });
  return { port: await listen(proxy), connects };
}

test("An explicit proxy is used with its credentials, from the configuration or from HTTPS_PROXY", async () => {
  const server = await portal({ tls: ca.issue("IP:127.0.0.1,DNS:portal.test") });
  const proxy = await proxyServer();
  const url = `http://127.0.0.1:${proxy.port}`;
  await open(`wss://127.0.0.1:${server.port}/`, {
    transport: { caFile: ca.caFile, proxy: { url, user: "fuser", password: "s3cret" } },
  });
  expect(proxy.connects).toEqual([`127.0.0.1:${server.port}`]);
  const env = { HTTPS_PROXY: `http://fuser:s3cret@127.0.0.1:${proxy.port}` };
  await open(`wss://portal.test:${server.port}/`, { transport: { caFile: ca.caFile, env } });
  expect(proxy.connects).toHaveLength(2);
});

test("A proxy that wants other credentials, or forbids the way, is named without them", async () => {
  const proxy = await proxyServer();
  const url = `http://127.0.0.1:${proxy.port}`;
  const transport = { proxy: { url, user: "fuser", password: "wrong-pw" } };
  const refused = await failure(open("wss://portal.test/", { transport }));
  expect(refused).toMatchObject({ kind: "config", code: "proxy-login-refused" });
  expect(refused.message).toContain(url);
  expect(JSON.stringify([refused.message, refused.hint, refused.place])).not.toContain("wrong-pw");
  const forbidden = await failure(
    open("wss://portal.test:1/", { transport: { proxy: { url, user: "fuser", password: "s3cret" } } }),
  );
  expect(forbidden).toMatchObject({ kind: "config", code: "proxy-refused" });
});

test("A TLS-inspecting proxy is named by its issuer also behind an explicit proxy", async () => {
  using interceptor = authority("Inspecting Proxy");
  const server = await portal({ tls: interceptor.issue("DNS:portal.test") });
  const proxy = await proxyServer();
  const transport = { proxy: { url: `http://127.0.0.1:${proxy.port}`, user: "fuser", password: "s3cret" } };
  const error = await failure(open(`wss://portal.test:${server.port}/`, { transport }));
  expect(error.code).toBe("tls-unknown-ca");
  expect(error.message).toContain("Inspecting Proxy");
});

test("Heartbeats go out at the agreed pace, and silence past two of them ends the link with 4408", async () => {
  const clock = manualClock();
  const server = await portal();
  const opened = await open(`ws://127.0.0.1:${server.port}/`, { clock });
  const socket = server.sockets[0] as WebSocket;
  let pings = 0;
  socket.on("ping", () => void pings++);
  opened.link.heartbeat(30);
  clock.advance(30_000);
  await until(() => pings === 1);
  // The pong has arrived: from here on the peer is half open, it takes and says nothing.
  await new Promise((resolve) => setTimeout(resolve, 20));
  (socket as unknown as { _socket: Socket })._socket.pause();
  clock.advance(59_000);
  expect(opened.ends).toEqual([]);
  clock.advance(31_000);
  await until(() => opened.ends.length === 1);
  expect(opened.ends[0]).toMatchObject({ code: 4408, error: { code: "portal-silent", kind: "transient" } });
});

test("Traffic of any kind counts as life", async () => {
  const clock = manualClock();
  const server = await portal();
  const opened = await open(`ws://127.0.0.1:${server.port}/`, { clock });
  opened.link.heartbeat(30);
  for (let beat = 1; beat <= 5; beat++) {
    clock.advance(29_000);
    server.sockets[0]?.send("tick");
    await until(() => opened.frames.length === beat);
  }
  expect(opened.ends).toEqual([]);
});

test("What the network does not take is seen as buffered, and its leaving is told", async () => {
  const server = await portal();
  const opened = await open(`ws://127.0.0.1:${server.port}/`);
  const raw = (server.sockets[0] as unknown as { _socket: Socket })._socket;
  raw.pause();
  let flushed = 0;
  for (let frame = 0; frame < 24; frame++) opened.link.send(new Uint8Array(1_048_576), () => void flushed++);
  await until(() => opened.link.bufferedBytes > 1_048_576);
  const before = opened.drained;
  raw.resume();
  await until(() => flushed === 24 && opened.drained > before);
  expect(opened.link.bufferedBytes).toBe(0);
});

test("A frame past the limit ends the link and says whose fault it is", async () => {
  const server = await portal();
  const opened = await open(`ws://127.0.0.1:${server.port}/`, { maxPayload: 1_000 });
  server.sockets[0]?.send(new Uint8Array(2_000));
  await until(() => opened.ends.length === 1);
  expect(opened.ends[0]?.error).toMatchObject({ kind: "transient", code: "portal-frame-too-large" });
  expect(opened.frames).toEqual([]);
});

test("A close code of the portal arrives with its reason, a cut connection as broken", async () => {
  const server = await portal();
  const closed = await open(`ws://127.0.0.1:${server.port}/`);
  server.sockets[0]?.close(4409, "superseded");
  await until(() => closed.ends.length === 1);
  expect(closed.ends[0]).toEqual({ code: 4409, reason: "superseded", error: undefined });
  const cut = await open(`ws://127.0.0.1:${server.port}/`);
  server.sockets[1]?.terminate();
  await until(() => cut.ends.length === 1);
  expect(cut.ends[0]).toMatchObject({ code: 1006, error: { kind: "transient", code: "link-broken" } });
});

test("Closing towards a peer that does not answer ends after a few seconds", async () => {
  const clock = manualClock();
  const server = await portal();
  const opened = await open(`ws://127.0.0.1:${server.port}/`, { clock });
  (server.sockets[0] as unknown as { _socket: Socket })._socket.pause();
  opened.link.close(1000, `${"ü".repeat(100)} too long for a close frame`);
  clock.advance(3_000);
  await until(() => opened.ends.length === 1);
  expect(opened.ends[0]?.code).toBe(1000);
});
