// Imports what lies in a CSV folder and is killed at a named moment of the import: `killed-import.ts SETTINGS STATE MOMENT`, settings as JSON.

import { silentLog } from "../../base/log.ts";
import { systemClock } from "../../base/time.ts";
import { csvSettings } from "../../connectors/csv/config.ts";
import { csvOver } from "../../connectors/csv/connector.ts";
import { sqlite } from "../../connectors/sqlite/connector.ts";

const [settings = "{}", stateDirectory = "", wanted] = process.argv.slice(2);
const limits = { statementTimeoutMs: 20_000, lockTimeoutMs: 1_000, batchRows: 500, batchBytes: 1_000_000, snapshotMs: 60_000 };
const context = { clock: systemClock, log: silentLog, limits, sessionName: "killed", stateDirectory };
const killed = async (moment: string): Promise<void> => {
  if (moment === wanted) process.kill(process.pid, "SIGKILL");
};
const connector = await csvOver(sqlite, killed).open(csvSettings.parse(JSON.parse(settings)), async () => "", context);
const source = { source: "T", from: { table: "T" }, key: ["ID"], columns: ["ID"], where: [], scope: [], flags: [], children: [] };
for await (const _ of connector.scan(source, new AbortController().signal)) break;
await connector.close();
