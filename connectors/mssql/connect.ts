import { readFileSync } from "node:fs";
import type { Connection, ConnectionConfiguration, Request, TYPES } from "tedious";
import { FuserError } from "../../base/errors.ts";
import type { ConnectorContext } from "../connector.ts";
import type { ReadSecret } from "../module.ts";
import { type MssqlSettings, tlsChoice } from "./config.ts";

export interface Access {
  settings: MssqlSettings;
  secret: ReadSecret;
  context: ConnectorContext;
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

/** How long a server may take to answer a connect. */
const connectTimeoutMs = 10_000;
/** How long it may take to give up a statement; then the connection is closed. */
const cancelTimeoutMs = 2_000;

/** A bare connection that is logged in. @throws the driver's error, with the server's number where it refused the login; the signal's reason */
export async function connect(access: Access, driver: Driver, signal: AbortSignal): Promise<Connection> {
  const connection = new driver.Connection(await configurationOf(access));
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

async function configurationOf({ settings, secret, context }: Access): Promise<ConnectionConfiguration> {
  const { user, domain, database, instance, port } = settings;
  const password = await secret(settings.password.secret);
  const place = instance === undefined ? { port: port ?? 1433 } : { instanceName: instance };
  return {
    server: settings.server,
    authentication:
      domain === undefined
        ? { type: "default", options: { userName: user, password } }
        : { type: "ntlm", options: { userName: user, password, domain } },
    options: {
      ...place,
      ...encryptionOf(settings),
      database,
      appName: context.sessionName.slice(0, 128),
      connectTimeout: connectTimeoutMs,
      cancelTimeout: cancelTimeoutMs,
      // Statements have a limit of the agent's own (link.ts).
      requestTimeout: 0,
      maxRetriesOnTransientErrors: 0,
      multiSubnetFailover: false,
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
