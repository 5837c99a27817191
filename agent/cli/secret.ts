import { resolve } from "node:path";
import { FuserError } from "../../base/errors.ts";
import { openSecrets, type Secrets } from "../../config/secrets.ts";
import { rotateKey } from "../channel/enrol.ts";
import { newId } from "../erp.ts";
import { transportSettings } from "../portal-way.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { readValue } from "./prompt.ts";
import { configurationSecrets } from "./secrets.ts";
import type { Session } from "./session.ts";

const stateOption = ["--state <directory>", "this state directory, where no configuration exists yet"] as const;

/** `erpfuser secret set|list|remove|rotate`: values never stand on a command line and are never shown. */
export const secret: Register = (program, start) => {
  const group = program.command("secret").description("Passwords and keys, encrypted in the state directory");

  group
    .command("set")
    .description("Store a value, asked for on the terminal or read from stdin")
    .argument("<name>")
    .option("--file <file>", "read it from a file, - for stdin")
    .option(...stateOption)
    .action(
      start(async (session, [name = ""], { file, state }) => {
        const secrets = await secretsAt(session, state);
        await secrets.set(name, await readValue(session, `Value of ${name}`, file as string | undefined));
        session.out.result({ name, stored: true }, () => [`Stored ${name}. A running agent uses it at its next connect.`]);
        return exitCodes.ok.code;
      }),
    );

  group
    .command("list")
    .description("Print the names, never the values")
    .option(...stateOption)
    .action(
      start(async (session, _, { state }) => {
        const names = await (await secretsAt(session, state)).list();
        session.out.result({ names }, () => (names.length > 0 ? names : ["There are none."]));
        return exitCodes.ok.code;
      }),
    );

  group
    .command("remove")
    .description("Remove a value")
    .argument("<name>")
    .option(...stateOption)
    .action(
      start(async (session, [name = ""], { state }) => {
        const removed = await (await secretsAt(session, state)).remove(name);
        if (!removed) throw unknownSecret(name);
        session.out.result({ name, removed }, () => [`Removed ${name}.`]);
        return exitCodes.ok.code;
      }),
    );

  group
    .command("rotate")
    .description("Replace the key with which this agent signs in at the portal")
    .action(
      start(async (session) => {
        const config = await readConfiguration(session);
        const secrets = configurationSecrets(session, config);
        const transport = await transportSettings(config, secrets.require, session.env);
        const { clock, signal } = session;
        const { fingerprint } = await rotateKey({ portal: config.agent.portal, secrets, transport, clock, newId, signal });
        session.out.result({ fingerprint }, () => [`The portal has taken the new key: ${fingerprint}`]);
        return exitCodes.ok.code;
      }),
    );
};

/** The store of the named state directory, for the time before a configuration exists; else the configuration's. */
async function secretsAt(session: Session, state: unknown): Promise<Secrets> {
  if (typeof state === "string") return openSecrets(resolve(state), { env: session.env });
  return configurationSecrets(session, await readConfiguration(session));
}

function unknownSecret(name: string): FuserError {
  return new FuserError("config", `There is no secret called ${name}`, {
    code: "not-found-secret",
    operation: "remove a secret",
    hint: "See `erpfuser secret list`",
  });
}
