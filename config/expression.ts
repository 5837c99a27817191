/** `${...}` in the configuration: CEL, and variables that are replaced once. Syntax only; types are checked against the real columns later. */
import { Environment, ParseError } from "@marcbachmann/cel-js";

/** Parts of a text: what stands outside of `${...}`, and what inside. */
export type TemplatePart = { kind: "text"; text: string } | { kind: "cel"; cel: string };

/** Splits a text at its `${...}`; braces and quotes inside an expression count. Undefined when one is not closed. */
export function templateParts(text: string): TemplatePart[] | undefined {
  const parts: TemplatePart[] = [];
  let from = 0;
  for (;;) {
    const start = text.indexOf("${", from);
    if (start < 0) break;
    const end = expressionEnd(text, start + 2);
    if (end === undefined) return undefined;
    if (start > from) parts.push({ kind: "text", text: text.slice(from, start) });
    parts.push({ kind: "cel", cel: text.slice(start + 2, end).trim() });
    from = end + 1;
  }
  if (from < text.length) parts.push({ kind: "text", text: text.slice(from) });
  return parts;
}

/** Index of the brace that closes the expression. */
function expressionEnd(text: string, start: number): number | undefined {
  let depth = 0;
  let quote: string | undefined;
  for (let index = start; index < text.length; index++) {
    const char = text[index] as string;
    if (quote !== undefined) {
      if (char === "\\") index += 1;
      else if (char === quote) quote = undefined;
    } else if (char === "'" || char === '"') quote = char;
    else if (char === "{") depth += 1;
    else if (char === "}") {
      if (depth === 0) return index;
      depth -= 1;
    }
  }
  return undefined;
}

/** One CEL expression for a template: its parts as texts, one behind the other. */
export function concatenation(parts: readonly TemplatePart[]): string {
  const [only] = parts;
  if (parts.length === 1 && only?.kind === "cel") return only.cel;
  return parts.map((part) => (part.kind === "text" ? JSON.stringify(part.text) : `string(${part.cel})`)).join(" + ");
}

const syntax = new Environment({ unlistedVariablesAreDyn: true, limits: { maxDepth: 50 } });

/** What is wrong with the syntax of `cel`, with the position from 1; undefined when nothing is. */
export function syntaxError(cel: string): { message: string; position: number } | undefined {
  try {
    syntax.parse(cel);
    return undefined;
  } catch (error) {
    if (error instanceof ParseError) return { message: error.summary, position: (error.range?.start ?? 0) + 1 };
    if (error instanceof RangeError) return { message: "it nests too deeply", position: 1 };
    throw error;
  }
}
