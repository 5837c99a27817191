/**
 * Promise: no change is passed over. A batch's position is the end of a transaction of which everything was told, or a place before which none began; only
 * what the next question says is stored is confirmed to the server; and nothing is given up before its row can be read.
 */
import { type FeedBatch, heartbeatMs } from "../feed.ts";
import { replicationError } from "./feed-errors.ts";
import { type FeedReading, Gathering } from "./feed-gathering.ts";
import { type FeedPosition, lsnText, parsePosition } from "./feed-position.ts";
import { askSession, openReplication } from "./feed-session.ts";
import { identify, requireContinuation, requireLater, slotOf } from "./feed-slot.ts";
import { FeedStream } from "./feed-stream.ts";
import { untilVisible } from "./feed-visible.ts";
import { timelineEnds } from "./timelines.ts";

const operation = "read the feed of the ERP's database";
/** A server that wants to end is answered sooner than by the next heartbeat, but not without pause. */
const answerMs = 500;
/** How long a batch is held for its rows to be visible before it is told for the time being. */
const heldMs = heartbeatMs * 0.3;

export async function* readFeed(reading: FeedReading): AsyncGenerator<FeedBatch> {
  const { server, name, signal } = reading;
  const from = parsePosition(reading.position, server.place);
  try {
    const { stream: opened, instance } = await openStream(reading, from);
    await using stream = opened;
    yield* batches(reading, stream, new Gathering(reading, from, instance));
  } catch (error) {
    signal.throwIfAborted();
    throw replicationError(error, { slot: name, place: server.place, user: server.user }) ?? server.error(error, operation);
  }
}

async function openStream(
  { server, name, signal }: FeedReading,
  from: FeedPosition,
): Promise<{ stream: FeedStream; instance: string }> {
  const stream = new FeedStream(server, await openReplication(server, signal), from.lsn);
  const { client } = stream;
  try {
    const here = await identify(server, client, signal);
    if (here.system === from.system && here.timeline !== from.timeline) {
      const ends = await timelineEnds(server, { client, timeline: here.timeline }, signal);
      requireLater(from, { here, ends, place: server.place });
    }
    requireContinuation(from, { here, slot: await slotOf(server, name, signal), name, server });
    // The session serves nothing but the feed, which has no statement to be timed and may stand still for long.
    const ask = (text: string) => askSession(server, { client, text }, signal);
    await ask("SELECT set_config('statement_timeout', '0', false), set_config('tcp_user_timeout', '0', false)");
    const [timeout] = await ask("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'");
    const options = `proto_version '1', publication_names '"${name}"'`;
    const text = `START_REPLICATION SLOT "${name}" LOGICAL ${lsnText(from.lsn)} (${options})`;
    await stream.start(text, Number(timeout?.setting), signal);
    return { stream, instance: here.instance };
  } catch (error) {
    await stream[Symbol.asyncDispose]();
    throw error;
  }
}

async function* batches({ server, signal }: FeedReading, stream: FeedStream, gathering: Gathering): AsyncGenerator<FeedBatch> {
  const { beatMs } = server;
  const { clock } = server.context;
  await gathering.look();
  // The first one at once: it tells that the feed lives.
  yield gathering.take().batch;
  let last = clock.monotonic();
  for (;;) {
    const heard = stream.take();
    if (heard !== undefined) await gathering.hear(heard);
    const idle = heard === undefined;
    const passedMs = clock.monotonic() - last;
    const answer = idle && gathering.answerDue && passedMs >= answerMs;
    if (gathering.full || (idle && gathering.settled) || answer || passedMs >= beatMs) {
      if (passedMs >= beatMs) await gathering.look();
      let held = false;
      while ((await untilVisible(server, { xids: gathering.xids, mostMs: heldMs }, signal)).length > 0) {
        yield held ? gathering.still() : gathering.early();
        held = true;
      }
      const { batch, lsn } = gathering.take();
      yield batch;
      stream.confirm(lsn);
      last = clock.monotonic();
    } else if (idle) await stream.wait((gathering.answerDue ? answerMs : beatMs) - passedMs, signal);
  }
}
