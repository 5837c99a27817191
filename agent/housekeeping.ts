/** What has to be done from time to time: acks that no commit took along are made durable, old payloads and journal lines go, and after a loss of the ERP's history, or once another server has taken over, lost commands are looked for. */
import { describeError, FuserError, isAbort, kindOf } from "../base/errors.ts";
import type { AgentParts, Running } from "./agent.ts";
import { takenOverAt } from "./capture/identity.ts";
import { lostHistory } from "./capture/lost-history.ts";
import { forgetConflicts } from "./settled-conflicts.ts";
import { isStoreTrouble } from "./store/sqlite-errors.ts";
import { waitOut } from "./wait-out.ts";

/** Name in the log. */
const part = "housekeeping";
const lookEveryMs = 1_000;
const purgeEveryMs = 3_600_000;
/** While a restore is being decided on, commands may come back with tables that were still being filled. */
const listAgainEveryMs = 10_000;
/** Reasons to doubt for which the ERP was asked, a line each. */
const checkedName = "effects-checked-for";
/**
 * A server that took over lacks at most what the one before it did last. Of older commands clerks may have deleted or undone what they did, which would look
 * the same.
 */
const takeoverDoubtsMs = 86_400_000;

/** What it needs of an agent. */
export interface House extends Pick<Running, "store"> {
  parts: Pick<AgentParts, "clock" | "random" | "log">;
  compiled: { mappings: readonly { source: string }[] };
  writeback: Pick<Running["writeback"], "vanished" | "effectsVanished">;
}

/** @param told.commits commits of the store so far: a loss of history is one */
export async function keepHouse(running: House, told: { signal: AbortSignal; commits: () => number }): Promise<void> {
  const { store, parts } = running;
  let seen = -1;
  let doubted = false;
  let purgedAt = Number.NEGATIVE_INFINITY;
  let listedAt = Number.NEGATIVE_INFINITY;
  const troubles = new Set<string>();
  const tidy = async (inner: AbortSignal): Promise<void> => {
    // Else an idle agent's last frames would seem to wait, to whoever reads its store.
    store.outbox.flush();
    const now = parts.clock.now();
    if (now - purgedAt > purgeEveryMs) {
      store.inbox.purge(now);
      store.journal.purge(now);
      store.asks.purge(now);
      store.findings.purge(now);
      forgetConflicts(store, now);
      store.successions.purge(now);
      purgedAt = now;
    }
    const commits = told.commits();
    if (commits !== seen) doubted = doubtsOf(running).length > 0;
    seen = commits;
    if (!doubted) return;
    const again = lossOf(running) !== undefined && running.writeback.vanished().length > 0 && now - listedAt > listAgainEveryMs;
    if (await lookForLostEffects(running, again, { signal: inner, troubles })) listedAt = now;
  };
  await waitOut({ parts, part, everyMs: lookEveryMs }, tidy, told.signal);
}

interface Asking {
  signal: AbortSignal;
  /** Codes of what was in the way, each said once until it works again. */
  troubles: Set<string>;
}

/** Why some source's history counts as lost. */
const lossOf = ({ store, compiled }: House): string | undefined =>
  compiled.mappings.map(({ source }) => lostHistory(store.meta, source)).find((reason) => reason !== undefined);

/** Why commands may have lost their effects. */
function doubtsOf(house: House): string[] {
  const failoverAt = takenOverAt(house.store.meta);
  const reasons = [lossOf(house), failoverAt === undefined ? undefined : `failover ${failoverAt}`];
  return reasons.filter((reason) => reason !== undefined);
}

/**
 * For each loss of history or server that took over, and `again` while a loss is not settled: which applied commands the ERP no longer knows. True when it was asked. While a backup is
 * being loaded tables may be away for a moment, as a server may: what it can't answer now it is asked again in a second.
 */
async function lookForLostEffects(running: House, again: boolean, { signal, troubles }: Asking): Promise<boolean> {
  const { parts, store, writeback } = running;
  const doubts = doubtsOf(running);
  // Each is asked for once: a loss that is settled leaves an older failover behind, since which clerks may have undone what commands did.
  const checked = new Set(store.meta.get(checkedName)?.split("\n"));
  const news = doubts.filter((doubt) => !checked.has(doubt));
  if (news.length === 0 && !again) return false;
  try {
    const loss = lossOf(running);
    const isLost = again || (loss !== undefined && news.includes(loss));
    const settledSince = isLost ? undefined : (takenOverAt(store.meta) ?? 0) - takeoverDoubtsMs;
    await writeback.effectsVanished(signal, { settledSince });
    store.meta.set(checkedName, doubts.join("\n"));
    troubles.clear();
    return true;
  } catch (error) {
    if (isAbort(error)) return false;
    if (!(error instanceof FuserError) || kindOf(error) === "bug" || isStoreTrouble(error)) throw error;
    if (!troubles.has(error.code)) {
      const what = "Whether the ERP still knows what commands did can't be asked now";
      parts.log.part(part).warn(`${what}; it is asked again: ${describeError(error)}`, { code: error.code });
    }
    troubles.add(error.code);
    return false;
  }
}
