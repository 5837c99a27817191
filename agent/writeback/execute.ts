/**
 * One command: claim -> look up -> execute -> conclude. The claim is durable before the ERP is touched, so whatever dies afterwards, the command is
 * looked up in the ERP before it is written again; what the ERP can't tell is `uncertain` and waits for a person.
 */
import { describeError, FuserError, kindOf } from "../../base/errors.ts";
import { type Backoff, backoffDelayMs } from "../../base/loop.ts";
import type { LookupOutcome, StepResults, WriteOutcome, WritePlan } from "../../connectors/connector.ts";
import type { InboxCommand } from "../store/store.ts";
import { isTold, portalAway } from "./announcement.ts";
import { appliedDetails, type Conclusion, conclude, refused } from "./conclude.ts";
import { conflicted, settlement } from "./conflict.ts";
import { countExecution, forgetOverruled, freshBy, isStaged, noteFresh, noteStaged, overCap } from "./memory.ts";
import type { CompiledCommand, ResolvedCommand, WritebackParts } from "./parts.ts";
import { concludeWithState } from "./read-back.ts";
import { refusedByErp, reply } from "./replies.ts";

/** Between tries after a trouble that passes by itself. */
const backoff: Backoff = { minMs: 1_000, maxMs: 5 * 60_000 };
/** Between tries after one that a person must mend, ms. */
const slowRetryMs = 5 * 60_000;
/** Tries after errors of our own, before a person must look. */
const bugTries = 3;

export interface Execution {
  command: InboxCommand;
  resolved: ResolvedCommand;
  /** Decided already: it must not be written. If it may have been before, the ERP is asked all the same. */
  instead?: Conclusion | undefined;
  /** The portal waits for no result of it: this store was put back to an older state, or the portal was. It may have been carried out, whatever the store says. */
  doubted: boolean;
  /** Ends the ERP transaction under way: later than the one that stops new claims. */
  signal: AbortSignal;
  /** Troubles that were told already and have not passed. */
  told: Set<string>;
}

/**
 * Carries out one claimable command; resolves when its outcome, or its next try, is in the store.
 * @throws what the store throws: then the command is still claimed, and its outcome is asked of the ERP again
 */
export async function execute(parts: WritebackParts, execution: Execution): Promise<void> {
  const { store, clock } = parts;
  const { command, resolved, doubted } = execution;
  const startedAt = clock.now();
  const { blind } = parts.limitsOf(resolved.command);
  const attempts = command.attempts + 1;
  const fresh = freshBy(store.meta, command.id, attempts);
  const isInDoubt = doubted && fresh !== "person";
  let instead = execution.instead ?? reasonNotToWrite(parts, execution);
  if (isInDoubt && !blind) instead ??= refused(reply("not-asked"));
  const untouched = !isInDoubt && !command.mayBeRepeated && command.attempts === 0;
  if (instead !== undefined && untouched) return conclude(parts, command, instead);
  const mayBeRepeated = !untouched && (isInDoubt || fresh === undefined);
  const announces = blind && instead === undefined && !mayBeRepeated;
  const claimed = await claim(parts, { command, type: resolved.command, untouched, announces });
  if (claimed.overCap) {
    instead ??= { outcome: "waiting", details: { error: reply("cap-per-hour") } };
    if (untouched) return conclude(parts, command, instead);
  }
  const attempt: Attempt = { ...execution, ...{ instead, attempts, mayBeRepeated, blind }, stage: "announce" };
  const { announced } = claimed;
  if (announced !== undefined && !(await isTold(parts, { id: command.id, revision: announced, signal: execution.signal })))
    return failed(parts, attempt, portalAway());
  attempt.stage = "compile";
  let conclusion: Conclusion | Staged;
  try {
    conclusion = await tryOnce(parts, attempt);
  } catch (error) {
    if (execution.signal.aborted) return;
    return failed(parts, attempt, error);
  }
  // Outside the try: when this fails the effect is in the ERP, and only the ERP may say so.
  if ("pollMs" in conclusion) return lookLater(parts, command, conclusion);
  const { entity } = conclusion;
  if (entity === undefined) return conclude(parts, command, { ...conclusion, startedAt });
  await concludeWithState(parts, command, { conclusion: { ...conclusion, startedAt }, entity, signal: execution.signal });
}

interface Attempt extends Execution {
  attempts: number;
  mayBeRepeated: boolean;
  /** How far it has come: only an error of the ERP itself vouches that nothing was written. */
  stage: "announce" | "compile" | "erp" | "after";
  /** The ERP can't tell whether the command was carried out. */
  blind: boolean;
}

