import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { requireSource } from "./names.ts";
import { ask } from "./state.ts";

/** `erpfuser sync [SOURCE] [--full]`: asks the running agent to look now. */
export const sync: Register = (program, start) => {
  program
    .command("sync")
    .description("Ask the running agent to look for changes now")
    .argument("[source]", "only this source")
    .option("--full", "compare in full, not only by the fast signal", false)
    .action(
      start(async (session, [source], { full }) => {
        const config = await readConfiguration(session);
        requireSource(config, source);
        const answer = await ask(session, config, { kind: "sync", source, full: full === true });
        session.out.result(answer, () => [answer.message]);
        return exitCodes.ok.code;
      }),
    );
};
