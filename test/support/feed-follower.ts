import type { Feed, FeedBatch, FeedTable } from "../../connectors/feed.ts";

/** A consumer of a feed that takes every batch as it comes and stores it at once. */
export interface FeedFollower extends AsyncDisposable {
  readonly batches: readonly FeedBatch[];
  /** What the feed ended with. */
  readonly failure: unknown;
  /** Position of the last batch, or the one that it began with. */
  readonly position: string;
  /** Keys told of a table, in order; those of `own` in place of what has no key. */
  keys(table?: number): string[];
  /** Resolves once it holds; throws what the feed ended with. */
  until(holds: (follower: FeedFollower) => boolean): Promise<void>;
  /** Takes one more batch, and then none until let on. */
  hold(): () => void;
  stop(): Promise<void>;
}

export function followFeed(feed: Feed, tables: readonly FeedTable[], from: string): FeedFollower {
  const stopping = new AbortController();
  const batches: FeedBatch[] = [];
  let changed = Promise.withResolvers<void>();
  let held: Promise<void> | undefined;
  const follower: FeedFollower & { failure: unknown } = {
    batches,
    failure: undefined,
    get position() {
      return batches.at(-1)?.position ?? from;
    },
    keys: (table = 0) =>
      batches.flatMap(({ changes }) =>
        changes.filter((change) => change.table === table).map(({ key, own }) => key ?? `own ${own}`),
      ),
    async until(holds) {
      while (!holds(follower)) {
        if (follower.failure !== undefined) throw follower.failure;
        await changed.promise;
      }
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return () => {
        held = undefined;
        resolve();
      };
    },
    async stop() {
      stopping.abort();
      await running;
    },
    [Symbol.asyncDispose]: () => follower.stop(),
  };
  const tell = (): void => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  const read = async (): Promise<void> => {
    for await (const batch of feed.read(tables, from, stopping.signal)) {
      batches.push(batch);
      tell();
      if (held !== undefined) await Promise.race([held, aborted(stopping.signal)]);
    }
  };
  const running = read().catch((error: unknown) => {
    follower.failure = error;
    tell();
  });
  return follower;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