/** It is in the ERP, which has still to say what becomes of it. */
interface Staged {
  pollMs: number;
}

/**
 * The next look, durable like the claim: a crash before this leaves a command that may be repeated, and the ERP finds its row. The portal is told once that it waits.
 * Its state stays that of a command to be taken up again: a `waiting` one is a person's.
 */
function lookLater({ store, clock }: WritebackParts, { id }: InboxCommand, { pollMs }: Staged): void {
  store.transaction(() => {
    store.inbox.retryAt(id, clock.now() + pollMs);
    if (isStaged(store.meta, id)) return;
    noteStaged(store.meta, id);
    store.inbox.announce(id, { outcome: "waiting", error: reply("staged") });
  }, "command-staged");
}

async function tryOnce(parts: WritebackParts, attempt: Attempt): Promise<Conclusion | Staged> {
  const { signal, instead, mayBeRepeated } = attempt;
  const staged = isStaged(parts.store.meta, attempt.command.id);
  const compiled = parts.compile(attempt.resolved, { now: parts.clock.now() });
  if ("rejected" in compiled) {
    if (compiled.waits === undefined) {
      // Its row is in the ERP, whatever the configuration says by now.
      if (staged) return uncertain(parts, attempt.command.id, "Its row is in the ERP, and the configuration no longer allows it");
      return refused(compiled.rejected);
    }
    attempt.stage = "erp";
    throw compiled.waits;
  }
  const settling = settlement(parts, attempt.command.id, compiled);
  const plan: WritePlan = { ...compiled.plan, ...settling, mayBeRepeated, rehearse: parts.stage() === "test" };
  attempt.stage = "erp";
  if (instead !== undefined || staged) {
    const seen = await parts.erp.lookup(plan, signal);
    attempt.stage = "after";
    attempt.told.clear();
    return lookedUp(parts, { compiled, plan }, { seen, instead: staged ? undefined : instead });
  }
  // Of a try that has left nothing behind.
  if (!mayBeRepeated && settling.seen === undefined) forgetOverruled(parts.store.meta, attempt.command.id);
  const outcome = await parts.erp.write(plan, signal, (point) => parts.commitPoint(point));
  attempt.stage = "after";
  attempt.told.clear();
  if (outcome.state === "conflict") return conflicted(compiled, attempt.resolved, outcome.fields);
  return written(parts, { compiled, plan }, outcome);
}

/** By the portal's clock. */
export function expired({ portalNow }: WritebackParts, { expiresAt }: ResolvedCommand): Conclusion | undefined {
  if (expiresAt === undefined || Date.parse(expiresAt) > portalNow()) return undefined;
  return { outcome: "expired", details: { error: reply("expired") } };
}

/** Why a command must not be executed any more, or not yet. What a person has approved passes every cap, but not its expiry. */
function reasonNotToWrite(parts: WritebackParts, { command, resolved }: Execution): Conclusion | undefined {
  const late = expired(parts, resolved);
  if (late !== undefined) return late;
  const isDraft = parts.limitsOf(resolved.command).draft && !command.approved;
  return isDraft ? { outcome: "waiting", details: { error: reply("draft") } } : undefined;
}

interface Claim {
  command: InboxCommand;
  type: string;
  untouched: boolean;
  announces: boolean;
}

/**
 * Claims, counts and announces in one transaction. Over its cap an untouched command is not claimed, and one that may be a repetition only to be looked up.
 * `announced`: revision under which the portal is told that it is carried out.
 */
export async function claim(
  parts: WritebackParts,
  { command, type, untouched, announces }: Claim,
): Promise<{ overCap: boolean; announced: number | undefined }> {
  const { store, clock } = parts;
  const { perHour } = parts.limitsOf(type);
  await parts.commitPoint("before-claim-commit");
  const claimed = store.transaction(() => {
    // One that was tried before is counted already.
    const counts = command.attempts === 0;
    const over = counts && !command.approved && overCap(store.meta, type, perHour, clock.now());
    if (!over || !untouched) store.inbox.claim(command.id);
    if (counts && !over) countExecution(store.meta, type, perHour, clock.now());
    return { overCap: over, announced: announces && !over ? store.inbox.announce(command.id) : undefined };
  }, "command-claim");
  await parts.commitPoint("after-claim-commit");
  return claimed;
}

interface Writing {
  compiled: CompiledCommand;
  plan: WritePlan;
}

