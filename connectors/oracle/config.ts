import { z } from "zod";
import { filledText, secretReference, wholeNumber } from "../settings.ts";

const tls = z.strictObject({
  mode: z.enum(["off", "required"]).optional().describe("`required`: TCPS. Default: required with `ca`, else off"),
  ca: filledText
    .optional()
    .describe("PEM file with the certificate authority of the server; default: those that this machine trusts"),
  serverName: filledText
    .optional()
    .describe("Distinguished name that the server's certificate must have; default: that its name is the server's"),
});

const thick = z.strictObject({
  libDir: filledText.optional().describe("Folder of Oracle Instant Client; default: where the system looks for libraries"),
  configDir: filledText.optional().describe("Folder of tnsnames.ora and sqlnet.ora"),
});

/** `erp:` keys of an Oracle database. */
export const oracleSettings = z
  .strictObject({
    server: filledText.optional().describe("Host name or address"),
    port: wholeNumber(1, 65_535).optional().describe("Default 1521, 2484 with `tls`"),
    service: filledText.optional().describe("Service name, as `lsnrctl services` shows it"),
    sid: filledText.optional().describe("SID of an instance, in place of `service`: for old servers"),
    connect: filledText
      .optional()
      .describe("In place of `server`: a connect descriptor `(DESCRIPTION=…)`, or a name of the tnsnames.ora in `wallet`"),
    wallet: filledText.optional().describe("Folder with tnsnames.ora and ewallet.pem"),
    walletPassword: secretReference.optional(),
    user: filledText,
    password: secretReference,
    schema: filledText.optional().describe("Owner of the ERP's tables, where it is not the account itself"),
    tls: tls.optional(),
    thick: thick
      .optional()
      .describe("Use Oracle Instant Client of this machine: for servers before 12.1, Kerberos and native network encryption"),
  })
  .refine((settings) => (settings.server === undefined) !== (settings.connect === undefined), {
    message: "name either `server` or `connect`",
    path: ["server"],
  })
  .refine((settings) => settings.connect !== undefined || (settings.service === undefined) !== (settings.sid === undefined), {
    message: "name either `service` or `sid`",
    path: ["service"],
  });

export type OracleSettings = z.infer<typeof oracleSettings>;

/** How long a server may take to take a connection. */
const connectTimeoutSeconds = 10;

export function usesTls({ tls: given }: OracleSettings): boolean {
  return (given?.mode ?? (given?.ca === undefined ? "off" : "required")) === "required";
}

/** The descriptor that the driver connects by. Values are quoted: a host or service name may not open a bracket of its own. */
export function connectString(settings: OracleSettings): string {
  if (settings.connect !== undefined) return settings.connect;
  const encrypted = usesTls(settings);
  const port = settings.port ?? (encrypted ? 2484 : 1521);
  const data = settings.sid === undefined ? `SERVICE_NAME=${bare(settings.service)}` : `SID=${bare(settings.sid)}`;
  const security = encrypted
    ? `(SECURITY=(SSL_SERVER_DN_MATCH=yes)${settings.tls?.serverName === undefined ? "" : `(SSL_SERVER_CERT_DN="${settings.tls.serverName.replaceAll('"', "")}")`})`
    : "";
  const address = `(ADDRESS=(PROTOCOL=${encrypted ? "tcps" : "tcp"})(HOST=${bare(settings.server)})(PORT=${port}))`;
  const patience = `(CONNECT_TIMEOUT=${connectTimeoutSeconds})(TRANSPORT_CONNECT_TIMEOUT=${connectTimeoutSeconds})(EXPIRE_TIME=1)`;
  return `(DESCRIPTION=${patience}${address}(CONNECT_DATA=(${data}))${security})`;
}

const bare = (name: string | undefined): string => (name ?? "").replace(/[()=\s"]/g, "");

/** Where the server is, for errors; never with credentials. */
export function placeOf(settings: OracleSettings): string {
  if (settings.connect !== undefined) return /HOST=([^)\s]+)/i.exec(settings.connect)?.[1] ?? settings.connect.slice(0, 60);
  return `${settings.server}:${settings.port ?? (usesTls(settings) ? 2484 : 1521)}/${settings.service ?? settings.sid}`;
}
