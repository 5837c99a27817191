import { FuserError } from "../../base/errors.ts";
import type { CommandState, InboxCommand } from "../store/store.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { table } from "./output.ts";
import { ask, withState } from "./state.ts";
import { when } from "./times.ts";

/** What people and programs are shown of a command; the payload stays in the store. */
function shown(entry: InboxCommand) {
  return {
    id: entry.id,
    command: entry.command?.command ?? null,
    state: entry.state,
    outcome: entry.result?.outcome ?? null,
    source: entry.source ?? null,
    key: entry.key ?? null,
    number: entry.result?.number ?? null,
    attempts: entry.attempts,
    receivedAt: new Date(entry.receivedAt).toISOString(),
    error: entry.result?.error ?? null,
  };
}

/** `erpfuser commands list|show|retry|approve|resolve`: what the portal asked for and what became of it. */
export const commands: Register = (program, start) => {
  const group = program.command("commands").description("What the portal asked for, and what became of it");

  group
    .command("list")
    .description("List them, newest first")
    .option("--state <state>", "received, executing, waiting, uncertain, finished or settled")
    .option("--limit <count>", "at most so many", "50")
    .action(
      start(async (session, _, { state, limit }) => {
        const config = await readConfiguration(session);
        return await withState(session, config, ({ inbox }) => {
          const filter = state === undefined ? {} : { state: state as CommandState };
          const entries = inbox.list({ ...filter, limit: Number(limit) });
          session.out.result({ counts: inbox.counts(), commands: entries.map(shown) }, () =>
            table([
              ["ID", "COMMAND", "STATE", "OUTCOME", "ERP", "RECEIVED"],
              ...entries.map((entry) => [
                entry.id,
                entry.command?.command ?? "-",
                entry.state,
                entry.result?.outcome ?? "-",
                entry.result?.number ?? entry.key ?? "-",
                when(entry.receivedAt),
              ]),
            ]),
          );
          return exitCodes.ok.code;
        });
      }),
    );

  group
    .command("show")
    .description("Show one")
    .argument("<id>")
    .action(
      start(async (session, [id = ""]) => {
        const config = await readConfiguration(session);
        return await withState(session, config, ({ inbox }) => {
          const entry = inbox.get(id);
          if (!entry) throw unknownCommand(id);
          session.out.result(shown(entry), () =>
            Object.entries(shown(entry)).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
          );
          return exitCodes.ok.code;
        });
      }),
    );

  for (const action of ["retry", "approve"] as const) {
    group
      .command(action)
      .description(action === "retry" ? "Look an uncertain command up in the ERP and try again" : "Let a waiting draft pass")
      .argument("<id>")
      .action(
        start(async (session, [id = ""]) => {
          const config = await readConfiguration(session);
          const answer = await ask(session, config, { kind: "command", id, action });
          session.out.result(answer, () => [answer.message]);
          return exitCodes.ok.code;
        }),
      );
  }

  group
    .command("resolve")
    .description("Say what became of an uncertain command, after looking into the ERP")
    .argument("<id>")
    .requiredOption("--outcome <outcome>", "applied or rejected")
    .option("--key <key>", "ERP key of the record that it made, as ids print it")
    .action(
      start(async (session, [id = ""], { outcome, key }) => {
        if (outcome !== "applied" && outcome !== "rejected") {
          throw new FuserError("config", `--outcome is applied or rejected, not ${outcome}`, {
            code: "usage-outcome",
            operation: "resolve a command",
          });
        }
        const config = await readConfiguration(session);
        const body = { kind: "command", id, action: "resolve", outcome, key: key as string | undefined } as const;
        const answer = await ask(session, config, body);
        session.out.result(answer, () => [answer.message]);
        return exitCodes.ok.code;
      }),
    );
};

function unknownCommand(id: string): FuserError {
  return new FuserError("rejected", `No command ${id} is known here`, {
    code: "not-found-command",
    operation: "show a command",
    hint: "See `erpfuser commands list`",
  });
}
