/**
 * The agent: builds its parts, joins them, runs them until it is told to stop. Signals mark keys, reads by key say what is true, the outbox goes up;
 * commands come down into the inbox and are carried out in the ERP. The parts know nothing of each other: they meet here and in the store.
 */
import { FuserError, isAbort, kindOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { backoffDelayMs } from "../base/loop.ts";
import type { Clock, Random } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Secrets } from "../config/secrets.ts";
import type { Connector } from "../connectors/connector.ts";
import type { Request } from "../protocol/messages.ts";
import { type Capture, createCapture } from "./capture/capture.ts";
import type { Progress } from "./capture/parts.ts";
import { inWindow } from "./capture/schedule.ts";
import { planner } from "./carry-out.ts";
import { type Channel, type ChannelTiming, createChannel } from "./channel/channel.ts";
import { readEnrolment } from "./channel/identity.ts";
import { type AtPoint, nothingHappens } from "./commit-points.ts";
import { type Compiled, compile } from "./compile.ts";
import { compileWhatCan } from "./degrade.ts";
import { pathTeller } from "./document-bytes.ts";
import { type Documents, documentsOf } from "./documents/documents.ts";
import { createFirstTables, type FirstTables } from "./first-tables.ts";
import { type Lookups, openLookups } from "./lookups.ts";
import { buildQuery } from "./map/query.ts";
import { isBlindWay } from "./map/write-idempotency.ts";
import { type PersonQuestions, personQuestions } from "./person-questions.ts";
import { acceptPinned } from "./pin.ts";
import { publishedSource, stillPublished, withPublished } from "./published.ts";
import { createQuality } from "./quality/engine.ts";
import { exceedsGuard } from "./quality/guards.ts";
import { offerOf, reportOf } from "./reporting.ts";
import { type ReturningErp, returningErp } from "./returning-erp.ts";
import { tellLacks } from "./schema-lacks.ts";
import { createSchemaWatch, type SchemaWatch } from "./schema-watch.ts";
import type { CommitHook, Store } from "./store/store.ts";
import { realSurroundings, type Surroundings } from "./surroundings.ts";
import { createWriteback, type Writeback } from "./writeback/writeback.ts";

export interface AgentParts {
  config: Config;
  secrets: Secrets;
  clock: Clock;
  random: Random;
  log: Log;
  agentVersion: string;
  env: Readonly<Record<string, string | undefined>>;
  onProgress?: (progress: Progress) => void;
  /** Fault tests stop the process at named moments. */
  atPoint?: AtPoint;
  /** Fault tests need not wait as long as the network's worst takes. */
  timing?: Partial<ChannelTiming>;
  onCommit?: CommitHook;
}

/** What the parts are built of. */
interface Base {
  parts: AgentParts;
  surroundings: Surroundings;
  store: Store;
  erp: Connector;
  compiled: Compiled;
  schema: SchemaWatch;
  lookups: Lookups;
  /** Of all rounds of this agent. */
  link: { wasConnected: boolean };
  askBy: ReturningErp["askBy"];
}

/** The parts of a running agent. */
export interface Running extends Base {
  capture: Capture;
  writeback: Writeback;
  channel: Channel;
  questions: PersonQuestions;
  documents: Documents;
  tables: FirstTables;
}

/** Commands under way at once, each on an entity of its own. */
const parallelCommands = 4;
const erpBackoff = { minMs: 1_000, maxMs: 60_000 };

/**
 * Runs the agent until `signal` aborts; then everything is closed and nothing lost.
 * @throws FuserError `agent-not-enrolled`, `erp-schema-faults`, `erp-other-database`, `state-*`, and what makes the first connection to ERP or portal
 * impossible until a person mends it
 */
export async function runAgent(parts: AgentParts, signal: AbortSignal): Promise<void> {
  if ((await readEnrolment(parts.secrets)) === undefined) throw notEnrolled(parts.config);
  await runWithin(await realSurroundings(parts), parts, signal);
}

/** The same in other surroundings than a machine's own, where somebody else has seen to the enrolment. */
export async function runWithin(surroundings: Surroundings, given: AgentParts, signal: AbortSignal): Promise<void> {
  await using store = surroundings.openStore();
  const parts = { ...given, config: stillPublished(given.config, store.entities.count(publishedSource)) };
  const { config, secrets } = parts;
  const { erp: returning, askBy } = returningErp(await surroundings.openErp());
  const erp = withPublished(returning, config);
  try {
    const first = await whenErpAnswers({ parts, surroundings, store }, signal, async () => {
      await acceptPinned({ secrets, meta: store.meta, identity: await erp.identity(signal) });
      const compiled = await compileWhatCan(config, erp, signal);
      // With nothing to do it ends, and names all that is at fault.
      const reads = compiled.mappings.some(({ saidByFile }) => saidByFile === undefined);
      return reads ? compiled : await compile(config, erp, signal);
    });
    const link = { wasConnected: false };
    const lookups = openLookups({ store, log: parts.log, clock: parts.clock });
    let before: Compiled | undefined;
    for (let compiled = first; compiled !== undefined; ) {
      tellLacks({ log: parts.log, store, now: parts.clock.now() }, before?.lacks, compiled.lacks);
      const again = before !== undefined;
      const schema = createSchemaWatch({ config, erp, clock: parts.clock, log: parts.log, compiled, again });
      const next = await runParts(
        await assemble({ parts, surroundings, store, erp, compiled, schema, lookups, link, askBy }),
        signal,
      );
      // What commands waited for may be back.
      if (next !== undefined) store.inbox.hurry(parts.clock.now());
      before = compiled;
      compiled = next;
    }
  } finally {
    await erp.close();
  }
}

