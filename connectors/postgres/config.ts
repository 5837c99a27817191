import { z } from "zod";
import { serverAddresses, serverList, serversText } from "../servers.ts";
import { filledText, secretReference, truth, wholeNumber } from "../settings.ts";

const tls = z.strictObject({
  mode: z
    .enum(["off", "preferred", "required"])
    .optional()
    .describe(
      "`off`; `preferred`: encrypted where the server offers it; `required`. Default: off on this machine, required with `ca`, else preferred",
    ),
  ca: filledText.optional().describe("PEM file with the certificate authority of the server"),
  verify: truth.optional().describe("Refuse a certificate that can't be verified. Default: true with `ca` or `required`"),
});

const oneOrMore = z.union([filledText, z.array(filledText).min(1)], "write a text or a list of texts");

/** `erp:` keys of a PostgreSQL database. */
export const postgresSettings = z.strictObject({
  server: serverList.describe(
    "Host name or address, or the folder of the server's local socket. Of several, `[one, other:5433]`, the first that answers and is no standby is taken",
  ),
  port: wholeNumber(1, 65_535).optional().describe("Default 5432"),
  database: filledText.describe("Name of the database"),
  schema: oneOrMore
    .optional()
    .describe("Schema or schemas in which tables without a schema's name are looked for. Default: the account's own search_path"),
  user: filledText,
  password: secretReference.optional(),
  tls: tls.optional(),
});

export type PostgresSettings = z.infer<typeof postgresSettings>;

export interface TlsChoice {
  mode: "off" | "preferred" | "required";
  ca: string | undefined;
  verify: boolean;
}

/** What the settings mean for encryption: nobody can listen within the machine, elsewhere it is asked for. */
export function tlsChoice({ tls: given = {} }: PostgresSettings, server: string): TlsChoice {
  const local = isLocal(server);
  const mode = isSocket(server) ? "off" : (given.mode ?? (given.ca !== undefined ? "required" : local ? "off" : "preferred"));
  return { mode, ca: given.ca, verify: given.verify ?? (given.ca !== undefined || mode === "required") };
}

const isSocket = (server: string): boolean => server.startsWith("/");

function isLocal(server: string): boolean {
  return isSocket(server) || /^(localhost|127\.\d+\.\d+\.\d+|::1)$/i.test(server);
}

export const addressesOf = ({ server, port }: PostgresSettings) => serverAddresses(server, port ?? 5432);

/** Schemas to look in; empty for the account's own. */
export function schemasOf({ schema }: PostgresSettings): readonly string[] {
  return schema === undefined ? [] : typeof schema === "string" ? [schema] : schema;
}

/** Where the server is, for errors; never with credentials. */
export function placeOf(settings: PostgresSettings): string {
  return `${serversText(addressesOf(settings))}/${settings.database}`;
}
