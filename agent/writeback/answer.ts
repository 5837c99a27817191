/** A question of the portal: answered from what the agent knows, nothing is written in the ERP, and asking twice does no harm. */
import type { InboxCommand } from "../store/store.ts";
import { type Conclusion, conclude, refused } from "./conclude.ts";
import { claim, expired } from "./execute.ts";
import type { Questions, ResolvedCommand, WritebackParts } from "./parts.ts";
import { reply } from "./replies.ts";

/** Until it is asked again what was not known yet, ms. */
const laterMs = 5_000;

/** Answers one claimable question; resolves when its outcome, or its next try, is in the store. @throws what the store throws */
export async function answer(
  parts: WritebackParts,
  questions: Questions,
  { command, resolved }: { command: InboxCommand; resolved: ResolvedCommand },
): Promise<void> {
  const late = expired(parts, resolved);
  if (late !== undefined) return conclude(parts, command, late);
  const untouched = command.attempts === 0;
  const { overCap } = await claim(parts, { command, type: resolved.command, untouched, announces: false });
  if (overCap) return conclude(parts, command, { outcome: "waiting", details: { error: reply("cap-per-hour") } });
  const said = questions.answer(resolved);
  if (said.kind === "later") {
    parts.store.transaction(() => parts.store.inbox.retryAt(command.id, parts.clock.now() + laterMs), "command-retry");
    return;
  }
  const conclusion: Conclusion = said.kind === "said" ? { outcome: "applied", details: said.details } : refused(said.error);
  return conclude(parts, command, conclusion);
}
