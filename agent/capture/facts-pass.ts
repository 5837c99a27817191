/**
 * Gathers the facts of a whole source by a read at the pace of compares, that sends nothing: before the first compare of a source that protects, after that of
 * one that only reports. What is read by key meanwhile is newer, and brings its facts along.
 */
import type { RowBatch } from "../../connectors/connector.ts";
import type { SourceRole } from "../quality/judged.ts";
import type { Drain } from "./drain.ts";
import type { Judging } from "./judging.ts";
import type { Task } from "./lane.ts";
import { partsOf } from "./part-batch.ts";
import type { Room } from "./parts.ts";
import { readRow } from "./reading.ts";
import type { CapturedSource } from "./source.ts";

/** Of so many rows the facts go into one commit: more would hold up the heartbeat. */
const rowsAtOnce = 250;
/** Entities looked at together for what is gone. */
const placesAtOnce = 500;

/** @param room with the pace of compares */
export function factTasks(room: Room, drain: Drain): { before: Task[]; after: Task[] } {
  const { judging } = room;
  if (judging === undefined) return { before: [], after: [] };
  const passes = (role: SourceRole): Task[] =>
    room.sources.filter((source) => judging.roleOf(source) === role).map((source) => passTask({ room, judging, drain }, source));
  const swept = room.sources
    .filter((source) => judging.roleOf(source) !== undefined)
    .map((source) => sweepTask(room, judging, source));
  return {
    before: passes("protects"),
    after: [...passes("reports"), ...passes("watches"), ...swept, judgeTask(room, judging), reportTask(room, judging)],
  };
}

interface Pass {
  room: Room;
  judging: Judging;
  drain: Drain;
}

function passTask(pass: Pass, source: CapturedSource): Task {
  const { room, judging } = pass;
  const name = source.mapping.source;
  const comesAfter = judging.roleOf(source) !== "protects";
  return {
    source: name,
    dueAt() {
      const isDue = !judging.isGathered(source) && !(comesAfter && room.store.sources.get(name).comparedAt === undefined);
      return isDue ? 0 : Number.POSITIVE_INFINITY;
    },
    run: (signal) => gatherFacts(pass, source, signal),
  };
}

/** @throws what the connector throws; then it is begun anew */
async function gatherFacts({ room, judging, drain }: Pass, source: CapturedSource, signal: AbortSignal): Promise<void> {
  const { store, clock, pace } = room;
  const name = source.mapping.source;
  const written = new Set<string>();
  const stopListening = drain.onSettled((settled, keys) => {
    if (settled === name) for (const key of keys) written.add(key);
  });
  const startedAt = clock.monotonic();
  let rows = 0;
  try {
    let started = clock.monotonic();
    for await (const batch of room.connector.scan(source.mapping.query, signal)) {
      const durationMs = clock.monotonic() - started;
      for (const part of partsOf(batch, rowsAtOnce)) {
        takeFacts(room, judging, { source, batch: part, written });
        await clock.sleep(0, signal);
      }
      rows += batch.length;
      await pace.rest({ rows: batch.length, durationMs }, signal);
      started = clock.monotonic();
    }
    signal.throwIfAborted();
  } finally {
    stopListening();
  }
  store.transaction(() => {
    store.sources.update(name, { facts: judging.fingerprintOf(source), factsSwept: false });
    if (judging.roleOf(source) !== "watches") judging.groupsJudged(undefined);
    const detail = { rows, what: "facts" };
    store.journal.add({
      at: clock.now(),
      kind: "compare",
      source: name,
      status: "ok",
      durationMs: clock.monotonic() - startedAt,
      detail,
    });
  }, "quality");
  room.log.debug("Gathered what the rules of quality need to know", { source: name, rows });
}

function takeFacts(
  { store }: Room,
  judging: Judging,
  { source, batch, written }: { source: CapturedSource; batch: RowBatch; written: ReadonlySet<string> },
): void {
  store.transaction(() => {
    const judge = judging.of(source);
    for (let index = 0; index < batch.length; index++) {
      const key = batch.key(index);
      if (key === undefined || written.has(key)) continue;
      const { mapped } = readRow(source, batch, { index, key });
      if (mapped.kind === "entity") judge?.gather(key, mapped);
      else if (mapped.kind === "cancelled") judge?.gone(key);
    }
    judging.flush();
  }, "quality");
}

/** Facts of rows that went before the source was compared: nobody else misses them. */
function sweepTask(room: Room, judging: Judging, source: CapturedSource): Task {
  const name = source.mapping.source;
  return {
    source: name,
    dueAt() {
      const { comparedAt, factsSwept } = room.store.sources.get(name);
      const isDue = judging.isGathered(source) && !factsSwept && comparedAt !== undefined;
      return isDue ? 0 : Number.POSITIVE_INFINITY;
    },
    async run(signal) {
      for (const table of ["fact", "span"] as const) {
        for (let after: bigint | undefined | "begin" = "begin"; after !== undefined; await room.clock.sleep(0, signal))
          after = sweepSome(room, judging, { source, table, after: after === "begin" ? undefined : after });
      }
      room.store.sources.update(name, { factsSwept: true });
    },
  };
}

function sweepSome(
  { store }: Room,
  judging: Judging,
  { source, table, after }: { source: CapturedSource; table: "fact" | "span"; after: bigint | undefined },
): bigint | undefined {
  const name = source.mapping.source;
  const places = store.facts.places(name, table, after, placesAtOnce);
  const states = store.entities.getMany(
    name,
    places.map(({ key }) => key),
  );
  const gone = places.filter(({ key }, at) => states[at] === undefined && store.pending.get(name, key) === undefined);
  if (gone.length > 0) {
    store.transaction(() => {
      const judge = judging.of(source);
      for (const { key } of gone) judge?.gone(key);
      judging.flush();
    }, "quality");
  }
  return places.length < placesAtOnce ? undefined : places.at(-1)?.self;
}

/** All groups, a few at a time. */
function judgeTask({ clock }: Room, judging: Judging): Task {
  return {
    source: "quality",
    dueAt: () => (judging.owesGroups() ? 0 : Number.POSITIVE_INFINITY),
    async run(signal) {
      const ground = judging.ground();
      for (let after = judging.judgeGroups(undefined); after !== undefined; after = judging.judgeGroups(after))
        await clock.sleep(0, signal);
      judging.groupsJudged(ground);
    },
  };
}

/** The same of those that are only reported. */
function reportTask({ clock }: Room, { reported }: Judging): Task {
  return {
    source: "quality",
    dueAt: () => (reported.owes() ? 0 : Number.POSITIVE_INFINITY),
    async run(signal) {
      while (reported.judgeSome()) await clock.sleep(0, signal);
    },
  };
}
