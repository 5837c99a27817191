import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { createConnection } from "node:net";
import pg from "pg";
import { FuserError } from "../../base/errors.ts";
import type { ConnectorContext } from "../connector.ts";
import type { ReadSecret } from "../module.ts";
import { createServers, type ServerAddress, type Servers, type Ways } from "../servers.ts";
import { addressesOf, type PostgresSettings, placeOf, tlsChoice } from "./config.ts";
import { isWithoutTls, postgresError } from "./errors.ts";
import { type LinkKind, type SessionFacts, sessionText, takeFacts } from "./session.ts";

export interface Access {
  settings: PostgresSettings;
  secret: ReadSecret;
  context: ConnectorContext;
  servers: Servers;
}

export function accessOf(settings: PostgresSettings, secret: ReadSecret, context: ConnectorContext): Access {
  return { settings, secret, context, servers: createServers(addressesOf(settings), placeOf(settings), context.clock) };
}

/** A connection whose session is set up. */
export interface Session {
  client: pg.Client;
  /** The one of the configured servers that it is on. */
  server: ServerAddress;
  facts: SessionFacts;
}

const operation = "connect to the ERP's database";
const cancelTimeoutMs = 2_000;

/**
 * Connects to the first of the servers that answers and is no standby, or to the only one that is named. Whoever wants something of its own of the connection (a
 * feed: `replication`) gives the driver's options for it.
 * @throws FuserError config or transient
 */
export async function openSession(
  access: Access,
  kind: LinkKind,
  signal: AbortSignal,
  own: pg.ClientConfig = {},
): Promise<Session> {
  signal.throwIfAborted();
  const ways: Ways<Session> = {
    async open(server, timeoutMs) {
      try {
        return await openOn(access, { server, timeoutMs, kind, own }, signal);
      } catch (error) {
        throw postgresError(error, operation, placeOf(access.settings));
      }
    },
    isPrimary: ({ facts }) => !facts.standby,
    hangUp: ({ client }) => hangUp(client),
  };
  return access.servers.connect(ways, signal);
}

interface Opening {
  server: ServerAddress;
  /** How long it may take to answer. */
  timeoutMs: number;
  kind: LinkKind;
  own: pg.ClientConfig;
}

async function openOn(access: Access, opening: Opening, signal: AbortSignal): Promise<Session> {
  const { server, timeoutMs, kind } = opening;
  const client = await connectWithTls(access, opening, signal);
  try {
    const onAbort = (): void => hangUp(client);
    signal.addEventListener("abort", onAbort, { once: true });
    const cancel = access.context.clock.after(timeoutMs, onAbort);
    try {
      const results = await client.query(sessionText(access, kind));
      return { client, server, facts: takeFacts(results) };
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      cancel();
      signal.removeEventListener("abort", onAbort);
    }
  } catch (error) {
    hangUp(client);
    throw error;
  }
}

/** A bare connection, encrypted as the settings want it; `preferred` goes on without encryption where the server has none. */
async function connectWithTls(access: Access, { server, timeoutMs, own }: Opening, signal: AbortSignal): Promise<pg.Client> {
  const { settings, secret, context } = access;
  const password = settings.password === undefined ? "" : await secret(settings.password.secret);
  const options: pg.ClientConfig = {
    ...own,
    ...server,
    database: settings.database,
    user: settings.user,
    // A function: else the driver would look for a password in the environment and in files.
    password: () => password,
    application_name: context.sessionName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    ssl: false,
  };
  // While the secret was read.
  signal.throwIfAborted();
  const choice = tlsChoice(settings, server.host);
  if (choice.mode === "off") return connect(options, { access, timeoutMs, signal });
  const ca = choice.ca === undefined ? {} : { ca: readCa(choice.ca) };
  try {
    return await connect({ ...options, ssl: { ...ca, rejectUnauthorized: choice.verify } }, { access, timeoutMs, signal });
  } catch (error) {
    if (choice.mode === "required" || !isWithoutTls(error)) throw error;
    return connect(options, { access, timeoutMs, signal });
  }
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw unreadableCa(file, error);
  }
}

function unreadableCa(file: string, cause: unknown): FuserError {
  return new FuserError("config", "The file of the certificate authority can't be read", {
    code: "erp-tls-refused",
    operation,
    place: file,
    hint: "Check `erp: tls: ca:` and the rights on the file.",
    cause,
  });
}

function connect(
  options: pg.ClientConfig,
  { access, timeoutMs, signal }: { access: Access; timeoutMs: number; signal: AbortSignal },
): Promise<pg.Client> {
  const { context, settings } = access;
  return new Promise((resolve, reject) => {
    const client = new pg.Client(options);
    // A connection that breaks while nothing runs must not end the process; the next statement tells of it.
    client.on("error", () => {});
    const done = (finish: () => void): void => {
      cancel();
      signal.removeEventListener("abort", onAbort);
      finish();
    };
    const fail = (error: unknown): void =>
      done(() => {
        hangUp(client);
        reject(error);
      });
    const onAbort = (): void => fail(signal.reason);
    const cancel = context.clock.after(timeoutMs, () => fail(noAnswer(placeOf(settings))));
    signal.addEventListener("abort", onAbort, { once: true });
    client.connect((error: Error | null) => (error ? fail(error) : done(() => resolve(client))));
  });
}

function noAnswer(place: string): FuserError {
  return new FuserError("transient", "The ERP's database does not answer", {
    code: "erp-unreachable",
    operation,
    place,
    hint: "Check `erp: server:` and `port:`, whether the server runs, and the firewall.",
  });
}

/** What of the driver's connection its types do not name. */
interface Inside {
  connection: { stream: Socket };
  processID: number | null;
  secretKey: number | null;
}

/** Ends a connection at once, whatever runs on it. */
export function hangUp(client: pg.Client | undefined): void {
  (client as unknown as Inside | undefined)?.connection.stream.destroy();
}

/** What the connection goes over. */
export function streamOf(client: pg.Client): Socket {
  return (client as unknown as Inside).connection.stream;
}

/** Process in the server that serves the connection; 0 where it told none. */
export function backendOf(client: pg.Client): number {
  return (client as unknown as Inside).processID ?? 0;
}

/**
 * Asks the server to end what runs on a connection (PostgreSQL manual, "Canceling Requests in Progress"): a connection of its own without login, which
 * works on a server that takes no more connections, too. Best effort: a server that is gone has ended it already.
 */
export async function cancelStatement({ context }: Access, { client, server }: Session): Promise<void> {
  const { processID, secretKey } = client as unknown as Inside;
  if (processID === null || secretKey === null) return;
  const request = Buffer.alloc(16);
  for (const [index, word] of [16, 80_877_102, processID, secretKey].entries()) request.writeInt32BE(word, index * 4);
  const { host, port } = server;
  const socket = host.startsWith("/") ? createConnection(`${host}/.s.PGSQL.${port}`) : createConnection({ host, port });
  await new Promise<void>((resolve) => {
    const cancel = context.clock.after(cancelTimeoutMs, () => socket.destroy());
    socket.on("error", () => {});
    // The server closes it once it has passed the request on.
    socket.on("close", () => {
      cancel();
      resolve();
    });
    socket.resume();
    socket.end(request);
  });
}
