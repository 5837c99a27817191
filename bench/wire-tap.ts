/**
 * What passes the gateway's sockets, seen from outside of it: bytes that came in, and the words that stand for something durable (`ack`, `settled`). They are
 * noted as they are handed to the socket, so the figures hold whatever the gateway does inside.
 */
import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { wallMs } from "./machine.ts";

export interface Tap {
  /** Bytes received on all connections since the start, with all headers. */
  bytesIn(): number;
  /** Highest number acked, and when that was said; 0 before the first. */
  acked(): { seq: number; at: number };
  /** Resolves when `seq` is acked. */
  reached(seq: number): Promise<{ at: number }>;
  /** Resolves when the result of a command is settled. */
  settled(id: string): Promise<{ at: number }>;
  onAck(listener: (seq: number, at: number) => void): void;
}

const longestWord = 400;

/** To be called before the gateway listens. */
export function tapSockets(): Tap {
  const sockets = new Set<Socket>();
  const waiting: { seq: number; resolve: (at: { at: number }) => void }[] = [];
  const commands = new Map<string, PromiseWithResolvers<{ at: number }>>();
  const listeners: ((seq: number, at: number) => void)[] = [];
  let closedBytes = 0;
  let acked = { seq: 0, at: 0 };

  const command = (id: string): PromiseWithResolvers<{ at: number }> => {
    const known = commands.get(id) ?? Promise.withResolvers<{ at: number }>();
    commands.set(id, known);
    return known;
  };
  const heard = (word: { type?: string; seq?: number; id?: string }): void => {
    const at = wallMs();
    if (word.type === "settled" && word.id !== undefined) command(word.id).resolve({ at });
    if (word.type !== "ack" || word.seq === undefined) return;
    acked = { seq: word.seq, at };
    for (const listener of listeners) listener(word.seq, at);
    for (const one of waiting.splice(0)) {
      if (word.seq >= one.seq) one.resolve({ at });
      else waiting.push(one);
    }
  };
  subscribe("net.server.socket", (message) => {
    const { socket } = message as { socket: Socket };
    sockets.add(socket);
    socket.once("close", () => {
      closedBytes += socket.bytesRead;
      sockets.delete(socket);
    });
    const write = socket.write.bind(socket) as (...parts: unknown[]) => boolean;
    socket.write = ((chunk: unknown, ...rest: unknown[]) => {
      const text = textOf(chunk);
      if (text !== undefined) heard(JSON.parse(text) as { type?: string });
      return write(chunk, ...rest);
    }) as Socket["write"];
  });
  return {
    bytesIn: () => [...sockets].reduce((sum, socket) => sum + socket.bytesRead, closedBytes),
    acked: () => acked,
    onAck: (listener) => void listeners.push(listener),
    reached(seq) {
      if (acked.seq >= seq) return Promise.resolve({ at: acked.at });
      return new Promise((resolve) => void waiting.push({ seq, resolve }));
    },
    settled: (id) => command(id).promise,
  };
}

/** Payload of a small frame; ws hands header and payload over one after the other. */
function textOf(chunk: unknown): string | undefined {
  if (typeof chunk !== "string" && !(chunk instanceof Uint8Array)) return undefined;
  if (chunk.length > longestWord) return undefined;
  const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("latin1");
  return text.startsWith('{"type":"ack"') || text.startsWith('{"type":"settled"') ? text : undefined;
}
