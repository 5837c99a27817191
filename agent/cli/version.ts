import { readFileSync } from "node:fs";
import { modelVersion, protocolVersion } from "../../protocol/version.ts";
import type { Register } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";

/** Version of this agent, from package.json. */
export function agentVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** `erpfuser version`: agent, protocol, model and Node. */
export const version: Register = (program, start) => {
  program
    .command("version")
    .description("Print the versions of agent, protocol, model and Node")
    .action(
      start(async ({ out }) => {
        const versions = { agent: agentVersion(), protocol: protocolVersion, model: modelVersion, node: process.versions.node };
        out.result(versions, () => [
          `ERP Fuser ${versions.agent} (protocol ${versions.protocol}, model ${versions.model}, Node ${versions.node})`,
        ]);
        return exitCodes.ok.code;
      }),
    );
};
