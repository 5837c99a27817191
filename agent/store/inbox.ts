/**
 * Commands of the portal. One is stored before it is acknowledged, claimed durably before the ERP is touched, and its result kept until the portal
 * has settled it; its id is remembered so long that no repetition is ever taken for a new command.
 */
import { FuserError } from "../../base/errors.ts";
import type { Clock } from "../../base/time.ts";
import type { Command as PortalCommand, Result } from "../../protocol/messages.ts";
import { type CommandEvent, nextCommandState } from "./command-states.ts";
import { createCommitBell } from "./commit-bell.ts";
import type { Database } from "./database.ts";
import { type CommandRow, laneOf, prepareInbox } from "./inbox-tables.ts";
import type { Names } from "./names.ts";
import type { CommandState, InboxCommand, InboxStore } from "./store.ts";

const dayMs = 86_400_000;
/** protocol.md, "Rules": ids are remembered 400 days. */
const rememberMs = 400 * dayMs;

export interface InboxOptions {
  clock: Clock;
  /** How long a settled command's message is kept. */
  payloadKeepMs: number;
}

export function createInbox(database: Database, names: Names, options: InboxOptions): InboxStore {
  const statements = prepareInbox(database);
  const bell = createCommitBell(database);
  const find = (id: string): CommandRow | undefined => statements.get.get<CommandRow>(id);
  /** Commands carried out and not concluded yet, by their entity. */
  const effects = new Map<string, string>();
  const placeOf = (source: string, key: string): string => `${source} ${key}`;
  /** Sources of which commands ever made or changed an entity; the others are not asked for. */
  let concernedSources: Set<number> | undefined;
  const concerned = (): Set<number> => {
    // Another process writes what a reader sees.
    if (concernedSources === undefined || database.readOnly)
      concernedSources = new Set(statements.concerned.all<{ source: string }>().map(({ source }) => Number(source)));
    return concernedSources;
  };
  const toCommand = (row: CommandRow): InboxCommand => ({
    id: row.id,
    state: row.state,
    command: row.message === null ? undefined : (JSON.parse(row.message) as PortalCommand),
    mayBeRepeated: row.may_be_repeated === 1,
    receivedAt: row.received_at,
    attempts: row.attempts,
    notBefore: row.not_before,
    approved: row.approved === 1,
    result: row.result === null ? undefined : (JSON.parse(row.result) as Result),
    settledRevision: row.settled_revision,
    settledAt: row.settled_at ?? undefined,
    source: row.source === null ? undefined : names.name(Number(row.source)),
    key: row.key ?? undefined,
  });
  const change = <T>(action: () => T): T =>
    database.transaction(() => {
      bell.touch();
      return action();
    });
  /** Moves one command; what `write` does belongs to the move. */
  const move = (id: string, event: CommandEvent, write?: (row: CommandRow) => void): void => {
    change(() => {
      const row = find(id);
      if (row === undefined) throw unknownCommand(id);
      statements.setState.run(nextCommandState(row.state, event), id);
      write?.(row);
    });
  };

  return {
    receive(command, { now, mayBeRepeated }) {
      const known = find(command.id);
      if (known !== undefined && known.state !== "settled" && !mayBeRepeated) return "known";
      return change(() => {
        const row = find(command.id);
        if (row === undefined) {
          const lane = laneOf(command, (id) => find(id)?.lane);
          const message = JSON.stringify(command);
          statements.insert.run(command.id, message, lane, command.after ?? null, Number(mayBeRepeated), now, now);
          return "stored";
        }
        statements.setState.run(nextCommandState(row.state, "ask-again"), row.id);
        if (row.state === "settled") statements.unsettle.run(row.id);
        else if (mayBeRepeated) statements.markRepeated.run(row.id);
        return "known";
      });
    },
    get(id) {
      const row = find(id);
      return row && toCommand(row);
    },
    claimable: (now, limit) => statements.claimable.all<CommandRow>(now, limit).map(toCommand),
    nextDue: () => statements.nextDue.get<{ due: number | null }>()?.due ?? undefined,
    claim(id) {
      move(id, "claim", () => statements.countAttempt.run(id));
    },
    announce(id, told = { outcome: "executing" }) {
      return change(() => {
        const row = find(id);
        if (row === undefined) throw unknownCommand(id);
        const revision = row.revision + 1;
        const result: Result = { ...told, type: "result", id, revision };
        statements.announce.run(JSON.stringify(result), revision, id);
        return revision;
      });
    },
    retryAt(id, notBefore) {
      move(id, "retry", () => statements.retry.run(notBefore, id));
    },
    hurry: (now) => change(() => statements.hurry.run(now)),
    approve(id, now) {
      move(id, "approve", () => statements.approve.run(now, id));
    },
    reopen(id, now) {
      move(id, "reopen", () => {
        statements.retry.run(now, id);
        statements.approve.run(now, id);
      });
    },
    conclude(id, outcome, details, entity) {
      move(id, { concluded: outcome }, (row) => {
        const revision = row.revision + 1;
        const result: Result = { ...details, type: "result", id, revision, outcome };
        const place = entity ? [names.no(entity.source), entity.key] : [row.source, row.key];
        if (entity !== undefined) concerned().add(names.no(entity.source));
        statements.conclude.run(JSON.stringify(result), revision, ...place, id);
        if (entity !== undefined && effects.get(placeOf(entity.source, entity.key)) === id)
          effects.delete(placeOf(entity.source, entity.key));
        // Later commands name the entity by its id, earlier ones by its creator: from now on they share one lane.
        if (details.entity) statements.joinLanes.run(`${details.entity.type}:${details.entity.id}`, row.lane);
      });
    },
    recover() {
      return change(() => {
        const executing = statements.inState.all<CommandRow>("executing");
        for (const row of executing) {
          statements.setState.run(nextCommandState(row.state, "recover"), row.id);
          statements.retry.run(row.not_before, row.id);
        }
        return executing.length;
      });
    },
    unsettled: () => statements.unsettled.all<{ result: string }>().map((row) => JSON.parse(row.result) as Result),
    settle(id, revision) {
      // A result that counts as not settled again is sent again, and settled again.
      database.repeatable(() => {
        bell.touch();
        const row = find(id);
        // The portal may settle what this store, made anew, no longer knows.
        if (row === undefined || revision > row.revision) return;
        statements.settleRevision.run(revision, id);
        if (revision < row.revision || row.state !== "finished") return;
        statements.settle.run(nextCommandState(row.state, "settle"), options.clock.now(), id);
      }, "command-settle");
    },
    noteEffect(id, { source, key }) {
      effects.set(placeOf(source, key), id);
    },
    causeOf(source, key) {
      const no = names.no(source);
      if (effects.size === 0 && !concerned().has(no)) return undefined;
      return effects.get(placeOf(source, key)) ?? statements.cause.get<{ id: string }>(no, key)?.id;
    },
    mayCause: (source) => effects.size > 0 || concerned().has(names.no(source)),
    aheadOf: (id) => statements.aheadOf.all<Pick<CommandRow, "id" | "state">>(id),
    list({ state, limit = 1_000 } = {}) {
      return statements.list.all<CommandRow>(state ?? null, limit).map(toCommand);
    },
    counts() {
      const counts: Record<CommandState, number> = {
        received: 0,
        executing: 0,
        waiting: 0,
        uncertain: 0,
        finished: 0,
        settled: 0,
      };
      for (const row of statements.counts.all<{ state: CommandState; count: number }>()) counts[row.state] = row.count;
      return counts;
    },
    purge(now) {
      database.transaction(() => {
        statements.forget.run(now - rememberMs);
        statements.purgePayloads.run(now - options.payloadKeepMs);
      });
    },
    onChange: (listener) => bell.listen(listener),
  };
}

function unknownCommand(id: string): FuserError {
  return new FuserError("rejected", `There is no command ${id}`, {
    code: "command-unknown",
    operation: "find a command",
    hint: "See `erpfuser commands list`",
  });
}
