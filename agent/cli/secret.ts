import { readFile } from "node:fs/promises";
import { FuserError } from "../../base/errors.ts";
import { rotateKey } from "../channel/enrol.ts";
import { newId } from "../erp.ts";
import { transportSettings } from "../portal-way.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { prompt, readStdin } from "./prompt.ts";
import { configurationSecrets } from "./secrets.ts";
import type { Session } from "./session.ts";

/** `erpfuser secret set|list|remove|rotate`: values never stand on a command line and are never shown. */
export const secret: Register = (program, start) => {
  const group = program.command("secret").description("Passwords and keys, encrypted in the state directory");

  group
    .command("set")
    .description("Store a value, asked for on the terminal or read from stdin")
    .argument("<name>")
    .option("--file <file>", "read it from a file")
    .action(
      start(async (session, [name = ""], { file }) => {
        const secrets = configurationSecrets(session, await readConfiguration(session));
        await secrets.set(name, await readValue(session, name, file as string | undefined));
        session.out.result({ name, stored: true }, () => [`Stored ${name}. A running agent uses it at its next connect.`]);
        return exitCodes.ok.code;
      }),
    );

  group
    .command("list")
    .description("Print the names, never the values")
    .action(
      start(async (session) => {
        const names = await configurationSecrets(session, await readConfiguration(session)).list();
        session.out.result({ names }, () => (names.length > 0 ? names : ["There are none."]));
        return exitCodes.ok.code;
      }),
    );

  group
    .command("remove")
    .description("Remove a value")
    .argument("<name>")
    .action(
      start(async (session, [name = ""]) => {
        const removed = await configurationSecrets(session, await readConfiguration(session)).remove(name);
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

async function readValue(session: Session, name: string, file: string | undefined): Promise<string> {
  if (file !== undefined) return (await readFile(file, "utf8")).replace(/\r?\n$/, "");
  if (!process.stdin.isTTY) return await readStdin();
  return await prompt(session, `Value of ${name} (not shown)`, { hidden: true });
}

function unknownSecret(name: string): FuserError {
  return new FuserError("config", `There is no secret called ${name}`, {
    code: "not-found-secret",
    operation: "remove a secret",
    hint: "See `erpfuser secret list`",
  });
}
