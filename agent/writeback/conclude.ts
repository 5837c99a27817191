/** Outcome of a command into the store: result, pending key of its entity and journal line, all in one transaction. */
import type { StepResults } from "../../connectors/connector.ts";
import type { Outcome, Result } from "../../protocol/messages.ts";
import type { InboxCommand } from "../store/store.ts";
import { forgetFresh } from "./memory.ts";
import type { CompiledCommand, ReplyError, WritebackParts } from "./parts.ts";

export type Details = Omit<Result, "type" | "id" | "revision" | "outcome">;

export interface Conclusion {
  outcome: Outcome;
  details: Details;
  /** What was made or changed: it is read again. */
  entity?: { source: string; key: string };
  startedAt?: number;
}

/** Durable when it returns; kill tests stop before and after its commit. */
export async function conclude(parts: WritebackParts, command: InboxCommand, conclusion: Conclusion): Promise<void> {
  await parts.commitPoint("before-conclude-commit");
  store(parts, command, conclusion);
  await parts.commitPoint("after-conclude-commit");
}

/** The same at once, for a person's decision. */
export function store(parts: WritebackParts, command: InboxCommand, { outcome, details, entity, startedAt }: Conclusion): void {
  const now = parts.clock.now();
  const { inbox, pending, journal, meta, transaction } = bound(parts);
  transaction(() => {
    inbox.conclude(command.id, outcome, details, entity);
    if (entity !== undefined) pending.mark(entity.source, [entity.key], { now, confirm: false });
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
      },
    });
  });
  parts.log.info("Command concluded", { command: command.id, outcome, ...(details.error ? { code: details.error.code } : {}) });
}

function bound({ store: { inbox, pending, journal, meta, transaction } }: WritebackParts) {
  return { inbox, pending, journal, meta, transaction: (action: () => void) => transaction(action, "command-conclude") };
}

function statusOf(outcome: Outcome): "ok" | "refused" | "held" {
  if (outcome === "applied") return "ok";
  return outcome === "waiting" || outcome === "uncertain" ? "held" : "refused";
}

export const refused = (error: ReplyError): Conclusion => ({ outcome: "rejected", details: { error } });

/** Details of an applied command; `seq` where its entity's state is already on its way. */
export function appliedDetails(
  compiled: CompiledCommand,
  key: string,
  told: { results: StepResults; seq: number | undefined },
): Details {
  const number = compiled.numberOf(told.results);
  return {
    entity: compiled.entityOf(key),
    ...(number === undefined || number === "" ? {} : { number: number.slice(0, 100) }),
    ...(told.seq === undefined ? {} : { seq: told.seq }),
  };
}
