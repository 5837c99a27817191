/** What every part of the loader works in: the file's names, the places of its nodes, and the one list of faults. */
import type { Finding } from "../base/findings.ts";
import { didYouMean } from "../base/nearest.ts";
import { model, type Types } from "../protocol/model.ts";
import type { Expression, Fault, Place, SqlText } from "./config.ts";
import type { Path } from "./document.ts";
import { concatenation, syntaxError, templateParts } from "./expression.ts";
import type { FileNode } from "./schema.ts";
import type { Shape } from "./shape.ts";
import { parametersOf, type SqlFault, statementFault } from "./sql-text.ts";

export interface Scene {
  readonly file: FileNode;
  readonly faults: Fault[];
  readonly notes: Finding[];
  /** Names as written, those of faulty definitions included. */
  readonly names: { sources: readonly string[]; types: readonly string[]; maps: readonly string[]; vars: readonly string[] };
  /** The model's types and the customer's own. */
  readonly types: Types;
  place(path: Path): Place;
  broken(path: Path): boolean;
  lost(path: Path): boolean;
  fault(path: Path, message: string, remedy: string): void;
  /** Something the admin should know although it is right. */
  note(path: Path, code: string, message: string, remedy: string): void;
}

export function createScene(file: FileNode, shape: Shape, tree: unknown): Scene {
  const faults: Fault[] = [];
  const notes: Finding[] = [];
  const namesOf = (section: string): string[] =>
    Object.keys(((tree as Record<string, unknown>)[section] as object | undefined) ?? {});
  return {
    file,
    types: model,
    faults,
    notes,
    names: { sources: namesOf("sources"), types: namesOf("types"), maps: namesOf("maps"), vars: namesOf("vars") },
    place: shape.place,
    broken: shape.broken,
    lost: shape.lost,
    fault(path, message, remedy) {
      faults.push({ ...shape.place(path), message, remedy });
    },
    note(path, code, message, remedy) {
      const { path: at, line } = shape.place(path);
      notes.push({ severity: "info", code, place: `${at} (line ${line})`, message, remedy });
    },
  };
}

/** True when `name` is one of `known`; otherwise a fault that names the nearest. */
export function knownName(
  scene: Scene,
  path: Path,
  what: string,
  { name, known }: { name: string; known: readonly string[] },
): boolean {
  if (known.includes(name)) return true;
  scene.fault(path, `There is no ${what} \`${name.slice(0, 60)}\``, didYouMean(name, known));
  return false;
}

/** True when a text holds `${`. */
export const hasExpression = (text: string): boolean => text.includes("${");

/** A text that is one `${...}`: the expression. Faults are told; an expression comes back in any case, so that the work goes on. */
export function expressionOf(scene: Scene, path: Path, text: string): Expression {
  const parts = templateParts(text);
  const [only] = parts ?? [];
  if (parts === undefined)
    scene.fault(path, "An expression is not closed", "Close it with `}`, and put the whole text in double quotes.");
  else if (parts.length !== 1 || only?.kind !== "cel")
    scene.fault(
      path,
      "Only a whole text can be an expression here",
      'Write "${…}" around all of it; texts are joined with +, as in "${NAME1 + \' \' + NAME2}".',
    );
  else return checkedCel(scene, path, only.cel);
  return { cel: "''", at: scene.place(path) };
}

/** A text with `${...}` in it, joined to one expression. */
export function templateOf(scene: Scene, path: Path, text: string): Expression {
  const parts = templateParts(text);
  if (parts === undefined) return expressionOf(scene, path, text);
  for (const part of parts) if (part.kind === "cel" && parts.length > 1) checkedCel(scene, path, part.cel);
  return parts.length > 1 ? { cel: concatenation(parts), at: scene.place(path) } : expressionOf(scene, path, text);
}

function checkedCel(scene: Scene, path: Path, cel: string): Expression {
  const error = syntaxError(cel);
  if (error) {
    scene.fault(
      path,
      `The expression can't be read at position ${error.position} of \`${cel.slice(0, 80)}\`: ${error.message}`,
      "Correct the expression (CEL: texts in single quotes, == to compare, && and || to join).",
    );
  } else checkVars(scene, path, cel);
  return { cel, at: scene.place(path) };
}

/** Variables that an expression names must exist; texts in it don't count. */
function checkVars(scene: Scene, path: Path, cel: string): void {
  const code = cel.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, "''");
  for (const match of code.matchAll(/(?<![\w.])vars\.(\w+)/g))
    knownName(scene, path, "variable", { name: match[1] as string, known: scene.names.vars });
}

