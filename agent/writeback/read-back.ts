/** The entity of a command that was carried out: read again at once, and its new state stored together with the outcome. */
import { FuserError } from "../../base/errors.ts";
import type { InboxCommand } from "../store/store.ts";
import { type Conclusion, conclude } from "./conclude.ts";
import type { WritebackParts } from "./parts.ts";

/** How long a result waits for its entity to be read back, ms. */
const readBackMs = 5_000;

type Stage = "reading" | "taking" | "storing" | "concluded";

/**
 * Concludes a command that made or changed `entity`, with the number under which the new state travels. When that can't be read or stored, it costs only the
 * number: the key is marked, and read in its turn.
 * @throws what the store throws when the outcome can't be stored
 */
export async function concludeWithState(
  parts: WritebackParts,
  command: InboxCommand,
  { conclusion, entity, signal }: { conclusion: Conclusion; entity: { source: string; key: string }; signal: AbortSignal },
): Promise<void> {
  const limit = new AbortController();
  const cancel = parts.clock.after(readBackMs, () => limit.abort());
  let stage: Stage = "reading";
  const within = async (take: () => number | undefined): Promise<undefined> => {
    stage = "storing";
    await conclude(parts, command, conclusion, () => {
      stage = "taking";
      const seq = take();
      stage = "storing";
      return seq;
    });
    stage = "concluded";
  };
  try {
    await parts.readBack(entity, AbortSignal.any([signal, limit.signal]), within);
  } catch (error) {
    if ((stage as Stage) === "storing") throw error;
    const code = error instanceof FuserError ? error.code : "read-back-failed";
    parts.log.debug("An entity could not be read back at once after its command", { code, source: entity.source });
  } finally {
    cancel();
  }
  if ((stage as Stage) !== "concluded") await conclude(parts, command, conclusion);
}
