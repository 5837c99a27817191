/** `{ from: COLUMN, do, as, map, shift, sign, round, currency, default }` compiled: the options are applied in this order, `default` for what is empty. */

import { didYouMean } from "../../base/nearest.ts";
import type { Lookup, Place, Read } from "../../config/config.ts";
import type { Value } from "../../connectors/connector.ts";
import { canonicalJson } from "../../protocol/canonical-json.ts";
import { textLengthsOf } from "../../protocol/fits.ts";
import type { Json } from "../../protocol/model.ts";
import { shiftDate } from "./calendar.ts";
import { type CleanStepRule, cleanSteps } from "./clean-steps.ts";
import { type CompiledCodes, codeText, compileCodes } from "./code-maps.ts";
import type { FoundColumn } from "./columns.ts";
import { compileCondition } from "./conditions.ts";
import { constantFor } from "./constants.ts";
import { asIs, type Convert, conversionTo, type Made, type MadeType } from "./conversions.ts";
import { type CompiledDate, compileDateType, isMoment } from "./date-types.ts";
import { type Decimal, decimalOfFloat, formatDecimal, negateDecimal, parseDecimal, roundDecimal } from "./decimal.ts";
import { type FieldKind, kindText } from "./field-kind.ts";
import { compileLookup } from "./lookups.ts";
import type { RowFault } from "./mapped.ts";
import type { ReadScope } from "./read-scope.ts";
import type { Recipe } from "./recipes.ts";
import type { CompiledRead, RowReading } from "./row-reading.ts";
import { remembering, writerOf } from "./value-text.ts";

type FromRead = Read & { kind: "from" };
/** A stage: null ends the way, after a fault as well as for an empty value. */
type Stage = (value: Made, reading: RowReading) => Made | null;

/** Values of lookups that are kept fitted. */
const mostKnown = 10_000;

interface Work {
  read: FromRead;
  kind: FieldKind;
  scope: ReadScope;
  field: string;
  found: FoundColumn;
}

export function compileColumnRead(read: FromRead, kind: FieldKind, scope: ReadScope, field: string): CompiledRead | undefined {
  const found = scope.columns.find(read.column, read.at);
  if (found === undefined) return undefined;
  const work: Work = { read, kind, scope, field, found };
  const stages: Stage[] = [];
  let made: MadeType | undefined = found.column.type;
  if (read.do.length > 0) made = addCleaning(work, stages);
  const date = made === undefined || read.as === undefined ? undefined : addDate(work, stages);
  if (read.as !== undefined) made = date?.made;
  if (made === undefined) return undefined;
  if (read.shiftDays !== 0 && !addShift(work, stages, made)) return undefined;
  const amount = addAmount(work, stages, made);
  if (amount === undefined) return undefined;
  made = amount.made;
  const otherwise = read.default === undefined ? null : constantOrFault(work, read.default);
  if (otherwise === undefined) return undefined;
  const finish = finishOf(work, made, otherwise);
  if (finish === undefined) return undefined;
  const coded = read.map !== undefined || read.lookup !== undefined;
  const dropEmpty = kind.emptyIsNull || coded || read.default !== undefined;
  const prepare = inTurn(stages);
  const taken: Take = (given, reading) => {
    const value = prepare === undefined ? given : prepare(given, reading);
    return value === null || (value === "" && dropEmpty) ? otherwise : finish(value, reading);
  };
  // Days and codes come again and again; other values hardly ever do.
  const take = read.map !== undefined || (read.as !== undefined && made === "date") ? remembering(taken) : taken;
  const { index } = found;
  return {
    constant: false,
    columns: [index, ...amount.columns],
    recipe: amount.turned ? undefined : recipeOf(work, { remembered: take !== taken, dropEmpty, otherwise, date }),
    read(reading) {
      const value = reading.values[index];
      return value === null || value === undefined ? otherwise : take(value, reading);
    },
  };
}

interface Use {
  remembered: boolean;
  dropEmpty: boolean;
  otherwise: string | null;
  date: CompiledDate | undefined;
}

/** How the read goes by bytes: for a text that is passed on, for days as numbers, and for what is remembered anyway. */
function recipeOf({ read, kind, found }: Work, { remembered, dropEmpty, otherwise, date }: Use): Recipe | undefined {
  const { index: column } = found;
  const nulls = date?.dayNumbers;
  if (read.lookup !== undefined) return undefined;
  const straight = read.do.length === 0 && read.map === undefined && read.shiftDays === 0;
  if (nulls !== undefined && straight && kind.kind === "date" && otherwise === null) return { kind: "day", column, nulls };
  if (remembered) return { kind: "few", column };
  const passed = ["", "trim", "empty-to-null", "trim empty-to-null"].includes(read.do.join(" "));
  const lengths = kind.kind === "text" ? textLengthsOf(kind.schema) : undefined;
  if (!passed || read.as !== undefined || found.column.type !== "text" || lengths === undefined || lengths.least > 1)
    return undefined;
  const emptyToNull = dropEmpty || read.do.includes("empty-to-null");
  if (lengths.least === 1 && !emptyToNull) return undefined;
  return { kind: "text", column, trim: read.do.includes("trim"), emptyToNull, most: lengths.most, otherwise };
}

