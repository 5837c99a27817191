import { FuserError, kindOf } from "../base/errors.ts";
import { encodeKey } from "../base/key.ts";
import type { CommitPoint, LookupOutcome, Staging, StepResults, Value, WriteOutcome, WritePlan } from "./connector.ts";
import { readLedger, writeLedger } from "./ledger.ts";
import { columnOf, type Running, refused } from "./plan-parts.ts";
import { ConflictFound, isAsBefore, runStep } from "./plan-steps.ts";
import { keyPart } from "./row-batch.ts";
import { configured } from "./source-select.ts";
import { concat } from "./statement.ts";
import type { WriteSession } from "./write-session.ts";

/**
 * One plan, one ERP transaction, one effect (architecture.md, idea 4): looked up in the transaction that would write it, carried out, seen
 * to have kept the command's id, committed. Whatever fails before the commit leaves nothing behind. Must run in the session that holds the
 * agent's lock, so that no earlier attempt can still be in flight beside it.
 */
export interface Execution {
  session: WriteSession;
  plan: WritePlan;
  signal: AbortSignal;
  commitPoint: (point: CommitPoint) => Promise<void>;
  /** Waits before a plan whose `MAX + 1` was taken by another is tried again; attempt counts from 1. */
  pause: (attempt: number) => Promise<void>;
}

/** Tries of a plan whose number another writer keeps taking first. */
const numberTries = 20;

/** @throws FuserError transient or config; nothing was written, or the plan's way of idempotency will tell at the next try */
export async function executePlan(execution: Execution): Promise<WriteOutcome> {
  for (let attempt = 1; ; attempt++) {
    let outcome = await attemptPlan(execution);
    // Nothing was written: the ERP may have been upgraded since its tables were described.
    if (isRefusal(outcome) && execution.session.forgetTables?.() === true) outcome = await attemptPlan(execution);
    if (outcome !== "number-taken") return outcome;
    if (attempt >= numberTries) {
      return { state: "rejected", code: "erp-duplicate", message: `The number was taken by others ${attempt} times in a row` };
    }
    await execution.pause(attempt);
  }
}

const isRefusal = (outcome: WriteOutcome | "number-taken"): boolean =>
  outcome !== "number-taken" && (outcome.state === "rejected" || outcome.state === "conflict");

/** Asks the ERP whether a plan was carried out; runs none of its steps and leaves nothing behind. */
export async function lookUpPlan({
  session,
  plan,
  signal,
}: Pick<Execution, "session" | "plan" | "signal">): Promise<LookupOutcome> {
  await session.begin(signal);
  try {
    if (plan.idempotency.way === "base") {
      const asBefore = await isAsBefore(plan.steps, { ...runningOf(plan), session, signal });
      return { state: "unknown", message: "Base values tell nothing of who wrote them", asBefore };
    }
    const asked = { ...plan, mayBeRepeated: true };
    const outcome = await lookUp({ session, plan: asked, signal });
    if (outcome === undefined) return { state: "absent" };
    if (outcome.state === "applied") return { state: "found", key: outcome.key, results: outcome.results };
    if (outcome.state === "staged" || outcome.state === "rejected") return outcome;
    return {
      state: "unknown",
      message: outcome.state === "uncertain" ? outcome.message : "The ERP can't tell whether it was carried out",
    };
  } finally {
    await session.rollback();
  }
}

