/** The portal's tables, for a look at what the mapping and commands make of them. */
import { kindOf } from "../../base/errors.ts";
import type { Clock } from "../../base/time.ts";
import type { Config } from "../../config/config.ts";
import type { StoredLookup } from "../store/lookups.ts";
import { openStoreForReading } from "../store/open.ts";

/** As the agent holds them; none where it has not run yet. */
export function storedLookups({ agent }: Config, clock: Clock): readonly StoredLookup[] {
  try {
    using store = openStoreForReading(agent.state, clock);
    return store.lookups.all();
  } catch (error) {
    if (kindOf(error) === "bug") throw error;
    return [];
  }
}
