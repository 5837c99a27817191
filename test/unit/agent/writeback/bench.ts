/** A write-back on a real store, with an ERP in memory that keeps what was done to it and fails as told. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, vi } from "vitest";
import { openStore } from "../../../../agent/store/open.ts";
import type { CommandState, InboxCommand, Store } from "../../../../agent/store/store.ts";
import type { CommandLimits, ResolvedCommand, WritebackParts } from "../../../../agent/writeback/parts.ts";
import { createWriteback, type Writeback } from "../../../../agent/writeback/writeback.ts";
import { FuserError } from "../../../../base/errors.ts";
import { type Log, type LogFields, silentLog } from "../../../../base/log.ts";
import type { Connector, Idempotency, LookupOutcome, WriteOutcome, WritePlan } from "../../../../connectors/connector.ts";
import type { Command } from "../../../../protocol/messages.ts";
import { type ManualClock, manualClock } from "../../../support/manual-clock.ts";

export const start = Date.parse("2026-11-22T06:00:00Z");

export interface Line extends LogFields {
  level: string;
  message: string;
}

/** An ERP that can tell what it was asked to do by the command's id, unless the way is blind. */
export interface FakeErp extends Pick<Connector, "write" | "lookup"> {
  /** How often each command took effect. */
  effects: Map<string, number>;
  writes: WritePlan[];
  /** Answers in place of the next writes, in order; undefined lets one through. */
  next: (WriteOutcome | Error | ((plan: WritePlan) => Promise<WriteOutcome>) | undefined)[];
  lookups: string[];
  nextLookup: (LookupOutcome | Error | (() => Promise<LookupOutcome>))[];
}

export function fakeErp(): FakeErp {
  const erp: FakeErp = {
    effects: new Map(),
    writes: [],
    next: [],
    lookups: [],
    nextLookup: [],
    async write(plan, _signal, commitPoint) {
      erp.writes.push(plan);
      const told = erp.next.shift();
      if (told instanceof Error) throw told;
      if (typeof told === "function") return told(plan);
      if (told !== undefined) return told;
      const blind = plan.idempotency.way === "base";
      if (blind && plan.mayBeRepeated) return { state: "uncertain", message: "can't tell" };
      const key = `K-${plan.commandId}`;
      const done = (erp.effects.get(plan.commandId) ?? 0) > 0;
      if (done && !blind) return { state: "applied", key, repeated: true, results: new Map() };
      await commitPoint?.("before-erp-commit");
      erp.effects.set(plan.commandId, (erp.effects.get(plan.commandId) ?? 0) + 1);
      await commitPoint?.("after-erp-commit");
      return { state: "applied", key, repeated: false, results: new Map([["nr", "4711"]]) };
    },
    async lookup(plan) {
      erp.lookups.push(plan.commandId);
      const told = erp.nextLookup.shift();
      if (told instanceof Error) throw told;
      if (typeof told === "function") return told();
      if (told !== undefined) return told;
      if (plan.idempotency.way === "base") return { state: "unknown", message: "can't tell" };
      return erp.effects.has(plan.commandId)
        ? { state: "found", key: `K-${plan.commandId}`, results: new Map() }
        : { state: "absent" };
    },
  };
  return erp;
}

export const locked = (): FuserError =>
  new FuserError("transient", "Another session holds the lock", { code: "erp-session-locked", operation: "write to the ERP" });

let count = 0;
export function command(more: Partial<Command> = {}): Command {
  count += 1;
  return {
    type: "command",
    id: `COMMAND-${String(count).padStart(4, "0")}`,
    command: "ticket.create",
    values: { title: "Heizung kalt" },
    issuedAt: new Date(start).toISOString(),
    ...more,
  };
}

export interface Bench {
  store: Store;
  erp: FakeErp;
  clock: ManualClock;
  lines: Line[];
  compiled: ResolvedCommand[];
  points: string[];
  readBacks: { source: string; key: string; cause: string | undefined }[];
  settings: {
    way: Idempotency;
    limits: Omit<CommandLimits, "blind">;
    stage: "test" | "live";
    hold: boolean;
    /** Number of the state that was read back; undefined: nothing may be read. */
    seq: number | undefined | Error;
    /** Called where the state that was read is stored. */
    onTake: () => void;
    portalAheadMs: number;
    /** What the portal says of every command. */
    asked: boolean | undefined;
    asks: (id: string) => boolean | undefined;
    /** It holds each announcement as soon as that is stored. */
    confirms: boolean;
    parallel: number;
    /** The ERP's schema lacks what every plan needs. */
    waits: FuserError | undefined;
    onPoint: (point: string) => Promise<void>;
    questions: WritebackParts["questions"] | undefined;
  };
  writeback: Writeback;
  receive(command: Command, options?: { mayBeRepeated?: boolean }): string;
  /** `crash` ends it as a kill would: what is under way never comes to an end. */
  run(): { stop(): Promise<unknown>; crash(): void };
  /** A new write-back on the same store. */
  restart(): void;
  get(id: string): InboxCommand;
  reaches(id: string, state: CommandState): Promise<void>;
}

