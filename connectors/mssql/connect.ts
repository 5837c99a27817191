import { readFileSync } from "node:fs";
import type { Connection, ConnectionConfiguration, Request, TYPES } from "tedious";
import { FuserError } from "../../base/errors.ts";
import type { ConnectorContext } from "../connector.ts";
import type { ReadSecret } from "../module.ts";
import { createServers, type ServerAddress, type Servers } from "../servers.ts";
import { addressesOf, instanceAt, type MssqlSettings, placeOf, tlsChoice } from "./config.ts";

export interface Access {
  settings: MssqlSettings;
  secret: ReadSecret;
  context: ConnectorContext;
  servers: Servers;
}

export function accessOf(given: Omit<Access, "servers">): Access {
  const { settings, context } = given;
  return { ...given, servers: createServers(addressesOf(settings), placeOf(settings), context.clock) };
}

/** The driver. It brings cloud logins of 30 MB of memory along, so it is loaded only where an SQL Server is asked for. */
export interface Driver {
  Connection: typeof Connection;
  Request: typeof Request;
  TYPES: typeof TYPES;
}

export async function loadDriver(): Promise<Driver> {
  const { default: driver } = (await import("tedious")) as unknown as { default: Driver };
  return driver;
}

/** How long it may take to give up a statement; then the connection is closed. */
const cancelTimeoutMs = 2_000;

/** Where a connection leads. */
export interface Target {
  server: ServerAddress;
  /** How long it may take to answer. */
  timeoutMs: number;
  database: string;
}

/** A bare connection that is logged in. @throws the driver's error, with the server's number where it refused the login; the signal's reason */
export async function connect(access: Access, driver: Driver, target: Target, signal: AbortSignal): Promise<Connection> {
  const connection = new driver.Connection(await configurationOf(access, target));
  // Errors are told to whoever waits, and once more here.
  connection.on("error", () => {});
  let refused: number | undefined;
  let state: number | undefined;
  const onRefusal = (message: { number: number; state: number }): void => {
    refused ??= message.number;
    state ??= message.state;
  };
  connection.on("errorMessage", onRefusal as never);
  const onAbort = (): void => connection.close();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      connection.connect((error) => (error ? reject(error) : resolve()));
    });
    return connection;
  } catch (error) {
    connection.close();
    if (signal.aborted) throw signal.reason;
    throw refused === undefined ? error : Object.assign(error as Error, { number: refused, state });
  } finally {
    signal.removeEventListener("abort", onAbort);
    connection.removeListener("errorMessage", onRefusal as never);
  }
}

async function configurationOf(
  { settings, secret, context }: Access,
  { server, timeoutMs, database }: Target,
): Promise<ConnectionConfiguration> {
  const { user, domain } = settings;
  const password = await secret(settings.password.secret);
  const { host, port, instance } = instanceAt(server, settings);
  return {
    server: host,
    authentication:
      domain === undefined
        ? { type: "default", options: { userName: user, password } }
        : { type: "ntlm", options: { userName: user, password, domain } },
    options: {
      ...(instance === undefined ? { port } : { instanceName: instance }),
      ...encryptionOf(settings),
      database,
      appName: context.sessionName.slice(0, 128),
      connectTimeout: timeoutMs,
      cancelTimeout: cancelTimeoutMs,
      // Statements have a limit of the agent's own (link.ts).
      requestTimeout: 0,
      maxRetriesOnTransientErrors: 0,
      // A listener has an address in each subnet, of which one answers: the others must not be waited for.
      multiSubnetFailover: true,
      useUTC: true,
    },
  };
}

function encryptionOf(settings: MssqlSettings): ConnectionConfiguration["options"] {
  const { mode, ca, verify, legacy } = tlsChoice(settings);
  if (mode === "off") return { encrypt: false };
  const name = settings.tls?.name;
  return {
    encrypt: mode === "strict" ? "strict" : true,
    trustServerCertificate: !verify,
    ...(name === undefined ? {} : { serverName: name }),
    cryptoCredentialsDetails: {
      ...(ca === undefined ? {} : { ca: readCa(ca) }),
      ...(legacy ? { minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" } : {}),
    },
  };
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
