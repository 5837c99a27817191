/** Outcome of a command into the store: result, pending key of its entity and journal line, all in one transaction. */
import type { StepResults } from "../../connectors/connector.ts";
import { type Outcome, type Result, result } from "../../protocol/messages.ts";
import type { InboxCommand } from "../store/store.ts";
import { settleConflict, withOverruled } from "./conflict.ts";
import { forgetFresh, forgetStaged } from "./memory.ts";
import type { CompiledCommand, ReplyError, WritebackParts } from "./parts.ts";

export type Details = Omit<Result, "type" | "id" | "revision" | "outcome">;

export interface Conclusion {
  outcome: Outcome;
  details: Details;
  /** What was made or changed: it is read again. */
  entity?: { source: string; key: string };
  startedAt?: number;
  /** Which entity a conflict is about. */
  conflictAt?: { source: string; key: string } | undefined;
  /** Of a conflict that a person decides on: what the ERP holds, by column. */
  seen?: Readonly<Record<string, string | null>>;
}

/**
 * Durable when it returns; kill tests stop before and after its commit.
 * @param take see `WritebackParts.readBack`
 */
export async function conclude(
  parts: WritebackParts,
  command: InboxCommand,
  conclusion: Conclusion,
  take?: () => number | undefined,
): Promise<void> {
  await parts.commitPoint("before-conclude-commit");
  store(parts, command, conclusion, take);
  await parts.commitPoint("after-conclude-commit");
}

/** The same at once, for a person's decision. Without `take` the entity is marked to be read. */
export function store(parts: WritebackParts, command: InboxCommand, given: Conclusion, take?: () => number | undefined): void {
  const conclusion = withOverruled(parts.store, command.id, given);
  const { outcome, entity, startedAt } = conclusion;
  const details = sound(parts, command.id, conclusion);
  const now = parts.clock.now();
  const { inbox, pending, journal, meta, transaction } = bound(parts);
  transaction(() => {
    const seq = take?.();
    inbox.conclude(command.id, outcome, seq === undefined ? details : { ...details, seq }, entity);
    if (entity !== undefined && take === undefined) pending.mark(entity.source, [entity.key], { now, confirm: false });
    forgetStaged(meta, command.id);
    const conflict = settleConflict(parts.store, command.id, { conclusion: { ...conclusion, details }, now });
    if (outcome !== "waiting" && outcome !== "uncertain") forgetFresh(meta, command.id);
    journal.add({
      at: now,
      kind: "command",
      source: entity?.source,
      status: statusOf(outcome),
      durationMs: startedAt === undefined ? undefined : now - startedAt,
      detail: {
        id: command.id,
        command: command.command?.command ?? "",
        outcome,
        ...(details.error ? { code: details.error.code } : {}),
        ...conflict,
      },
    });
  });
  const told = { command: command.id, outcome, ...(details.error ? { code: details.error.code } : {}) };
  // What went well stands in the journal and in `erpfuser commands list`.
  if (outcome === "applied") parts.log.debug("Command concluded", told);
  else parts.log.info("Command concluded", told);
}

function bound({ store: { inbox, pending, journal, meta, transaction } }: WritebackParts) {
  return { inbox, pending, journal, meta, transaction: (action: () => void) => transaction(action, "command-conclude") };
}

function statusOf(outcome: Outcome): "ok" | "refused" | "held" {
  if (outcome === "applied") return "ok";
  return outcome === "waiting" || outcome === "uncertain" ? "held" : "refused";
}

/** A refusal with just what travels of its reason. */
export function refused({ code, de, en }: ReplyError): Conclusion {
  return { outcome: "rejected", details: { error: { code, de, en } } };
}

/** A result that the protocol does not allow would end every conversation from now on: what is wrong with it is left out instead. */
function sound(parts: WritebackParts, id: string, { outcome, details }: Conclusion): Details {
  const issues = result.safeParse({ ...details, type: "result", id, revision: 1, outcome }).error?.issues;
  if (issues === undefined) return details;
  const faulty = new Set(issues.map((issue) => String(issue.path[0])));
  parts.log.error("Parts of a result can't be told to the portal", {
    code: "result-invalid",
    command: id,
    parts: [...faulty].join(", "),
  });
  return Object.fromEntries(Object.entries(details).filter(([part]) => !faulty.has(part)));
}

/** Details of an applied command. */
export function appliedDetails(compiled: CompiledCommand, key: string, results: StepResults): Details {
  const number = compiled.numberOf(results);
  return {
    entity: compiled.entityOf(key),
    ...(number === undefined || number === "" ? {} : { number: number.slice(0, 100) }),
  };
}