/** The stages as one; undefined where there is none. */
function inTurn(stages: readonly Stage[]): Stage | undefined {
  const [first, ...more] = stages;
  const rest = more.length === 0 ? undefined : inTurn(more);
  if (first === undefined || rest === undefined) return first;
  return (value, reading) => {
    const between = first(value, reading);
    return between === null ? null : rest(between, reading);
  };
}

/** From a column's value to what is written of it; null is empty. */
type Take = (value: Exclude<Value, null>, reading: RowReading) => string | null;

function constantOrFault({ read, kind, scope, field }: Work, value: Json): string | undefined {
  const fitted = constantFor(value, kind);
  if (fitted === undefined)
    scope.faults.add(
      read.at,
      `${field} takes ${kindText(kind)}, not the default ${JSON.stringify(value)}`,
      "Correct the default.",
    );
  return fitted === undefined ? undefined : canonicalJson(fitted);
}

/** `do:` the steps in order; all but the last give a text. */
function addCleaning({ read, scope, field, found }: Work, stages: Stage[]): MadeType | undefined {
  let gives: CleanStepRule["gives"] = "text";
  if (found.column.type !== "text") {
    scope.faults.add(
      read.at,
      `do: cleans texts, but column ${found.column.name} is ${found.column.type}`,
      "Remove do:, or use an expression.",
    );
    return undefined;
  }
  for (const name of read.do) {
    const step = Object.hasOwn(cleanSteps, name) ? cleanSteps[name] : undefined;
    if (step === undefined) {
      scope.faults.add(read.at, `There is no step ${name}`, didYouMean(name, Object.keys(cleanSteps)));
      return undefined;
    }
    if (gives !== "text") {
      scope.faults.add(read.at, `After a list there can be no step ${name}`, "Put the list's step last.");
      return undefined;
    }
    gives = step.gives;
    stages.push(
      step.gives === "text"
        ? (value) => step.clean(value as string, nothingLeft) as Made | null
        : (value, reading) =>
            step.clean(value as string, () => reading.notes.push({ code: "value-dropped", field })) as Made | null,
    );
  }
  return gives;
}

function addDate({ read, scope, field, found }: Work, stages: Stage[]): CompiledDate | undefined {
  const name = read.as as string;
  const type = Object.hasOwn(scope.config.types, name) ? scope.config.types[name] : undefined;
  if (type === undefined) {
    scope.faults.add(read.at, `There is no type ${name}`, didYouMean(name, Object.keys(scope.config.types)));
    return undefined;
  }
  const compiled = compileDateType(type, found.column, { at: read.at, faults: scope.faults });
  if (compiled === undefined) return undefined;
  stages.push(
    dateStage(compiled, {
      code: "date-invalid",
      field,
      column: found.column.name,
      message: `column ${found.column.name} holds no valid ${compiled.made}`,
    }),
  );
  return compiled;
}

function dateStage(compiled: CompiledDate, fault: RowFault): Stage {
  return (value, reading) => {
    const text = compiled.read(value as Exclude<Value, null>);
    if (text !== undefined) return text;
    if (compiled.nullInvalid) reading.notes.push({ code: "date-nulled", field: fault.field });
    else reading.faults.push(fault);
    return null;
  };
}

/** Days are added to the date part. */
function addShift({ read, scope, field, found }: Work, stages: Stage[], made: MadeType): boolean {
  if (made !== "date" && made !== "datetime") {
    scope.faults.add(read.at, `shift: moves dates, but ${field} reads ${made}`, "Remove shift:, or say as:.");
    return false;
  }
  const fault: RowFault = {
    code: "date-invalid",
    field,
    column: found.column.name,
    message: `column ${found.column.name} leaves the calendar by its shift`,
  };
  stages.push((value, reading) => {
    const text = value as string;
    const shifted = shiftDate(text.slice(0, 10), read.shiftDays);
    if (shifted !== undefined) return shifted + text.slice(10);
    reading.faults.push(fault);
    return null;
  });
  return true;
}

interface Amount {
  made: MadeType;
  /** The value is not what the column holds any more. */
  turned: boolean;
  columns: readonly number[];
}

