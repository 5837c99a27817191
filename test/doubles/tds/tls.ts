import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { TLSSocket, type TLSSocketOptions } from "node:tls";
import { PacketWriter, packetType } from "./packets.ts";

export interface WrappedTls {
  /** Plain bytes in and out. */
  stream: TLSSocket;
  /** Bytes of TLS from the client: bodies of PRELOGIN packets while it shakes hands, later whatever the socket brings. */
  take(bytes: Buffer): void;
  /** Whether the handshake is over. */
  readonly ready: boolean;
}

/** TLS within TDS: each flight of the handshake is one PRELOGIN message, and afterwards TLS lies below TDS as usual. */
export function wrapTls(socket: Socket, options: TLSSocketOptions): WrappedTls {
  let ready = false;
  let flight: Buffer[] = [];
  const send = (): void => {
    if (flight.length === 0) return;
    const writer = new PacketWriter(socket, packetType.prelogin);
    void writer.write(Buffer.concat(flight));
    writer.end();
    flight = [];
  };
  const below = new Duplex({
    read() {},
    write(chunk: Buffer, _, callback) {
      if (ready) {
        socket.write(chunk, () => callback());
        return;
      }
      if (flight.length === 0) setImmediate(send);
      flight.push(chunk);
      callback();
    },
  });
  socket.on("close", () => below.push(null));
  const stream = new TLSSocket(below, { isServer: true, maxVersion: "TLSv1.2", ...options });
  stream.on("error", () => socket.destroy());
  stream.on("secure", () =>
    setImmediate(() => {
      send();
      ready = true;
    }),
  );
  return {
    stream,
    take: (bytes) => below.push(bytes),
    get ready() {
      return ready;
    },
  };
}
