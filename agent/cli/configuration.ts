import { FuserError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load.ts";
import { faultFindings } from "../compile.ts";
import { configFile, type Session } from "./session.ts";

/**
 * Loads the configuration that the command line names.
 * @throws FuserError `config-not-found`, `config-unreadable`; `config-faults` with every fault as a finding
 */
export async function readConfiguration(session: Session): Promise<Config> {
  const file = configFile(session);
  const loaded = await loadConfig(file);
  if (loaded.config) return loaded.config;
  const { faults } = loaded;
  throw new FuserError("config", `The configuration has ${faults.length} ${faults.length === 1 ? "fault" : "faults"}`, {
    code: "config-faults",
    operation: "read the configuration",
    place: file,
    findings: faultFindings(faults),
  });
}
