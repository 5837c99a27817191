/** What the end of a link means: the error to tell, and how long to stay away. Pure. */
import { FuserError } from "../../base/errors.ts";
import type { Random } from "../../base/time.ts";
import { closeCode } from "../../protocol/messages.ts";
import { modelVersion, protocolVersion } from "../../protocol/version.ts";
import type { SessionEnd } from "./session.ts";

export type Reaction =
  /** Back off exponentially with jitter. */
  | { kind: "backoff"; error: FuserError | undefined }
  /** Come back after a time that the portal named or the rule fixes, ms. */
  | { kind: "wait"; ms: number; error: FuserError | undefined }
  /** Stay away: another copy of this agent took over, ms. */
  | { kind: "away"; ms: number; error: FuserError }
  /** Only a person can mend it: told at once, tried again slowly in case it was mended on the other side. */
  | { kind: "slow"; ms: number; error: FuserError };

/** The agent stays away this long when another connection took over (protocol.md, 4409), ms. */
const awayMs = 5 * 60_000;
/** Between two tries of what only a person can mend, ms. */
const slowMs = 5 * 60_000;
/** After 4429 without a time, ms. */
const slowDownMs = 60_000;
/** No portal may send the agent away for longer, ms. */
const longestWaitMs = 60 * 60_000;

const operation = "speak with the portal";
const fault = (kind: "transient" | "config", message: string, code: string, hint: string): FuserError =>
  new FuserError(kind, message, { code, operation, hint });

/** What to do after a conversation. `random` spreads thousands of agents that were sent away in the same moment. */
export function reactionTo(end: SessionEnd, random: Random): Reaction {
  const told = end.reason === "" ? "" : `: ${end.reason}`;
  if (end.retryAfterMs !== undefined) return { kind: "wait", ms: spread(end.retryAfterMs, random), error: undefined };
  if (end.error !== undefined) return reactionToError(end.error, random);
  switch (end.code) {
    case closeCode.notAuthenticated:
      return slow(
        fault("config", `The portal no longer accepts this agent's key${told}`, "portal-key-refused", enrolAgain),
        random,
      );
    case closeCode.versionMismatch:
      return slow(
        versionMismatch(`protocol ${protocolVersion}, model ${modelVersion}`, `says${told || " nothing more"}`),
        random,
      );
    case closeCode.stageMismatch:
      return slow(fault("config", `The portal expects another stage${told}`, "portal-stage-mismatch", stageHint), random);
    case closeCode.superseded:
      return {
        kind: "away",
        ms: Math.round(awayMs * (1 + random() / 10)),
        error: fault("transient", `Another connection of this agent took over${told}`, "portal-superseded", supersededHint),
      };
    case closeCode.slowDown:
      return {
        kind: "wait",
        ms: spread(delayIn(end.reason) ?? slowDownMs, random),
        error: fault(
          "transient",
          `The portal asks to slow down${told}`,
          "portal-slow-down",
          "Nothing is lost; the agent comes back by itself.",
        ),
      };
    case closeCode.malformed:
    case closeCode.tooLarge:
      return backoff(
        `The portal refused a frame${told}`,
        "portal-refused-frame",
        "Update agent and portal; report it if it stays.",
      );
    case closeCode.silence:
      return backoff(
        `The portal heard nothing from this agent${told}`,
        "portal-silence",
        "Look at the network between agent and portal.",
      );
    case closeCode.restart:
      return backoff("The portal restarts", "portal-restarts", "The agent comes back by itself.");
    default:
      return backoff(`The portal closed the link (${end.code})${told}`, "portal-closed", "The agent comes back by itself.");
  }
}

/** The same for a link that could not be had, or that this side ended. */
export function reactionToError(error: FuserError, random: Random): Reaction {
  return error.kind === "config" ? slow(error, random) : { kind: "backoff", error };
}

export function versionMismatch(ours: string, theirs: string): FuserError {
  const message = `The portal speaks another version: the agent speaks ${ours}; the portal ${theirs}`;
  return fault("config", message, "portal-version-mismatch", "Update the side that is older.");
}

const enrolAgain = "Enrol this agent again: create a code in the portal and run `erpfuser enrol CODE`.";
const stageHint = "Run `erpfuser go-live`, or let the portal's operator change the stage; it stands under `agent.stage`.";
const supersededHint =
  "If this machine was copied, stop one of the two and enrol it as an agent of its own. This one stays away for 5 minutes.";

function slow(error: FuserError, random: Random): Reaction {
  return { kind: "slow", ms: Math.round(slowMs * (0.5 + random() / 2)), error };
}

function backoff(message: string, code: string, hint: string): Reaction {
  return { kind: "backoff", error: fault("transient", message, code, hint) };
}

/** Never sooner than asked, and spread over half as long again plus a second. */
function spread(ms: number, random: Random): number {
  return Math.round(Math.min(ms, longestWaitMs) + random() * (Math.min(ms, longestWaitMs) / 2 + 1_000));
}

/** Milliseconds that a close reason names, as `retry after 1500ms` or `retry after 30s`. */
function delayIn(reason: string): number | undefined {
  const match = /\b(\d{1,9}) ?(ms|s)\b/.exec(reason);
  return match === null ? undefined : Number(match[1]) * (match[2] === "s" ? 1_000 : 1);
}