async function attemptPlan(execution: Execution): Promise<WriteOutcome | "number-taken"> {
  const { session, plan, signal } = execution;
  const running: Running = { ...runningOf(plan), session, signal };
  await session.begin(signal);
  try {
    const before = await lookUp(execution);
    if (before) {
      await session.rollback();
      return before;
    }
    await carryOut(running, plan);
    if (plan.rehearse) {
      await session.rollback();
      return { state: "rehearsed", results: running.results, statements: running.statements };
    }
    const key = plan.staging ? "" : resultKey(plan, running.results);
    if (running.overruled && running.overruled.length > 0) plan.overruling?.(running.overruled);
    await execution.commitPoint("before-erp-commit");
    await session.commit(signal);
    await execution.commitPoint("after-erp-commit");
    if (plan.staging) return { state: "staged" };
    return { state: "applied", key, repeated: false, results: running.results };
  } catch (error) {
    await session.rollback();
    if (error instanceof CommittedByItself || (error instanceof FuserError && error.code === "erp-transaction-ended")) {
      return committedByItself;
    }
    if (error instanceof ConflictFound) return { state: "conflict", fields: error.fields };
    if (error instanceof FuserError && error.code === "erp-commit-unknown" && !canTell(plan)) {
      return {
        state: "uncertain",
        message: "The connection to the ERP was lost during the commit, and the ERP can't tell whether it was done",
      };
    }
    if (kindOf(error) !== "rejected") throw error;
    return rejection(execution, error as FuserError);
  }
}

function runningOf(plan: WritePlan): Omit<Running, "session" | "signal"> {
  const mayOverrule = plan.overruling !== undefined && !(plan.mayBeRepeated && plan.idempotency.way === "base");
  return { results: new Map(), statements: [], overruled: mayOverrule ? [] : undefined, seen: plan.seen };
}

/** Ends a plan whose transaction was ended by one of its own statements; a connector that sees it earlier throws `erp-transaction-ended`. */
class CommittedByItself {}

const committedByItself: WriteOutcome = {
  state: "uncertain",
  message: "A statement of the plan ended the ERP's transaction by itself; what it did can't be undone",
};

async function carryOut(running: Running, plan: WritePlan): Promise<void> {
  const { session, signal, results } = running;
  const way = plan.idempotency;
  if (way.way === "ledger") await writeLedger(session, way.table, { commandId: plan.commandId, results: undefined, signal });
  for (const step of plan.steps) {
    signal.throwIfAborted();
    await runStep(step, running);
    if (!session.inTransaction()) throw new CommittedByItself();
  }
  if (way.way === "ledger") await writeLedger(session, way.table, { commandId: plan.commandId, results, signal });
  if (way.way === "ledger" || way.way === "base") return;
  if (way.way === "probe" && !way.exact) return;
  // A rule of the ERP may have changed or dropped the id: a repetition would then be carried out twice.
  if ((await foundRow(session, plan, signal)) === undefined) {
    throw refused("erp-write-swallowed", "The ERP did not keep the command's id in the row it was written to", placeOf(plan));
  }
}

/** What the ERP knows of this plan before anything is written; undefined when it is to be carried out. */
async function lookUp({
  session,
  plan,
  signal,
}: Pick<Execution, "session" | "plan" | "signal">): Promise<WriteOutcome | undefined> {
  const way = plan.idempotency;
  if (way.way === "base") {
    if (!plan.mayBeRepeated || plan.steps.every((step) => step.kind === "update")) return undefined;
    return {
      state: "uncertain",
      message: "The plan does more than updates, and nothing in the ERP tells whether it was carried out",
    };
  }
  if (way.way === "probe" && !way.exact) {
    if (!plan.mayBeRepeated) return undefined;
    const seen = (await foundRow(session, plan, signal)) !== undefined;
    const what = seen
      ? "holds something that looks like this command's work"
      : "holds nothing that looks like this command's work";
    return { state: "uncertain", message: `The ERP ${what}, but can't tell for sure whether it was carried out` };
  }
  return repeated(session, plan, signal);
}

async function repeated(session: WriteSession, plan: WritePlan, signal: AbortSignal): Promise<WriteOutcome | undefined> {
  const way = plan.idempotency;
  if (way.way === "ledger") {
    const entry = await readLedger(session, way.table, { commandId: plan.commandId, signal });
    if (entry === undefined) return undefined;
    if (entry === "unfinished") {
      return {
        state: "uncertain",
        message: "The ledger holds the command without its results: a statement of the plan committed by itself",
      };
    }
    return { state: "applied", key: resultKey(plan, entry), repeated: true, results: entry };
  }
  const results = await foundRow(session, plan, signal);
  if (results && plan.staging) return stagingVerdict(plan, plan.staging, results);
  return results && { state: "applied", key: resultKey(plan, results), repeated: true, results };
}

