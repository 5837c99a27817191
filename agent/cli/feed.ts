import { FuserError } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { openErp } from "../erp.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { configurationSecrets } from "./secrets.ts";

/** `erpfuser feed drop`: what the ERP's server keeps for the feed of this agent goes, before the agent does. */
export const feed: Register = (program, start) => {
  const group = program.command("feed").description("What the ERP's server keeps for its feed of changes");

  group
    .command("drop")
    .description("Remove it, before the agent is uninstalled or lives without the feed; an agent that goes on compares in full")
    .action(
      start(async (session) => {
        const config = await readConfiguration(session);
        const secrets = configurationSecrets(session, config);
        const erp = await openErp({ config, clock: session.clock, log: silentLog, secret: secrets.require });
        try {
          if (erp.feed?.drop === undefined) throw nothingKept(config.erp.connector);
          await erp.feed.drop(session.signal);
          session.out.result({ dropped: erp.feed.name }, () => ["The ERP's server keeps nothing for the feed any more."]);
          return exitCodes.ok.code;
        } finally {
          await erp.close();
        }
      }),
    );
};

function nothingKept(connector: string): FuserError {
  return new FuserError("rejected", `The server keeps nothing for a feed of ${connector}`, {
    code: "feed-nothing-kept",
    operation: "drop what is kept for the feed",
    hint: "There is nothing to remove.",
  });
}
