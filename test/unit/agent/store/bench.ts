// Stores in folders of their own, closed and removed after each test.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach } from "vitest";
import { openStore, type StoreOptions } from "../../../../agent/store/open.ts";
import type { Store } from "../../../../agent/store/store.ts";
import type { Log } from "../../../../base/log.ts";
import { silentLog } from "../../../../base/log.ts";
import { type ManualClock, manualClock } from "../../../support/manual-clock.ts";

export function storeBench() {
  const closing: (() => void)[] = [];
  const folders: string[] = [];
  afterEach(() => {
    for (const close of closing.splice(0).reverse()) close();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
  const folder = (): string => {
    const made = mkdtempSync(path.join(tmpdir(), "erpfuser-store-"));
    folders.push(made);
    return made;
  };
  const clock: ManualClock = manualClock(Date.UTC(2026, 10, 22, 6));
  return {
    clock,
    folder,
    keep: (close: () => void) => void closing.push(close),
    open(directory: string = folder(), options: Partial<StoreOptions> = {}): Store {
      const store = openStore({ directory, clock, log: silentLog, ...options });
      closing.push(() => store.close());
      return store;
    },
  };
}

/** A log that keeps the codes of its lines. */
export function codesLog(): { log: Log; codes: (string | undefined)[] } {
  const codes: (string | undefined)[] = [];
  const keep = (_message: string, fields?: { code?: string }): void => void codes.push(fields?.code);
  const log: Log = { error: keep, warn: keep, info: keep, debug: keep, part: () => log };
  return { log, codes };
}
