/**
 * Where the timelines that a server's own one came from ended. A promoted standby begins a timeline of its own behind the last that it got of its primary: whatever
 * was seen up to there is part of its history, and what was seen beyond is lost.
 */
import type pg from "pg";
import { FuserError } from "../../base/errors.ts";
import { lsnOf } from "./feed-position.ts";
import type { FeedServer } from "./feed-server.ts";
import { askSession, endSession, openReplication } from "./feed-session.ts";

/** The end of each timeline before a server's own, bytes of log, by its number. */
export type TimelineEnds = ReadonlyMap<string, bigint>;

/** @param client a session of replication @throws the driver's error; FuserError transient where no answer comes */
export async function timelineEnds(
  server: FeedServer,
  { client, timeline }: { client: pg.Client; timeline: string },
  signal: AbortSignal,
): Promise<TimelineEnds> {
  if (timeline === "1") return new Map();
  const [row] = await askSession(server, { client, text: `TIMELINE_HISTORY ${timeline}` }, signal);
  return parseHistory(String(row?.content ?? ""));
}

/** A history file: one line for each timeline, its number and its end behind a tab (postgresql.org, "Timelines"). */
export function parseHistory(text: string): TimelineEnds {
  const ends = text.split("\n").flatMap((line): [string, bigint][] => {
    const [, timeline, end] = /^\s*(\d+)\s+([\dA-F]+\/[\dA-F]+)\b/.exec(line) ?? [];
    return timeline === undefined || end === undefined ? [] : [[timeline, lsnOf(end)]];
  });
  return new Map(ends);
}

/** The same over a session of its own, asked once for each timeline: a history never changes. What the server refuses to tell is not known. */
export function createTimelines(server: FeedServer): (timeline: string, signal: AbortSignal) => Promise<TimelineEnds> {
  const known = new Map<string, TimelineEnds>();
  const ask = async (timeline: string, signal: AbortSignal): Promise<TimelineEnds> => {
    const client = await openReplication(server, signal);
    try {
      return await timelineEnds(server, { client, timeline }, signal);
    } finally {
      await endSession(server, client);
    }
  };
  return async (timeline, signal) => {
    const before = known.get(timeline);
    if (before !== undefined) return before;
    let ends: TimelineEnds = new Map();
    try {
      ends = await ask(timeline, signal);
    } catch (error) {
      signal.throwIfAborted();
      const described = error instanceof FuserError ? error : server.error(error, "look at the timelines of the ERP's server");
      if (!(described instanceof FuserError) || described.kind === "transient") throw described;
    }
    known.set(timeline, ends);
    return ends;
  };
}
