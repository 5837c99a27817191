import { FuserError } from "../base/errors.ts";
import type { Value } from "./connector.ts";
import type { Statement } from "./statement.ts";

/** How a database writes what is not code: needed to find `:name` parameters and nothing else. */
export interface TokenRules {
  /** A backslash escapes the next character within quotes (MySQL). */
  backslash: boolean;
  /** `#` starts a comment (MySQL). */
  hashComment: boolean;
  /** `--` starts a comment only before a blank (MySQL). */
  dashNeedsBlank: boolean;
  /** Opening quote -> closing quote, for strings and identifiers; a doubled closing quote stands for itself (not in brackets). */
  quotes: Readonly<Record<string, string>>;
  /** Characters that begin the database's own parameters, refused because nothing would be bound to them. */
  foreignMarks: string;
}

/** An SQL text of the configuration, cut at its named parameters: `text[0] :names[0] text[1] …`. */
export interface Template {
  readonly text: readonly string[];
  readonly names: readonly string[];
}

const parameter = /:([\p{L}_][\p{L}\p{N}_$]*(?:\.[\p{L}\p{N}_$]+)*)/uy;
const wordBefore = /[\p{L}\p{N}_$:]/u;

/**
 * Cuts an SQL text at its `:name` parameters; strings, quoted identifiers and comments are left alone. One statement only.
 * @throws FuserError config for a `;`, a `?` or another parameter of the database's own, or a quote or comment that never ends
 */
export function parseTemplate(source: string, rules: TokenRules, place: string): Template {
  const text: string[] = [];
  const names: string[] = [];
  const body = source.replace(/[\s;]+$/u, "");
  let start = 0;
  let at = 0;
  while (at < body.length) {
    const skipped = skipInert(body, at, rules);
    if (skipped === "open") throw invalid(place, "a quote or comment is opened and never closed");
    if (skipped > at) {
      at = skipped;
      continue;
    }
    const char = body[at] as string;
    if (char === ";") throw invalid(place, "it holds more than one statement");
    if (char === "?" || rules.foreignMarks.includes(char)) {
      throw invalid(place, `it holds the parameter sign "${char}"; only named parameters such as :vars.x are bound`);
    }
    if (char === ":" && !(at > 0 && wordBefore.test(body[at - 1] as string))) {
      parameter.lastIndex = at;
      const match = parameter.exec(body);
      if (match) {
        text.push(body.slice(start, at));
        names.push(match[1] as string);
        at = start = parameter.lastIndex;
        continue;
      }
    }
    at += 1;
  }
  text.push(body.slice(start));
  return { text, names };
}

/** End of the string, quoted identifier or comment that begins at `at`; `at` itself when none does. */
function skipInert(body: string, at: number, rules: TokenRules): number | "open" {
  const char = body[at] as string;
  const next = body[at + 1];
  const lineComment =
    (char === "#" && rules.hashComment) ||
    (char === "-" && next === "-" && (!rules.dashNeedsBlank || body[at + 2] === undefined || /\s/.test(body[at + 2] as string)));
  if (lineComment) {
    const end = body.indexOf("\n", at);
    return end < 0 ? body.length : end + 1;
  }
  if (char === "/" && next === "*") {
    const end = body.indexOf("*/", at + 2);
    return end < 0 ? "open" : end + 2;
  }
  const close = rules.quotes[char];
  if (close === undefined) return at;
  for (let i = at + 1; i < body.length; i++) {
    if (rules.backslash && body[i] === "\\" && char !== "`") i += 1;
    else if (body[i] === close) {
      if (body[i + 1] !== close || close === "]") return i + 1;
      i += 1;
    }
  }
  return "open";
}

/**
 * Binds a template.
 * @param value looks a parameter up by name
 * @throws FuserError config for a name that is not known
 */
export function fillTemplate(template: Template, value: (name: string) => Value | undefined, place: string): Statement {
  const values = template.names.map((name) => {
    const found = value(name);
    if (found !== undefined) return found;
    throw new FuserError("config", `The parameter :${name} is not known`, {
      code: "erp-parameter-unknown",
      operation: "bind the parameters of an SQL text",
      place,
      hint: "Correct its name, or define it under `vars:`.",
    });
  });
  return { text: template.text, values };
}

function invalid(place: string, why: string): FuserError {
  return new FuserError("config", `The SQL text can't be used: ${why}`, {
    code: "erp-sql-invalid",
    operation: "read an SQL text of the configuration",
    place,
    hint: "Correct the SQL text in the configuration.",
  });
}
