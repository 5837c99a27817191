import type { Register } from "./command.ts";
import { keepLiving } from "./demo/living.ts";
import { readOptions } from "./demo/options.ts";
import { createProgress } from "./demo/progress.ts";
import { isClean, reportDocument, reportLines } from "./demo/report.ts";
import { runScript } from "./demo/script.ts";
import { exitCodes } from "./exit-codes.ts";

/** `erpfuser demo`: a sample company, its portal and its agent on this machine, alive until Ctrl-C; `--once`: a fixed script, judged by the oracle. */
export const demo: Register = (program, start) => {
  program
    .command("demo")
    .description("Show it all on this machine: a sample ERP that lives, a portal, and the agent between them")
    .option("--once", "run a fixed script, compare both sides, and end", false)
    .option("--units <count>", "rentable units of the sample company (default: 200)")
    .option(
      "--erp <url>",
      "MariaDB or PostgreSQL for the ERP, as mysql://user:password@host:port/database or postgres://…, or csv:FOLDER, where it drops CSV files for an agent that may only read (default: an SQLite file)",
    )
    .option(
      "--feed <name>",
      "let the sources live on the database's own feed, binlog or logical-replication (default: columns and compares)",
    )
    .option("--reset", "drop tables of the sample ERP's names although the demo did not make them", false)
    .option("--keep", "go on with the company of the last demo", false)
    .option("--rate <count>", "business events per second while it lives (default: 1)")
    .option("--port <port>", "port of the portal (default: a free one)")
    .option("--erp-port <port>", "port of the clerk's page (default: a free one)")
    .option("--directory <path>", "where the demo keeps its files (default: .demo in the project)")
    .option("--rest-within <seconds>", "how long --once waits for both sides to come to rest (default: 300)")
    .action(
      start(async (session, _, given) => {
        const options = readOptions(given);
        using progress = createProgress(session.clock, process.stderr.isTTY === true);
        if (!options.once) {
          await keepLiving(session, options, progress);
          return exitCodes.ok.code;
        }
        const result = await runScript(session, options, progress);
        session.out.result(reportDocument(result), () => reportLines(result));
        return isClean(result) ? exitCodes.ok.code : exitCodes.mismatch.code;
      }),
    );
};
