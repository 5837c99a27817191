import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { checkServerIdentity, type TLSSocket } from "node:tls";
import { type Connection, type ConnectionOptions, createConnection } from "mysql2";
import { FuserError } from "../../base/errors.ts";
import type { ConnectorContext } from "../connector.ts";
import type { ReadSecret } from "../module.ts";
import { type MysqlSettings, placeOf, tlsChoice } from "./config.ts";
import { openRowSocket } from "./row-socket.ts";

export interface Access {
  settings: MysqlSettings;
  secret: ReadSecret;
  context: ConnectorContext;
}

/**
 * `read`: UTC, read-only. `batch`: the same with several statements in one text. `write`: strict, in the server's own time zone. `feed`: for the binlog, whose
 * reader takes from the connection's options how it gives dates.
 */
export type LinkKind = "read" | "batch" | "write" | "feed";

/** How long a server may take to answer a connect or a KILL. */
const connectTimeoutMs = 10_000;
/** A bare connection, encrypted as the settings want it; `preferred` goes on without encryption where the server has none. */
export async function connectWithTls(access: Access, kind: LinkKind, signal: AbortSignal): Promise<Connection> {
  const options = await optionsOf(access, kind);
  const choice = tlsChoice(access.settings);
  const plain =
    kind === "read" && access.settings.rawRows !== false
      ? { ...options, stream: () => openRowSocket(socketOf(access.settings)) }
      : options;
  if (choice.mode === "off") return connect(plain, access, signal);
  const ca = choice.ca === undefined ? {} : { ca: readCa(choice.ca) };
  // The driver compares an address with the name `localhost`: it is told not to, and the address is compared afterwards.
  const address = isIP(options.host ?? "") !== 0;
  const ssl = { ...ca, rejectUnauthorized: choice.verify, verifyIdentity: choice.verify && !address };
  try {
    const connection = await connect({ ...options, ssl }, access, signal);
    if (choice.verify && address) requireAddress(connection, options.host as string);
    return connection;
  } catch (error) {
    if (choice.mode === "required" || (error as { code?: string }).code !== "HANDSHAKE_NO_SSL_SUPPORT") throw error;
    return connect(plain, access, signal);
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
    operation: "connect to the ERP's database",
    place: file,
    hint: "Check `erp: tls: ca:` and the rights on the file.",
    cause,
  });
}

function socketOf({ socket, server, port }: MysqlSettings): Parameters<typeof openRowSocket>[0] {
  return socket === undefined ? { host: server as string, port: port ?? 3306 } : { path: socket };
}

async function optionsOf({ settings, secret, context }: Access, kind: LinkKind): Promise<ConnectionOptions> {
  const password = settings.password === undefined ? {} : { password: await secret(settings.password.secret) };
  const server =
    settings.socket === undefined
      ? { host: settings.server as string, port: settings.port ?? 3306 }
      : { socketPath: settings.socket };
  return {
    ...server,
    ...password,
    user: settings.user,
    database: settings.database,
    charset: "utf8mb4",
    multipleStatements: kind === "batch",
    ...(kind === "feed" ? { dateStrings: true, timezone: "Z" } : {}),
    connectTimeout: connectTimeoutMs,
    supportBigNumbers: true,
    flags: ["-LOCAL_FILES"],
    connectAttributes: { program_name: context.sessionName },
  };
}

function connect(options: ConnectionOptions, { context, settings }: Access, signal: AbortSignal): Promise<Connection> {
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
    const cancel = context.clock.after(connectTimeoutMs, () => fail(noAnswer(placeOf(settings))));
    signal.addEventListener("abort", onAbort, { once: true });
    connection.on("error", onError);
    connection.on("connect", onConnect);
  });
}

function noAnswer(place: string): FuserError {
  return new FuserError("transient", "The ERP's database does not answer", {
    code: "erp-unreachable",
    operation: "connect to the ERP's database",
    place,
    hint: "Check `erp: server:` and `port:`, whether the server runs, and the firewall.",
  });
}

/** Ends a session in the server; an account may always end its own. Best effort: a server that is gone has ended it already. */
export async function killThread(access: Access, id: number): Promise<void> {
  if (id === 0) return;
  const { context } = access;
  const timeout = new AbortController();
  const cancel = context.clock.after(2_000, () => timeout.abort());
  try {
    const connection = await connectWithTls(access, "read", timeout.signal);
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
