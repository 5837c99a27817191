/** What has to be done from time to time: acks that no commit took along are made durable, old payloads and journal lines go, and after a loss of the ERP's history lost commands are looked for. */
import { isAbort, kindOf } from "../base/errors.ts";
import type { Running } from "./agent.ts";
import { lostHistory } from "./capture/lost-history.ts";
import { waitOut } from "./wait-out.ts";

const lookEveryMs = 1_000;
const purgeEveryMs = 3_600_000;
/** While a restore is being decided on, commands may come back with tables that were still being filled. */
const listAgainEveryMs = 10_000;
const checkedName = "effects-checked-for";

/** @param told.commits commits of the store so far: a loss of history is one */
export async function keepHouse(running: Running, told: { signal: AbortSignal; commits: () => number }): Promise<void> {
  const { store, parts } = running;
  let seen = -1;
  let lost = false;
  let purgedAt = Number.NEGATIVE_INFINITY;
  let listedAt = Number.NEGATIVE_INFINITY;
  const tidy = async (inner: AbortSignal): Promise<void> => {
    // Else an idle agent's last frames would seem to wait, to whoever reads its store.
    store.outbox.flush();
    const now = parts.clock.now();
    if (now - purgedAt > purgeEveryMs) {
      store.inbox.purge(now);
      store.journal.purge(now);
      store.asks.purge(now);
      purgedAt = now;
    }
    const commits = told.commits();
    if (commits !== seen) lost = lossOf(running) !== undefined;
    seen = commits;
    if (!lost) return;
    const again = running.writeback.vanished().length > 0 && now - listedAt > listAgainEveryMs;
    if (await lookForLostEffects(running, again, inner)) listedAt = now;
  };
  await waitOut({ parts, part: "housekeeping", everyMs: lookEveryMs }, tidy, told.signal);
}

/** Why some source's history counts as lost. */
const lossOf = ({ store, compiled }: Running): string | undefined =>
  compiled.mappings.map(({ source }) => lostHistory(store.meta, source)).find((reason) => reason !== undefined);

/** For each loss of history, and `again` while it is not settled: which applied commands the ERP no longer knows. True when it was asked. */
async function lookForLostEffects(running: Running, again: boolean, signal: AbortSignal): Promise<boolean> {
  const { store, writeback } = running;
  const loss = lossOf(running);
  if (loss === undefined || (store.meta.get(checkedName) === loss && !again)) return false;
  try {
    await writeback.effectsVanished(signal);
    store.meta.set(checkedName, loss);
    return true;
  } catch (error) {
    // The ERP may be away just now: asked again in a second.
    if (!isAbort(error) && kindOf(error) !== "transient") throw error;
    return false;
  }
}
