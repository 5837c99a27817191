import { setTimeout as sleep } from "node:timers/promises";
import type { Feed, FeedBatch, FeedTable } from "../../../connectors/feed.ts";

/** Reads a feed in the background, as the agent does, and keeps what it was told. */
export interface Follower extends AsyncDisposable {
  readonly batches: readonly FeedBatch[];
  /** Position of the last batch. */
  readonly position: string;
  /** What the feed threw; undefined while it lives. */
  readonly failure: unknown;
  /** Keys told of a table, each once. */
  keys(table?: number): (string | undefined)[];
  /** Tables told as changed in an unknown way. */
  untold(): number[];
  /** Waits until a look at what was told gives true. @throws what the feed threw, or Error after half a minute */
  until(what: () => boolean): Promise<void>;
  /** Waits for the feed to fail, and gives what it threw. */
  failed(): Promise<unknown>;
  /** Forgets what was told so far. */
  clear(): void;
}

const longestMs = 25_000;

/** @param pauseMs how long it takes over each batch before it asks for the next */
export function follow(feed: Feed, tables: readonly FeedTable[], from: string, { pauseMs = 0 } = {}): Follower {
  const stop = new AbortController();
  const batches: FeedBatch[] = [];
  let position = from;
  let failure: unknown;
  let wake = (): void => {};
  const read = async (): Promise<void> => {
    for await (const batch of feed.read(tables, from, stop.signal)) {
      batches.push(batch);
      position = batch.position;
      wake();
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal: stop.signal });
    }
  };
  const reading = (async () => {
    for (;;) {
      try {
        await read();
        failure = new Error("the feed came to an end");
        break;
      } catch (error) {
        failure = error;
        // The server has not noticed yet that the reader before is gone.
        if ((error as { code?: string }).code !== "erp-session-locked") break;
        failure = undefined;
        await sleep(50);
      }
    }
    wake();
  })();
  async function wait(done: () => boolean): Promise<void> {
    const timeout = setTimeout(() => {
      failure ??= new Error(`nothing of what was waited for came; told: ${JSON.stringify(batches.slice(-5))}`);
      wake();
    }, longestMs);
    try {
      while (!done()) {
        if (failure !== undefined) throw failure;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      clearTimeout(timeout);
    }
  }
  const follower: Follower = {
    batches,
    get position() {
      return position;
    },
    get failure() {
      return failure;
    },
    keys: (table = 0) => [
      ...new Set(batches.flatMap(({ changes }) => changes.filter((change) => change.table === table).map(({ key }) => key))),
    ],
    untold: () => [...new Set(batches.flatMap(({ untold }) => untold))].sort(),
    until: wait,
    async failed() {
      await wait(() => failure !== undefined);
      return failure;
    },
    clear() {
      batches.length = 0;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await reading;
    },
  };
  return follower;
}
