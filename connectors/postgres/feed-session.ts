import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type pg from "pg";
import { FuserError } from "../../base/errors.ts";
import { replicationError } from "./feed-errors.ts";
import type { FeedServer } from "./feed-server.ts";
import { behindServerMs, statementLimitMs } from "./limits.ts";

/** What of the driver's connection its types do not name. */
interface Inside {
  connection: EventEmitter & { stream: Socket; sendCopyFromChunk(chunk: Buffer): void; end(): void };
}

export function inside(client: pg.Client): Inside {
  return client as unknown as Inside;
}

/** Opens a session of the replication protocol. @throws FuserError */
export async function openReplication(server: FeedServer, signal: AbortSignal): Promise<pg.Client> {
  try {
    return await server.open(signal);
  } catch (error) {
    signal.throwIfAborted();
    const { place, user } = server;
    throw (error instanceof FuserError ? replicationError(error.cause, { place, user }) : undefined) ?? error;
  }
}

/**
 * The rows of one command of the replication protocol, or of a short SELECT.
 * @throws the driver's error; FuserError transient where no answer comes; the signal's reason. Without an answer the session is at its end
 */
export async function askSession(
  server: FeedServer,
  { client, text }: { client: pg.Client; text: string },
  signal: AbortSignal,
): Promise<Record<string, unknown>[]> {
  const { rows } = await answered(server, { client, answer: client.query<Record<string, unknown>>(text) }, signal);
  return rows;
}

/** The server does not limit its replication commands in time, and a network that is gone answers nothing: the session is cut off. */
export async function answered<T>(
  server: FeedServer,
  { client, answer }: { client: pg.Client; answer: Promise<T> },
  signal: AbortSignal,
): Promise<T> {
  const { clock, limits } = server.context;
  const { promise: given, reject: giveUp } = Promise.withResolvers<never>();
  const cutOff = (reason: unknown): void => {
    giveUp(reason);
    inside(client).connection.stream.destroy();
  };
  const onAbort = (): void => cutOff(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  const cancel = clock.after(statementLimitMs(limits) + behindServerMs, () => cutOff(unanswered(server.place)));
  try {
    return await Promise.race([given, answer]);
  } finally {
    cancel();
    signal.removeEventListener("abort", onAbort);
    given.catch(() => {});
    // It fails later than what cut it off.
    answer.catch(() => {});
  }
}

function unanswered(place: string): FuserError {
  return new FuserError("transient", "The server does not answer the feed", {
    code: "erp-connection-lost",
    operation: "read the feed of the ERP's database",
    place,
    hint: "It is tried again by itself. If it stays, look for a firewall or a pooler on the way.",
  });
}

/** Ends a session of the replication protocol; a server that does not hear it is left after two seconds. */
export async function endSession({ context }: FeedServer, client: pg.Client): Promise<void> {
  const { connection } = inside(client);
  const { stream } = connection;
  if (stream.destroyed) return;
  const cancel = context.clock.after(2_000, () => stream.destroy());
  const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
  // What still comes must be read, or the end of it is never seen. The client's own end would cut off what was just told.
  stream.resume();
  connection.end();
  await closed;
  cancel();
}
