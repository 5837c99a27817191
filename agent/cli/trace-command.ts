/** Where one command of the portal stands, why, and each step of its way. */
import { inWindow } from "../capture/schedule.ts";
import type { InboxCommand } from "../store/store.ts";
import { isStaged, vanishedCommands } from "../writeback/memory.ts";
import { when } from "./times.ts";
import { type JournalLine, journalLine, journalOf, type Look, whenIso } from "./trace-look.ts";
import { iso } from "./trace-record.ts";

export interface CommandTrace {
  id: string;
  command: string | null;
  state: InboxCommand["state"];
  outcome: string | null;
  /** Why it stands where it stands, for programs and for people. */
  because: { reason: Because; text: string };
  /** Open commands that must come to an end before it. */
  behind: readonly { id: string; state: string }[];
  receivedAt: string;
  expiresAt: string | null;
  attempts: number;
  /** When it is tried or looked at again; null where nothing is to be tried. */
  nextAt: string | null;
  approved: boolean;
  /** A restored ERP no longer has its effect. */
  vanished: boolean;
  result: InboxCommand["result"] | null;
  /** When the portal took note of its result. */
  settledAt: string | null;
  source: string | undefined;
  key: string | undefined;
  /** What the journal tells of it, newest first. */
  journal: readonly JournalLine[];
}

export type Because =
  | "behind"
  | "staged"
  | "blackout"
  | "next-try"
  | "due"
  | "draft"
  | "cap-per-hour"
  /** Both sides have changed a field. */
  | "conflict"
  | "executing"
  | "uncertain"
  | "vanished"
  | "untold"
  | "settled";

export function traceCommand(look: Look, entry: InboxCommand): CommandTrace {
  const { state } = look;
  const { id, command, result } = entry;
  const isOpen = entry.state === "received";
  const behind = entry.state === "received" ? [...state.inbox.aheadOf(id), ...madeBy(look, entry)] : [];
  const isVanished = vanishedCommands(state.meta).includes(id);
  return {
    id,
    command: command?.command ?? null,
    state: entry.state,
    outcome: result?.outcome ?? null,
    because: because(look, entry, { behind, isVanished }),
    behind,
    receivedAt: iso(entry.receivedAt),
    expiresAt: command?.expiresAt ?? null,
    attempts: entry.attempts,
    nextAt: isOpen && entry.notBefore > look.now ? iso(entry.notBefore) : null,
    approved: entry.approved,
    vanished: isVanished,
    result: result ?? null,
    settledAt: entry.settledAt === undefined ? null : iso(entry.settledAt),
    source: entry.source,
    key: entry.key,
    journal: journalOf(look, [id]),
  };
}

/** Commands that create what this one refers to, at any depth of its values, and are not finished. */
function madeBy({ state }: Look, { command }: InboxCommand): { id: string; state: string }[] {
  const ids = [...JSON.stringify(command ?? {}).matchAll(/"createdBy":"([^"]+)"/g)].map(([, id]) => id as string);
  const ahead = new Set(command === undefined ? [] : state.inbox.aheadOf(command.id).map(({ id }) => id));
  return [...new Set(ids)].flatMap((id) => {
    const maker = state.inbox.get(id);
    const isOpen = maker !== undefined && maker.state !== "finished" && maker.state !== "settled";
    return isOpen && !ahead.has(id) ? [{ id, state: maker.state }] : [];
  });
}

interface Circumstances {
  behind: CommandTrace["behind"];
  isVanished: boolean;
}

