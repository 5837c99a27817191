// Another process that holds a store until it is killed; run by open.test.ts.
import { openStore } from "../../../../agent/store/open.ts";
import { silentLog } from "../../../../base/log.ts";
import { systemClock } from "../../../../base/time.ts";

try {
  const store = openStore({ directory: process.argv[2] as string, clock: systemClock, log: silentLog });
  store.meta.set("kept", "yes");
  process.send?.("open");
} catch (error) {
  process.send?.({ failed: (error as { code?: string }).code });
}
// The channel to the parent keeps it alive.
process.on("message", () => {});
