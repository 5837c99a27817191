// A listener that speaks TNS 318 as a 19c server does, for the real driver to connect to. It proves the connector against the driver, not against the
// database: what it answers is what `Database` behind it knows, and everything else fails loudly.
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { Connection, type Interference } from "./connection.ts";
import type { Database } from "./database.ts";

const packets = { connect: 1, accept: 2, refuse: 4, data: 6, marker: 12 } as const;
const markers = { break: 1, reset: 2, interrupt: 3 } as const;
const sessionDataUnit = 8192;
const headerBytes = 8;
const largeFrom = 315;
const dataFlags = { end: 0x40 } as const;

export interface TnsDouble extends AsyncDisposable {
  readonly port: number;
  /** What happens to the next statements; `undefined` for all goes on as it should. */
  interfere: Interference;
  /** Version of the protocol that it accepts: 318 is 12.2's and later, 314 that of 11.2. */
  protocol: number;
  /** How many clients are connected. */
  readonly clients: number;
  /** Breaks every connection, as a server that dies. */
  breakAll(): void;
  /** Stops to listen and breaks every connection; `start` listens on the same port again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startTnsDouble(database: Database, version = "19.22.0.0.0"): Promise<TnsDouble> {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let port = 0;
  const double: TnsDouble = {
    get port() {
      return port;
    },
    interfere: () => undefined,
    protocol: 318,
    get clients() {
      return sockets.size;
    },
    breakAll() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async start() {
      server = createServer({ noDelay: true }, (socket) => {
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
        serve(socket, { database, version, interfere: (what) => double.interfere(what), protocol: double.protocol });
      });
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
      port = (server.address() as { port: number }).port;
    },
    async stop() {
      const closing = server;
      server = undefined;
      if (closing === undefined) return;
      closing.close();
      double.breakAll();
      await once(closing, "close");
    },
    [Symbol.asyncDispose]: () => double.stop(),
  };
  await double.start();
  return double;
}

function serve(socket: Socket, served: ConstructorParameters<typeof Connection>[0] & { protocol: number }): void {
  let received = Buffer.alloc(0);
  /** Once accepted, a packet's length has four bytes, from version 315 of the protocol on. */
  let large = false;
  /** A connect text too long for its packet comes in a data packet of its own. */
  let wanted: number | undefined;
  const send = (type: number, body: Buffer): void => {
    const header = Buffer.alloc(headerBytes);
    if (large) header.writeUInt32BE(body.length + headerBytes);
    else header.writeUInt16BE(body.length + headerBytes);
    header[4] = type;
    if (!socket.destroyed) socket.write(Buffer.concat([header, body]));
  };
  const sendData = (bytes: Buffer): void => {
    const most = sessionDataUnit - headerBytes - 2;
    for (let from = 0; from === 0 || from < bytes.length; from += most) {
      send(packets.data, Buffer.concat([Buffer.alloc(2), bytes.subarray(from, from + most)]));
    }
  };
  const connection = new Connection(served, { send: sendData, destroy: () => socket.resetAndDestroy() });

  const connect = (text: string): void => {
    const { serviceName } = served.database;
    const asked = /SERVICE_NAME=([^)]+)/i.exec(text)?.[1];
    if (asked !== undefined && asked.toLowerCase() !== serviceName.toLowerCase()) return send(packets.refuse, refusal(12514));
    send(packets.accept, acceptance(served.protocol));
    large = served.protocol >= largeFrom;
  };

  const take = (packet: Buffer): void => {
    const type = packet[4];
    if (type === packets.connect) {
      const length = packet.readUInt16BE(24);
      const from = packet.readUInt16BE(26);
      if (packet.length >= from + length) connect(packet.subarray(from, from + length).toString());
      else wanted = length;
    } else if (type === packets.data && wanted !== undefined) {
      wanted = undefined;
      connect(packet.subarray(headerBytes + 2).toString());
    } else if (type === packets.data) {
      if (packet.readUInt16BE(headerBytes) & dataFlags.end) socket.end();
      else connection.receive(Buffer.from(packet.subarray(headerBytes + 2)));
    } else if (type === packets.marker) {
      if (packet[headerBytes + 2] === markers.reset) {
        send(packets.marker, Buffer.from([1, 0, markers.reset]));
        sendData(connection.interrupted());
      } else {
        connection.interrupt();
        send(packets.marker, Buffer.from([1, 0, markers.break]));
      }
    }
  };

  socket.on("error", () => {});
  socket.once("close", () => connection.close());
  socket.on("data", (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    while (received.length >= headerBytes) {
      const length = large ? received.readUInt32BE() : received.readUInt16BE();
      if (received.length < length) return;
      const packet = Buffer.from(received.subarray(0, length));
      received = received.subarray(length);
      take(packet);
    }
  });
}

function refusal(code: number): Buffer {
  const text = Buffer.from(`(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR=${code})(ERROR_STACK=(ERROR=(CODE=${code})(EMFI=4))))`);
  const head = Buffer.from([4, 0, 0, 0]);
  head.writeUInt16BE(text.length, 2);
  return Buffer.concat([head, text]);
}

/** No encryption of its own, attention by a marker within the stream. */
function acceptance(protocol: number): Buffer {
  const body = Buffer.alloc(37);
  body.writeUInt16BE(protocol, 0);
  body.writeUInt16BE(1, 2);
  body.writeUInt16BE(sessionDataUnit, 4);
  body.writeUInt16BE(65_535, 6);
  body.writeUInt16BE(1, 8);
  body.writeUInt16BE(45, 12);
  body[14] = 0x04;
  body[15] = 0x08;
  body.writeUInt32BE(sessionDataUnit, 24);
  body.writeUInt32BE(65_535, 28);
  return body;
}
