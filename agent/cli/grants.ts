import { Option } from "commander";
import { FuserError, isAbort } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import type { Config } from "../../config/config.ts";
import type { Connector } from "../../connectors/connector.ts";
import type { Comparison, GrantNeeds, GrantScript, GrantServer, ScriptKind } from "../../connectors/grants.ts";
import { connectors } from "../../connectors/registry.ts";
import { openErp } from "../erp.ts";
import { grantNeeds } from "../grant-needs.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { askForErp } from "./init-settings.ts";
import { configurationSecrets } from "./secrets.ts";
import type { Session } from "./session.ts";

interface Known {
  needs: GrantNeeds;
  server: GrantServer | undefined;
  /** Why some of it is wider than it need be. */
  notes: readonly string[];
}

const nothing: GrantNeeds = { tables: [], calls: [], ledgers: [], feeds: [] };

/** `erpfuser grants`: the least-privilege script for the DBA, its counterpart, and what the account holds beside it. Runs none of it. */
export const grants: Register = (program, start) => {
  program
    .command("grants")
    .description("Print the script that gives the account exactly the rights it needs; nothing is run")
    .option("--revoke", "the counterpart: takes them back", false)
    .option("--ledger", "the script that makes the ledger's table", false)
    .option("--compare", "what the account lacks, and what it has beyond its needs", false)
    .option("--offline", "without asking the database, whose description makes it exact to the column", false)
    .addOption(new Option("--for <what>", "init: what `erpfuser init` needs, before there is a configuration").choices(["init"]))
    .option("--connector <name>", "with --for init: kind of database")
    .option("--file <file>", "with --for init, SQLite: the database file")
    .option("--server <host>", "with --for init: the server", "localhost")
    .option("--port <port>", "with --for init: its port", "3306")
    .option("--database <name>", "with --for init: the database")
    .option("--user <name>", "with --for init: the account")
    .action(
      start(async (session, _, options) => {
        if (options.for === "init") return printInit(session, options as Readonly<Record<string, string | undefined>>);
        const config = await readConfiguration(session);
        if (options.compare === true) return compare(session, config);
        const kind: ScriptKind = options.ledger === true ? "ledger" : options.revoke === true ? "revoke" : "grant";
        const { needs, server, notes } = await known(session, config, options.offline === true);
        const script = scriptOf(config.erp.connector, config.erp.settings)(kind, needs, server);
        session.out.result({ script, notes }, () => [...script, ...notes.map((note) => `-- ${note}`)]);
        return exitCodes.ok.code;
      }),
    );
};

async function printInit(session: Session, options: Readonly<Record<string, string | undefined>>): Promise<number> {
  const answer = async (option: string, question: string): Promise<string> => options[option] ?? needed(option, question);
  const { connector, settings } = await askForErp(answer, options);
  const script = scriptOf(connector, settings)("init", nothing, undefined);
  session.out.result({ script, notes: [] }, () => script);
  return exitCodes.ok.code;
}

function needed(option: string, question: string): never {
  throw new FuserError("config", `--${option} is missing (${question})`, {
    code: "usage-settings",
    operation: "write a script of rights",
    hint: `Add --${option}`,
  });
}

function scriptOf(connector: string, settings: unknown): GrantScript {
  const script = connectors[connector]?.grants?.(settings);
  if (script === undefined) throw unsupported(connector, "script");
  return script;
}

function unsupported(connector: string, what: "script" | "comparison"): FuserError {
  return new FuserError("config", `There is no ${what} of rights for ${connector} in this version`, {
    code: "grants-unsupported",
    operation: "write a script of rights",
    hint: "Give the account SELECT on what is read, INSERT and UPDATE on what is written, and run `erpfuser check`",
  });
}

async function compare(session: Session, config: Config): Promise<number> {
  const erp = await open(session, config);
  try {
    if (erp.grants === undefined) throw unsupported(config.erp.connector, "comparison");
    const told = await erp.grants.compare(grantNeeds(config, await erp.describe(session.signal)), session.signal);
    session.out.result(told, () => compared(told));
    return told.missing.length + told.tooMany.length === 0 ? exitCodes.ok.code : exitCodes.findings.code;
  } finally {
    await erp.close();
  }
}

function compared({ server, missing, tooMany }: Comparison): string[] {
  if (missing.length + tooMany.length === 0) return [`${server.account} has exactly the rights that it needs.`];
  return [
    ...(missing.length > 0 ? ["-- lacking:", ...missing] : []),
    ...(tooMany.length > 0 ? ["-- more than it needs:", ...tooMany] : []),
  ];
}

const open = (session: Session, config: Config): Promise<Connector> =>
  openErp({ config, clock: session.clock, log: silentLog, secret: configurationSecrets(session, config).require });

/** What the database can add; without it, as before the account exists, whole tables stand where columns can't be told. */
async function known(session: Session, config: Config, offline: boolean): Promise<Known> {
  const without = (why: string): Known => ({
    needs: grantNeeds(config, []),
    server: undefined,
    notes: [`${why}: where columns can't be told from the configuration alone, the whole table is named`],
  });
  if (offline) return without("The database was not asked");
  const erp = await open(session, config);
  try {
    const tables = await erp.describe(session.signal);
    const needs = grantNeeds(config, tables);
    const seen = new Set(tables.map(({ name }) => name));
    const unseen = needs.tables.map(({ table }) => table).filter((name) => !seen.has(name));
    const server = await erp.grants?.server(session.signal);
    const notes = unseen.map((name) => `The account can't see ${name} yet: run \`erpfuser grants\` again once it can`);
    return { needs, server, notes };
  } catch (error) {
    if (isAbort(error) || !(error instanceof FuserError)) throw error;
    return without(`The database could not be asked (${error.message})`);
  } finally {
    await erp.close();
  }
}
