/** What the agent says of itself: in `hello`, to the portal as status, and to `erpfuser status` as a file. */
import { describeError, FuserError, kindOf } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import type { RunState, Status } from "../protocol/messages.ts";
import type { AgentParts, Running } from "./agent.ts";
import type { Capture } from "./capture/capture.ts";
import { type SourceStatus, schemaMissing } from "./capture/status.ts";
import type { ChannelState } from "./channel/channel.ts";
import type { Offer } from "./channel/greeting.ts";
import type { Compiled } from "./compile.ts";
import { forecastsIn } from "./forecasts.ts";
import { offeredQuestions } from "./person-questions.ts";
import { lackText } from "./schema-lacks.ts";
import { type StatusFile, writeStatusFile } from "./status-file.ts";
import type { Store } from "./store/store.ts";
import { waitOut } from "./wait-out.ts";

export interface OfferParts {
  config: Config;
  compiled: Compiled;
  agentVersion: string;
  host: string;
  lookups: Offer["lookups"];
}

/** Types and commands that this configuration has, each with its fields and their owners; several sources of one type are one offer. */
export function offerOf({ config, compiled, agentVersion, host, lookups = [] }: OfferParts): Offer {
  const types = new Map<string, Map<string, "erp" | "portal" | "shared">>();
  for (const { type, fields } of compiled.mappings) {
    const known = types.get(type) ?? new Map();
    for (const { name, owner } of fields) known.set(name, owner);
    types.set(type, known);
  }
  return {
    agentVersion,
    host,
    stage: config.agent.stage,
    types: [...types].map(([type, fields]) => {
      const schema = config.ownTypes?.[type];
      const named = [...fields].map(([name, owner]) => ({ name, owner }));
      return { type, fields: named, ...(schema === undefined ? {} : { schema }) };
    }),
    commands: [...[...compiled.commands].map(([type, { offer }]) => ({ type, fields: [...offer] })), ...offeredQuestions(config)],
    ...(lookups.length === 0 ? {} : { lookups }),
  };
}

/** As the protocol has them. */
const [mostForecasts, longestSentence] = [100, 500];

type Reported = Pick<Running, "capture" | "store" | "channel">;

/** The status that the portal is sent. `statuses` where they are known already: counting them costs the most. */
export function reportOf(
  { capture, store, channel }: Reported,
  statuses: readonly SourceStatus[] = capture.status(),
): Omit<Status, "type" | "at"> {
  const sources = statuses.map((source) => ({
    source: source.source,
    type: source.type,
    state: source.state,
    ...(source.reason === undefined ? {} : { reason: source.reason }),
    lastSuccess: source.lastSuccessAt === undefined ? null : new Date(source.lastSuccessAt).toISOString(),
    rows: source.rows,
    pending: source.pending,
    quarantined: source.quarantined,
    findings: source.findings,
    lagMs: source.lagMs === undefined ? null : Math.round(source.lagMs),
    checkedAt: source.checkedAt === undefined ? null : new Date(source.checkedAt).toISOString(),
    mended: source.mended,
  }));
  const counts = store.inbox.counts();
  const { items, bytes } = store.outbox.bounds();
  return {
    state: overall(
      sources.map(({ state }) => state),
      channel.state(),
    ),
    sources,
    commands: { pending: counts.received + counts.executing + counts.waiting, uncertain: counts.uncertain },
    outbox: { items, bytes },
    forecasts: forecastsIn(store.meta)
      .slice(0, mostForecasts)
      .map(({ code, message }) => ({ code, message: message.slice(0, longestSentence) })),
  };
}

const worstFirst: readonly RunState[] = ["failing", "held", "starting", "behind", "paused", "stopped", "active"];

function overall(sources: readonly RunState[], channel: ChannelState): RunState {
  if (channel.name === "refused" || channel.name === "superseded") return "failing";
  return worstFirst.find((state) => sources.includes(state)) ?? "active";
}

const lookEveryMs = 500;
const writeAtLeastEveryMs = 5_000;

export interface Telling {
  signal: AbortSignal;
  startedAt: number;
  /** Commits of the store so far: while there are no more of them, nothing is counted anew but every few seconds. */
  commits: () => number;
}

