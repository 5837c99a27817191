/** Damages JSON: one place of a value, or the text itself where values can't say it (names twice, `__proto__`, numbers beyond all bounds). */
import type { Chance } from "./chance.ts";
import { someJson } from "./from-schema.ts";
import { someText } from "./texts.ts";

type Container = unknown[] | Record<string, unknown>;

/** A copy of `value` with one place changed: another type, a boundary, something missing, something more. */
export function mutated(chance: Chance, value: unknown): unknown {
  const copy: unknown = structuredClone(value);
  const places = placesOf(copy);
  if (places.length === 0) return someJson(chance);
  const { container, name } = chance.pick(places);
  const at = container as Record<string | number, unknown>;
  switch (chance.below(8)) {
    case 0:
      at[name] = someJson(chance);
      break;
    case 1:
      at[name] = near(chance, at[name]);
      break;
    case 2:
      if (Array.isArray(container)) container.splice(Number(name), 1);
      else delete at[name];
      break;
    case 3:
      if (Array.isArray(container)) container.push(someJson(chance));
      else define(container, someText(chance), someJson(chance));
      break;
    case 4:
      if (Array.isArray(container)) container.splice(Number(name), 0, structuredClone(at[name]));
      else define(container, chance.pick(["type", "id", "__proto__", "constructor", "extra"]), at[name]);
      break;
    case 5:
      at[name] = nested(chance.pick([2, 60, 700]), at[name], chance.oneIn(2));
      break;
    case 6:
      at[name] = "x".repeat(chance.pick([41, 101, 301, 1_001, 20_001, 70_000]));
      break;
    default:
      at[name] = null;
  }
  return copy;
}

/** An own property, whatever its name. */
function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

interface Place {
  container: Container;
  name: string | number;
}

function placesOf(value: unknown, found: Place[] = []): Place[] {
  if (typeof value !== "object" || value === null) return found;
  for (const name of Object.keys(value)) {
    found.push({ container: value as Container, name });
    if (found.length < 300) placesOf((value as Record<string, unknown>)[name], found);
  }
  return found;
}

function near(chance: Chance, value: unknown): unknown {
  if (typeof value === "number") {
    return chance.pick([value + 1, value - 1, -value, value + 0.5, 0, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21, Number.MAX_VALUE]);
  }
  if (typeof value === "string")
    return chance.pick([`${value} `, value.slice(1), value.toUpperCase(), `${value}\u0000`, "", value + value]);
  if (typeof value === "boolean") return chance.pick([!value, Number(value), String(value)]);
  return Array.isArray(value) ? { ...value } : Object.values(value ?? {});
}

function nested(depth: number, value: unknown, list: boolean): unknown {
  let made = value;
  for (let level = 0; level < depth; level++) made = list ? [made] : { a: made };
  return made;
}

/** JSON text of a value, damaged or written in a way that no serialiser would. */
export function mutatedText(chance: Chance, value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  const name = /"([^"\\]+)":/.exec(text)?.[1] ?? "type";
  switch (chance.below(10)) {
    case 0:
      return text.replace("{", `{"${name}":${JSON.stringify(someJson(chance))},`);
    case 1:
      return text.replace(/}$/, `,"${name}":${JSON.stringify(someJson(chance))}}`);
    case 2:
      return text.replace("{", `{"__proto__":${JSON.stringify(someJson(chance))},`);
    case 3:
      return text.replace(
        /\d+/,
        chance.pick(["1e999", "-1e999", "0.1e-400", "123456789012345678901234567890", "1.0", "-0", "01"]),
      );
    case 4:
      return text.slice(0, chance.below(text.length + 1));
    case 5: {
      const at = chance.below(text.length + 1);
      return (
        text.slice(0, at) + chance.pick(["\u0000", '"', "{", "}", "[", "]", ",", "\\", "\\ud800", "é", " "]) + text.slice(at + 1)
      );
    }
    case 6:
      return `${chance.pick(["\ufeff", " ", "\n", "\u0000", "[", "//x\n"])}${text}`;
    case 7:
      return `${text}${chance.pick(["\u0000", "{}", ",", " ", "]", text])}`;
    case 8: {
      const depth = chance.pick([100, 5_000, 200_000]);
      return chance.oneIn(2) ? "[".repeat(depth) + "]".repeat(depth) : `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
    }
    default:
      return text.replace(/"([^"\\]+)"/g, (whole, inner: string) =>
        chance.oneIn(4)
          ? `"${[...inner].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`
          : whole,
      );
  }
}
