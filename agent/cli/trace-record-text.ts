/** A record's trace in sentences. */
import type { Why } from "../store/store.ts";
import { heldMeanings } from "./held-words.ts";
import { journalLine, whenIso } from "./trace-look.ts";
import { type RecordTrace, whereText } from "./trace-record.ts";

export function explainRecord(trace: RecordTrace): string[] {
  const { source, key, id, where } = trace;
  return [
    `${source} ${key} (id ${id})`,
    ...whereLines(trace),
    ...waitingLines(trace),
    ...leftOutLines(trace),
    ...trace.before.map((id) => `It continues ${id}`),
    ...(trace.next === null ? [] : [`It goes on as ${trace.next}`]),
    ...(trace.command === null ? [] : [`Last made or changed by the portal's command ${trace.command}`]),
    ...sourceLines(trace),
    ...(where === "unknown" || where === "deleted" || trace.sentAt !== null ? [] : sentUnnamed(trace)),
    ...trace.journal.map(journalLine),
  ];
}

function whereLines(trace: RecordTrace): string[] {
  const { where, pending, suspicion, guard, quarantine, unacked, unackedOp, dependents } = trace;
  const lines = [whereText[where]];
  if (suspicion !== null) lines.push(suspicions[suspicion]);
  else if (where === "held-by-guard" || where === "approved") lines.push(suspicions.absent);
  if (quarantine !== null) {
    const field = quarantine.field === null ? "" : ` in ${quarantine.field}`;
    lines.push(`In quarantine since ${whenIso(quarantine.since)}: ${quarantine.code}${field}, ${quarantine.message}`);
    if (trace.known) lines.push("The portal may hold an earlier state of it");
  }
  if (pending !== null) {
    const later =
      pending.notBefore > pending.since && where !== "held-by-guard" ? `, not before ${whenIso(pending.notBefore)}` : "";
    lines.push(`Pending since ${whenIso(pending.since)} (${pending.stage})${later}`);
  }
  if (guard !== null) {
    const fields = guard.fields.length === 0 ? "" : ` (${guard.fields.join(", ")})`;
    const held = `Held by guard ${guard.id}, ${guard.count} of ${guard.of}, ${heldMeanings[guard.kind]}${fields}`;
    lines.push(`${held}: \`erpfuser guard show ${guard.id}\``);
  }
  if (unacked !== null)
    lines.push(
      `In the outbox as item ${unacked}${unackedOp === "delete" ? ", a delete" : ""}, not yet acknowledged by the portal`,
    );
  if (dependents > 0) lines.push(`${dependents} others wait for it: \`erpfuser quarantine show ${trace.source} ${trace.key}\``);
  return lines;
}

const suspicions: Readonly<Record<Why | "absent", string>> = {
  absent: "It is no longer in the ERP",
  flag: "The ERP flags it as deleted",
  emptied: "Fields of it that had a value have none",
  moved: "It refers to another parent than before",
  both: "Fields of it that had a value have none, and it refers to another parent than before",
};

function waitingLines({ waitsFor, awaits }: RecordTrace): string[] {
  return [
    ...waitsFor.map(({ source, key, why }, step) => `${"  ".repeat(step)}Waits for ${source} ${key}. ${why}`),
    ...awaits.map(({ source, key }) => `Sent without its reference to ${source} ${key}, which is not at the portal`),
  ];
}

function leftOutLines({ findings, withheld, sharedWith, lacks }: RecordTrace): string[] {
  const sent = sharedWith.filter((one) => one.sent);
  return [
    ...findings.map(({ finding, title, field, since, accepted }) => {
      const silenced = accepted === null ? "" : `; accepted: ${accepted}`;
      return `Finding ${finding} since ${whenIso(since)}: ${title}${field === "" ? "" : ` in ${field}`}${silenced}`;
    }),
    ...(withheld.length === 0 ? [] : [`Sent without what is found fault with, or is another's, in: ${withheld.join(", ")}`]),
    ...sharedWith.map(
      (one) => `Has an e-mail address that also stands at ${one.source} ${one.key}${one.sent ? ", which is sent with it" : ""}`,
    ),
    ...(withheld.includes("emails") && findings.length === 0 && sent.length === 0
      ? ["Whose the address is, is not known yet: see `erpfuser quality`, and `status` for what is still to be compared"]
      : []),
    ...lacks.map(({ stops, name, what }) =>
      stops === "field" ? `The field ${name} is left out: ${what}` : `The ERP's schema stops ${stops} ${name}: ${what}`,
    ),
  ];
}

function sourceLines({ source, comparedAt, readAt, sourceState }: RecordTrace): string[] {
  const compared = comparedAt === null ? "not yet compared in full" : `last compared in full ${whenIso(comparedAt)}`;
  const read = readAt === null ? "" : `, last read ${whenIso(readAt)}`;
  const reason = sourceState?.reason ? ` (${sourceState.reason})` : "";
  const state = sourceState === null || sourceState.state === "active" ? "" : `, ${sourceState.state}${reason}`;
  return [`Source ${source}: ${compared}${read}${state}`];
}

/** Of a first sync, or a change of thousands, the journal names no keys. */
const sentUnnamed = ({ known }: RecordTrace): string[] =>
  known ? ["When it was last sent the journal does not say: with many others, or longer ago than it is kept"] : [];
