import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

/** Frames of Node, of packages and of this file say nothing about who wanted the socket. */
const foreign = /node:|\/node_modules\/|open-sockets\.ts/;
const framesShown = 3;

/**
 * Watches every TCP socket of this process from now on. The function that it returns names those that were opened and not closed, each with
 * its ports, its state and the code that opened it.
 */
export function watchSockets(): () => string[] {
  const open = new Map<Socket, { ports: string; from: Error }>();
  const watch = (socket: Socket): void => {
    const known = { ports: portsOf(socket), from: new Error("opened") };
    open.set(socket, known);
    // Once it is destroyed it no longer knows.
    socket.once("connect", () => {
      known.ports = portsOf(socket);
    });
    socket.once("close", () => open.delete(socket));
  };
  subscribe("net.client.socket", (message) => watch((message as { socket: Socket }).socket));
  subscribe("net.server.socket", (message) => watch((message as { socket: Socket }).socket));
  return () => [...open].map(([socket, { ports, from }]) => `${ports}, ${stateOf(socket)}, ${placeOf(from)}`);
}

function portsOf({ localPort, remotePort }: Socket): string {
  return `${localPort ?? "no port"} to ${remotePort ?? "no port"}`;
}

function stateOf(socket: Socket): string {
  if (socket.destroyed) return "destroyed but not closed";
  if (socket.connecting) return "connecting";
  return [
    socket.isPaused() ? "paused" : "reading",
    ...(socket.readableEnded ? ["its end was read"] : []),
    ...(socket.writableEnded ? [socket.writableFinished ? "ended" : "ending"] : []),
  ].join(", ");
}

function placeOf({ stack = "" }: Error): string {
  const frames = stack.split("\n").slice(1);
  const ours = frames.filter((frame) => !foreign.test(frame)).slice(0, framesShown);
  return ours.length === 0 ? "accepted by a server" : `opened ${ours.map((frame) => frame.trim()).join(" ")}`;
}
