import { readFileSync } from "node:fs";
import oracledb from "oracledb";
import { FuserError } from "../../base/errors.ts";
import type { ConnectorContext } from "../connector.ts";
import type { ReadSecret } from "../module.ts";
import { connectString, type OracleSettings, placeOf } from "./config.ts";
import { oracleError } from "./errors.ts";

export interface Access {
  settings: OracleSettings;
  secret: ReadSecret;
  context: ConnectorContext;
}

/** `read`: UTC, and sorted as bytes are. `write`: in the time zone and with the formats that the server gives to every client: the ERP's triggers may rely on them. */
export type LinkKind = "read" | "write";

/** Set once for a session that reads: so that its pages follow each other, and that SQL texts of the configuration read the same everywhere. */
const readerSession = [
  "NLS_SORT = BINARY",
  "NLS_COMP = BINARY",
  "NLS_NUMERIC_CHARACTERS = '.,'",
  "NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS'",
  "NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF'",
  "TIME_ZONE = '+00:00'",
];

let clientIsLoaded = false;

/**
 * Oracle's client library is loaded once for all of a process, and before the first connection.
 * @throws FuserError config `erp-client-missing`
 */
export function loadClient({ settings }: Pick<Access, "settings">): void {
  if (settings.thick === undefined || clientIsLoaded) return;
  const { libDir, configDir } = settings.thick;
  try {
    oracledb.initOracleClient({ ...(libDir === undefined ? {} : { libDir }), ...(configDir === undefined ? {} : { configDir }) });
    clientIsLoaded = true;
  } catch (error) {
    throw oracleError(error, "load Oracle's client library", libDir ?? "the system's libraries");
  }
}

/** A bare connection, its session set. @throws FuserError */
export async function connect(access: Access, kind: LinkKind): Promise<oracledb.Connection> {
  const { settings, secret } = access;
  const operation = "connect to the ERP's database";
  const place = placeOf(settings);
  loadClient(access);
  const password = await secret(settings.password.secret);
  const walletPassword = settings.walletPassword && (await secret(settings.walletPassword.secret));
  try {
    const connection = await oracledb.getConnection({
      user: settings.user,
      password,
      connectString: connectString(settings),
      ...(settings.wallet === undefined ? {} : { configDir: settings.wallet, walletLocation: settings.wallet }),
      ...(walletPassword === undefined ? {} : { walletPassword }),
      ...(settings.tls?.ca === undefined ? {} : { walletContent: readCa(settings.tls.ca) }),
    });
    connection.module = "erpfuser";
    connection.clientId = access.context.sessionName.slice(0, 64);
    if (connection.warning) tellWarning(access, connection.warning.message);
    for (const statement of sessionStatements(settings, kind)) await connection.execute(statement);
    return connection;
  } catch (error) {
    throw oracleError(error, operation, place);
  }
}

/** What was last told of these settings: each connection is warned of the same. */
const toldWarnings = new WeakMap<Access, string>();

/** A login may succeed with a warning: the password runs out in so many days (ORA-28002, ORA-28011). */
function tellWarning(access: Access, message: string): void {
  if (toldWarnings.get(access) === message) return;
  toldWarnings.set(access, message);
  access.context.log.warn("The ERP's database let us in with a warning", { warning: message, place: placeOf(access.settings) });
}

function sessionStatements({ schema }: OracleSettings, kind: LinkKind): string[] {
  const own = schema === undefined ? [] : [`ALTER SESSION SET CURRENT_SCHEMA = ${quotedSchema(schema)}`];
  return kind === "read" ? [`ALTER SESSION SET ${readerSession.join(" ")}`, ...own] : own;
}

const quotedSchema = (schema: string): string =>
  schema.startsWith('"') ? `"${schema.replaceAll('"', "")}"` : `"${schema.toUpperCase().replaceAll('"', "")}"`;

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
