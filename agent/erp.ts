import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { FuserError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Clock } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Connector } from "../connectors/connector.ts";
import { connectors } from "../connectors/registry.ts";

/** What of a configuration reaches the ERP. */
export interface ErpSettings {
  file: string;
  /** Without `state` before there is one (`init`). */
  agent: Pick<Config["agent"], "name"> & Partial<Pick<Config["agent"], "state">>;
  erp: Pick<Config["erp"], "connector" | "settings"> & {
    confirmAfterMs?: number;
    courtesy: Pick<Config["erp"]["courtesy"], "statementTimeoutMs" | "lockTimeoutMs" | "pace">;
  };
}

export interface ErpParts {
  config: ErpSettings;
  clock: Clock;
  log: Log;
  /** Reads a secret by its name. @throws FuserError `secret-missing` */
  secret: (name: string) => Promise<string>;
  /** For what only looks: beside the agent's own sessions and its lock. */
  beside?: string;
}

/**
 * Rows of a batch; with its bytes it bounds what a scan holds in memory. Rows that are one piece of bytes cost little; a batch is a commit, and has its share of others'
 * time. At a gentle pace batches are small all the same: while one is read others wait, and what they notice is the longest wait.
 */
const batchRows = 1_000;
const gentleBatchRows = 500;
const packedBatchRows = 4_000;
const batchBytes = 1_048_576;
/** No single statement of a scan holds a snapshot longer (architecture.md, idea 1). */
const snapshotMs = 60_000;
/** Nor does one that need not sort: to be begun anew costs it nothing, and an ALTER TABLE waits no longer for it. */
const alterableMs = 5_000;

/** Opens the connector that the configuration names. Nothing is connected before its first call. */
export async function openErp({ config, clock, log, secret, beside }: ErpParts): Promise<Connector> {
  const module = connectors[config.erp.connector];
  if (module === undefined) {
    throw new FuserError("config", `There is no connector called ${config.erp.connector}`, {
      code: "config-connector",
      operation: "open the ERP",
      place: config.file,
      hint: `Known: ${Object.keys(connectors).join(", ")}`,
    });
  }
  const { statementTimeoutMs, lockTimeoutMs, pace } = config.erp.courtesy;
  const rows = pace === "full" ? { batchRows, packedBatchRows } : { batchRows: gentleBatchRows };
  const { confirmAfterMs } = config.erp;
  const confirming = confirmAfterMs === undefined ? {} : { confirmAfterMs };
  const limits = { statementTimeoutMs, lockTimeoutMs, ...rows, batchBytes, snapshotMs, alterableMs, ...confirming };
  return await module.open(config.erp.settings, secret, {
    clock,
    log: log.part("erp"),
    limits,
    sessionName: [...(beside === undefined ? [] : [beside]), sessionNameOf(config.agent.name)].join(":"),
    ...(config.agent.state === undefined ? {} : { stateDirectory: config.agent.state }),
  });
}

/** The agent as the ERP's server shows it; locks and feeds bear this name. */
export const sessionNameOf = (agentName: string): string => `erpfuser:${agentName}`;

/** Name of this machine, as the portal shows it. */
export const machineName = (): string => hostname() || "unnamed";

/** Unique text for connections, questions and epochs. */
export const newId = (): string => randomUUID();