/** Tries until the ERP answers; undefined when the agent is stopped before. What only a person can mend is thrown. */
async function whenErpAnswers<T>(
  start: Pick<Base, "parts" | "surroundings" | "store">,
  signal: AbortSignal,
  action: () => Promise<T>,
): Promise<T | undefined> {
  const { clock, random, log } = start.parts;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      return await action();
    } catch (error) {
      if (signal.aborted || isAbort(error)) return undefined;
      if (kindOf(error) !== "transient") throw error;
      const { message, code, hint } = error as FuserError;
      const waitMs = backoffDelayMs(erpBackoff, attempt, random);
      log.warn(`${message}; the agent tries again`, { code, hint, retryInMs: waitMs });
      sayWaiting(start, error);
      await clock.sleep(waitMs, signal).catch(() => {});
    }
  }
  return undefined;
}

/** A disk that is full too is told with the store's own next error. */
function sayWaiting({ surroundings, store }: Pick<Base, "surroundings" | "store">, error: unknown): void {
  try {
    surroundings.tellWaiting(store, error);
  } catch (other) {
    if (kindOf(other) !== "transient") throw other;
  }
}

async function assemble(base: Base): Promise<Running> {
  const { parts, surroundings, store, erp, compiled } = base;
  const { config, clock, random, log } = parts;
  base.lookups.bind([...compiled.mappings, ...compiled.commands.values()]);
  for (const mapping of compiled.mappings) mapping.useGenerations?.(store.reuses);
  const tables = createFirstTables(base.lookups, clock);
  const mayRead = (): boolean => channel.state().name === "connected" && tables.areThere();
  base.askBy({ ask: (signal) => capture.askIdentity(signal), onReturn: () => capture.erpReturned() });
  const capture: Capture = createCapture({
    connector: erp,
    sources: compiled.sources,
    stopped: stoppedSources(base),
    onConfigFailure: base.schema.doubt,
    store,
    clock,
    random,
    log,
    digest: surroundings.digester.text,
    digestWritten: surroundings.digester.written,
    mayRead,
    exceedsGuard: (kind, count) => exceedsGuard(config.guards[kind], count),
    quality: createQuality(config),
    estimateRows: (source) => compiled.rows.get(source),
    timezone: config.erp.timezone,
    confirmAfterMs: config.erp.confirmAfterMs,
    checks: {
      portal: {
        ids: (type, bounds, signal) => channel.inventory(type, bounds, signal),
        ranges: (type, size, signal) => channel.ranges(type, { size }, signal),
        share: surroundings.digester.share,
      },
      idle: [config.reconcile.between],
      everyMs: config.reconcile.everyMs,
      records: config.reconcile.records,
    },
    blackout: config.erp.courtesy.blackout,
    gentle: config.erp.courtesy.pace === "gentle",
    rowsPerSecond: config.erp.courtesy.rowsPerSecond,
    ...(parts.onProgress === undefined ? {} : { onProgress: parts.onProgress }),
  });
  const questions = personQuestions({
    config,
    compiled,
    store,
    clock,
    isReady: () => capture.isJudged() || compiled.lacks.length > 0,
  });
  const writeback = assembleWriteback(base, {
    capture,
    questions,
    portalNow: () => channel.portalNow(),
    portalAsks: (id) => channel.asks(id),
  });
  const documents = assembleDocuments(base);
  const channel = await assembleChannel(base, { capture, writeback, documents });
  return { ...base, capture, writeback, channel, questions, documents, tables };
}

function assembleDocuments({ parts, store, erp }: Base): Documents {
  const { config, clock, log } = parts;
  const { courtesy, timezone } = config.erp;
  return documentsOf({
    ...{ config, erp, store, clock, log: log.part("documents") },
    queryOf: (source) => buildQuery(source, config),
    tellPath: (source, bytes, signal) => pathTeller({ config, erp }, source, bytes, signal),
    onHold: () => inWindow(courtesy.blackout, clock.now(), timezone),
  });
}

function stoppedSources({ parts, compiled }: Base): { source: string; type: string }[] {
  const { sources } = parts.config;
  const running = new Set(compiled.mappings.map(({ source }) => source));
  return sources.filter(({ name }) => !running.has(name)).map(({ name, type }) => ({ source: name, type }));
}

