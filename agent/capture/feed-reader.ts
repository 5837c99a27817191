/**
 * Reads the database's feed, for as long as the agent lives: opens it where it stopped, takes batch by batch, and goes on by itself after whatever broke it
 * off. While it can't be used its sources are compared in its stead.
 */
import { FuserError, isAbort, kindOf } from "../../base/errors.ts";
import type { Finding } from "../../base/findings.ts";
import { type Backoff, backoffDelayMs } from "../../base/loop.ts";
import { formatDuration } from "../../base/time.ts";
import { type Feed, type FeedBatch, heartbeatMs } from "../../connectors/feed.ts";
import { createDoorbell } from "./doorbell.ts";
import { heardName, oweTable, takeFeedBatch } from "./feed-batch.ts";
import { setCovered, takeCovered } from "./feed-covers.ts";
import { dropUnread } from "./feed-kept.ts";
import { createFeedLooks } from "./feed-looks.ts";
import { type FeedPlan, positionOf } from "./feed-tables.ts";
import { checkIdentity } from "./identity.ts";
import { loseHistory } from "./lost-history.ts";
import type { Room } from "./parts.ts";
import { Overtaken } from "./sightings.ts";

export type FeedState =
  /** Not read yet. */
  | { name: "opening"; since: number }
  | { name: "reading"; since: number }
  /** Its sources live on compares. */
  | { name: "fallen-back"; since: number; code: string; message: string };

export interface FeedStatus {
  feed: string;
  state: FeedState;
  /** When it last got on, epoch ms. */
  heardAt: number | undefined;
  /** Tables of which it says nothing although they change. */
  silent: readonly string[];
}

export interface FeedReader {
  /** Runs until the signal aborts, then returns normally. @throws whatever is a bug */
  run(signal: AbortSignal): Promise<void>;
  status(): FeedStatus;
  /** Whether a compare that begins now may count: everything from now on is told, or nothing is. */
  mayCompare(): boolean;
  isFallenBack(): boolean;
  /** What waits after a failure is tried at once. */
  wake(): void;
}

const backoff: Backoff = { minMs: 1_000, maxMs: 60_000 };
/** What only a person can mend is looked at again so often. */
const configRetryMs = 300_000;
/** A feed that can't be reached for so long is done without. */
const patienceMs = 60_000;
/** A feed that begins anew so often without getting on is done without. */
const mostLosses = 3;
/** Without any batch for so long it is dead. A connection that its server has left notices it before (a minute), and says more; a table that changes meanwhile, the looks. */
const deafAfterMs = 9 * heartbeatMs;
/** A feed whose position stands still works if it has stood for so long. */
const stoodMs = 3 * heartbeatMs;
/** So long a broken feed is given to end; then it is left to itself. */
const endWithinMs = 5_000;
const checkEveryMs = 3_600_000;

/** The reader ends itself, to begin anew. */
class Reopened extends Error {}

