import { z } from "zod";
import { type ServerAddress, serverAddresses, serverList, serversText } from "../servers.ts";
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

/** `erp:` keys of a MariaDB or MySQL database. */
export const mysqlSettings = z
  .strictObject({
    server: serverList
      .optional()
      .describe(
        "Host name or address. Of several, `[one, other:3307]`, the first that answers and can be written to is taken (`read_only` is off)",
      ),
    port: wholeNumber(1, 65_535).optional().describe("Default 3306"),
    socket: filledText.optional().describe("Path of the server's local socket, in place of `server`"),
    database: filledText.describe("Name of the database (schema)"),
    user: filledText,
    password: secretReference.optional(),
    charset: z
      .enum(["utf8mb4"])
      .optional()
      .describe("Character set of the connection; columns of any character set are converted by the server"),
    tls: tls.optional(),
    rawRows: truth
      .optional()
      .describe(
        "Read rows as the bytes that the server sends: less work for this machine. Default: true, where the driver allows it",
      ),
  })
  .refine((settings) => (settings.server === undefined) !== (settings.socket === undefined), {
    message: "name either `server` or `socket`",
    path: ["server"],
  });

export type MysqlSettings = z.infer<typeof mysqlSettings>;

export interface TlsChoice {
  mode: "off" | "preferred" | "required";
  ca: string | undefined;
  verify: boolean;
}

/** What the settings mean for encryption with one of the servers: nobody can listen within the machine, elsewhere it is asked for. */
export function tlsChoice({ socket, tls: given = {} }: MysqlSettings, { host }: ServerAddress): TlsChoice {
  const local = socket !== undefined || /^(localhost|127\.\d+\.\d+\.\d+|::1)$/i.test(host);
  const mode = given.mode ?? (given.ca !== undefined ? "required" : local ? "off" : "preferred");
  return { mode, ca: given.ca, verify: given.verify ?? (given.ca !== undefined || mode === "required") };
}

/** The servers; a local socket counts as one, by its path. */
export function addressesOf({ socket, server = [], port }: MysqlSettings): readonly ServerAddress[] {
  return socket === undefined ? serverAddresses(server, port ?? 3306) : [{ host: socket, port: 0 }];
}

/** Where the server is, for errors; never with credentials. */
export function placeOf(settings: MysqlSettings): string {
  return settings.socket ?? `${serversText(addressesOf(settings))}/${settings.database}`;
}
