/**
 * Loaded with `--import` before the demo's children (portal, agent): when the demo is gone, however it ended, the system closes the IPC channel,
 * and the child ends as if it had been told to.
 */
import { systemClock } from "../../../base/time.ts";

const graceMs = 5_000;

process.on("disconnect", () => {
  process.kill(process.pid, "SIGTERM");
  systemClock.after(graceMs, () => process.exit(1));
});
// Listening alone would keep the process alive.
process.channel?.unref();
