/**
 * Compiles a command of the configuration: what the portal may ask for becomes a plan of ERP statements. Everything that can be known before the ERP
 * is asked is checked here, at load or when the command comes, so that the transaction holds no surprise of ours.
 */
import { decodeKey, splitId } from "../../base/key.ts";
import { didYouMean } from "../../base/nearest.ts";
import type { CommandConfig, Config, Fault } from "../../config/config.ts";
import type { FieldConflict, Idempotency, StepResults, Table, Value, WritePlan } from "../../connectors/connector.ts";
import type { Command, Result } from "../../protocol/messages.ts";
import type { Json, TypeName } from "../../protocol/model.ts";
import { joined } from "./conflict-policies.ts";
import { gatherFaults } from "./faults.ts";
import { lookupsOf } from "./lookups.ts";
import type { Mapping, SourceLookups } from "./mapped.ts";
import { ownerOf } from "./ownership.ts";
import { type Rejection, rejection, Unwritable } from "./reader-texts.ts";
import { unwrapped } from "./unwritable.ts";
import { conflictsOf } from "./write-conflicts.ts";
import { commandFields, commandType, type WriteFrame } from "./write-frame.ts";
import { compileIdempotency } from "./write-idempotency.ts";
import { applyOverflow, readValues } from "./write-input.ts";
import { type CompiledResult, compileResult } from "./write-result.ts";
import { openWriteScope, type WriteScope } from "./write-scope.ts";
import { type CompiledStep, compileStep, trialResults } from "./write-steps.ts";

export interface PlanContext {
  /** Milliseconds since the epoch. */
  now: number;
  mayBeRepeated: boolean;
  rehearse: boolean;
  /** The id of the entity that a command made; undefined while it is not known. */
  resolve(commandId: string): string | undefined;
  /** Whether an id of a source's stands for its record now: a key that was given to somebody new has had others. Not given: all do. */
  isCurrent?(source: string, id: string): boolean;
}

export interface CompiledCommand {
  readonly name: string;
  readonly type: TypeName;
  /** Source of the entity that it makes or changes. */
  readonly source: string;
  readonly draft: boolean;
  readonly perHour: number | undefined;
  /** Fields that it accepts, and who owns each: for `hello`. */
  readonly offer: readonly { name: string; owner: "erp" | "portal" | "shared" }[];
  /** Absent: no value of it is found in a table of the portal. */
  readonly lookups?: SourceLookups;
  /** Pure: no I/O, no clock. Never throws for a command. */
  plan(message: Command, context: PlanContext): WritePlan | { rejected: Rejection };
  /** What stands in for results that only the ERP has, while a plan is shown and not carried out. */
  standIns(context: PlanContext): StepResults;
  /** The number that people read in the ERP, from the results of the applied plan; undefined where the configuration names none. */
  numberOf(message: Command, results: StepResults, context: PlanContext): string | undefined;
  /** Conflicting columns as fields of the portal's model. */
  conflicts(message: Command, found: readonly FieldConflict[]): NonNullable<Result["conflict"]>;
  /** Whether a person is to decide on these: none of them is a field that the ERP keeps in a conflict. */
  asks(found: readonly FieldConflict[]): boolean;
}

export interface CommandParts {
  config: Config;
  command: CommandConfig;
  /** The mappings that could be compiled: the result's source must be among them. */
  mappings: readonly Mapping[];
  /** The tables that the command writes, and those of the result's source and the id's column. */
  tables: readonly Table[];
}

export function compileCommand(parts: CommandParts): { compiled: CompiledCommand } | { faults: readonly Fault[] } {
  const { config, command, mappings } = parts;
  const faults = gatherFaults();
  const type = commandType(command, config);
  const source = config.sources.find((candidate) => candidate.name === command.result.source);
  if (type === undefined) faults.add(command.at, `There is no command ${command.name}`, "See the reference page of commands.");
  if (source === undefined) {
    const names = config.sources.map((candidate) => candidate.name);
    faults.add(command.at, `There is no source ${command.result.source}`, didYouMean(command.result.source, names));
  } else if (!mappings.some((mapping) => mapping.source === source.name)) {
    faults.add(
      command.at,
      `Source ${source.name} could not be compiled, so ${command.name} can't be offered`,
      `Correct source ${source.name} first.`,
    );
  }
  if (type === undefined || source === undefined) return { faults: faults.list };
  const scope = openWriteScope({ ...parts, type, source, faults });
  const steps = command.steps.map((step) => compileStep(step, scope));
  const result = compileResult(scope);
  const idempotency = compileIdempotency(scope);
  if (faults.list.length > 0 || result === undefined || idempotency === undefined || steps.includes(undefined))
    return { faults: faults.list };
  return { compiled: compiledCommand({ scope, steps: steps as CompiledStep[], result, idempotency }) };
}

interface Pieces {
  scope: WriteScope;
  steps: readonly CompiledStep[];
  result: CompiledResult;
  idempotency: (frame: WriteFrame) => Idempotency;
}

