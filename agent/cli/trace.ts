import { FuserError } from "../../base/errors.ts";
import { decodeKey, encodeKey, entityIdOf, splitId } from "../../base/key.ts";
import type { Config, Source } from "../../config/config.ts";
import type { StoreReader } from "../store/store.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Session } from "./session.ts";
import { withState } from "./state.ts";
import { when } from "./times.ts";

/** Where one record stands, step by step of its way. */
interface Trace {
  source: string;
  key: string;
  id: string;
  /** The portal holds it, or will once the outbox is sent. */
  known: boolean;
  pending: { stage: string; since: string; notBefore: string; guard: number | null } | null;
  quarantine: { code: string; field: string | null; message: string; since: string; waitsFor: string | null } | null;
  /** Sequence number of its newest state in the outbox, not yet acked. */
  unacked: number | null;
  /** The command that last made or changed it. */
  command: string | null;
}

function traceIn(state: StoreReader, source: Source, key: string): Trace {
  const id = entityIdOf(source.prefix, key);
  const pending = state.pending.get(source.name, key);
  const held = state.quarantine.get(source.name, key);
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    source: source.name,
    key,
    id,
    known: state.entities.known(source.name, key),
    pending: pending
      ? { stage: pending.stage, since: iso(pending.since), notBefore: iso(pending.notBefore), guard: pending.guard ?? null }
      : null,
    quarantine: held
      ? {
          code: held.code,
          field: held.field ?? null,
          message: held.message,
          since: iso(held.since),
          waitsFor: held.waitsFor ? `${held.waitsFor.source} ${held.waitsFor.key}` : null,
        }
      : null,
    unacked: state.outbox.seqOf(source.type, id) ?? null,
    command: state.inbox.causeOf(source.name, key) ?? null,
  };
}

const stages: Readonly<Record<string, string>> = {
  marked: "a change was signalled; it will be read",
  confirm: "read once, or not found; it is read again to be sure",
  grace: "no longer in the ERP; its delete waits for the grace time",
  held: "its delete waits for a person",
  approved: "its delete was approved",
};

function explain(trace: Trace): string[] {
  const { pending, quarantine } = trace;
  const silent = !(trace.known || pending || quarantine);
  return [
    `${trace.source} ${trace.key} (id ${trace.id})`,
    ...(pending ? [`Pending since ${when(Date.parse(pending.since))}: ${stages[pending.stage] ?? pending.stage}`] : []),
    ...(pending?.guard ? [`Held by guard ${pending.guard}: \`erpfuser guard show ${pending.guard}\``] : []),
    ...(quarantine
      ? [`In quarantine since ${when(Date.parse(quarantine.since))}: ${quarantine.code}, ${quarantine.message}`]
      : []),
    ...(quarantine?.waitsFor ? [`Waits for ${quarantine.waitsFor}`] : []),
    ...(trace.unacked === null ? [] : [`In the outbox as item ${trace.unacked}, not yet acknowledged by the portal`]),
    ...(trace.known && trace.unacked === null && !pending ? ["The portal has acknowledged its last state"] : []),
    ...(trace.command === null ? [] : [`Last made or changed by the portal's command ${trace.command}`]),
    ...(silent ? ["Nothing is known of it: it is not in the source (filter, scope), was deleted, or was not seen yet"] : []),
  ];
}

/** `erpfuser trace TYPE KEY` or `erpfuser trace COMMAND-ID`: where a record or command is now, and why. */
export const trace: Register = (program, start) => {
  program
    .command("trace")
    .description("Where a record, or a command of the portal, is now and why")
    .argument("<type>", "type or source of the record; or the id of a command")
    .argument("[key]", "the record's id, key, or key parts separated by commas as the ERP shows them")
    .action(
      start(async (session, [type = "", key]) => {
        const config = await readConfiguration(session);
        return await withState(session, config, (state) =>
          key === undefined
            ? traceCommand(session, state, type)
            : traceRecord(session, state, { sources: sourcesOf(config, type), key }),
        );
      }),
    );
};

function sourcesOf(config: Config, typeOrSource: string): readonly Source[] {
  const found = config.sources.filter((source) => source.name === typeOrSource || source.type === typeOrSource);
  if (found.length > 0) return found;
  throw new FuserError("config", `No source or type is called ${typeOrSource}`, {
    code: "not-found-source",
    operation: "trace a record",
    hint: `Known: ${config.sources.map(({ name }) => name).join(", ")}`,
  });
}

function traceRecord(session: Session, state: StoreReader, wanted: { sources: readonly Source[]; key: string }): number {
  const traces = wanted.sources.flatMap((source) => {
    const key = keyFor(source, wanted.key);
    return key === undefined ? [] : [traceIn(state, source, key)];
  });
  session.out.result({ records: traces }, () => traces.flatMap(explain));
  return traces.length > 0 ? exitCodes.ok.code : exitCodes.notFound.code;
}

/** The key meant: an id of this source, a key, or its parts separated by commas. */
function keyFor(source: Source, given: string): string | undefined {
  const { prefix, key } = splitId(given);
  if (prefix !== undefined && prefix !== source.prefix) return undefined;
  const parts = given.includes(",") ? given.split(",").map((part) => part.trim()) : decodeKey(key);
  if (parts?.length !== source.key.length) return undefined;
  return encodeKey(parts);
}

function traceCommand(session: Session, state: StoreReader, id: string): number {
  const entry = state.inbox.get(id);
  if (!entry) {
    throw new FuserError("rejected", `No command ${id} is known here`, {
      code: "not-found-command",
      operation: "trace a command",
      hint: "A record is traced by type and key: `erpfuser trace ticket 001,00004711`",
    });
  }
  const document = {
    id,
    state: entry.state,
    attempts: entry.attempts,
    result: entry.result ?? null,
    source: entry.source,
    key: entry.key,
  };
  session.out.result(document, () => [
    `Command ${id}: ${entry.state}${entry.result ? `, ${entry.result.outcome}` : ""}`,
    `Received ${when(entry.receivedAt)}, ${entry.attempts} attempts`,
    ...(entry.source === undefined ? [] : [`It made or changed ${entry.source} ${entry.key}`]),
    ...(entry.result?.error ? [`Told the reader: ${entry.result.error.en}`] : []),
  ]);
  return exitCodes.ok.code;
}
