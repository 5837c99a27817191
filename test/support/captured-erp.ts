/** Real capture of the sample ERP in an SQLite file, with a real store and a clock that goes as fast as the machine: what it sends is taken at once. */
import { join } from "node:path";
import { type Capture, createCapture } from "../../agent/capture/capture.ts";
import { compile } from "../../agent/compile.ts";
import { createQuality } from "../../agent/quality/engine.ts";
import { exceedsGuard } from "../../agent/quality/guards.ts";
import { openStore } from "../../agent/store/open.ts";
import type { Store } from "../../agent/store/store.ts";
import { silentLog } from "../../base/log.ts";
import { parseConfig } from "../../config/load.ts";
import { sqlite } from "../../connectors/sqlite/connector.ts";
import { createDigester } from "../../protocol/digest.ts";
import { erpConfig } from "./erp/config.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";

export interface CapturedErp extends AsyncDisposable {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly capture: Capture;
  /** Lets a little time pass, so many times. */
  pass(steps: number): Promise<void>;
  /** Lets time pass until everything was compared, read, sent and judged. */
  atRest(): Promise<void>;
  /** Reads everything anew, as at night, and comes to rest. */
  compareAnew(): Promise<void>;
}

const limits = { statementTimeoutMs: 30_000, lockTimeoutMs: 2_000, batchRows: 500, batchBytes: 1_000_000, snapshotMs: 60_000 };
const stepMs = 500;
const mostSteps = 20_000;

/**
 * @param directory of the store
 * @param file the ERP's
 * @param now epoch ms
 */
export async function captureErp(directory: string, file: string, now: number): Promise<CapturedErp> {
  const stop = new AbortController();
  const options = { connection: [`file: ${file}`], portalUrl: "ws://127.0.0.1:1/agent", state: directory };
  const { config } = parseConfig({ text: erpConfig({ dialect: "sqlite", ...options }), file: join(directory, "erpfuser.yaml") });
  if (config === undefined) throw new Error("The sample configuration has faults");
  const clock = manualClock(now);
  const connector = await sqlite.open({ file }, async () => "", { clock, log: silentLog, limits, sessionName: "test" });
  const { sources } = await compile(config, connector, stop.signal);
  const store = openStore({ directory, clock, log: silentLog });
  if (store.meta.get("epoch") === undefined) {
    store.renewEpoch("epoch-0001");
    for (const { mapping } of sources) store.sources.update(mapping.source, { reconciled: true });
  }
  const digester = await createDigester();
  const capture = createCapture({
    ...{ connector, sources, store, clock, random: () => 0.5, log: silentLog, quality: createQuality(config) },
    ...{ digest: digester.text, digestWritten: digester.written, mayRead: () => true },
    exceedsGuard: (kind, count) => exceedsGuard(config.guards[kind], count),
    ...{ timezone: config.erp.timezone, confirmAfterMs: 2_000, blackout: [], rowsPerSecond: undefined },
  });
  const running = capture.run(stop.signal);
  let ended: unknown;
  running.then(
    () => {
      ended = "ended";
    },
    (error) => {
      ended = error;
    },
  );
  let sent = store.outbox.bounds().first - 1;
  const pull = (): void => {
    for (let frame = store.outbox.frameFrom(sent + 1); frame; frame = store.outbox.frameFrom(sent + 1)) sent = frame.last;
    store.outbox.ack(sent);
  };
  const step = async (): Promise<void> => {
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(stepMs);
    pull();
    if (ended !== undefined) throw ended;
  };
  const isAtRest = (): boolean =>
    store.pending.count() === 0 &&
    capture.isJudged() &&
    sources.every(({ mapping }) => mapping.append || store.sources.get(mapping.source).comparedAt !== undefined);
  const atRest = async (): Promise<void> => {
    // Twice in a row: what was marked last is read first.
    for (let steps = 0, still = 0; still < 10; steps++) {
      if (steps > mostSteps) throw new Error(`There is no rest: ${JSON.stringify(capture.status())}`);
      await step();
      still = isAtRest() ? still + 1 : 0;
    }
  };
  return {
    ...{ store, clock, capture, atRest },
    async pass(steps) {
      for (let count = 0; count < steps; count++) await step();
    },
    async compareAnew() {
      const since = clock.now();
      clock.advance(1);
      capture.syncNow(undefined, true);
      const isOver = (): boolean =>
        sources.every(({ mapping }) => mapping.append || (store.sources.get(mapping.source).comparedAt ?? 0) > since);
      for (let steps = 0; !isOver(); steps++) {
        if (steps > mostSteps) throw new Error(`The compare has no end: ${JSON.stringify(capture.status())}`);
        await step();
      }
      await atRest();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      clock.advance(stepMs);
      await running.catch(() => undefined);
      await connector.close();
      store.close();
    },
  };
}
