import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { checkServerIdentity, type TLSSocket } from "node:tls";
import { type Connection, type ConnectionOptions, createConnection } from "mysql2";
import { FuserError } from "../../base/errors.ts";
import type { ConnectorContext } from "../connector.ts";
import type { ReadSecret } from "../module.ts";
import { createServers, type ServerAddress, type Servers, serversText, type Ways } from "../servers.ts";
import { addressesOf, type MysqlSettings, placeOf, tlsChoice } from "./config.ts";
import { mysqlError } from "./errors.ts";
import { openRowSocket } from "./row-socket.ts";

export interface Access {
  settings: MysqlSettings;
  secret: ReadSecret;
  context: ConnectorContext;
  servers: Servers;
}

export function accessOf(settings: MysqlSettings, secret: ReadSecret, context: ConnectorContext): Access {
  return { settings, secret, context, servers: createServers(addressesOf(settings), placeOf(settings), context.clock) };
}

/**
 * `read`: UTC, read-only. `batch`: the same with several statements in one text. `write`: strict, in the server's own time zone. `feed`: for the binlog, whose
 * reader takes from the connection's options how it gives dates.
 */
export type LinkKind = "read" | "batch" | "write" | "feed";

/** A connection, and the server that it leads to. */
export interface Connected {
  connection: Connection;
  server: ServerAddress;
}

const operation = "connect to the ERP's database";
const killTimeoutMs = 2_000;
const lookTimeoutMs = 3_000;

/** Connects to the server; of several to the first that can be written to. @throws FuserError config or transient */
export async function connectToPrimary(access: Access, kind: LinkKind, signal: AbortSignal): Promise<Connected> {
  const { servers, settings } = access;
  const place = placeOf(settings);
  const ways: Ways<Connected & { primary: boolean }> = {
    async open(server, timeoutMs) {
      try {
        const connection = await connectWithTls(access, { server, kind, timeoutMs }, signal);
        return { connection, server, primary: !servers.several || isWritable(await askReadOnly(connection, access, timeoutMs)) };
      } catch (error) {
        throw mysqlError(error, operation, place);
      }
    },
    isPrimary: ({ primary }) => primary,
    hangUp: ({ connection }) => hangUp(connection),
  };
  return servers.connect(ways, signal);
}

/** @param readOnly `@@GLOBAL.read_only`, for which newer servers have several words; `super_read_only` is never on without it */
export const isWritable = (readOnly: string | null | undefined): boolean => ["0", "OFF"].includes(readOnly?.toUpperCase() ?? "");

/** What a server of the list is; the error that keeps it from being asked. */
export async function lookAt(
  access: Access,
  server: ServerAddress,
  signal: AbortSignal,
): Promise<"primary" | "standby" | FuserError> {
  const opening = { server, kind: "read", timeoutMs: lookTimeoutMs } as const;
  try {
    const connection = await connectWithTls(access, opening, signal);
    const readOnly = await askReadOnly(connection, access, lookTimeoutMs);
    connection.on("error", () => {});
    hangUp(connection);
    return isWritable(readOnly) ? "primary" : "standby";
  } catch (error) {
    const described = mysqlError(error, operation, serversText([server]));
    if (described instanceof FuserError) return described;
    throw described;
  }
}

async function askReadOnly(
  connection: Connection,
  { context, settings }: Access,
  timeoutMs: number,
): Promise<string | undefined> {
  let stop = (): void => {};
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      const cancel = context.clock.after(timeoutMs, () => reject(noAnswer(placeOf(settings))));
      const onError = (error: unknown): void => reject(error);
      connection.on("error", onError);
      stop = () => {
        cancel();
        connection.removeListener("error", onError);
      };
      connection.query("SELECT CAST(@@GLOBAL.read_only AS CHAR) AS value", (error, rows) => {
        const [row] = (rows ?? []) as { value?: string }[];
        if (error) reject(error);
        else resolve(row?.value);
      });
    });
  } catch (error) {
    connection.on("error", () => {});
    hangUp(connection);
    throw error;
  } finally {
    stop();
  }
}

export interface Opening {
  server: ServerAddress;
  kind: LinkKind;
  /** How long the server may take to answer. */
  timeoutMs: number;
}

