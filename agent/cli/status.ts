import { FuserError } from "../../base/errors.ts";
import { formatDuration } from "../../base/time.ts";
import type { Config } from "../../config/config.ts";
import { readStatusFile, type StatusFile, stillRuns } from "../status-file.ts";
import { vanishedCommands } from "../writeback/memory.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { heldWords } from "./held-words.ts";
import { counted, table } from "./output.ts";
import type { Session } from "./session.ts";
import { withState } from "./state.ts";
import { when } from "./times.ts";

/** What the agent last said, beside what its store holds now. */
async function current(session: Session, config: Config) {
  const file = readStatusFile(config.agent.state);
  const running = file !== undefined && stillRuns(file);
  return await withState(session, config, (state) => ({
    running,
    agent: file ?? null,
    pending: state.pending.count(),
    quarantined: state.quarantine.count(),
    findings: state.findings.count({ accepted: { is: false, at: session.clock.now() } }),
    outbox: state.outbox.bounds(),
    commands: state.inbox.counts(),
    vanished: vanishedCommands(state.meta).length,
    guards: state.guards.list().filter((guard) => guard.state === "open"),
  }));
}

type Current = Awaited<ReturnType<typeof current>>;

/** Undefined where no agent has ever run: there is nothing to look into. */
async function currentIfAny(session: Session, config: Config): Promise<Current | undefined> {
  try {
    return await current(session, config);
  } catch (error) {
    if (error instanceof FuserError && ["store-missing", "state-directory-missing"].includes(error.code)) return undefined;
    throw error;
  }
}

function headline(now: Current, session: Session): string {
  const { agent, running } = now;
  if (agent === null) return "The agent has never run on this state directory.";
  const age = formatDuration(Math.max(0, session.clock.now() - Date.parse(agent.status.at)));
  if (!running) return `Not running (last seen ${age} ago). Start it with \`erpfuser run\`.`;
  return `Running (process ${agent.pid}, version ${agent.agentVersion}), ${agent.status.state}, said ${age} ago`;
}

function feedLine({ feed }: StatusFile): string[] {
  if (feed === undefined) return [];
  const reason = feed.reason === undefined ? "" : ` because ${feed.reason}`;
  const state =
    feed.state === "fallen-back" ? `fallen back to compares${reason}, since ${when(Date.parse(feed.since))}` : feed.state;
  const heard = feed.lastHeard === null ? "never heard" : `last heard ${when(Date.parse(feed.lastHeard))}`;
  return [`Feed ${feed.name}: ${state}; ${heard}`];
}

/** Sources that are noticed by other means than the configuration says, or may be. */
function insteadLines({ ways = [] }: StatusFile): string[] {
  return ways.flatMap(({ source, by, because }) =>
    because === undefined ? [] : [`${source} lives on ${by === "compare" ? "compares" : `its ${by}`}: ${because}`],
  );
}

/** What the ERP's schema stops; `erpfuser check` has the remedies. */
function lackLines({ lacks = [] }: StatusFile): string[] {
  if (lacks.length === 0) return [];
  return ["The ERP's schema lacks what the configuration needs (see `erpfuser check`):", ...lacks.map((text) => `  ${text}`)];
}

function sourceRows({ status, ways = [] }: StatusFile, running: boolean): string[][] {
  const time = (text: string | null): string => (text === null ? "-" : when(Date.parse(text)));
  const head = ["SOURCE", "TYPE", "STATE", "BY", "ROWS", "PENDING", "QUARANTINE", "FINDINGS", "LAG", "LAST SUCCESS"];
  const rows = status.sources.map((source) => [
    source.source,
    source.type,
    running ? `${source.state}${source.reason === undefined ? "" : ` (${source.reason})`}` : "stopped",
    ways.find((way) => way.source === source.source)?.by ?? "-",
    String(source.rows),
    String(source.pending),
    String(source.quarantined),
    String(source.findings ?? "-"),
    source.lagMs === null ? "-" : formatDuration(source.lagMs),
    time(source.lastSuccess),
  ]);
  return [head, ...rows];
}

/** What will stand still one day; `erpfuser check` has the remedies. */
function forecastLines({ status }: StatusFile): string[] {
  return (status.forecasts ?? []).map(({ code, message }) => `Ahead: ${message} [${code}]`);
}

/** What the checks of idle hours have mended: with the last one, for what only grows says little. */
function mendedLines({ status, checks = [] }: StatusFile): string[] {
  return status.sources.flatMap(({ source, mended = 0 }) => {
    const last = checks.find((one) => one.source === source)?.mendedAt;
    const when_ = last === undefined ? "" : `, the last ${when(Date.parse(last))}`;
    return mended === 0
      ? []
      : [`${counted(mended, "difference")} of ${source} mended${when_}: \`erpfuser journal --kind check --source ${source}\``];
  });
}

function portalLine({ portal, inStepSince, status }: StatusFile): string {
  const reason = portal.reason === undefined ? "" : ` (${portal.reason})`;
  const first = status.sources.some(({ state }) => state === "starting");
  const since = inStepSince === undefined ? undefined : `in step since ${when(Date.parse(inStepSince))}`;
  return `Portal: ${portal.state}${reason}; ${since ?? (first ? "first sync under way" : "changes on their way")}`;
}

function commandLine(counts: Current["commands"]): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return `Commands: ${some.length === 0 ? "none" : some.map(([state, count]) => `${count} ${state}`).join(", ")}`;
}

function lines(now: Current, session: Session): string[] {
  const { agent, running } = now;
  return [
    headline(now, session),
    ...(agent !== null && running ? [portalLine(agent)] : []),
    ...(agent?.erp ? [`ERP: ${agent.erp}`] : []),
    ...(agent !== null && running ? [...feedLine(agent), ...insteadLines(agent), ...lackLines(agent)] : []),
    `Waiting: ${now.pending} keys to read, ${now.outbox.items} items to send, ${now.quarantined} in quarantine`,
    ...(now.findings > 0 ? [`Data quality: ${counted(now.findings, "finding")}: \`erpfuser quality\``] : []),
    ...(agent === null ? [] : [...mendedLines(agent), ...forecastLines(agent)]),
    commandLine(now.commands),
    ...(now.vanished > 0
      ? [`${now.vanished} commands are no longer in the ERP since it was restored: \`erpfuser commands list --vanished\``]
      : []),
    ...now.guards.map(
      (guard) =>
        `Guard ${guard.id} holds ${guard.count} ${heldWords[guard.kind]} of ${guard.source}: \`erpfuser guard show ${guard.id}\``,
    ),
    ...(agent === null ? [] : ["", ...table(sourceRows(agent, running))]),
  ];
}

/** `erpfuser status [--watch]`: agent, sources, queues, and what waits for a person. */
export const status: Register = (program, start) => {
  program
    .command("status")
    .description("How agent, sources and queues stand")
    .option("-w, --watch", "again every two seconds", false)
    .action(
      start(async (session, _, { watch }) => {
        const config = await readConfiguration(session);
        for (;;) {
          const now = await currentIfAny(session, config);
          if (watch === true && session.out.interactive) process.stdout.write("\x1b[2J\x1b[H");
          if (now === undefined)
            session.out.result({ running: false, agent: null }, () => [`No agent has run on ${config.agent.state} yet.`]);
          else session.out.result(now, () => lines(now, session));
          if (watch !== true) return exitCodes.ok.code;
          await session.clock.sleep(2_000, session.signal);
        }
      }),
    );
};
