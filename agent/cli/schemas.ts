import { Argument } from "commander";
import { documents } from "../../protocol/documents.ts";
import type { Register } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";

const files = { asyncapi: "asyncapi.json", messages: "messages.schema.json", openapi: "openapi.json" } as const;

/** `erpfuser model`: the entities that a portal receives, as JSON Schema. */
export const model: Register = (program, start) => {
  program
    .command("model")
    .description("Print the portal's model as JSON Schema")
    .action(
      start(async ({ out }) => {
        const text = (await documents())["model.schema.json"] as string;
        out.result(JSON.parse(text), () => [text.trimEnd()]);
        return exitCodes.ok.code;
      }),
    );
};

/** `erpfuser protocol [DOCUMENT]`: what agent and portal say to each other. */
export const protocol: Register = (program, start) => {
  program
    .command("protocol")
    .description("Print the contract with the portal")
    .addArgument(new Argument("[document]", "which of its documents").choices(Object.keys(files)).default("asyncapi"))
    .action(
      start(async ({ out }, [document = "asyncapi"]) => {
        const text = (await documents())[files[document as keyof typeof files]] as string;
        out.result(JSON.parse(text), () => [text.trimEnd()]);
        return exitCodes.ok.code;
      }),
    );
};
