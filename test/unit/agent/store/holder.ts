// Another process that opens a store, keeps nothing of it but the lock, and lives until it is killed; run by open.test.ts with --expose-gc.
import { openStore } from "../../../../agent/store/open.ts";
import { silentLog } from "../../../../base/log.ts";
import { systemClock } from "../../../../base/time.ts";

/** The store is garbage when it returns. */
function hold(): unknown {
  try {
    const store = openStore({ directory: process.argv[2] as string, clock: systemClock, log: silentLog });
    store.meta.set("kept", "yes");
    return "open";
  } catch (error) {
    return { failed: (error as { code?: string }).code };
  }
}

const said = hold();
// Collected now rather than some day.
globalThis.gc?.();
setImmediate(() => {
  globalThis.gc?.();
  process.send?.(said);
});
// The channel to the parent keeps it alive.
process.on("message", () => {});
