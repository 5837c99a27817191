/** A person's word on a command that the agent can't or may not settle by itself (`erpfuser commands retry | resolve`). */
import { FuserError } from "../../base/errors.ts";
import { decodeKey } from "../../base/key.ts";
import type { InboxCommand } from "../store/store.ts";
import { appliedDetails, refused, store } from "./conclude.ts";
import { type Asked, askedOf, noteFresh, noteOverruled, rememberVanished, vanishedCommands } from "./memory.ts";
import type { WritebackParts } from "./parts.ts";
import { resolveReferences } from "./references.ts";
import { reply } from "./replies.ts";

export type Decision =
  /** Carry it out: approves a draft, repeats an uncertain one that did not reach the ERP, brings back a vanished effect. */
  | { kind: "retry" }
  /** It is in the ERP, under this key (base/key.ts form) where the person knows it. */
  | { kind: "applied"; key: string | undefined }
  /** It is not in the ERP and shall not be. */
  | { kind: "rejected" }
  /** Both sides have changed a field: whose value stands. */
  | { kind: "settle"; wins: "erp" | "portal" };

/**
 * Settles the command as the person says.
 * @throws FuserError `command-conflict-open`, `command-key-invalid`, `command-not-asked`, `command-unknown`, `command-finished`, `command-under-way`, `command-not-retryable`
 */
export function decide(parts: WritebackParts, id: string, decision: Decision): void {
  const command = parts.store.inbox.get(id);
  if (command === undefined) throw refusal("command-unknown", `There is no command ${id}`, "See `erpfuser commands list`.");
  switch (command.state) {
    case "finished":
    case "settled":
      return decideFinished(parts, command, decision);
    case "received":
    case "executing":
      throw refusal("command-under-way", "The agent is working on this command", "Wait until it says what became of it.");
    case "waiting":
    case "uncertain":
      return decideOpen(parts, command, decision);
  }
}

function decideOpen(parts: WritebackParts, command: InboxCommand, decision: Decision): void {
  const { inbox, meta } = parts.store;
  const asked = command.state === "waiting" ? askedOf(meta, command.id) : undefined;
  switch (decision.kind) {
    case "settle":
      return settle(parts, command, { asked, wins: decision.wins });
    case "retry":
      if (asked !== undefined)
        throw refusal(
          "command-conflict-open",
          "Both sides have changed a field, and approving it would not say whose value stands",
          "See `erpfuser commands show`, then `erpfuser commands resolve --outcome portal-wins` or `erp-wins`.",
        );
      return parts.store.transaction(() => {
        if (command.state === "uncertain") vouch(parts, command);
        inbox.approve(command.id, parts.clock.now());
        noteWord(parts, command, command.state === "uncertain" ? "retry" : "approve");
      }, "command-approve");
    case "rejected":
      return store(parts, command, refused(reply("rejected-by-person")));
    case "applied": {
      if (decision.key === undefined || decision.key === "") return store(parts, command, { outcome: "applied", details: {} });
      if (decodeKey(decision.key) === undefined)
        throw refusal("command-key-invalid", "This is no key", "Write its parts as ids show them, e.g. 001.0004711.");
      const compiled = compiledAgain(parts, command);
      const details = appliedDetails(compiled, decision.key, new Map());
      return store(parts, command, { outcome: "applied", details, entity: { source: compiled.source, key: decision.key } });
    }
  }
}

/** The portal's value is written over what the person was shown, and nothing newer; or the ERP's stays. */
function settle(
  parts: WritebackParts,
  command: InboxCommand,
  { asked, wins }: { asked: Asked | undefined; wins: "erp" | "portal" },
): void {
  const { inbox, meta } = parts.store;
  if (asked === undefined)
    throw refusal(
      "command-not-asked",
      "This command is not about two values",
      "See `erpfuser commands show` for what it waits for.",
    );
  const conflict = command.result?.conflict ?? [];
  if (wins === "erp")
    return store(parts, command, { outcome: "conflict", details: { conflict, error: reply("conflict") }, conflictAt: asked });
  parts.store.transaction(() => {
    noteOverruled(meta, command.id, conflict);
    inbox.approve(command.id, parts.clock.now());
    noteWord(parts, command, "portal-wins");
  }, "command-approve");
}

/** The person has looked: where the ERP itself can't tell, it is not asked. Void after a crash in that one try. */
function vouch(parts: WritebackParts, command: InboxCommand): void {
  const { plan } = compiledAgain(parts, command);
  const { blind } = parts.limitsOf(command.command?.command ?? "");
  if (blind) noteFresh(parts.store.meta, plan.commandId, { attempts: command.attempts, by: "person" });
}

function decideFinished(parts: WritebackParts, command: InboxCommand, decision: Decision): void {
  const { inbox, meta } = parts.store;
  const vanished = vanishedCommands(meta);
  if (decision.kind !== "retry" || !vanished.includes(command.id)) {
    throw refusal("command-finished", "This command is finished", "Issue a new one in the portal if something else is wanted.");
  }
  if (command.command === undefined) {
    throw refusal("command-not-retryable", "The text of this command is no longer kept", "Issue a new one in the portal.");
  }
  const others = vanished.filter((id) => id !== command.id);
  const { blind } = parts.limitsOf(command.command.command);
  parts.store.transaction(() => {
    // The portal has settled it and asks no more: the person's word stands in for its own. Where the ERP can't tell, the person is asked once more.
    if (!blind) noteFresh(meta, command.id, { attempts: command.attempts, by: "person" });
    inbox.reopen(command.id, parts.clock.now());
    rememberVanished(meta, others);
    noteWord(parts, command, "retry");
  }, "command-reopen");
}

function noteWord(
  { store, clock }: WritebackParts,
  { id, command }: InboxCommand,
  decision: "approve" | "retry" | "portal-wins",
): void {
  const detail = { id, command: command?.command ?? "", decision };
  store.journal.add({ at: clock.now(), kind: "command", source: undefined, status: "ok", durationMs: undefined, detail });
}

/** @throws FuserError `command-not-retryable` when the configuration no longer knows the command */
export function compiledAgain(parts: WritebackParts, command: InboxCommand) {
  const { inbox } = parts.store;
  const resolved = command.command && resolveReferences(command.command, (id) => inbox.get(id));
  const compiled = resolved?.kind === "ready" ? parts.compile(resolved.command, { now: parts.clock.now() }) : undefined;
  if (compiled !== undefined && !("rejected" in compiled)) return compiled;
  throw refusal(
    "command-not-retryable",
    "The configuration no longer allows this command",
    "Reject it, or restore its part of the configuration.",
  );
}

function refusal(code: string, message: string, hint: string): FuserError {
  return new FuserError("rejected", message, { code, operation: "decide on a command", hint });
}
