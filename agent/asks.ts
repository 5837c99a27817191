/** Answers what commands of the CLI ask of the running agent (store/asks.ts). */
import { FuserError, kindOf } from "../base/errors.ts";
import type { Running } from "./agent.ts";
import type { AskAnswer, AskBody, Guard } from "./store/store.ts";
import { waitOut } from "./wait-out.ts";
import type { Decision } from "./writeback/decisions.ts";

/** A person waits for the answer; each look wakes an agent that has nothing else to do. */
const lookEveryMs = 500;

/** Looks for questions until the signal aborts. A question that can't be answered is refused with the reason. */
export async function answerAsks(running: Running, signal: AbortSignal): Promise<void> {
  const { store, parts } = running;
  const answerAll = async (): Promise<void> => {
    for (const { id, body } of store.asks.open()) store.asks.answer(id, answer(running, body), parts.clock.now());
  };
  await waitOut({ parts, part: "asks", everyMs: lookEveryMs }, answerAll, signal);
}

function answer(running: Running, body: AskBody): AskAnswer {
  try {
    return { outcome: "done", message: act(running, body) };
  } catch (error) {
    if (kindOf(error) === "bug") throw error;
    if (!(error instanceof FuserError)) throw error;
    const { message, code, hint } = error;
    return { outcome: "refused", message, code, ...(hint === undefined ? {} : { hint }) };
  }
}

/** Does it; returns what to tell the person. */
function act(running: Running, body: AskBody): string {
  const { store, capture, writeback } = running;
  switch (body.kind) {
    case "sync": {
      const names = capture.syncNow(body.source, body.full);
      tryAgainNow(running);
      running.schema.doubt();
      if (names.length > 0) return `Looking now: ${names.join(", ")}`;
      throw unknownSource(body.source);
    }
    case "guard": {
      const kind = store.guards.get(body.guard)?.kind;
      return decided(kind, body.decision, capture.decideGuard(body.guard, body.decision));
    }
    case "release": {
      const count = capture.release(body.source, body.key);
      if (count > 0) return `${count} released; they are read again now`;
      throw unknownHere("not-found-quarantine", "Nothing of it is in quarantine", "See `erpfuser quarantine list`");
    }
    case "rekey": {
      const { source, pairs, until, merged = false } = body;
      if (!running.compiled.mappings.some((mapping) => mapping.source === source)) throw unknownSource(source);
      const count = capture.announce(source, { pairs, until, reason: merged ? "merged" : "renumbered" });
      return `${count} of ${source} are expected under their new keys until ${new Date(until).toISOString().slice(0, 10)}`;
    }
    case "accept":
      return accept(running, body);
    case "command":
      switch (body.action) {
        case "retry":
        case "approve":
          writeback.resolve(body.id, { kind: "retry" });
          return "It is carried out now, or as soon as its turn comes";
        case "resolve":
          writeback.resolve(body.id, decisionOf(body));
          return body.outcome === "portal-wins" ? "It is carried out now" : `Noted as ${body.outcome}; the portal is told`;
      }
  }
}

/** What becomes of that many that a guard has held. */
function decided(kind: Guard["kind"] | undefined, decision: "approve" | "reject", count: number): string {
  const areValues = kind === "emptied" || kind === "moved";
  if (decision === "approve")
    return areValues
      ? `${count} are read once more, and sent as the ERP has them then`
      : `${count} deletes go out if the rows are still absent`;
  return areValues
    ? `${count} stay at the portal as they are, until their rows change or \`erpfuser quarantine release\` lets them go`
    : `${count} deletes are dropped`;
}

function decisionOf({ outcome, key }: Extract<AskBody, { action: "resolve" }>): Decision {
  switch (outcome) {
    case "applied":
      return { kind: "applied", key: key ?? "" };
    case "rejected":
      return { kind: "rejected" };
    case "portal-wins":
      return { kind: "settle", wins: "portal" };
    case "erp-wins":
      return { kind: "settle", wins: "erp" };
  }
}

function accept({ store, parts }: Running, { finding, reason, until }: Extract<AskBody, { kind: "accept" }>): string {
  const at = parts.clock.now();
  const known = store.transaction(() => {
    const accepted = store.findings.accept(finding, { at, until, reason });
    if (accepted === undefined) return undefined;
    const { rule, source, key } = accepted;
    const entry = { at, kind: "quality", source: source || undefined, status: "ok", durationMs: undefined } as const;
    store.journal.add({ ...entry, detail: { finding, rule, key, accepted: true } });
    return accepted;
  }, "accept");
  // A store that was made anew counts from 1 again: whoever has an older list sees which one it was.
  if (known !== undefined) {
    const what = [known.rule, known.source, known.key].filter((part) => part !== "").join(" ");
    return `Finding ${finding}, ${what}, may stay as it is; \`erpfuser quality --accepted\` lists it`;
  }
  throw unknownHere("not-found-finding", `There is no open finding ${finding}`, "See `erpfuser quality`: mended ones are closed");
}

/** Who asks may just have mended what commands or the channel wait for; only a copy that took over is left its time. */
function tryAgainNow({ store, channel, parts }: Running): void {
  store.inbox.hurry(parts.clock.now());
  const { name } = channel.state();
  if (name === "refused" || name === "waiting") channel.wake();
}

function unknownSource(source: string | undefined): FuserError {
  const hint = "Is it new in the configuration? Restart the agent";
  return unknownHere("not-found-source", `The running agent has no source ${source}`, hint);
}

function unknownHere(code: string, message: string, hint: string): FuserError {
  return new FuserError("rejected", message, { code, operation: "answer a command line", hint });
}
