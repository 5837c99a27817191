import { FuserError } from "../../base/errors.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { requireSource } from "./names.ts";
import { countOption } from "./options.ts";
import { table } from "./output.ts";
import { ask, withState } from "./state.ts";
import { when } from "./times.ts";

/** `erpfuser quarantine list|show|release`: states that could not be sent, each with its reason. */
export const quarantine: Register = (program, start) => {
  const group = program.command("quarantine").description("Rows that could not be sent, each with its reason");

  group
    .command("list")
    .description("List them")
    .argument("[source]", "only this source")
    .addOption(countOption("--limit <count>", "at most so many", 100))
    .action(
      start(async (session, [source], { limit }) => {
        const config = await readConfiguration(session);
        requireSource(config, source);
        return await withState(session, config, ({ quarantine: entries }) => {
          const found = entries.list({ limit: limit as number, ...(source === undefined ? {} : { source }) });
          const total = entries.count(source);
          const shown = found.map(({ digest: _, since, ...entry }) => ({ ...entry, since: new Date(since).toISOString() }));
          session.out.result({ total, entries: shown }, () => [
            ...table([
              ["SOURCE", "KEY", "CODE", "FIELD", "SINCE"],
              ...found.map((entry) => [entry.source, entry.key, entry.code, entry.field ?? "-", when(entry.since)]),
            ]),
            `${found.length} of ${total} shown`,
          ]);
          return exitCodes.ok.code;
        });
      }),
    );

  group
    .command("show")
    .description("Show one with its reason and what waits for it")
    .argument("<source>")
    .argument("<key>", "its key, as `quarantine list` prints it")
    .action(
      start(async (session, [source = "", key = ""]) => {
        const config = await readConfiguration(session);
        requireSource(config, source);
        return await withState(session, config, ({ quarantine: entries }) => {
          const entry = entries.get(source, key);
          if (!entry) throw notQuarantined(source, key);
          const dependents = entries.dependents(source, key).map((child) => ({ source: child.source, key: child.key }));
          const { digest: _, ...shown } = entry;
          session.out.result({ ...shown, since: new Date(entry.since).toISOString(), dependents }, () => [
            `${entry.type} ${entry.id} (${source}), since ${when(entry.since)}`,
            `${entry.code}${entry.field ? ` in ${entry.field}` : ""}: ${entry.message}`,
            ...(entry.waitsFor ? [`Waits for ${entry.waitsFor.source} ${entry.waitsFor.key}`] : []),
            ...dependents.map((child) => `Held with it: ${child.source} ${child.key}`),
            "It is sent by itself once the row is mended in the ERP.",
          ]);
          return exitCodes.ok.code;
        });
      }),
    );

  group
    .command("release")
    .description("Read it again and send it although its state was refused before")
    .argument("<source>")
    .argument("[key]", "all of the source when not given")
    .action(
      start(async (session, [source = "", key]) => {
        const config = await readConfiguration(session);
        requireSource(config, source);
        const answer = await ask(session, config, { kind: "release", source, key });
        session.out.result(answer, () => [answer.message]);
        return exitCodes.ok.code;
      }),
    );
};

function notQuarantined(source: string, key: string): FuserError {
  return new FuserError("rejected", `${source} ${key} is not in quarantine`, {
    code: "not-found-quarantine",
    operation: "show quarantine",
    hint: "See `erpfuser quarantine list`; `erpfuser trace` tells where a record is",
  });
}