function assembleWriteback(
  base: Base,
  others: Pick<Running, "capture" | "questions"> & { portalNow: () => number; portalAsks: (id: string) => boolean | undefined },
): Writeback {
  const { parts, store, erp, compiled } = base;
  const { config, clock, random, log, atPoint = nothingHappens } = parts;
  const { courtesy, timezone } = config.erp;
  return createWriteback({
    store,
    clock,
    random,
    log: log.part("writeback"),
    erp,
    compile: planner(compiled),
    questions: others.questions,
    readBack: ({ source, key }, signal, within) => others.capture.readBack(source, key, signal, within),
    limitsOf(name) {
      const found = config.commands.find((command) => command.name === name);
      const blind = found !== undefined && isBlindWay(found.idempotency);
      const perHour = others.questions.has(name) ? config.persons.perHour : found?.perHour;
      return { draft: found?.draft ?? false, perHour, blind };
    },
    portalNow: others.portalNow,
    portalAsks: others.portalAsks,
    stage: () => config.agent.stage,
    onHold: () => courtesy.commandsInBlackout === "hold" && inWindow(courtesy.blackout, clock.now(), timezone),
    commitPoint: async (point) => atPoint(point),
    parallel: parallelCommands,
  });
}

async function assembleChannel(
  base: Base,
  { capture, writeback, documents }: Pick<Running, "capture" | "writeback" | "documents">,
): Promise<Channel> {
  const { parts, surroundings, store, compiled } = base;
  const { config, clock, random, log, atPoint = nothingHappens } = parts;
  const { newId, host } = surroundings;
  const { link } = base;
  const channel: Channel = createChannel({
    store,
    clock,
    random,
    log: log.part("channel"),
    newId,
    connect: await surroundings.wayToPortal(),
    offer: () => offerOf({ config, compiled, agentVersion: parts.agentVersion, host, lookups: base.lookups.used() }),
    async onLookup(lookup, signal) {
      const taken = await base.lookups.take(lookup, capture, signal);
      // Commands may have waited for it.
      store.inbox.hurry(clock.now());
      writeback.wake();
      return taken;
    },
    openBlob: documents.open,
    onAck: (_, refused) => capture.applyRefusals(refused),
    async onNewEpoch(_, signal) {
      await capture.reconcile((type, within) => channel.inventory(type, {}, within), signal);
    },
    needsInventory: () => capture.needsReconcile(),
    onRequest: (request) => Promise.resolve(answerRequest(request, capture)),
    status: () => reportOf({ capture, store, channel }),
    onOtherHost: (other) => store.meta.set("other-host", other),
    // What no retry can mend ends a start; once connected, the agent stays and says why it waits.
    giveUpOn: (error) => error.kind === "config" && !link.wasConnected,
    commitPoint: atPoint,
    timing: parts.timing ?? {},
    onState(state) {
      if (state.name === "connected") {
        link.wasConnected = true;
        capture.wake();
        writeback.wake();
      }
    },
  });
  return channel;
}

/**
 * Runs all parts beside each other; the first that fails stops the others, and its error is thrown. Gives what they are to be built of anew once the ERP's schema
 * has changed in what matters; undefined when the agent is stopped.
 */
async function runParts(running: Running, signal: AbortSignal): Promise<Compiled | undefined> {
  const { capture, writeback, channel, schema, surroundings } = running;
  const stop = new AbortController();
  const all = AbortSignal.any([signal, stop.signal]);
  const changed = schema.run(all);
  const work = [
    changed,
    capture.run(all),
    writeback.run(all),
    channel.run(all),
    ...surroundings.chores.map((chore) => chore(running, all)),
  ];
  const waiting = running.tables.run(() => capture.wake(), all);
  for (const part of work) part.then(() => stop.abort()).catch(() => stop.abort());
  const results = await Promise.allSettled(work);
  await waiting;
  const failed = results.find((result) => result.status === "rejected" && !isAbort(result.reason));
  if (failed?.status === "rejected") throw failed.reason;
  return signal.aborted ? undefined : await changed;
}

function answerRequest(request: Request, capture: Capture): { outcome: "ok" | "refused"; reason?: string } {
  switch (request.action) {
    case "sync": {
      const names = capture.syncNow(request.source, request.full === true);
      return names.length > 0 ? { outcome: "ok" } : { outcome: "refused", reason: "no such source" };
    }
    case "status":
      return { outcome: "ok" };
    case "diagnostics":
      return { outcome: "refused", reason: "the admin has not allowed it" };
  }
}

function notEnrolled(config: Config): FuserError {
  return new FuserError("config", "This agent is not enrolled", {
    code: "agent-not-enrolled",
    operation: "start",
    place: config.agent.portal,
    hint: "Create a code in the portal and run `erpfuser enrol CODE`",
  });
}
