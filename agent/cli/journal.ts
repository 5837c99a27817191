import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { requireSource } from "./names.ts";
import { choiceOption, countOption, durationOption } from "./options.ts";
import { table } from "./output.ts";
import { withState } from "./state.ts";
import { when } from "./times.ts";

/** `erpfuser journal`: every sync and command with status and duration, newest first. */
export const journal: Register = (program, start) => {
  program
    .command("journal")
    .description("What was synced and carried out, newest first")
    .addOption(
      choiceOption("--kind <kind>", "only this kind", ["sync", "compare", "check", "command", "history", "guard", "quality"]),
    )
    .option("--source <source>", "only this source")
    .addOption(choiceOption("--status <status>", "only with this status", ["ok", "failed", "refused", "held"]))
    .addOption(durationOption("--last <duration>", "only the last e.g. 2h"))
    .addOption(countOption("--limit <count>", "at most so many", 50))
    .action(
      start(async (session, _, { kind, source, status, last, limit }) => {
        const config = await readConfiguration(session);
        requireSource(config, source as string | undefined);
        return await withState(session, config, (state) => {
          const entries = state.journal.list({
            limit: limit as number,
            ...(typeof kind === "string" ? { kind } : {}),
            ...(typeof source === "string" ? { source } : {}),
            ...(typeof status === "string" ? { status } : {}),
            ...(typeof last === "number" ? { since: session.clock.now() - last } : {}),
          });
          const document = entries.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() }));
          session.out.result({ entries: document }, () =>
            table([
              ["AT", "KIND", "SOURCE", "STATUS", "MS", "DETAIL"],
              ...entries.map((entry) => [
                when(entry.at),
                entry.kind,
                entry.source ?? "-",
                entry.status,
                entry.durationMs === undefined ? "-" : String(Math.round(entry.durationMs)),
                Object.entries(entry.detail)
                  .map(([name, value]) => `${name}=${value}`)
                  .join(" "),
              ]),
            ]),
          );
          return exitCodes.ok.code;
        });
      }),
    );
};
