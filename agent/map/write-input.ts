/** What a command brings, made ready: references resolved, values checked against the model, long texts cut. */
import type { Write } from "../../config/config.ts";
import type { Command } from "../../protocol/messages.ts";
import type { Json } from "../../protocol/model.ts";
import { fitCharacters } from "./code-pages.ts";
import { characters } from "./column-values.ts";
import { Unwritable } from "./reader-texts.ts";
import { commandFields } from "./write-frame.ts";
import type { PlanContext } from "./write-plan.ts";
import type { WriteScope } from "./write-scope.ts";

/** The command's values, each checked against the model. Throws Unwritable with the field's name. */
export function readValues(message: Command, context: PlanContext, scope: WriteScope): Record<string, Json> {
  const fields = commandFields(scope);
  const values: Record<string, Json> = {};
  for (const [name, value] of Object.entries(message.values) as [string, Json][]) {
    const kind = fields[name];
    if (kind === undefined) throw new Unwritable("field-unknown", name);
    const resolved = resolveReferences(value, name, context);
    if (!kind.schema.safeParse(resolved).success) throw new Unwritable("value-invalid", name);
    values[name] = resolved;
  }
  return values;
}

/** `{createdBy: command id}` becomes the id of what that command made. */
function resolveReferences(value: Json, field: string, context: PlanContext): Json {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item: Json) => resolveReferences(item, field, context));
  const object = value as { readonly [key: string]: Json };
  if (typeof object.createdBy === "string" && Object.keys(object).length === 1) {
    const id = context.resolve(object.createdBy);
    if (id === undefined) throw new Unwritable("reference-unknown", field);
    return id;
  }
  return Object.fromEntries(Object.entries(object).map(([key, inner]) => [key, resolveReferences(inner, field, context)]));
}

/** A word that would be torn is moved to the rest as long as it is shorter than this. */
const longestMovedWord = 20;

/**
 * A text longer than `max` is cut at a blank near its end and goes on at the start of the overflow field, on a line of its own: nothing is lost. An
 * update moves it only where it carries the overflow field, since it would replace what stands there.
 */
export function applyOverflow(values: Readonly<Record<string, Json>>, scope: WriteScope): Record<string, Json> {
  const out: Record<string, Json> = { ...values };
  for (const step of scope.command.steps) {
    const writes = step.kind === "call" ? step.args : "values" in step ? step.values : {};
    for (const write of Object.values(writes)) overflow(out, write, step.kind !== "update");
  }
  return out;
}

function overflow(values: Record<string, Json>, write: Write, fresh: boolean): void {
  if (write.kind !== "from" || write.max === undefined || write.overflow === undefined) return;
  const text = values[write.field];
  const { max } = write;
  const adapted = write.characters && fitCharacters(write.characters);
  // Other letters may be more of them.
  const fits = (part: string): boolean => characters(adapted ? adapted(part, write.field) : part) <= max;
  if (typeof text !== "string" || fits(text)) return;
  if (!fresh && !Object.hasOwn(values, write.overflow)) throw new Unwritable("text-too-long", write.field);
  let most = max;
  while (most > 1 && !fits(cut(text, most).head)) most -= 1;
  const { head, rest } = cut(text, most);
  const more = values[write.overflow];
  values[write.field] = head;
  values[write.overflow] = typeof more === "string" && more !== "" ? `${rest}\n${more}` : rest;
}

/** `head` has at most `max` characters; head and rest hold every character of the text but the blank between them. */
export function cut(text: string, max: number): { head: string; rest: string } {
  const all = [...text];
  const window = all.slice(0, max + 1);
  const blank = window.lastIndexOf(" ");
  const at = blank > 0 && blank >= max - longestMovedWord ? blank : max;
  return { head: all.slice(0, at).join(""), rest: all.slice(at === blank ? at + 1 : at).join("") };
}
