/**
 * What the ERP's server keeps for a feed that nobody reads grows until its disk is full and the ERP stands still. It is dropped before: meanwhile the sources
 * live on compares anyway, and the feed begins anew once it can be used.
 */
import { FuserError, isAbort, kindOf } from "../../base/errors.ts";
import { repeat } from "../../base/loop.ts";
import { formatDuration } from "../../base/time.ts";
import type { Feed, FeedKept } from "../../connectors/feed.ts";
import { positionOf } from "./feed-tables.ts";
import type { Room } from "./parts.ts";

/** So long, or so much, is kept for a feed that can't be used. */
const unreadAtMostMs = 3_600_000;
const unreadAtMostBytes = 1_073_741_824;

const backoff = { minMs: 1_000, maxMs: 300_000 };
const byHand = "`erpfuser feed drop` removes it";

const megabytes = ({ bytes }: FeedKept): string => `${Math.round(bytes / 1_048_576)} MB`;

/**
 * To be called while sources live without their feed, which was not read for `unreadMs`. What fails is tried again at the next call.
 * @throws what is a bug
 */
export async function dropUnread(
  room: Room,
  feed: Feed,
  { unreadMs, signal }: { unreadMs: number; signal: AbortSignal },
): Promise<void> {
  try {
    const kept = await feed.kept?.(signal);
    if (kept === undefined || kept.isRead) return;
    if (unreadMs < unreadAtMostMs && kept.bytes < unreadAtMostBytes) return;
    await drop(room, feed, signal);
    room.log.warn(
      `The ERP's server kept ${megabytes(kept)} for a feed that was not read for ${formatDuration(unreadMs)}: ${kept.what} was dropped before it fills its disk. The feed begins anew once it can be used`,
      { feed: feed.name, code: "feed-dropped" },
    );
  } catch (error) {
    if (isAbort(error) || signal.aborted) return;
    if (kindOf(error) === "bug") throw error;
    // A server that can't be reached says so where it is read.
    if (kindOf(error) !== "transient") tellKept(room, feed, error);
  }
}

/**
 * Where no source lives on the feed any more: what the server keeps for it goes if it was ours, and is told if nobody knows. To be called at each start.
 * @throws what is a bug
 */
export async function leaveUnused(room: Room, feed: Feed, signal: AbortSignal): Promise<void> {
  let told = false;
  try {
    await repeat({
      ...{ clock: room.clock, random: room.random, signal, backoff },
      async step(inner) {
        await leave(room, feed, inner);
        return "stop";
      },
      onError(error, retryInMs) {
        if (!told && retryInMs !== undefined) tellKept(room, feed, error);
        told = true;
      },
    });
  } catch (error) {
    if (kindOf(error) === "bug") throw error;
    tellKept(room, feed, error);
  }
}

async function leave(room: Room, feed: Feed, signal: AbortSignal): Promise<void> {
  const { store, log } = room;
  const kept = await feed.kept?.(signal);
  const isOurs = store.sources.position(positionOf(feed.name)) !== undefined;
  if (kept === undefined) return;
  if (isOurs) {
    await drop(room, feed, signal);
    log.info(
      `No source lives on the feed any more: ${kept.what}, for which the ERP's server kept ${megabytes(kept)}, was dropped`,
      {
        feed: feed.name,
        code: "feed-dropped",
      },
    );
  } else if (!kept.isRead) {
    log.warn(
      `The ERP's server keeps ${megabytes(kept)} for ${kept.what}, which bears this agent's name and which nobody reads: it grows until the server's disk is full`,
      {
        feed: feed.name,
        code: "feed-unused",
        hint: `Does no agent of this name use it any more? ${byHand}`,
      },
    );
  }
}

async function drop({ store }: Room, feed: Feed, signal: AbortSignal): Promise<void> {
  await feed.drop?.(signal);
  store.transaction(() => store.sources.setPosition(positionOf(feed.name), undefined), "position");
}

function tellKept({ log }: Room, feed: Feed, error: unknown): void {
  const code = error instanceof FuserError ? error.code : "bug";
  log.warn(`What the ERP's server keeps for the feed could not be dropped. ${(error as Error).message}`, {
    feed: feed.name,
    code,
    hint: byHand,
  });
}
