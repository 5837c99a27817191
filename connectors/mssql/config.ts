import { z } from "zod";
import { type ServerAddress, serverAddresses, serverList, serversText } from "../servers.ts";
import { filledText, secretReference, truth, wholeNumber } from "../settings.ts";

const tls = z.strictObject({
  mode: z
    .enum(["required", "strict", "off"])
    .optional()
    .describe(
      "`required`; `strict`: TDS 8.0 of SQL Server 2022; `off`: tenant data and password in the clear. Default: required",
    ),
  ca: filledText.optional().describe("PEM file with the certificate authority of the server, or its own certificate"),
  verify: truth.optional().describe("Refuse a certificate that can't be verified. Default: true with `ca` or `strict`"),
  name: filledText.optional().describe("Name in the server's certificate, where it is not `server`"),
  legacy: truth
    .optional()
    .describe(
      "`true`: TLS 1.0 and its ciphers, for SQL Server 2008 to 2014 without updates. It can be broken: `erpfuser check` warns",
    ),
});

/** `erp:` keys of an SQL Server database. */
export const mssqlSettings = z
  .strictObject({
    server: serverList.describe(
      "Host name or address, or `host\\\\instance`; of an availability group its listener. Of several, `[one, other:1434]`, the first that answers and can be written to is taken",
    ),
    port: wholeNumber(1, 65_535).optional().describe("Default 1433"),
    instance: filledText
      .optional()
      .describe("Named instance in place of `port`; its port is asked of the SQL Server Browser (UDP 1434)"),
    database: filledText.describe("Name of the database"),
    user: filledText.describe("SQL login; with `domain` a Windows account"),
    domain: filledText
      .optional()
      .describe("Windows domain of `user`: login by NTLM. Kerberos and group managed accounts do not work"),
    password: secretReference,
    tls: tls.optional(),
  })
  .refine((settings) => settings.port === undefined || settings.instance === undefined, {
    message: "name either `port` or `instance`",
    path: ["instance"],
  });

export type MssqlSettings = z.infer<typeof mssqlSettings>;

export interface TlsChoice {
  mode: "required" | "strict" | "off";
  ca: string | undefined;
  verify: boolean;
  legacy: boolean;
}

/** What the settings mean for encryption. A server without a certificate of its own makes one that nobody can verify: then it is not, and `check` warns. */
export function tlsChoice({ tls: given = {} }: MssqlSettings): TlsChoice {
  const mode = given.mode ?? "required";
  const verify = given.verify ?? (given.ca !== undefined || mode === "strict");
  return { mode, ca: given.ca, verify, legacy: given.legacy ?? false };
}

/** A server, and the instance on it where its port is to be asked of the SQL Server Browser. */
export interface InstanceAddress extends ServerAddress {
  instance: string | undefined;
}

const usualPort = 1433;

export const addressesOf = ({ server, port }: MssqlSettings): readonly ServerAddress[] =>
  serverAddresses(server, port ?? usualPort);

/** An instance may be written behind its host, as SQL Server's own clients do; a port says more. */
export function instanceAt({ host, port }: ServerAddress, settings: Pick<MssqlSettings, "port" | "instance">): InstanceAddress {
  const [name = host, own] = host.split("\\");
  const instance = settings.port === undefined && port === usualPort ? (own ?? settings.instance) : undefined;
  return { host: name, port, instance };
}

/** Where the servers are, for errors; never with credentials. */
export function placeOf(settings: MssqlSettings): string {
  const named = addressesOf(settings).map((address) => {
    const { host, port, instance } = instanceAt(address, settings);
    return instance === undefined ? serversText([{ host, port }]) : `${host}\\${instance}`;
  });
  return `${named.join(",")}/${settings.database}`;
}
