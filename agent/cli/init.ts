import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { FuserError } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { openSecrets, type Secrets } from "../../config/secrets.ts";
import { openErp } from "../erp.ts";
import type { Register } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import type { DraftParts } from "./init/draft-text.ts";
import { draftFrom } from "./init/drafting.ts";
import { type Answer, askForErp, type ErpAnswers } from "./init-settings.ts";
import { prompt, readValue } from "./prompt.ts";
import type { Session } from "./session.ts";

type Options = Readonly<Record<string, string | undefined>>;

/** `erpfuser init`: asks for database and portal, reads the schema and writes a first configuration. */
export const init: Register = (program, start) => {
  program
    .command("init")
    .description("Write a first configuration from the database's schema and a look at some rows; what is not given is asked for")
    .option("--out <file>", "where to write it", "erpfuser.yaml")
    .option("--name <name>", "name of this agent")
    .option("--portal <url>", "address of the portal's channel, wss://…")
    .option("--state <directory>", "state directory", "./state")
    .option("--connector <name>", "sqlite, mysql, mariadb, postgres, mssql or oracle")
    .option("--file <file>", "SQLite: the database file")
    .option("--server <host>", "the database's server")
    .option("--port <port>", "its port (default when not asked: the product's own)")
    .option("--database <name>", "the database; of Oracle the service")
    .option("--user <name>", "the account there")
    .option("--secret <name>", "name under which the account's password is stored", "erp-password")
    .option("--password-file <file>", "store the password that stands in this file, - for stdin")
    .option("--timezone <zone>", "what local times in the database mean", "Europe/Berlin")
    .action(
      start(async (session, _, given) => {
        const options = given as Options;
        const out = resolve(options.out ?? "erpfuser.yaml");
        if (existsSync(out)) throw alreadyThere(out);
        const answer: Answer = async (option, question, standard) =>
          options[option] ?? (await prompt(session, question, standard === undefined ? {} : { default: standard }));
        const erp = await askForErp(answer, options);
        const parts = {
          name: await answer("name", "Name of this agent (your company)"),
          portal: await answer("portal", "Address of the portal's channel (wss://…)"),
          state: resolve(options.state ?? "./state"),
          connector: erp.connector,
          connection: erp.written,
          timezone: options.timezone ?? "Europe/Berlin",
        };
        const secrets = openSecrets(parts.state, { env: session.env });
        const password = await passwordOf(session, { options, erp, secrets, state: parts.state });
        const secret = async (name: string): Promise<string> =>
          name === password?.name ? password.value : await secrets.require(name);
        const written = await writeDraft(session, { out, parts, erp, secret });
        // Kept only now that the database has taken it.
        if (password !== undefined) await secrets.set(password.name, password.value);
        session.out.result(written, () => [
          `Wrote ${out}: ${written.tables} tables seen, ${written.sources.length} sources drafted (${written.sources.join(", ") || "none"}).`,
          "What was not certain stands in it as a comment that says why.",
          "Next: read it, then `erpfuser check`, `erpfuser preview SOURCE --why`, `erpfuser enrol CODE`, `erpfuser run`.",
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

/**
 * The password from its file, or asked for where none is stored; undefined where the stored one is to be used or none is needed.
 * @throws FuserError `secret-missing` where nobody can be asked
 */
async function passwordOf(
  session: Session,
  parts: { options: Options; erp: ErpAnswers; secrets: Secrets; state: string },
): Promise<{ name: string; value: string } | undefined> {
  const { options, erp, secrets, state } = parts;
  const reference = erp.written.password;
  if (typeof reference !== "object") return undefined;
  const name = reference.secret;
  if (options.passwordFile === undefined && (await secrets.list()).includes(name)) return undefined;
  if (options.passwordFile !== undefined || process.stdin.isTTY)
    return { name, value: await readValue(session, `Password of ${String(erp.written.user)}`, options.passwordFile) };
  throw new FuserError("config", `No secret \`${name}\` is stored`, {
    code: "secret-missing",
    operation: "write a first configuration",
    place: state,
    hint: `Give --password-file, or run \`erpfuser secret set ${name} --state ${options.state ?? "./state"}\` before`,
  });
}

interface DraftInputs {
  out: string;
  parts: Omit<DraftParts, "tables">;
  erp: ErpAnswers;
  secret: (name: string) => Promise<string>;
}

/** Reads the schema, looks at some rows, drafts, makes sure that the draft passes what `check` asks of it, and writes it. */
async function writeDraft(session: Session, { out, parts, erp, secret }: DraftInputs) {
  const courtesy = { pace: "gentle" as const, statementTimeoutMs: 30_000, lockTimeoutMs: 2_000 };
  const place = { file: out, agent: { name: parts.name }, erp: { ...erp, courtesy } };
  const connector = await openErp({ config: place, clock: session.clock, log: silentLog, secret });
  try {
    await connector.identity(session.signal);
    const { text, sources, tables } = await draftFrom({ parts, file: out, connector, signal: session.signal });
    mkdirSync(parts.state, { recursive: true, mode: 0o700 });
    writeFileSync(out, text, { flag: "wx", mode: 0o600 });
    return { file: out, tables, sources };
  } finally {
    await connector.close();
  }
}