function compiledCommand(pieces: Pieces): CompiledCommand {
  const { scope, steps, result } = pieces;
  const { command, type } = scope;
  const fixed = new Map(steps.flatMap((step) => [...step.fixed]));
  const policies = joined(steps.flatMap((step) => step.policies ?? []));
  const fields = Object.keys(commandFields(scope));
  const used = new Set([...steps.flatMap((step) => step.uses), ...keyFields(scope)]);
  const accepted = new Set(fields.filter((name) => used.has(name) || fixed.has(name)));
  const lookups = lookupsOf(scope.lookups.needs, scope.lookups.holder);
  return {
    name: command.name,
    type,
    ...(lookups === undefined ? {} : { lookups }),
    source: command.result.source,
    draft: command.draft,
    perHour: command.perHour,
    offer: [...accepted].sort().map((name) => ({ name, owner: ownerOf(name, scope) })),
    plan(message, context) {
      try {
        return makePlan(pieces, { accepted, fixed }, { message, context });
      } catch (error) {
        const found = unwrapped(error);
        if (found === undefined) throw error;
        return { rejected: rejection(found.code, found.field) };
      }
    },
    standIns: ({ now }) => trialResults(scope, now),
    numberOf(message, results, context) {
      try {
        return result.number({ ...frameOf(scope, message, context), results });
      } catch (error) {
        if (unwrapped(error) === undefined) throw error;
        return undefined;
      }
    },
    conflicts: (message, found) => conflictsOf(message, found, scope),
    asks: (found) => found.every(({ column }) => (policies.get(column.toLowerCase()) ?? "erp-wins") !== "erp-wins"),
  };
}

/** Creates bring a new entity, all other commands name the one that they change. */
export function creates(command: CommandConfig): boolean {
  return command.name.endsWith(".create");
}

/** Everything a plan's values are worked out from. Throws Unwritable for an entity or reference that is not known. */
function frameOf(scope: WriteScope, message: Command, context: PlanContext): WriteFrame {
  const values = readValues(message, context, scope);
  const id = creates(scope.command) ? null : entityOf(message, context, scope);
  const { now, isCurrent = () => true } = context;
  return { values: applyOverflow(values, scope), id, command: message, now, results: new Map(), isCurrent };
}

function entityOf(message: Command, { resolve, isCurrent }: PlanContext, { source, type }: WriteScope): string {
  const { entity } = message;
  const id =
    entity === undefined
      ? undefined
      : "createdBy" in entity
        ? resolve(entity.createdBy)
        : entity.type === type
          ? entity.id
          : undefined;
  if (id === undefined) throw new Unwritable("entity-unknown");
  const { prefix, key } = splitId(id);
  const parts = prefix === source.prefix ? decodeKey(key) : undefined;
  if (parts?.length !== source.key.length) throw new Unwritable("entity-unknown");
  if (isCurrent?.(source.name, id) === false) throw new Unwritable("entity-ended");
  return id;
}

function makePlan(
  { scope, steps, result, idempotency }: Pieces,
  known: { accepted: ReadonlySet<string>; fixed: ReadonlyMap<string, unknown> },
  { message, context }: { message: Command; context: PlanContext },
): WritePlan {
  checkFields(message, known, scope);
  const frame = frameOf(scope, message, context);
  const made = steps.flatMap((step) => step.make(frame) ?? []);
  if (made.length === 0) throw new Unwritable("nothing-to-write");
  const trial = trialResults(scope, context.now);
  for (const step of made) tryOut(step, trial);
  const { found, keyOf } = result;
  const plan: WritePlan = {
    commandId: message.id,
    idempotency: idempotency(frame),
    mayBeRepeated: context.mayBeRepeated,
    steps: made,
    resultKey: (results): readonly Value[] => keyOf({ ...frame, results }),
    found,
    ...(scope.command.staging && { staging: scope.command.staging }),
    rehearse: context.rehearse,
  };
  plan.resultKey(trial);
  return plan;
}

/** The fields that come: known, accepted, and not the ERP's own. A new entity has no owner yet. */
function checkFields(
  message: Command,
  { accepted, fixed }: { accepted: ReadonlySet<string>; fixed: ReadonlyMap<string, unknown> },
  scope: WriteScope,
): void {
  const fields = commandFields(scope);
  for (const [name, value] of Object.entries(message.values) as [string, Json][]) {
    if (!Object.hasOwn(fields, name)) throw new Unwritable("field-unknown", name);
    if (!creates(scope.command) && ownerOf(name, scope) === "erp") throw new Unwritable("field-owned-by-erp", name);
    if (!accepted.has(name)) throw new Unwritable("field-not-writable", name);
    if (fixed.has(name) && fixed.get(name) !== value) throw new Unwritable("value-fixed", name);
  }
}

/** Works out a step's values once with results that stand in, so that what can't be written is told before the ERP is asked. */
function tryOut(step: WritePlan["steps"][number], trial: StepResults): void {
  if (step.when && !step.when(trial)) return;
  if (step.kind === "insert") step.values(trial);
  if (step.kind === "sql") step.parameters(trial);
  if (step.kind === "call") step.args(trial);
  if (step.kind === "update") {
    step.values(trial);
    step.key(trial);
  }
  if (step.kind === "number") ("max" in step.from ? step.from.max.where : step.from.counter.key)(trial);
}

/** Fields behind `key(field)` anywhere in the steps: they are written as parts of keys. */
function keyFields({ command }: WriteScope): string[] {
  const text = JSON.stringify(command.steps);
  return [...text.matchAll(/\bkey\(\s*(\w+)\s*\)/g)].map((match) => match[1] as string).filter((name) => name !== "id");
}