/** Results that a staged row's verdict comes under; no step can have such names. */
const verdictNames = { status: "$status", reason: "$reason" } as const;

function stagingVerdict(plan: WritePlan, { accepted, refused: refusing }: Staging, results: StepResults): WriteOutcome {
  const textOf = (name: string): string => String(results.get(name) ?? "").trim();
  const status = textOf(verdictNames.status);
  if (refusing.includes(status)) {
    const reason = textOf(verdictNames.reason);
    const message = "The ERP has refused the staged row";
    return { state: "rejected", code: "erp-staging-refused", message, ...(reason !== "" && { reason }) };
  }
  if (!accepted.includes(status)) return { state: "staged" };
  return { state: "applied", key: resultKey(plan, results), repeated: true, results };
}

function wantedOf({ found, staging }: WritePlan): [name: string, column: string][] {
  const columns: [string, string | undefined][] = [
    [verdictNames.status, staging?.status],
    [verdictNames.reason, staging?.reason],
  ];
  return [...Object.entries(found), ...columns.flatMap(([name, column]): [string, string][] => (column ? [[name, column]] : []))];
}

/** The row that shows a command already carried out, as results by name. */
async function foundRow(session: WriteSession, plan: WritePlan, signal: AbortSignal): Promise<Map<string, Value> | undefined> {
  const way = plan.idempotency;
  const wanted = wantedOf(plan);
  if (way.way === "column") {
    const table = await session.table(way.table, signal);
    const { quote } = session.syntax;
    const list = wanted.map(([, column]) => session.readable(columnOf(table, column))).join(", ");
    const where = session.matches(columnOf(table, way.column), way.value);
    const read = await session.run(concat(`SELECT ${list === "" ? "1" : list} FROM ${quote(table.name)} WHERE `, where), signal);
    const row = read.rows[0];
    return row && new Map(wanted.map(([name], index) => [name, row[index] as Value]));
  }
  if (way.way !== "probe") return undefined;
  const read = await session.run(configured(session.syntax, way.sql, way.parameters, "probe"), signal);
  const row = read.rows[0];
  if (!row) return undefined;
  return new Map(
    wanted.map(([name, column]) => {
      const index = read.columns.findIndex((candidate) => candidate.toLowerCase() === column.toLowerCase());
      if (index < 0) throw missingResult(`The probe gives no column ${column}`);
      return [name, row[index] as Value];
    }),
  );
}

/** The ERP refused: for good, or because another one took the number or has carried out the same command. */
async function rejection({ session, plan, signal }: Execution, error: FuserError): Promise<WriteOutcome | "number-taken"> {
  if (error.code === "erp-duplicate") {
    const before = canTell(plan) ? await repeated(session, plan, signal) : undefined;
    if (before) return before;
    if (plan.steps.some((step) => step.kind === "number" && "max" in step.from)) return "number-taken";
  }
  return { state: "rejected", code: error.code, message: error.message };
}

function canTell(plan: WritePlan): boolean {
  const way = plan.idempotency;
  return way.way === "probe" ? way.exact : way.way !== "base" || plan.steps.every((step) => step.kind === "update");
}

function resultKey(plan: WritePlan, results: StepResults): string {
  const parts = plan.resultKey(results);
  return encodeKey(
    parts.map((part) => {
      if (part === null || part === undefined) throw missingResult("A part of the result's key is empty");
      return keyPart(part);
    }),
  );
}

function missingResult(message: string): FuserError {
  return new FuserError("config", message, {
    code: "erp-result-incomplete",
    operation: "write to the ERP",
    hint: "Correct `result:` and the results that the command's steps and its idempotency give.",
  });
}

function placeOf(plan: WritePlan): string {
  const way = plan.idempotency;
  return way.way === "column" ? `${way.table}.${way.column}` : way.way;
}
