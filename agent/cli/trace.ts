import { FuserError } from "../../base/errors.ts";
import type { Source } from "../../config/config.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { sourcesOf } from "./names.ts";
import type { Session } from "./session.ts";
import { withState } from "./state.ts";
import { explainCommand, traceCommand } from "./trace-command.ts";
import { keyFor } from "./trace-key.ts";
import { agentLines, agentSays, type Look } from "./trace-look.ts";
import { type RecordTrace, traceRecord } from "./trace-record.ts";
import { explainRecord } from "./trace-record-text.ts";

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
        return await withState(session, config, (state) => {
          const look = { state, config, agent: agentSays(config), now: session.clock.now() };
          return key === undefined
            ? showCommand(session, look, type)
            : showRecords(session, look, { sources: sourcesOf(config, type), key });
        });
      }),
    );
};

interface Wanted {
  sources: readonly Source[];
  key: string;
}

function showRecords(session: Session, look: Look, wanted: Wanted): number {
  const records = wanted.sources.flatMap((source) => {
    const key = keyFor(source, wanted.key);
    return key === undefined ? [] : [traceRecord(look, source, key)];
  });
  if (records.length === 0) throw noSuchRecord(wanted);
  session.out.result({ ...agentDocument(look), records }, () => [...records.flatMap(explainRecord), ...agentLines(look.agent)]);
  return records.some(({ where }) => where !== "unknown") ? exitCodes.ok.code : exitCodes.notFound.code;
}

const agentDocument = ({ agent: { running, portal } }: Look) => ({ agent: { running, portal } });

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

function showCommand(session: Session, look: Look, id: string): number {
  const entry = look.state.inbox.get(id);
  if (!entry) {
    throw new FuserError("rejected", `No command ${id} is known here`, {
      code: "not-found-command",
      operation: "trace a command",
      hint: "A record is traced by type and key: `erpfuser trace ticket 001,00004711`",
    });
  }
  const trace = traceCommand(look, entry);
  const made = recordOf(look, trace);
  const record = made === undefined ? {} : { record: made };
  session.out.result({ ...agentDocument(look), ...trace, ...record }, () => [
    ...explainCommand(trace),
    ...(made === undefined ? [] : explainRecord(made)),
    ...agentLines(look.agent),
  ]);
  return exitCodes.ok.code;
}

/** Of what it made or changed: whether that has reached the portal as well. */
function recordOf(
  look: Look,
  { source: name, key }: { source: string | undefined; key: string | undefined },
): RecordTrace | undefined {
  const source = look.config.sources.find((one) => one.name === name);
  return source === undefined || key === undefined ? undefined : traceRecord(look, source, key);
}