export function writebackBench(): () => Bench {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  return () => {
    const directory = mkdtempSync(join(tmpdir(), "erpfuser-writeback-"));
    closing.push(() => rmSync(directory, { recursive: true, force: true }));
    const clock = manualClock(start);
    const store = openStore({ directory, clock, log: silentLog });
    closing.push(() => store.close());
    const lines: Line[] = [];
    const at = (level: string) => (message: string, fields?: LogFields) => void lines.push({ level, message, ...fields });
    const log: Log = { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug"), part: () => log };
    const erp = fakeErp();
    const settings: Bench["settings"] = {
      way: { way: "column", table: "AUFTRAG", column: "FREMDNR", value: "x" },
      limits: { draft: false, perHour: undefined },
      asked: true,
      asks: () => settings.asked,
      confirms: true,
      stage: "live",
      hold: false,
      seq: 7,
      onTake: () => undefined,
      portalAheadMs: 0,
      parallel: 4,
      waits: undefined,
      onPoint: async () => undefined,
      questions: undefined,
    };
    store.inbox.onChange(() => {
      for (const { id, revision, outcome } of settings.confirms ? store.inbox.unsettled() : [])
        if (outcome === "executing") store.inbox.settle(id, revision);
    });
    const compiled: ResolvedCommand[] = [];
    const points: string[] = [];
    const readBacks: Bench["readBacks"] = [];
    const parts = (): WritebackParts => ({
      store,
      clock,
      random: () => 0.5,
      log,
      erp,
      compile(resolved) {
        compiled.push(resolved);
        if (resolved.values.title === "") return { rejected: { code: "value-empty", de: "leer", en: "empty" } };
        if (settings.waits !== undefined) return { rejected: { code: "not-offered", de: "-", en: "-" }, waits: settings.waits };
        if (resolved.values.title === "bug") throw new TypeError("broken");
        return {
          plan: { commandId: resolved.id, idempotency: settings.way, steps: [], resultKey: () => [], found: {} },
          source: "tickets",
          entityOf: (key) => ({ type: "ticket", id: key }),
          numberOf: (results) => results.get("nr") as string | undefined,
          conflicts: (found) => found.map((one) => ({ field: one.column.toLowerCase(), base: null, current: "a", wanted: "b" })),
          asks: (found) => found.every(({ column }) => column === "ASKED" || column === "OURS"),
        };
      },
      async readBack(entity, _, within) {
        readBacks.push({ ...entity, cause: store.inbox.causeOf(entity.source, entity.key) });
        const { seq } = settings;
        if (seq instanceof Error) throw seq;
        if (seq === undefined) return;
        await within(() => {
          settings.onTake();
          return seq;
        });
      },
      ...(settings.questions && { questions: settings.questions }),
      limitsOf: () => ({ ...settings.limits, blind: settings.way.way === "base" }),
      portalAsks: (id) => settings.asks(id),
      portalNow: () => clock.now() + settings.portalAheadMs,
      stage: () => settings.stage,
      onHold: () => settings.hold,
      async commitPoint(point) {
        points.push(point);
        await settings.onPoint(point);
      },
      parallel: settings.parallel,
    });
    const bench: Bench = {
      ...{ store, erp, clock, lines, compiled, points, readBacks, settings },
      writeback: createWriteback(parts()),
      receive(message, options) {
        store.inbox.receive(message, { now: clock.now(), mayBeRepeated: options?.mayBeRepeated ?? false });
        return message.id;
      },
      run() {
        const stopping = new AbortController();
        const done = bench.writeback.run(stopping.signal).then(
          () => undefined,
          (error: unknown) => error,
        );
        const stop = async (): Promise<unknown> => {
          stopping.abort();
          return await done;
        };
        let crashed = false;
        closing.push(() => (crashed ? undefined : stop()));
        const crash = (): void => {
          crashed = true;
          stopping.abort();
        };
        return { stop, crash };
      },
      restart() {
        bench.writeback = createWriteback(parts());
      },
      get: (id) => store.inbox.get(id) as InboxCommand,
      reaches: (id, state) => until(() => store.inbox.get(id)?.state === state),
    };
    return bench;
  };
}

export async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(
    () => {
      if (!condition()) throw new Error("not yet");
    },
    { timeout: 3_000, interval: 3 },
  );
}

/** Lets everything that can go on without time do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
