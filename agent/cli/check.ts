import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { FuserError, isAbort } from "../../base/errors.ts";
import type { Finding } from "../../base/findings.ts";
import { silentLog } from "../../base/log.ts";
import { formatDuration } from "../../base/time.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load.ts";
import type { Secrets } from "../../config/secrets.ts";
import type { Connector } from "../../connectors/connector.ts";
import { feedPlan } from "../capture/feed-tables.ts";
import { readEnrolment, tokenSource } from "../channel/identity.ts";
import { probePortal } from "../channel/probe.ts";
import { type Compiled, faultFindings, tryCompile, writtenTables } from "../compile.ts";
import { freeBytesOf, lowDisk } from "../disk-forecast.ts";
import { bytesFaults } from "../document-bytes.ts";
import { rootFindings } from "../documents/root-findings.ts";
import { newId, openErp } from "../erp.ts";
import { portalForecast } from "../forecasts.ts";
import { ambiguousLookups } from "../lookups.ts";
import { isPinned, readPin } from "../pin.ts";
import { pollsOf } from "../polls.ts";
import { transportSettings } from "../portal-way.ts";
import type { Register } from "./command.ts";
import { requireSecrets } from "./configuration.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { counted, findingLines } from "./output.ts";
import { configurationSecrets } from "./secrets.ts";
import { configFile, type Session } from "./session.ts";
import { storedLookups } from "./stored-lookups.ts";

interface Checked {
  findings: readonly Finding[];
  /** The exit code that the worst finding asks for. */
  exitCode: number;
}

/** `erpfuser check`: every problem of configuration, state, ERP and portal at once, each with its remedy. Changes nothing. */
export const check: Register = (program, start) => {
  program
    .command("check")
    .description("List every problem of configuration, ERP and portal with its remedy; nothing is changed")
    .option("--offline", "the configuration alone, without ERP and portal", false)
    .action(
      start(async (session, _, { offline }) => {
        const { findings, exitCode } = await checkAll(session, offline === true);
        const errors = findings.filter(({ severity }) => severity === "error").length;
        session.out.result({ ok: errors === 0, findings }, () => [
          ...findingLines(findings),
          `${errors === 0 ? "No errors" : counted(errors, "error")}, ${counted(findings.length - errors, "remark")}.`,
        ]);
        return exitCode;
      }),
    );
};

async function checkAll(session: Session, offline: boolean): Promise<Checked> {
  const file = configFile(session);
  const loaded = await loadConfig(file);
  if (!loaded.config) return { findings: faultFindings(loaded.faults), exitCode: exitCodes.configuration.code };
  const { config, notes } = loaded;
  const secrets = configurationSecrets(session, config);
  const findings: Finding[] = [...notes, ...(await stateFindings(config))];
  let exitCode: number = findings.some(({ severity }) => severity === "error") ? exitCodes.state.code : exitCodes.ok.code;
  const parts: readonly Part[] = offline ? [secretFindings] : [secretFindings, erpFindings, portalFindings];
  for (const part of parts) {
    try {
      findings.push(...(await part({ session, config, secrets })));
    } catch (error) {
      if (isAbort(error) || !(error instanceof FuserError)) throw error;
      // The part that needs a secret says again what was said of all of them.
      if (error.code === "secret-missing" && findings.some(({ code }) => code === error.code)) continue;
      findings.push(...(error.findings.length > 0 ? error.findings : [findingOf(error)]));
      exitCode ||= exitCodeOf(error);
    }
  }
  const failed = findings.some(({ severity }) => severity === "error");
  return { findings, exitCode: exitCode || (failed ? exitCodes.findings.code : exitCodes.ok.code) };
}

type Part = (parts: CheckParts) => Promise<readonly Finding[]>;

/** Thrown, so that the exit code speaks of secrets. */
async function secretFindings({ config, secrets }: CheckParts): Promise<readonly Finding[]> {
  await requireSecrets(config, secrets);
  return [];
}

interface CheckParts {
  session: Session;
  config: Config;
  secrets: Secrets;
}

function findingOf(error: FuserError): Finding {
  return {
    severity: "error",
    code: error.code,
    place: error.place ?? error.operation,
    message: error.message,
    remedy: error.hint ?? "See the log for its cause",
  };
}

async function stateFindings(config: Config): Promise<Finding[]> {
  const { state: place } = config.agent;
  try {
    await access(place, constants.R_OK | constants.W_OK | constants.X_OK);
    return lowDisk(place, await freeBytesOf(place));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const message = missing ? "The state directory does not exist" : "The agent's account may not use the state directory";
    const remedy = missing
      ? "Make it, owned by the agent's account, or set `agent.state` to another one"
      : "Give the agent's account the right to read and write it";
    return [
      { severity: "error", code: missing ? "state-directory-missing" : "state-directory-not-writable", place, message, remedy },
    ];
  }
}