/** A bare connection, encrypted as the settings want it; `preferred` goes on without encryption where the server has none. @throws the driver's error */
export async function connectWithTls(access: Access, opening: Opening, signal: AbortSignal): Promise<Connection> {
  const { server, kind } = opening;
  const options = await optionsOf(access, opening);
  const choice = tlsChoice(access.settings, server);
  const plain =
    kind === "read" && access.settings.rawRows !== false
      ? { ...options, stream: () => openRowSocket(socketOf(access.settings, server)) }
      : options;
  const open = (how: ConnectionOptions): Promise<Connection> => connect(how, { access, opening, signal });
  if (choice.mode === "off") return open(plain);
  const ca = choice.ca === undefined ? {} : { ca: readCa(choice.ca) };
  // The driver compares an address with the name `localhost`: it is told not to, and the address is compared afterwards.
  const address = isIP(server.host) !== 0;
  const ssl = { ...ca, rejectUnauthorized: choice.verify, verifyIdentity: choice.verify && !address };
  try {
    const connection = await open({ ...options, ssl });
    if (choice.verify && address) requireAddress(connection, server.host);
    return connection;
  } catch (error) {
    if (choice.mode === "required" || (error as { code?: string }).code !== "HANDSHAKE_NO_SSL_SUPPORT") throw error;
    return open(plain);
  }
}

/** @throws the error of node:tls when the server's certificate is not for this address */
function requireAddress(connection: Connection, address: string): void {
  const { stream } = connection as unknown as { stream: TLSSocket };
  const mismatch = checkServerIdentity(address, stream.getPeerCertificate());
  if (mismatch === undefined) return;
  connection.on("error", () => {});
  hangUp(connection);
  throw mismatch;
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

function socketOf({ socket }: MysqlSettings, { host, port }: ServerAddress): Parameters<typeof openRowSocket>[0] {
  return socket === undefined ? { host, port } : { path: socket };
}

async function optionsOf(
  { settings, secret, context }: Access,
  { server, kind, timeoutMs }: Opening,
): Promise<ConnectionOptions> {
  const password = settings.password === undefined ? {} : { password: await secret(settings.password.secret) };
  return {
    ...(settings.socket === undefined ? server : { socketPath: settings.socket }),
    ...password,
    user: settings.user,
    database: settings.database,
    charset: "utf8mb4",
    multipleStatements: kind === "batch",
    ...(kind === "feed" ? { dateStrings: true, timezone: "Z" } : {}),
    connectTimeout: timeoutMs,
    supportBigNumbers: true,
    flags: ["-LOCAL_FILES"],
    connectAttributes: { program_name: context.sessionName },
  };
}

function connect(
  options: ConnectionOptions,
  { access, opening, signal }: { access: Access; opening: Opening; signal: AbortSignal },
): Promise<Connection> {
  const { context, settings } = access;
  return new Promise((resolve, reject) => {
    const connection = createConnection(options);
    const done = (finish: () => void): void => {
      cancel();
      signal.removeEventListener("abort", onAbort);
      connection.removeListener("error", onError);
      connection.removeListener("connect", onConnect);
      finish();
    };
    const fail = (error: unknown): void =>
      done(() => {
        connection.on("error", () => {});
        hangUp(connection);
        reject(error);
      });
    const onAbort = (): void => fail(signal.reason);
    const onError = (error: unknown): void => fail(error);
    const onConnect = (): void => done(() => resolve(connection));
    // The driver's own time-out ends with the TCP connect; a server that accepts and then says nothing would hold us for good.
    const cancel = context.clock.after(opening.timeoutMs, () => fail(noAnswer(placeOf(settings))));
    signal.addEventListener("abort", onAbort, { once: true });
    connection.on("error", onError);
    connection.on("connect", onConnect);
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

/** Ends a session in the server; an account may always end its own. Best effort: a server that is gone has ended it already. */
export async function killThread(access: Access, { server, id }: { server: ServerAddress; id: number }): Promise<void> {
  if (id === 0) return;
  const { context } = access;
  const timeout = new AbortController();
  const cancel = context.clock.after(killTimeoutMs, () => timeout.abort());
  try {
    const connection = await connectWithTls(access, { server, kind: "read", timeoutMs: killTimeoutMs }, timeout.signal);
    connection.on("error", () => {});
    await new Promise<void>((resolve) => {
      const onAbort = (): void => resolve();
      timeout.signal.addEventListener("abort", onAbort, { once: true });
      connection.query(`KILL ${id}`, () => resolve());
    });
    hangUp(connection);
  } catch (error) {
    context.log.debug("a session of ours could not be ended in the ERP's server", {
      code: String((error as { code?: string }).code ?? "unknown"),
    });
  } finally {
    cancel();
  }
}

/** The driver's own `destroy` only says goodbye: a socket with unread rows would stay open. */
export function hangUp(connection: Connection): void {
  connection.destroy();
  (connection as unknown as { stream?: { destroy(): void } }).stream?.destroy();
}
