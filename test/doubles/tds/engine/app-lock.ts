import { setTimeout as sleep } from "node:timers/promises";
import type { Holder, TdsDatabase } from "./database.ts";

/** `sp_getapplock` for a session: 0 once it holds the lock, -1 where another one keeps it for too long. */
export async function takeAppLock(
  { appLocks }: TdsDatabase,
  holder: Holder,
  { resource, timeoutMs }: { resource: string; timeoutMs: number },
): Promise<bigint> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const other = appLocks.get(resource);
    if (other === undefined || other === holder) {
      appLocks.set(resource, holder);
      return 0n;
    }
    if (performance.now() >= deadline) return -1n;
    await sleep(5);
  }
}
