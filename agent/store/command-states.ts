/** Where a command stands and what may become of it: the one transition function. */
import { FuserError } from "../../base/errors.ts";
import type { Outcome } from "../../protocol/messages.ts";
import type { CommandState } from "./store.ts";

export type CommandEvent =
  /** About to touch the ERP. */
  | "claim"
  /** To be tried again later. */
  | "retry"
  /** The process died over it. */
  | "recover"
  /** A person lets it pass. */
  | "approve"
  /** The portal has the final result. */
  | "settle"
  /** The portal asks again for what it had settled: it was restored from a backup. */
  | "ask-again"
  /** A person wants an effect back that a restored ERP has lost. */
  | "reopen"
  | { concluded: Outcome };

/** @throws FuserError of kind `bug` for an event that can't happen in this state */
export function nextCommandState(state: CommandState, event: CommandEvent): CommandState {
  switch (event) {
    case "claim":
      return state === "received" ? "executing" : refuse(state, event);
    case "retry":
    case "recover":
      return state === "executing" ? "received" : refuse(state, event);
    case "approve":
      return state === "waiting" || state === "uncertain" ? "received" : refuse(state, event);
    case "settle":
      return state === "finished" || state === "settled" ? "settled" : refuse(state, event);
    case "ask-again":
      return state === "settled" ? "finished" : state;
    case "reopen":
      return state === "finished" || state === "settled" ? "received" : refuse(state, event);
    default:
      return concluded(state, event.concluded);
  }
}

function concluded(state: CommandState, outcome: Outcome): CommandState {
  const final = state === "finished" || state === "settled";
  switch (outcome) {
    case "applied":
    case "rejected":
    case "conflict":
    case "expired":
      return final ? refuse(state, `concluded as ${outcome}`) : "finished";
    case "uncertain":
      return final ? refuse(state, `concluded as ${outcome}`) : "uncertain";
    // Told before the ERP is touched, of a command that stays as it is.
    case "executing":
      return refuse(state, `concluded as ${outcome}`);
    case "waiting":
      return final || state === "uncertain" ? refuse(state, `concluded as ${outcome}`) : "waiting";
    default:
      return outcome satisfies never;
  }
}

function refuse(state: CommandState, event: string): never {
  throw new FuserError("bug", `A command that is ${state} can't be subject to ${event}`, {
    code: "command-state",
    operation: "keep a command's state",
  });
}
