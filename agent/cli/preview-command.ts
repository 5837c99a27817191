/** `erpfuser preview --command NAME --data FILE [--rehearse]`: what a command would write. Only a rehearsal touches the ERP's tables, and it is rolled back. */
import { readFile } from "node:fs/promises";
import { FuserError } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { didYouMean } from "../../base/nearest.ts";
import type { WriteOutcome, WritePlan } from "../../connectors/connector.ts";
import { type Command, command as commandSchema } from "../../protocol/messages.ts";
import { compile } from "../compile.ts";
import { newId, openErp } from "../erp.ts";
import { bindStored } from "../lookups.ts";
import type { CompiledCommand, PlanContext } from "../map/write-plan.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { configurationSecrets } from "./secrets.ts";
import type { Session } from "./session.ts";
import { plain, planLines, shownPlan } from "./shown-plan.ts";
import { storedLookups } from "./stored-lookups.ts";

interface Asked {
  name: string;
  file: string;
  rehearse: boolean;
}

/** What was never the transaction's is not undone with it. */
const warning =
  "Rolled back. What is outside of a transaction is not undone: sequences and identity numbers, procedures that commit by themselves, mails and files of triggers.";

export async function previewCommand(session: Session, { name, file, rehearse }: Asked): Promise<number> {
  const config = await readConfiguration(session);
  const message = await messageOf(session, name, file);
  const secrets = configurationSecrets(session, config);
  const parts = { config, clock: session.clock, log: silentLog, secret: secrets.require };
  // Under a name of its own: the agent that runs beside it holds its lock.
  const erp = await openErp({ ...parts, beside: "preview" });
  try {
    const { commands } = await compile(config, erp, session.signal);
    const compiled = commands.get(name);
    if (compiled === undefined) throw unknownCommand(name, [...commands.keys()]);
    if (compiled.lookups !== undefined) bindStored([compiled], storedLookups(config, session.clock));
    const context: PlanContext = { now: session.clock.now(), mayBeRepeated: false, rehearse: true, resolve: () => undefined };
    const plan = compiled.plan(message, context);
    if ("rejected" in plan) {
      const { rejected } = plan;
      session.out.result({ command: name, rejected }, () => [
        `Refused before the ERP is asked: ${rejected.en} [${rejected.code}]`,
      ]);
      return exitCodes.findings.code;
    }
    if (!rehearse) return show(session, { compiled, plan, context });
    return tell(session, compiled, { message, outcome: await erp.write(plan, session.signal) });
  } finally {
    await erp.close();
  }
}

function show(
  session: Session,
  { compiled, plan, context }: { compiled: CompiledCommand; plan: WritePlan; context: PlanContext },
): number {
  const steps = shownPlan(plan, compiled.standIns(context));
  session.out.result({ command: compiled.name, idempotency: plan.idempotency.way, steps }, () => [
    ...planLines(steps),
    "",
    "Numbers and other results of the ERP are stand-ins. `--rehearse` runs the statements and rolls them back.",
  ]);
  return exitCodes.ok.code;
}

function tell(
  session: Session,
  compiled: CompiledCommand,
  { message, outcome }: { message: Command; outcome: WriteOutcome },
): number {
  const { name } = compiled;
  switch (outcome.state) {
    case "rehearsed": {
      const results = Object.fromEntries([...outcome.results].map(([key, value]) => [key, plain(value)]));
      const statements = outcome.statements.map(({ sql, parameters }) => ({ sql, values: parameters.map(plain) }));
      session.out.result({ command: name, rehearsed: true, statements, results, warning }, () => [
        ...statements.flatMap(({ sql, values }) => [sql, ...values.map((value) => `    ${JSON.stringify(value)}`)]),
        "",
        ...Object.entries(results).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
        warning,
      ]);
      return exitCodes.ok.code;
    }
    case "conflict": {
      const conflict = compiled.conflicts(message, outcome.fields);
      session.out.result({ command: name, rehearsed: false, conflict, warning }, () => [
        "The ERP holds something else than the portal saw:",
        ...conflict.map((one) => `  ${one.field}: ${JSON.stringify(one.current)} in place of ${JSON.stringify(one.base)}`),
      ]);
      return exitCodes.findings.code;
    }
    case "rejected":
    case "uncertain": {
      const code = outcome.state === "rejected" ? outcome.code : "command-uncertain";
      session.out.result({ command: name, rehearsed: false, code, message: outcome.message, warning }, () => [
        `The ERP did not take it: ${outcome.message} [${code}]`,
        warning,
      ]);
      return exitCodes.findings.code;
    }
    case "staged":
      session.out.result({ command: name, rehearsed: false, staged: true }, () => [
        "The ERP holds this command already, and has still to take it over.",
      ]);
      return exitCodes.ok.code;
    case "applied":
      session.out.result({ command: name, rehearsed: false, applied: outcome.key }, () => [
        `The ERP holds this command already: ${outcome.key}`,
      ]);
      return exitCodes.ok.code;
  }
}

/** The file's command, with what the portal would add of its own. @throws FuserError `not-found-file`, `usage-data` */
async function messageOf({ clock }: Session, name: string, file: string): Promise<Command> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new FuserError("rejected", `${file} can't be read`, {
      code: "not-found-file",
      operation: "read a command's data",
      place: file,
      hint: "Name a file with the command in JSON",
      cause,
    });
  });
  const given = objectIn(text);
  const issuedAt = new Date(clock.now()).toISOString();
  const parsed = commandSchema.safeParse({ id: newId(), issuedAt, ...given, type: "command", command: name });
  if (parsed.success && (given?.command ?? name) === name) return parsed.data;
  const [issue] = parsed.error?.issues ?? [];
  const where = issue === undefined || issue.path.length === 0 ? "" : ` at ${issue.path.join(".")}`;
  throw new FuserError("rejected", `${file} holds no command ${name}${where}`, {
    code: "usage-data",
    operation: "read a command's data",
    place: file,
    hint: 'Write `{ "values": { "title": "…" } }`, with `entity` and `base` for a command that changes something',
  });
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function unknownCommand(name: string, known: readonly string[]): FuserError {
  return new FuserError("rejected", `The configuration has no command ${name.slice(0, 100)}`, {
    code: "not-found-command",
    operation: "find a command",
    hint: known.length === 0 ? "Write it under `commands`" : didYouMean(name, known),
  });
}
