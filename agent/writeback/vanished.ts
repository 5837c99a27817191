import { kindOf } from "../../base/errors.ts";
import type { InboxCommand } from "../store/store.ts";
import { compiledAgain } from "./decisions.ts";
import { rememberVanished, vanishedCommands } from "./memory.ts";
import type { CompiledCommand, WritebackParts } from "./parts.ts";

/** Which of the applied commands are asked for. */
export interface Applied {
  /** So many, the newest. Default 200. */
  last?: number;
  /** Epoch ms: those of which the portal had taken note before are left out. When they came says nothing: a draft may be carried out weeks later. */
  settledSince?: number | undefined;
}

/** Commands, newest first, among which those are looked for that were settled late. */
const mostLookedThrough = 2_000;

/**
 * After the ERP's history was lost (restored from a backup) or may have been (another server took over): which of the last applied commands it no longer knows. They are listed for a person, who
 * may have each carried out again; nothing is repeated by itself. Returns the ids, newest first.
 * @throws FuserError transient when the ERP can't be asked; then nothing has changed
 */
export async function findVanished(
  parts: WritebackParts,
  { last = 200, settledSince }: Applied,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { inbox, meta } = parts.store;
  const applied = inbox
    .list({ limit: settledSince === undefined ? last * 2 : mostLookedThrough })
    .filter(({ state }) => state === "finished" || state === "settled")
    .filter(({ result, command }) => result?.outcome === "applied" && command !== undefined)
    .filter(({ state, settledAt = 0 }) => settledSince === undefined || state !== "settled" || settledAt >= settledSince)
    .slice(0, last);
  const missing = new Set<string>();
  const asked = new Set<string>();
  const standing = new Set<string>();
  for (const command of applied) {
    const compiled = stillCompiled(() => compiledAgain(parts, command));
    // What it refers to is just being carried out again, or the configuration no longer allows it: a person's list keeps what it has of it.
    if (compiled === undefined) continue;
    asked.add(command.id);
    const seen = await parts.erp.lookup({ ...compiled.plan, mayBeRepeated: true, rehearse: false }, signal);
    const place = command.key === undefined ? command.id : `${command.source} ${command.key}`;
    // Newest first: where a later change stands, an earlier one was overwritten, not lost.
    const asBefore = seen.state === "unknown" && seen.asBefore === true && !standing.has(place);
    if (seen.state === "absent" || asBefore) missing.add(command.id);
    else standing.add(place);
  }
  // Asking takes its time: what a person had carried out again meanwhile is what it is now, not what was seen.
  const isAsSeen = ({ id, state, attempts }: InboxCommand): boolean => {
    const now = inbox.get(id);
    return now?.attempts === attempts && (now.state === state || now.state === "settled");
  };
  const seenMissing = applied.filter((command) => missing.has(command.id) && isAsSeen(command)).map(({ id }) => id);
  // What was listed while the restore still ran may be back.
  const listed = vanishedCommands(meta);
  const all = [...seenMissing, ...listed.filter((id) => !asked.has(id))];
  const news = seenMissing.filter((id) => !listed.includes(id));
  rememberVanished(meta, all);
  if (news.length > 0) {
    const hint = "See `erpfuser commands list`, and `erpfuser commands retry` for each that is still wanted.";
    parts.log.error("The ERP no longer knows commands that it had carried out", {
      code: "effects-vanished",
      count: news.length,
      hint,
    });
  }
  return all;
}

function stillCompiled(compile: () => CompiledCommand): CompiledCommand | undefined {
  try {
    return compile();
  } catch (error) {
    if (kindOf(error) === "rejected") return undefined;
    throw error;
  }
}