export function createFeedReader(room: Room, plan: FeedPlan, feed: Feed | undefined): FeedReader {
  const { store, clock, log, random } = room;
  const bell = createDoorbell(clock);
  const name = positionOf(plan.name);
  const looks = createFeedLooks(room, plan);
  const fields = { feed: plan.name };
  let state: FeedState = { name: "opening", since: clock.now() };
  /** Since it last got on. */
  let failures = 0;
  let losses = 0;
  let troubleSince: number | undefined;
  let begunAt = Number.NEGATIVE_INFINITY;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let warned = new Set<string>();

  const fallBack = (code: string, message: string, hint: string | undefined): void => {
    if (state.name === "fallen-back" && state.code === code) return;
    state = { name: "fallen-back", since: clock.now(), code, message };
    log.warn(`The feed can't be used: its sources are compared in its stead. ${message}`, { ...fields, code, hint });
  };

  /** The statements that a DBA would run stand in the remedies. */
  const check = async (usable: Feed, signal: AbortSignal): Promise<void> => {
    if (state.name !== "fallen-back" && clock.monotonic() < checkedAt + checkEveryMs) return;
    const findings = await usable.check(plan.tables, signal);
    const warnings = findings.filter(({ severity }) => severity === "warning");
    for (const { code, place, message, remedy } of warnings)
      if (!warned.has(code)) log.warn(message, { ...fields, code, place, hint: remedy });
    warned = new Set(warnings.map(({ code }) => code));
    const errors = findings.filter(({ severity }) => severity === "error");
    const first = errors[0];
    if (first !== undefined) throw unusable(plan.name, first, errors);
    checkedAt = clock.monotonic();
  };

  const begin = async (usable: Feed, signal: AbortSignal): Promise<string> => {
    const position = await usable.begin(plan.tables, signal);
    begunAt = clock.monotonic();
    store.transaction(() => {
      store.sources.setPosition(name, position);
      store.meta.set(heardName(plan.name), String(clock.now()));
      setCovered(store, plan);
      // Whatever was compared until now says nothing of what changed before this position.
      for (const use of plan.uses.flat()) oweTable(room, use, "begun");
    }, "position");
    return position;
  };

  const open = async (signal: AbortSignal): Promise<{ usable: Feed; position: string }> => {
    if (feed === undefined || feed.name !== plan.name) throw noSuchFeed(plan.name);
    await check(feed, signal);
    await checkIdentity(room, signal);
    if (store.sources.position(name) !== undefined) takeCovered(room, plan);
    return { usable: feed, position: store.sources.position(name) ?? (await begin(feed, signal)) };
  };

  const take = (batch: FeedBatch, { known, since }: { known: string; since: number }): void => {
    // The first batch comes at once, before anything was read: by itself it proves nothing. Nor do changes that are told again and again from one position.
    const getsOn = batch.position !== known || clock.monotonic() >= since + stoodMs;
    store.transaction(() => {
      takeFeedBatch(room, plan, { batch, known });
      if (getsOn) store.meta.set(heardName(plan.name), String(clock.now()));
      looks.heard(batch, known);
    }, "signal");
    if (state.name === "opening") state = { name: "reading", since: clock.now() };
    if (!getsOn) return;
    const trouble = failures > 0 || state.name === "fallen-back";
    failures = losses = 0;
    troubleSince = undefined;
    if (state.name === "fallen-back") state = { name: "reading", since: clock.now() };
    if (trouble) log.info("The feed works again", fields);
  };

  /** Reads until something breaks it off. */
  const readOn = async (usable: Feed, from: string, signal: AbortSignal): Promise<never> => {
    const stop = new AbortController();
    const all = stop.signal;
    const batches = usable.read(plan.tables, from, all)[Symbol.asyncIterator]();
    let position = from;
    const since = clock.monotonic();
    const looking = looks.untilSilent(usable, all).then(
      () => stop.abort(new Reopened()),
      (error: unknown) => stop.abort(error),
    );
    const onAbort = (): void => stop.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      for (;;) {
        const cancel = clock.after(deafAfterMs, () => stop.abort(deaf(plan.name)));
        looks.asked();
        const next = await within(batches.next(), all).finally(cancel);
        if (next.done) throw ended(plan.name);
        take(next.value, { known: position, since });
        position = next.value.position;
      }
    } catch (error) {
      // Why it was stopped says more than how it ended.
      throw all.aborted ? all.reason : error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      stop.abort(new Reopened());
      await endOf([looking, batches.return?.()]);
    }
  };

  const endOf = async (parts: readonly (Promise<unknown> | undefined)[]): Promise<void> => {
    let cancel = (): void => {};
    const patience = new Promise<void>((resolve) => {
      cancel = clock.after(endWithinMs, resolve);
    });
    await Promise.race([Promise.allSettled(parts), patience]).finally(() => cancel());
  };

  /** A gap loses signals and nothing else: no person is needed. */
  const afterGap = (error: FuserError): void => {
    const heard = store.meta.get(heardName(plan.name));
    const gap = heard === undefined ? undefined : formatDuration(Math.max(0, clock.now() - Number(heard)));
    store.transaction(() => store.sources.setPosition(name, undefined), "position");
    log.warn(`The feed has a gap: it begins anew, and its sources are compared in full. ${error.message}`, {
      ...fields,
      code: error.code,
      sinceLastHeard: gap,
    });
  };

  /** Returns how long to wait before the next try, ms. */
  const react = (error: unknown): number => {
    if (error instanceof Overtaken || error instanceof Reopened) return 0;
    if (isAbort(error)) return react(ended(plan.name));
    if (kindOf(error) === "bug") throw error;
    const { kind, code, message, hint } = error as FuserError;
    failures += 1;
    const waitMs = backoffDelayMs(backoff, failures, random);
    troubleSince ??= clock.monotonic();
    switch (kind) {
      case "history-lost":
        if (code === "erp-feed-gap") afterGap(error as FuserError);
        else {
          log.error(message, { ...fields, code, hint });
          loseHistory(room, message);
        }
        losses += 1;
        if (losses <= mostLosses) return losses === 1 ? 0 : waitMs;
        // Each beginning owes a compare of everything: that is what the fallback does, and less often.
        fallBack(code, message, hint);
        return configRetryMs;
      case "transient":
        if (clock.monotonic() - troubleSince >= patienceMs) fallBack(code, message, hint);
        else if (failures === 1) log.warn(`The feed broke off: it is opened anew. ${message}`, { ...fields, code, hint });
        return waitMs;
      default:
        fallBack(code, message, hint);
        return configRetryMs;
    }
  };

  /** The server must not keep for us for ever what we can't read. */
  const letGo = async (signal: AbortSignal): Promise<void> => {
    if (state.name !== "fallen-back" || feed === undefined || troubleSince === undefined) return;
    await dropUnread(room, feed, { unreadMs: clock.monotonic() - Math.max(troubleSince, begunAt), signal });
  };

  return {
    async run(signal) {
      while (!signal.aborted) {
        let waitMs = 0;
        try {
          const { usable, position } = await open(signal);
          await readOn(usable, position, signal);
        } catch (error) {
          if (signal.aborted) return;
          waitMs = react(error);
          await letGo(signal);
        }
        await bell.sleep(waitMs, signal).catch(() => {});
      }
    },
    status() {
      const heard = store.meta.get(heardName(plan.name));
      return {
        feed: plan.name,
        state,
        heardAt: heard === undefined ? undefined : Number(heard),
        silent: looks.silent(),
      };
    },
    mayCompare: () => state.name === "fallen-back" || store.sources.position(name) !== undefined,
    isFallenBack: () => state.name === "fallen-back",
    wake: () => bell.ring(),
  };
}

/** Settles with the promise, or fails with the signal's reason as soon as it aborts. */
function within<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

const operation = "read the feed";

function unusable(place: string, { code, message, remedy }: Finding, findings: readonly Finding[]): FuserError {
  return new FuserError("config", message, { code, operation, place, hint: remedy, findings });
}

function noSuchFeed(place: string): FuserError {
  const hint = "See docs/erp-databases.md for the feeds of this database";
  return new FuserError("config", "The database offers no such feed", { code: "erp-feed-missing", operation, place, hint });
}

function deaf(place: string): FuserError {
  return new FuserError("transient", "The feed gave no sign of life", { code: "feed-deaf", operation, place });
}

function ended(place: string): FuserError {
  return new FuserError("transient", "The feed ended", { code: "feed-ended", operation, place });
}
