/** The `number` step compiled: a counter or the highest number of a column plus one, plain or written by a mask. */
import { type MaskPart, patternOfMask, widthBefore } from "../../base/number-mask.ts";
import type { Step } from "../../config/config.ts";
import type { Column, HighestOf, PlanStep } from "../../connectors/connector.ts";
import { compileWrites, stepValues, usesIn } from "./column-writes.ts";
import { compileDateFormat } from "./date-pattern.ts";
import { checkMax, checkTransactional } from "./write-checks.ts";
import type { WriteFrame } from "./write-frame.ts";
import type { WriteScope } from "./write-scope.ts";

type NumberStep = Extract<Step, { kind: "number" }>;

export function compileNumber(step: NumberStep, scope: WriteScope) {
  const { from, as, mask } = step;
  const table = scope.table(from.table, step.at);
  const column = table && scope.column(table, from.column, step.at);
  const where = table && compileWrites(from.where, table, scope);
  if (table === undefined || column === undefined || where === undefined) return undefined;
  checkTransactional(table, step.at, scope);
  if (!["integer", "decimal", "text"].includes(column.type)) {
    scope.faults.add(step.at, `Column ${column.name} is ${column.type} and holds no numbers`, "Name the column with the number.");
  }
  if (from.kind === "max") {
    checkMax({ table, column, where: where.map((each) => each.column.name), at: step.at }, scope);
    checkPart(step, column, scope);
  }
  return {
    uses: usesIn(where),
    fixed: new Map<string, unknown>(),
    make(frame: WriteFrame): PlanStep {
      const key = stepValues(where, frame);
      const place = { table: table.name, column: column.name };
      const local = scope.zone.toLocal(frame.now);
      const part = partOf(step, column, local);
      return {
        kind: "number",
        as,
        from: from.kind === "max" ? { max: { ...place, where: key, ...(part && { part }) } } : { counter: { ...place, key } },
        ...(mask && { written: (number) => maskedText(mask, number, local) }),
      };
    },
  };
}

/** @param local when the command is carried out, in the ERP's time zone: `YYYY-MM-DDTHH:mm:ss[.f]` */
export function maskedText(mask: readonly MaskPart[], number: bigint, local: string): string {
  return datedText(mask, local, (digits) => String(number).padStart(digits, "0"));
}

function datedText(parts: readonly MaskPart[], local: string, numberText: (digits: number) => string): string {
  return parts
    .map((part) => {
      if ("literal" in part) return part.literal;
      if ("digits" in part) return numberText(part.digits);
      const format = compileDateFormat(part.date);
      return typeof format === "string" ? part.date : format.format(local);
    })
    .join("");
}

/** What of a text column is the number, and in which rows: as said, or as the mask has it. */
function partOf({ from, mask }: NumberStep, column: Column, local: string): HighestOf["part"] {
  if (from.kind === "counter" || column.type !== "text") return undefined;
  const begins = from.from ?? (mask && widthBefore(mask) + 1);
  const like = from.like ?? (mask && patternOfMask(mask));
  if (begins === undefined && like === undefined) return undefined;
  return { from: begins ?? 1, like: like && datedText(like, local, () => "%") };
}

function checkPart({ from, mask, at }: NumberStep, column: Column, { faults }: WriteScope): void {
  if (from.kind === "counter") return;
  if (column.type !== "text") {
    if (from.from === undefined && from.like === undefined) return;
    faults.add(at, `Column ${column.name} is ${column.type}: all of it is the number`, "Leave `from` and `like` out.");
    return;
  }
  if (mask === undefined) return;
  if (!("digits" in (mask.at(-1) as MaskPart)))
    faults.add(
      at,
      `The mask has text behind the number, so that the highest one in column ${column.name} can't be found`,
      "Let the mask end with the number, or use `counter`.",
    );
  if (from.like === undefined && patternOfMask(mask) === undefined)
    faults.add(
      at,
      "The mask holds a character that is a wildcard in SQL",
      "Say in `like` which rows count, with `_` in the character's place.",
    );
  const shortest = [...maskedText(mask, 0n, "2000-01-01T00:00:00")].length;
  if (column.length !== undefined && shortest > column.length)
    faults.add(at, `The mask makes ${shortest} characters, column ${column.name} holds ${column.length}`, "Shorten the mask.");
}