/** Writes the status file when something changed, and every few seconds; tells the portal likewise. */
export async function tellStatus(running: Running, { signal, startedAt, commits }: Telling): Promise<void> {
  const { parts, store, channel } = running;
  const { clock } = parts;
  let last = "";
  let writtenAt = Number.NEGATIVE_INFINITY;
  let inStepSince: number | undefined;
  let seen: { commits: number; state: ChannelState; unacked: number } | undefined;
  const tell = (evenIfSame: boolean): void => {
    // An ack alone is no commit.
    const now = { commits: commits(), state: channel.state(), unacked: store.outbox.bounds().items };
    const quiet = now.commits === seen?.commits && now.state === seen.state && now.unacked === seen.unacked;
    if (quiet && !evenIfSame && clock.monotonic() - writtenAt <= writeAtLeastEveryMs) return;
    seen = now;
    const statuses = running.capture.status();
    inStepSince = inStep(running, statuses) ? (inStepSince ?? clock.now()) : undefined;
    const report = reportOf(running, statuses);
    const told = {
      ...whoRuns(parts, startedAt),
      portal: portalOf(channel.state()),
      erp: store.meta.get("erp.label"),
      status: report,
      inStepSince: inStepSince === undefined ? undefined : new Date(inStepSince).toISOString(),
    };
    const text = JSON.stringify(told);
    if (text === last && !evenIfSame && clock.monotonic() - writtenAt <= writeAtLeastEveryMs) return;
    if (text !== last) channel.statusChanged();
    last = text;
    const status = { at: new Date(clock.now()).toISOString(), ...report };
    const lacks = running.compiled.lacks.map(lackText);
    const checks = statuses.flatMap(({ source, mendedAt }) =>
      mendedAt === undefined ? [] : [{ source, mendedAt: new Date(mendedAt).toISOString() }],
    );
    writeStatusFile(parts.config.agent.state, { ...told, ...noticing(running.capture, statuses), checks, lacks, status });
    writtenAt = clock.monotonic();
  };
  await waitOut({ parts, part: "status", everyMs: lookEveryMs }, async () => tell(false), signal);
  try {
    tell(true);
  } catch (error) {
    // A full disk was told while the agent ran; it need not fail its end as well.
    if (kindOf(error) !== "transient") throw error;
  }
}

/** What `status` shows while the ERP lets the agent not even begin: nothing flows, and why. */
export function tellWaiting(
  { parts, store, startedAt }: { parts: AgentParts; store: Store; startedAt: number },
  error: unknown,
): void {
  const counts = store.inbox.counts();
  const { items, bytes } = store.outbox.bounds();
  writeStatusFile(parts.config.agent.state, {
    ...whoRuns(parts, startedAt),
    portal: { state: "stopped" },
    erp: store.meta.get("erp.label"),
    erpProblem: `${describeError(error)}${error instanceof FuserError ? ` [${error.code}]` : ""}`,
    status: {
      at: new Date(parts.clock.now()).toISOString(),
      state: "failing",
      sources: [],
      commands: { pending: counts.received + counts.executing + counts.waiting, uncertain: counts.uncertain },
      outbox: { items, bytes },
    },
    inStepSince: undefined,
  });
}

function whoRuns(parts: AgentParts, startedAt: number): Pick<StatusFile, "pid" | "agentVersion" | "startedAt"> {
  return { pid: process.pid, agentVersion: parts.agentVersion, startedAt: new Date(startedAt).toISOString() };
}

/** How changes are noticed. */
function noticing(capture: Pick<Capture, "feed">, statuses: readonly SourceStatus[]): Pick<StatusFile, "ways" | "feed"> {
  const ways = statuses.map(({ source, way: { by, instead } }) => ({
    ...{ source, by },
    ...(instead === undefined ? {} : { because: `${instead.message} [${instead.code}]` }),
  }));
  const feed = capture.feed();
  if (feed === undefined) return { ways };
  const { state, silent, heardAt } = feed;
  const reason = state.name === "fallen-back" ? { reason: `${state.message} [${state.code}]` } : {};
  const [since, lastHeard] = [
    new Date(state.since).toISOString(),
    heardAt === undefined ? null : new Date(heardAt).toISOString(),
  ];
  return { ways, feed: { name: feed.feed, state: state.name, since, ...reason, lastHeard, silent } };
}

function portalOf(state: ChannelState): StatusFile["portal"] {
  if (!("error" in state) || state.error === undefined) return { state: state.name };
  return { state: state.name, reason: `${state.error.message} [${state.error.code}]` };
}

/** Nothing to read, to send, to carry out or to settle, and everything was compared once. What a person has to decide does not count. */
function inStep({ store, channel, capture }: Running, statuses: readonly SourceStatus[]): boolean {
  if (channel.state().name !== "connected" || store.outbox.bounds().items > 0) return false;
  const counts = store.inbox.counts();
  if (counts.received + counts.executing + counts.finished > 0) return false;
  const held = store.guards
    .list()
    .filter((guard) => guard.state === "open")
    .reduce((sum, guard) => sum + store.pending.heldBy(guard.id).length, 0);
  // What the ERP's schema stops stands still until a person has mended it.
  const stopped = statuses.filter(({ state, reason }) => state === "failing" && reason === schemaMissing);
  const waiting = stopped.reduce((sum, { pending }) => sum + pending, held);
  if (store.pending.count() > waiting) return false;
  // What is stopped is not judged either.
  return (
    statuses.every((source) => source.comparedAt !== undefined || stopped.includes(source)) &&
    (stopped.length > 0 || capture.isJudged())
  );
}
