import { FuserError } from "../../base/errors.ts";
import { entityIdOf } from "../../base/key.ts";
import type { Config, Source } from "../../config/config.ts";
import type { RuleName } from "../quality/judged.ts";
import { findingTexts } from "../quality/texts.ts";
import type { StoreReader } from "../store/store.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { sourcesOf } from "./names.ts";
import type { Session } from "./session.ts";
import { withState } from "./state.ts";
import { when } from "./times.ts";
import { keyFor } from "./trace-key.ts";

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
  /** What the rules of quality find fault with. */
  findings: readonly { finding: number; rule: string; title: string; field: string; since: string; accepted: string | null }[];
  /** Fields of which the rules leave out what they find fault with. */
  withheld: readonly string[];
}

interface Place {
  source: Source;
  key: string;
  actions: Config["quality"]["actions"];
}

function traceIn(state: StoreReader, { source, key, actions }: Place): Trace {
  const findings = state.findings.list({ source: source.name, key });
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
    findings: findings.map(({ id: finding, rule, field, since, accepted }) => ({
      ...{ finding, rule, title: findingTexts[rule].title.en, field },
      ...{ since: iso(since), accepted: accepted?.reason ?? null },
    })),
    withheld: [
      ...new Set(findings.flatMap(({ rule, field }) => (actions[rule as RuleName] === "send-without-field" ? [field] : []))),
    ],
  };
}

const stages: Readonly<Record<string, string>> = {
  marked: "a change was signalled; it will be read",
  confirm: "read once, or not found; it is read again to be sure",
  grace: "no longer in the ERP; its delete waits for the grace time",
  suspect: "its row is flagged, lost a value or moved; it is read again, to count how many others do",
  held: "it waits for a person",
  approved: "a person has approved it; it is read once more",
};

const isSeen = ({ known, pending, quarantine, unacked }: Trace): boolean =>
  known || pending !== null || quarantine !== null || unacked !== null;

function explain(trace: Trace): string[] {
  const { pending, quarantine, findings, withheld } = trace;
  return [
    `${trace.source} ${trace.key} (id ${trace.id})`,
    ...(pending ? [`Pending since ${when(Date.parse(pending.since))}: ${stages[pending.stage] ?? pending.stage}`] : []),
    ...(pending?.guard ? [`Held by guard ${pending.guard}: \`erpfuser guard show ${pending.guard}\``] : []),
    ...(quarantine
      ? [`In quarantine since ${when(Date.parse(quarantine.since))}: ${quarantine.code}, ${quarantine.message}`]
      : []),
    ...(quarantine?.waitsFor ? [`Waits for ${quarantine.waitsFor}`] : []),
    ...findings.map(({ finding, title, field, since, accepted }) => {
      const silenced = accepted === null ? "" : `; accepted: ${accepted}`;
      return `Finding ${finding} since ${when(Date.parse(since))}: ${title}${field === "" ? "" : ` in ${field}`}${silenced}`;
    }),
    ...(withheld.length === 0 ? [] : [`Sent without what is found fault with in: ${withheld.join(", ")}`]),
    ...(trace.unacked === null ? [] : [`In the outbox as item ${trace.unacked}, not yet acknowledged by the portal`]),
    ...(trace.known && trace.unacked === null && !pending ? ["The portal has acknowledged its last state"] : []),
    ...(trace.command === null ? [] : [`Last made or changed by the portal's command ${trace.command}`]),
    ...(isSeen(trace)
      ? []
      : ["Nothing is known of it: it is not in the source (filter, scope), was deleted, or was not seen yet"]),
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
        const isType = config.sources.some((source) => source.name === type || source.type === type);
        if (key === undefined && isType) throw keyMissing(sourcesOf(config, type));
        return await withState(session, config, (state) =>
          key === undefined
            ? traceCommand(session, state, type)
            : traceRecord(session, state, { sources: sourcesOf(config, type), key, actions: config.quality.actions }),
        );
      }),
    );
};

interface Wanted extends Pick<Place, "key" | "actions"> {
  sources: readonly Source[];
}

function traceRecord(session: Session, state: StoreReader, wanted: Wanted): number {
  const traces = wanted.sources.flatMap((source) => {
    const key = keyFor(source, wanted.key);
    return key === undefined ? [] : [traceIn(state, { source, key, actions: wanted.actions })];
  });
  if (traces.length === 0) throw noSuchRecord(wanted);
  session.out.result({ records: traces }, () => traces.flatMap(explain));
  return traces.some(isSeen) ? exitCodes.ok.code : exitCodes.notFound.code;
}

function noSuchRecord({ sources, key }: Wanted): FuserError {
  return new FuserError("rejected", `${key.slice(0, 200)} can't be a key here`, {
    code: "not-found-key",
    operation: "trace a record",
    hint: howToName(sources),
  });
}

function keyMissing(sources: readonly Source[]): FuserError {
  return new FuserError("config", "Say which record is meant", {
    code: "usage-key",
    operation: "trace a record",
    hint: howToName(sources),
  });
}

const howToName = (sources: readonly Source[]): string =>
  `Give its id, or the parts of its key with commas between: ${sources.map(({ name, key }) => `${name} ${key.join(",")}`).join("; ")}`;

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
