/** Carries out the portal's commands in the ERP: in parallel over entities, in order on each, each with exactly one effect. */
import { describeError, FuserError, kindOf } from "../../base/errors.ts";
import type { InboxCommand } from "../store/store.ts";
import { answer } from "./answer.ts";
import { conclude, refused } from "./conclude.ts";
import { type Decision, decide } from "./decisions.ts";
import { execute } from "./execute.ts";
import { vanishedCommands } from "./memory.ts";
import type { WritebackParts } from "./parts.ts";
import { isBehindUncertain, resolveReferences } from "./references.ts";
import { reply } from "./replies.ts";
import { type Applied, findVanished } from "./vanished.ts";

export interface Writeback {
  /** Works until `signal` aborts; what is under way then may finish, within `stopMs`. Returns normally. */
  run(signal: AbortSignal): Promise<void>;
  /** Something that held commands back is over. */
  wake(): void;
  /** @throws FuserError (decisions.ts) */
  resolve(id: string, decision: Decision): void;
  /** Looks the last applied commands up in the ERP and remembers those that it has lost. */
  effectsVanished(signal: AbortSignal, among?: Applied): Promise<readonly string[]>;
  /** Ids of applied commands whose effect the ERP has lost, as found last. */
  vanished(): readonly string[];
  /** Commands under way now. */
  underWay(): number;
}

/** How long a transaction under way may go on after a stop, ms. */
const stopMs = 10_000;
/** How long it then takes to break off, ms. */
const breakOffMs = 2_000;
/** A hold may end without anybody saying so: commands are looked for again after this time at the latest, ms. */
const longestPauseMs = 5_000;
/** Pause after the store failed, ms. */
const restMs = 2_000;
/** Of commands that have no final result. */
const openStates = ["received", "executing", "waiting", "uncertain"] as const;
/** No portal has so many commands open. */
const mostOpen = 1_000_000;
/** Received commands looked at in one go; most wait for none. */
const lookAhead = 200;

export function createWriteback(parts: WritebackParts): Writeback {
  const { store, clock, log } = parts;
  const { inbox } = store;
  const running = new Map<string, Promise<void>>();
  /** Claimed, but what became of them could not be stored. */
  const stranded = new Set<string>();
  /** Received by an earlier process, and not yet asked for by the portal in the life of this one. */
  const inherited = new Set<string>();
  const told = new Set<string>();
  let ring: () => void = () => undefined;
  let restUntil = Number.NEGATIVE_INFINITY;
  let crash: { error: unknown } | undefined;

  const begin = (id: string, work: Promise<void>): void => {
    const whole = work
      .catch((error: unknown) => {
        if (kindOf(error) === "bug") crash ??= { error };
        else log.error(`What became of a command can't be stored: ${describeError(error)}`, { code: codeOf(error), command: id });
        stranded.add(id);
        restUntil = clock.monotonic() + restMs;
      })
      .finally(() => {
        running.delete(id);
        ring();
      });
    running.set(id, whole);
  };

  /**
   * Whether the portal still wants a result; undefined while it has not said so. A store that was put back to an older state may hold commands that were settled since, so what
   * an earlier process has received waits for the portal's word, and what the ERP can't tell for that of each connection.
   */
  const isAsked = (id: string, type: string): boolean | undefined => {
    if (!inherited.has(id) && !parts.limitsOf(type).blind) return true;
    const asked = parts.portalAsks(id);
    if (asked) inherited.delete(id);
    return asked;
  };

  /** The step that a command is due for; undefined while it waits for another. */
  const stepFor = (command: InboxCommand, uncertain: readonly InboxCommand[], signal: AbortSignal): Promise<void> | undefined => {
    if (command.command === undefined) return undefined;
    const find = (id: string): InboxCommand | undefined => inbox.get(id);
    const resolved = resolveReferences(command.command, find);
    switch (resolved.kind) {
      case "blocked":
        return undefined;
      case "rejected":
        return conclude(parts, command, refused(reply(resolved.code)));
      case "ready": {
        const asked = isAsked(command.id, resolved.command.command);
        if (asked === undefined) return undefined;
        const { questions } = parts;
        if (questions?.has(resolved.command.command)) return answer(parts, questions, { command, resolved: resolved.command });
        const instead = isBehindUncertain(command.command, uncertain, find) ? refused(reply("predecessor")) : undefined;
        return execute(parts, { command, resolved: resolved.command, instead, doubted: !asked, signal, told });
      }
    }
  };

  const fill = (signal: AbortSignal): void => {
    if (parts.onHold() || clock.monotonic() < restUntil) return;
    for (const id of stranded) {
      if (inbox.get(id)?.state === "executing") inbox.retryAt(id, clock.now());
      stranded.delete(id);
    }
    // An idle agent asks this again and again: one look at an index.
    if (inbox.nextDue() === undefined) return;
    const claimable = inbox.claimable(clock.now(), lookAhead);
    const uncertain = claimable.length === 0 ? [] : inbox.list({ state: "uncertain" });
    for (const command of claimable) {
      if (running.size >= parts.parallel) return;
      if (running.has(command.id)) continue;
      const step = stepFor(command, uncertain, signal);
      if (step !== undefined) begin(command.id, step);
    }
  };

  const pauseMs = (): number => {
    const due = inbox.nextDue();
    const now = clock.now();
    // What is due already waits for another command, for room or for the end of a hold.
    return due === undefined || due <= now ? longestPauseMs : Math.min(due - now, longestPauseMs);
  };

  const turn = async (signal: AbortSignal, working: AbortSignal): Promise<void> => {
    const early = new AbortController();
    ring = () => early.abort();
    try {
      fill(working);
    } catch (error) {
      if (kindOf(error) === "bug") throw error;
      restUntil = clock.monotonic() + restMs;
      log.error(`Commands can't be taken up: ${describeError(error)}`, { code: codeOf(error) });
    }
    await clock.sleep(pauseMs(), AbortSignal.any([signal, early.signal])).catch(() => undefined);
  };

  /** Waits for what is under way, first for its end, then for its breaking off; a driver that does neither is left behind. */
  const ended = async (working: AbortController): Promise<void> => {
    const all = Promise.all(running.values());
    const over = new AbortController();
    const cancel = clock.after(stopMs, () => working.abort());
    const limit = clock.sleep(stopMs + breakOffMs, over.signal).catch(() => undefined);
    await Promise.race([all, limit]);
    cancel();
    over.abort();
  };

  return {
    async run(signal) {
      for (const state of openStates) for (const { id } of inbox.list({ state, limit: mostOpen })) inherited.add(id);
      if (inherited.size > 0)
        log.info("Commands from before the start wait until the portal asks for them again", { commands: inherited.size });
      const recovered = inbox.recover();
      if (recovered > 0) log.info("Commands under way at the last stop are looked up in the ERP first", { commands: recovered });
      const working = new AbortController();
      const stopListening = inbox.onChange(() => ring());
      try {
        while (!signal.aborted && crash === undefined) await turn(signal, working.signal);
      } finally {
        stopListening();
        ring = () => undefined;
        await ended(working);
      }
      if (crash !== undefined) throw crash.error;
    },
    wake: () => ring(),
    resolve: (id, decision) => decide(parts, id, decision),
    effectsVanished: (signal, among = {}) => findVanished(parts, among, signal),
    vanished: () => vanishedCommands(store.meta),
    underWay: () => running.size,
  };
}

const codeOf = (error: unknown): string => (error instanceof FuserError ? error.code : "internal-error");
