import { FuserError } from "../../base/errors.ts";
import type { Register } from "./command.ts";
import { countOption } from "./options.ts";
import { previewCommand } from "./preview-command.ts";
import { previewSource } from "./preview-source.ts";

/** `erpfuser preview SOURCE` and `erpfuser preview --command NAME --data FILE`: what would be sent and what would be written. Nothing is. */
export const preview: Register = (program, start) => {
  program
    .command("preview")
    .description("Show live rows beside the entities they become, or the statements of a command; nothing is sent or written")
    .argument("[source]")
    .addOption(countOption("--rows <count>", "so many rows", 5))
    .option("--key <parts>", "only this row: its key parts separated by commas")
    .option("--held", "only rows that would be held back", false)
    .option(
      "--why",
      "by field the columns and steps it comes from; whether it differs from what was last sent; what holds it",
      false,
    )
    .option("--command <name>", "what this command would write, such as ticket.create")
    .option(
      "--data <file>",
      "the command as the portal sends it, in JSON: values, and entity and base where it changes something",
    )
    .option("--rehearse", "run the command's statements in a transaction of the ERP that is rolled back", false)
    .action(
      start(async (session, [source], options) => {
        const { command, data, rehearse } = options;
        if (typeof command === "string" && typeof data === "string" && source === undefined)
          return previewCommand(session, { name: command, file: data, rehearse: rehearse === true });
        if (source !== undefined && command === undefined && data === undefined && rehearse !== true)
          return previewSource(session, source, options);
        throw new FuserError("rejected", "It is not said what is to be shown", {
          code: "usage-preview",
          operation: "show what would happen",
          hint: "Name a source, or a command with its data: `--command ticket.create --data ticket.json`",
        });
      }),
    );
};
