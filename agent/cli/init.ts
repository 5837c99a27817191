import { existsSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { FuserError } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import type { Config } from "../../config/config.ts";
import { parseConfig } from "../../config/load.ts";
import type { Table } from "../../connectors/connector.ts";
import { faultFindings } from "../compile.ts";
import { openErp } from "../erp.ts";
import type { Register } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { type DraftParts, draftConfiguration } from "./init-draft.ts";
import { prompt } from "./prompt.ts";
import { configurationSecrets } from "./secrets.ts";
import type { Session } from "./session.ts";

type Options = Readonly<Record<string, string | undefined>>;

/** `erpfuser init`: asks for database and portal, reads the schema and writes a first configuration. */
export const init: Register = (program, start) => {
  program
    .command("init")
    .description("Write a first configuration from the database's schema")
    .option("--out <file>", "where to write it", "erpfuser.yaml")
    .option("--name <name>", "name of this agent")
    .option("--portal <url>", "address of the portal's channel, wss://…")
    .option("--state <directory>", "state directory", "./state")
    .option("--connector <name>", "sqlite or mysql")
    .option("--file <file>", "SQLite: the database file")
    .option("--server <host>", "MySQL/MariaDB: the server")
    .option("--port <port>", "MySQL/MariaDB: its port", "3306")
    .option("--database <name>", "MySQL/MariaDB: the database")
    .option("--user <name>", "MySQL/MariaDB: the account")
    .option("--secret <name>", "name of the secret that holds the account's password", "erp-password")
    .option("--timezone <zone>", "what local times in the database mean", "Europe/Berlin")
    .action(
      start(async (session, _, given) => {
        const options = given as Options;
        const out = resolve(options.out ?? "erpfuser.yaml");
        if (existsSync(out)) throw alreadyThere(out);
        const parts = await partsOf(session, options);
        const tables = await readTables(session, parts, out);
        const text = draftConfiguration({ ...parts, tables });
        const checked = parseConfig({ text, file: out });
        writeFileSync(out, text, { flag: "wx", mode: 0o600 });
        const sources = checked.config?.sources.map(({ name }) => name) ?? [];
        const findings = faultFindings(checked.faults ?? []);
        session.out.result({ file: out, tables: tables.length, sources, findings }, () => [
          `Wrote ${out}: ${tables.length} tables seen, ${sources.length} sources drafted (${sources.join(", ") || "none"}).`,
          "Next: edit it, then `erpfuser check`, `erpfuser preview SOURCE`, `erpfuser enrol CODE`, `erpfuser run`.",
        ]);
        return exitCodes.ok.code;
      }),
    );
};

function alreadyThere(file: string): FuserError {
  return new FuserError("config", "There is a file already", {
    code: "decision-overwrite",
    operation: "write a first configuration",
    place: file,
    hint: "Move it away, or name another one with --out",
  });
}

async function partsOf(session: Session, options: Options): Promise<Omit<DraftParts, "tables">> {
  const asked = async (name: string, question: string, standard?: string): Promise<string> =>
    options[name] ?? (await prompt(session, question, standard === undefined ? {} : { default: standard }));
  const connector = await asked("connector", "Database: sqlite or mysql", "mysql");
  const connection = await connectionOf(connector, options, asked);
  return {
    name: await asked("name", "Name of this agent (your company)"),
    portal: await asked("portal", "Address of the portal's channel (wss://…)"),
    state: resolve(options.state ?? "./state"),
    connector,
    connection,
    timezone: options.timezone ?? "Europe/Berlin",
  };
}

async function connectionOf(
  connector: string,
  options: Options,
  asked: (name: string, question: string) => Promise<string>,
): Promise<string[]> {
  if (connector === "sqlite") return [`file: ${JSON.stringify(resolve(await asked("file", "Database file")))}`];
  return [
    `server: ${JSON.stringify(await asked("server", "Server"))}`,
    `port: ${options.port ?? "3306"}`,
    `database: ${JSON.stringify(await asked("database", "Database"))}`,
    `user: ${JSON.stringify(await asked("user", "Account"))}`,
    `password: { secret: ${options.secret ?? "erp-password"} }`,
  ];
}

/** Connects with what was said, through a configuration of one stand-in source, so that settings are checked as they always are. */
async function readTables(session: Session, parts: Omit<DraftParts, "tables">, file: string): Promise<Table[]> {
  const probe = `${draftConfiguration({ ...parts, tables: [] })}\n  probe: { type: property, table: PROBE, key: [PROBE], fields: { name: PROBE } }\n`;
  const loaded = parseConfig({ text: probe.replace(/\n# Tables[\s\S]*?\n\n/, "\n"), file });
  if (!loaded.config) {
    throw new FuserError("config", "These settings can't work", {
      code: "config-faults",
      operation: "connect to the database",
      findings: faultFindings(loaded.faults),
    });
  }
  return await describeAll(session, loaded.config);
}

async function describeAll(session: Session, config: Config): Promise<Table[]> {
  const secrets = configurationSecrets(session, config);
  const erp = await openErp({ config, clock: session.clock, log: silentLog, secret: secrets.require });
  try {
    await erp.identity(session.signal);
    return await erp.describe(session.signal);
  } finally {
    await erp.close();
  }
}