async function erpFindings({ session, config, secrets }: CheckParts): Promise<readonly Finding[]> {
  const erp = await openErp({ config, clock: session.clock, log: silentLog, secret: secrets.require });
  try {
    const identity = await erp.identity(session.signal);
    const pin = await readPin(secrets);
    const other: Finding[] =
      pin === undefined || isPinned(pin, identity)
        ? []
        : [
            {
              severity: "error",
              code: "erp-other-database",
              place: identity.label,
              message: `This agent was enrolled for ${pin.label}`,
              remedy: "If the ERP was moved on purpose, run `erpfuser enrol --accept-database`",
            },
          ];
    return [...other, ...(await databaseFindings({ session, config, erp }))];
  } finally {
    await erp.close();
  }
}

async function databaseFindings(parts: { session: Session; config: Config; erp: Connector }): Promise<readonly Finding[]> {
  const { session, config, erp } = parts;
  const read = config.sources.flatMap(({ from, touchedBy }) => [
    ...(from.kind === "table" ? [from.table] : []),
    ...touchedBy.map(({ table }) => table),
  ]);
  const written = writtenTables(config);
  const write = [...new Set(written.map(({ table }) => table))];
  const rights = Object.fromEntries(
    write.map((name) => [name, [...new Set(written.flatMap((one) => (one.table === name ? one.rights : [])))]]),
  );
  const calls = [
    ...new Set(config.commands.flatMap(({ steps }) => steps.flatMap((step) => (step.kind === "call" ? [step.procedure] : [])))),
  ];
  const found = await erp.check(session.signal, { read: [...new Set(read)], write, rights, calls, polls: pollsOf(config) });
  const { faults, compiled } = await tryCompile(config, erp, session.signal);
  const refused = write.length > 0 ? [] : commandsRefused(config, erp);
  const ambiguous = compiled === undefined ? [] : ambiguousLookups(compiled.commands, storedLookups(config, session.clock));
  const fed = await feedFindings(erp, compiled, session.signal);
  const documents = [...faultFindings(await bytesFaults({ config, erp }, session.signal)), ...(await rootFindings(config))];
  return [...found, ...refused, ...faultFindings(faults ?? []), ...ambiguous, ...documents, ...fed];
}

/** Commands that name no table to write, of an ERP that takes none: the connector itself sees tables alone. */
function commandsRefused(config: Config, { dialect }: Connector): Finding[] {
  if (config.commands.length === 0 || !dialect.capabilities.unsupported.includes("write")) return [];
  return [
    {
      severity: "error",
      code: "erp-read-only",
      place: "commands",
      message: `The configuration has commands, and ${dialect.capabilities.title} take none`,
      remedy: "Take `commands` out of the configuration, or give the agent an account on the ERP's database.",
    },
  ];
}

/** What the database's own feed lacks, each with the statement that a DBA would run. */
async function feedFindings(erp: Connector, compiled: Compiled | undefined, signal: AbortSignal): Promise<readonly Finding[]> {
  const plan = compiled && feedPlan(compiled.sources);
  if (plan === undefined) return [];
  if (erp.feed?.name === plan.name) return await erp.feed.check(plan.tables, signal);
  const message = `The database offers no feed ${plan.name}: its sources are compared every quarter of an hour`;
  const remedy = "Use `changes: { column: … }` or `changes: { compare: 15m }`";
  return [{ severity: "error", code: "erp-feed-missing", place: plan.name, message, remedy }];
}

const clockWarnMs = 60_000;

async function portalFindings({ session, config, secrets }: CheckParts): Promise<readonly Finding[]> {
  const { clock, signal, env } = session;
  const transport = await transportSettings(config, secrets.require, env);
  const enrolment = await readEnrolment(secrets);
  const token = enrolment === undefined ? undefined : await tokenSource({ secrets, clock, newId })();
  const place = config.agent.portal;
  const findings: Finding[] = [];
  if (enrolment === undefined) {
    const remedy = "Create a code in the portal and run `erpfuser enrol CODE`";
    findings.push({ severity: "error", code: "agent-not-enrolled", place, message: "This agent is not enrolled", remedy });
  } else if (enrolment.stage !== config.agent.stage) {
    const message = `The configuration says stage ${config.agent.stage}, the enrolment was for ${enrolment.stage}`;
    findings.push({
      severity: "error",
      code: "portal-stage-mismatch",
      place,
      message,
      remedy: "Enrol for this stage, or see `erpfuser go-live`",
    });
  }
  findings.push(...(await portalForecast(place, transport, { now: clock.now(), signal })));
  const { clockOffsetMs } = await probePortal({ portal: config.agent.portal, transport, token, clock, signal });
  if (Math.abs(clockOffsetMs) > clockWarnMs) {
    const message = `This machine's clock is ${formatDuration(Math.abs(clockOffsetMs))} ${clockOffsetMs > 0 ? "behind" : "ahead of"} the portal's`;
    findings.push({
      severity: "warning",
      code: "clock-off",
      place,
      message,
      remedy: "Set the clock, best by NTP; past 5 minutes the portal refuses",
    });
  }
  return findings;
}
