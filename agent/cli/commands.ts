import { FuserError } from "../../base/errors.ts";
import type { CommandState, InboxCommand, Verdict } from "../store/store.ts";
import { vanishedCommands } from "../writeback/memory.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { choiceOption, countOption } from "./options.ts";
import { table } from "./output.ts";
import { ask, withState } from "./state.ts";
import { when } from "./times.ts";

const commandStates: readonly CommandState[] = ["received", "executing", "waiting", "uncertain", "finished", "settled"];

const verdicts: readonly Verdict[] = ["applied", "rejected", "portal-wins", "erp-wins"];

/** What people and programs are shown of a command; the payload stays in the store. `lost`: ids whose effect a restored ERP no longer has. */
function shown(entry: InboxCommand, lost: ReadonlySet<string>) {
  return {
    id: entry.id,
    command: entry.command?.command ?? null,
    state: entry.state,
    outcome: entry.result?.outcome ?? null,
    vanished: lost.has(entry.id),
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
    .addOption(choiceOption("--state <state>", "only in this state", commandStates))
    .option("--vanished", "only those whose effect a restored ERP has lost", false)
    .addOption(countOption("--limit <count>", "at most so many", 50))
    .action(
      start(async (session, _, { state, limit, vanished }) => {
        const config = await readConfiguration(session);
        return await withState(session, config, ({ inbox, meta }) => {
          const lost = new Set(vanishedCommands(meta));
          const filter = state === undefined ? {} : { state: state as CommandState };
          const entries =
            vanished === true
              ? [...lost].flatMap((id) => inbox.get(id) ?? [])
              : inbox.list({ ...filter, limit: limit as number });
          session.out.result({ counts: inbox.counts(), commands: entries.map((entry) => shown(entry, lost)) }, () =>
            table([
              ["ID", "COMMAND", "STATE", "OUTCOME", "ERP", "RECEIVED"],
              ...entries.map((entry) => [
                entry.id,
                entry.command?.command ?? "-",
                entry.state,
                lost.has(entry.id) ? "vanished" : (entry.result?.outcome ?? "-"),
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
        return await withState(session, config, ({ inbox, meta }) => {
          const entry = inbox.get(id);
          if (!entry) throw unknownCommand(id);
          // To decide on both values a person has to see them.
          const conflict = entry.result?.conflict;
          const told = { ...shown(entry, new Set(vanishedCommands(meta))), ...(conflict && { conflict }) };
          session.out.result(told, () => Object.entries(told).map(([name, value]) => `${name}: ${JSON.stringify(value)}`));
          return exitCodes.ok.code;
        });
      }),
    );

  for (const action of ["retry", "approve"] as const) {
    group
      .command(action)
      .description(
        action === "retry"
          ? "Carry an uncertain or a vanished command out, if the ERP does not know it"
          : "Let a waiting draft pass",
      )
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
    .description("Say what became of an uncertain command, after looking into the ERP, or whose value stands in a conflict")
    .argument("<id>")
    .addOption(choiceOption("--outcome <outcome>", "what became of it", verdicts).makeOptionMandatory())
    .option("--key <key>", "ERP key of the record that it made, as ids print it")
    .action(
      start(async (session, [id = ""], { outcome, key }) => {
        const config = await readConfiguration(session);
        const answer = await ask(session, config, {
          ...{ kind: "command", id, action: "resolve" },
          ...{ outcome: outcome as Verdict, key: key as string | undefined },
        });
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