/** `when` or `owner` of a nested object: the schema takes any value there, since it knows no names of fields. */
export function textPart(scene: Scene, path: Path, value: unknown): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  scene.fault(path, `\`${path.at(-1)}\` must be one text`, "Write a single value here, no list and no nested keys.");
  return undefined;
}

/** The condition of `when:` or `sign:`. */
export function conditionOf(scene: Scene, path: Path, text: string | undefined): Expression | undefined {
  if (text === undefined) return undefined;
  if (hasExpression(text)) return expressionOf(scene, path, text);
  scene.fault(path, `\`${path.at(-1)}\` must be an expression`, `Write it as "\${…}", for example "\${!empty(NAME2)}".`);
  return undefined;
}

const identifier = /^[A-Za-z_][A-Za-z0-9_$]*$/;

/** What may stand within quotes of any database: words with single blanks between, such as a company of Dynamics NAV in its table names (`CRONUS International Ltd_`). */
const quotable = /^[\p{L}\p{N}_$&+,!#@-]+(?: [\p{L}\p{N}_$&+,!#@-]+)*$/u;

/** Whether the SQL up to a place has opened a quote of an identifier and not closed it. */
const inQuotes = (before: string): boolean =>
  /["`[][^"`\]]*$/.test(before.replace(/'(?:[^']|'')*'|"[^"]*"|`[^`]*`|\[[^\]]*\]/g, ""));

/**
 * Replaces `${vars.x}` once, at load; the value must be an identifier since it becomes part of the SQL's text (mapping.md, rule 2). Within quotes, or where the
 * agent quotes all of it (`isName`), it may be a name of several words.
 */
function replaceVars(scene: Scene, path: Path, text: string, isName = false): string {
  return text.replace(/\$\{([^}]*)\}/g, (_, inside: string, offset: number) => {
    const name = /^\s*vars\.(\w+)\s*$/.exec(inside)?.[1];
    if (name === undefined) {
      scene.fault(
        path,
        "Only `${vars.name}` can stand in SQL",
        "Use a parameter for a value: `:row.COLUMN`, `:vars.name` or `:command.id`.",
      );
      return "x";
    }
    if (!knownName(scene, path, "variable", { name, known: scene.names.vars })) return "x";
    const value = scene.file.vars[name];
    if (value === undefined || identifier.test(value)) return value ?? "x";
    if (quotable.test(value) && (isName || inQuotes(text.slice(0, offset)))) return value;
    scene.fault(
      path,
      `\`vars.${name}\` is no identifier and can't become part of SQL`,
      `As a value it is the parameter \`:vars.${name}\`.`,
    );
    return "x";
  });
}

/** Where parameters may come from: `vars.` and what `known` says for the other origins (true: any name). */
export type Origins = Readonly<Record<string, readonly string[] | true>>;

/** SQL of the configuration, its variables replaced and its parameters checked. */
export function sqlOf(
  scene: Scene,
  path: Path,
  text: string,
  { origins = {}, rule }: { origins?: Origins; rule?: (sql: string) => SqlFault | undefined },
): SqlText {
  const sql = replaceVars(scene, path, text).trim();
  const fault = statementFault(sql) ?? rule?.(sql);
  if (fault) scene.fault(path, `The SQL ${fault.message}`, fault.remedy);
  const allowed: Origins = { vars: scene.names.vars, ...origins };
  for (const parameter of parametersOf(sql)) {
    const [origin = "", name] = parameter.split(".", 2);
    const names = Object.hasOwn(allowed, origin) ? allowed[origin] : undefined;
    if (names === undefined || name === undefined) {
      const known = Object.keys(allowed).map((known) => `:${known}.…`);
      scene.fault(path, `\`:${parameter}\` is no parameter here`, `Known: ${known.join(", ")}.`);
    } else if (names !== true) knownName(scene, path, `parameter :${origin}.`, { name, known: names });
  }
  return { sql, at: scene.place(path) };
}

/** A table's name with its variables replaced. */
export function tableOf(scene: Scene, path: Path, text: string): string {
  const name = replaceVars(scene, path, text, true).trim();
  if (/^[^\s;'"()]+(?: [^\s;'"()]+)*$/.test(name)) return name;
  scene.fault(
    path,
    "is no name of a table",
    "Write the table's name alone, with its schema before a dot; a SELECT belongs in `query:`.",
  );
  return name;
}