function because(look: Look, entry: InboxCommand, { behind, isVanished }: Circumstances): CommandTrace["because"] {
  const { id } = entry;
  switch (entry.state) {
    case "received":
      return whyReceived(look, entry, behind);
    case "executing":
      return {
        reason: "executing",
        text: "The ERP carries it out; should the agent die over it, it asks the ERP before anything is written again",
      };
    case "waiting":
      return whyWaiting(entry);
    case "uncertain":
      return {
        reason: "uncertain",
        text: `Whether the ERP has carried it out can't be known. Look there, then \`erpfuser commands resolve ${id} --outcome applied\` (or \`rejected\`), or \`retry\``,
      };
    case "finished":
      if (isVanished) return vanished(id);
      return { reason: "untold", text: "It is over; the portal has not taken note of its result yet" };
    case "settled":
      if (isVanished) return vanished(id);
      return { reason: "settled", text: "It is over, and the portal knows its result" };
  }
}

function whyWaiting({ id, result }: InboxCommand): CommandTrace["because"] {
  const approve = `it waits for a person, \`erpfuser commands approve ${id}\`, or \`commands resolve ${id} --outcome rejected\``;
  switch (result?.error?.code) {
    case "cap-per-hour":
      return { reason: "cap-per-hour", text: `Too many within the hour: ${approve}` };
    case "conflict-asked": {
      const decide = `\`erpfuser commands show ${id}\`, then \`commands resolve ${id} --outcome portal-wins\` or \`erp-wins\``;
      return { reason: "conflict", text: `Both sides have changed a field, and a person decides whose value stands: ${decide}` };
    }
    default:
      return { reason: "draft", text: `A draft: ${approve}` };
  }
}

const vanished = (id: string): CommandTrace["because"] => ({
  reason: "vanished",
  text: `It was carried out, and the ERP, restored since, no longer has its effect: \`erpfuser commands retry ${id}\` if it is still wanted`,
});

function whyReceived(look: Look, entry: InboxCommand, behind: CommandTrace["behind"]): CommandTrace["because"] {
  const { state, config, now } = look;
  const { courtesy, timezone } = config.erp;
  const [first] = behind;
  if (first !== undefined) return { reason: "behind", text: `It waits until ${first.id} is over, which is ${first.state}` };
  if (isStaged(state.meta, entry.id))
    return {
      reason: "staged",
      text: "Its row lies in the ERP's staging table, which has still to take it over; it is looked after",
    };
  if (courtesy.commandsInBlackout === "hold" && inWindow(courtesy.blackout, now, timezone))
    return { reason: "blackout", text: "Commands wait for the end of the ERP's blackout window" };
  if (entry.attempts > 0 && entry.notBefore > now) {
    const failure = journalOf(look, [entry.id]).find(({ status }) => status === "failed")?.detail.code;
    const text = `It did not get through${failure === undefined ? "" : ` (${failure})`}; it is tried again ${when(entry.notBefore)}`;
    return { reason: "next-try", text };
  }
  return { reason: "due", text: "It is carried out next; of before the last start as soon as the portal asks for it again" };
}

export function explainCommand(trace: CommandTrace): string[] {
  const { id, command, state, outcome, because: why, behind, result, settledAt, expiresAt, source } = trace;
  return [
    `Command ${id}${command === null ? "" : ` (${command})`}: ${state}${outcome === null ? "" : `, ${outcome}`}`,
    why.text,
    ...behind.slice(1).map((other) => `It waits for ${other.id} as well, which is ${other.state}`),
    `Received ${whenIso(trace.receivedAt)}, ${trace.attempts === 1 ? "1 attempt" : `${trace.attempts} attempts`}`,
    ...(trace.approved ? ["A person has let it pass"] : []),
    ...(expiresAt === null || result?.outcome === "applied" ? [] : [`Void after ${whenIso(expiresAt)}`]),
    ...(source === undefined
      ? []
      : [`It made or changed ${source} ${trace.key}${result?.number ? ` (number ${result.number})` : ""}`]),
    ...(result?.error ? [`Told the reader: ${result.error.en}`] : []),
    ...(result?.conflict ?? []).map(({ field }) => `In conflict: ${field}`),
    ...(settledAt === null ? [] : [`The portal took note ${whenIso(settledAt)}`]),
    ...trace.journal.map(journalLine),
  ];
}
