import { FuserError } from "../../base/errors.ts";
import type { Finding } from "../../base/findings.ts";
import type { Config, Fault } from "../../config/config.ts";
import { loadConfig } from "../../config/load.ts";
import type { Secrets } from "../../config/secrets.ts";
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
  throw faulty(file, loaded.faults);
}

/** A finding for each secret that the configuration names and nobody has stored. @throws FuserError what opening the secrets throws */
export async function missingSecrets({ file }: Config, secrets: Secrets): Promise<Finding[]> {
  const { faults } = await loadConfig(file, { secrets: await secrets.list() });
  return faultFindings(faults ?? []).map((finding) => ({ ...finding, code: "secret-missing" }));
}

/** @throws FuserError `secret-missing` with every one that is missing as a finding */
export async function requireSecrets(config: Config, secrets: Secrets): Promise<void> {
  const findings = await missingSecrets(config, secrets);
  if (findings.length === 0) return;
  throw new FuserError("config", "The configuration names secrets that are not stored", {
    code: "secret-missing",
    operation: "read the configuration",
    place: config.file,
    findings,
  });
}

/** What a configuration with faults ends a command with. */
export function faulty(file: string, faults: readonly Fault[]): FuserError {
  return new FuserError("config", `The configuration has ${faults.length} ${faults.length === 1 ? "fault" : "faults"}`, {
    code: "config-faults",
    operation: "read the configuration",
    place: file,
    findings: faultFindings(faults),
  });
}
