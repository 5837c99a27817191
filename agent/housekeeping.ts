/** What has to be done from time to time: old payloads and journal lines go, and after a loss of the ERP's history lost commands are looked for. */
import { isAbort, kindOf } from "../base/errors.ts";
import type { Running } from "./agent.ts";
import { lostHistory } from "./capture/lost-history.ts";
import { waitOut } from "./wait-out.ts";

const lookEveryMs = 1_000;
const purgeEveryMs = 3_600_000;
const checkedName = "effects-checked-for";

export async function keepHouse(running: Running, signal: AbortSignal): Promise<void> {
  const { store, parts } = running;
  let purgedAt = Number.NEGATIVE_INFINITY;
  const tidy = async (inner: AbortSignal): Promise<void> => {
    const now = parts.clock.now();
    if (now - purgedAt > purgeEveryMs) {
      store.inbox.purge(now);
      store.journal.purge(now);
      store.asks.purge(now);
      purgedAt = now;
    }
    await lookForLostEffects(running, inner);
  };
  await waitOut({ parts, part: "housekeeping", everyMs: lookEveryMs }, tidy, signal);
}

/** Once per loss of history: which applied commands the ERP no longer knows. */
async function lookForLostEffects({ store, compiled, writeback }: Running, signal: AbortSignal): Promise<void> {
  const reasons = compiled.mappings.map(({ source }) => lostHistory(store.meta, source)).filter((reason) => reason !== undefined);
  const loss = reasons[0];
  if (loss === undefined || store.meta.get(checkedName) === loss) return;
  try {
    await writeback.effectsVanished(signal);
    store.meta.set(checkedName, loss);
  } catch (error) {
    // The ERP may be away just now: asked again in a second.
    if (!isAbort(error) && kindOf(error) !== "transient") throw error;
  }
}