/** `sign:` and `round:` a number, negated where the condition holds, rounded; undefined after a fault. */
function addAmount({ read, scope, field, found }: Work, stages: Stage[], made: MadeType): Amount | undefined {
  if (read.sign === undefined && read.round === undefined) return { made, turned: false, columns: [] };
  const { name } = found.column;
  if (made !== "integer" && made !== "decimal" && made !== "float" && made !== "text") {
    scope.faults.add(read.at, `sign: and round: are for numbers, but column ${name} is ${made}`, "Remove them.");
    return undefined;
  }
  const turns = read.sign && compileCondition(read.sign, { at: read.at, field, scope });
  if (read.sign !== undefined && turns === undefined) return undefined;
  const fault: RowFault = { code: "value-invalid", field, column: name, message: `column ${name} holds no number` };
  stages.push((value, reading) => {
    // An empty text is no number, and no fault either.
    if (value === "") return null;
    const number = decimalOf(value);
    if (number === undefined) {
      reading.faults.push(fault);
      return null;
    }
    const signed = turns?.test(reading) ? negateDecimal(number) : number;
    return formatDecimal(read.round === undefined ? signed : roundDecimal(signed, read.round));
  });
  return { made: "decimal", turned: true, columns: turns?.columns ?? [] };
}

const decimalOf = (value: Made): Decimal | undefined =>
  typeof value === "number" ? decimalOfFloat(value) : parseDecimal(String(value).trim());

type Finish = (value: Made, reading: RowReading) => string | null;

/** Steps that give a text leave nothing out. */
const nothingLeft = (): void => {};

function finishOf(work: Work, made: MadeType, otherwise: string | null): Finish | undefined {
  if (work.read.lookup !== undefined) return lookingUp(work, work.read.lookup, otherwise);
  return work.read.map === undefined ? fitting(work, made) : mapping(work);
}

/** The last stage without a map: what was made is fitted to the field. */
function fitting({ read, kind, scope, field, found }: Work, made: MadeType): Finish | undefined {
  // What a date type has read needs no second look.
  const convert: Convert | string =
    read.as !== undefined && made === "date" && kind.kind === "date"
      ? asIs
      : conversionTo(kind, made, { zone: scope.zone, currency: read.currency });
  const { name } = found.column;
  if (typeof convert === "string") {
    scope.faults.add(read.at, `${field} takes ${kindText(kind)}, but column ${name} gives ${made}`, convert);
    return undefined;
  }
  if (read.currency !== undefined && kind.kind !== "money") {
    scope.faults.add(read.at, `${field} takes ${kindText(kind)}, not money`, "Remove currency:.");
    return undefined;
  }
  const moment = made !== "texts" && made !== "emails" && made !== "phones" && isMoment(made);
  const fault: RowFault = {
    code: moment ? "date-invalid" : "value-invalid",
    field,
    column: name,
    message: moment ? `column ${name} holds no valid ${made}` : `column ${name} holds what is not ${kindText(kind)}`,
  };
  const write = writerOf(kind);
  if (convert === asIs) return (value, reading) => write(value as string, reading);
  return (value, reading) => {
    const converted = convert(value);
    if (converted !== undefined) return write(converted, reading);
    reading.faults.push(fault);
    return null;
  };
}

/** The last stage with a lookup: what the portal's table says, fitted once for each of its values. */
function lookingUp({ kind, scope, field, found }: Work, lookup: Lookup, otherwise: string | null): Finish {
  const { name } = found.column;
  const lookUp = compileLookup(lookup, scope.lookups, { field, column: name });
  const known = new Map<Json, string | null | undefined>();
  const written = (value: Json): string | null | undefined => {
    const fitted = constantFor(value, kind);
    return fitted === undefined || fitted === null ? fitted : canonicalJson(fitted);
  };
  return (value, reading) => {
    const looked = lookUp(typeof value === "string" ? value : codeText(value as Exclude<Value, null>), reading);
    if (looked === undefined) return null;
    if (looked === null) return otherwise;
    if (!known.has(looked)) {
      if (known.size >= mostKnown) known.clear();
      known.set(looked, written(looked));
    }
    const text = known.get(looked);
    if (text !== undefined) return text ?? otherwise;
    const message = `the lookup ${lookup.name} gives what is not ${kindText(kind)}`;
    reading.faults.push({ code: "value-invalid", field, column: name, message });
    return null;
  };
}

/** The last stage with a map: the code's meaning, already fitted. */
function mapping({ read, kind, scope, field, found }: Work): Finish | undefined {
  const name = read.map as string;
  const map = Object.hasOwn(scope.config.maps, name) ? scope.config.maps[name] : undefined;
  if (map === undefined) {
    scope.faults.add(read.at, `There is no map ${name}`, didYouMean(name, Object.keys(scope.config.maps)));
    return undefined;
  }
  const place: Place = read.at;
  const codes: CompiledCodes = compileCodes(map, kind, { at: place, faults: scope.faults, field });
  return (value, reading) => {
    const code = typeof value === "string" ? value : codeText(value as Exclude<Value, null>);
    const meaning = codes.meaning(code);
    if (meaning !== undefined) return meaning;
    if (codes.otherwise !== undefined) {
      reading.notes.push({ code: "code-defaulted", field, value: code.slice(0, 40) });
      return codes.otherwise;
    }
    const message = `code ${JSON.stringify(code.slice(0, 40))} is not in map ${name}`;
    reading.faults.push({ code: "code-unknown", field, column: found.column.name, message });
    return null;
  };
}