function written(
  parts: WritebackParts,
  writing: Writing,
  outcome: Exclude<WriteOutcome, { state: "conflict" }>,
): Conclusion | Staged {
  const { plan } = writing;
  switch (outcome.state) {
    case "applied":
      return applied(parts, writing, outcome);
    case "rehearsed":
      return refused(reply("rehearsed"));
    case "rejected":
      return refused(refusedByErp(outcome.code, outcome.reason));
    case "staged":
      return stagedOf(plan);
    case "uncertain":
      return uncertain(parts, plan.commandId, outcome.message);
  }
}

const stagedOf = ({ staging }: WritePlan): Staged => ({ pollMs: staging?.pollMs ?? slowRetryMs });

/**
 * The command must not be written any more, or not yet, but may have been: only the ERP's memory decides. Without `instead` it is known to have been stored there,
 * and only what became of it is asked.
 */
function lookedUp(
  parts: WritebackParts,
  writing: Writing,
  { seen, instead }: { seen: LookupOutcome; instead: Conclusion | undefined },
): Conclusion | Staged {
  switch (seen.state) {
    case "found":
      return applied(parts, writing, seen);
    case "staged":
      return stagedOf(writing.plan);
    case "rejected":
      return refused(refusedByErp(seen.code, seen.reason));
    case "absent":
      return instead ?? uncertain(parts, writing.plan.commandId, "Its staged row is found nowhere any more");
    case "unknown":
      return uncertain(parts, writing.plan.commandId, seen.message);
  }
}

function applied(
  parts: WritebackParts,
  { compiled, plan }: Writing,
  { key, results }: { key: string; results: StepResults },
): Conclusion {
  const entity = { source: compiled.source, key };
  parts.store.inbox.noteEffect(plan.commandId, entity);
  return { outcome: "applied", details: appliedDetails(compiled, key, results), entity };
}

function uncertain(parts: WritebackParts, commandId: string, message: string): Conclusion {
  parts.log.error(`Outcome of a command unknown: ${message}`, {
    code: "command-uncertain",
    command: commandId,
    hint: "Look into the ERP, then run `erpfuser commands resolve`.",
  });
  return { outcome: "uncertain", details: { error: reply("uncertain") } };
}

async function failed(parts: WritebackParts, attempt: Attempt, error: unknown): Promise<void> {
  const { command, attempts, stage } = attempt;
  const kind = kindOf(error);
  if (stage === "compile" || (kind === "rejected" && stage === "erp")) {
    const code = error instanceof FuserError && kind !== "bug" ? error.code : "internal-error";
    if (kind !== "rejected")
      parts.log.error(`A command can't be compiled: ${describeError(error)}`, { code, command: command.id });
    return conclude(parts, command, refused(kind === "rejected" ? refusedByErp(code) : reply("internal-error")));
  }
  if (kind === "bug" && attempts >= bugTries) {
    return conclude(parts, command, uncertain(parts, command.id, describeError(error)));
  }
  const waitMs = kind === "transient" ? backoffDelayMs(backoff, attempts, parts.random) : slowRetryMs;
  tell(parts, attempt, error);
  parts.store.transaction(() => {
    parts.store.inbox.retryAt(command.id, parts.clock.now() + waitMs);
    if (isWorthALine(attempts)) noteFailure(parts, command, error);
    // The connector's word (connector.ts, `write`): nothing was written, or the ERP can tell later. For a way that can't tell it was nothing.
    const nothingWritten =
      (attempt.blind || attempt.doubted) &&
      stage !== "after" &&
      (kind === "transient" || kind === "config") &&
      !attempt.mayBeRepeated;
    // A person's word that stood against a doubt stands until something is written.
    if (nothingWritten) noteFresh(parts.store.meta, command.id, { attempts, by: attempt.doubted ? "person" : "erp" });
  }, "command-retry");
}

/** The more tries, the fewer lines: what is tried every few minutes for days does not fill the journal. */
const isWorthALine = (attempts: number): boolean => (attempts & (attempts - 1)) === 0;

function noteFailure({ store, clock }: WritebackParts, { id, command }: InboxCommand, error: unknown): void {
  const detail = { id, command: command?.command ?? "", code: codeOf(error) };
  store.journal.add({ at: clock.now(), kind: "command", source: undefined, status: "failed", durationMs: undefined, detail });
}

const codeOf = (error: unknown): string => (error instanceof FuserError ? error.code : "internal-error");

/** One trouble of the ERP concerns all commands: it is said once, until a command gets through again. */
function tell(parts: WritebackParts, { told, command }: Attempt, error: unknown): void {
  const code = codeOf(error);
  const level = told.has(code) ? "debug" : kindOf(error) === "transient" ? "warn" : "error";
  told.add(code);
  parts.log[level](`Commands wait: ${describeError(error)}`, { code, command: command.id });
}
