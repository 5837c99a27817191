/** The configuration's text as a tree of texts, lists and keys, and where each of its nodes stands. */
import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLError } from "yaml";
import type { Fault, Place } from "./config.ts";

/** Names and list indexes from the top. */
export type Path = readonly (string | number)[];

export interface SourceText {
  /** Texts, arrays and plain objects only; undefined when the file could not be read as YAML at all. */
  tree: unknown;
  faults: readonly Fault[];
  /** Line of the node, or of the nearest one above it that stands in the file. */
  place(path: Path): Place;
  /** Whether the node itself stands in the file. */
  holds(path: Path): boolean;
}

const most = { characters: 4_000_000, nodes: 200_000, depth: 60 };

/** A path as people write it: `sources.tickets.touchedBy[0].table`. */
export function pathText(path: Path): string {
  let out = "";
  for (const part of path) out += typeof part === "number" ? `[${part}]` : out === "" ? part : `.${part}`;
  return out;
}

/** Reads YAML with the failsafe schema: every scalar stays the text that was written (mapping.md, rule 3). Never throws for a text. */
export function readDocument(text: string): SourceText {
  const lines = new LineCounter();
  const faults: Fault[] = [];
  const placed = new Map<string, number>();
  const place = (path: Path): Place => {
    for (let length = path.length; length >= 0; length--) {
      const line = placed.get(JSON.stringify(path.slice(0, length)));
      if (line !== undefined) return { path: pathText(path), line };
    }
    return { path: pathText(path), line: 1 };
  };
  const holds = (path: Path): boolean => placed.has(JSON.stringify(path));
  const fault = (at: Place, message: string, remedy: string): void => {
    faults.push({ ...at, message, remedy });
  };
  if (text.length > most.characters) {
    fault({ path: "", line: 1 }, "The file is too large", `Keep it under ${most.characters} characters.`);
    return { tree: undefined, faults, place, holds };
  }
  try {
    const document = parseDocument(text, { schema: "failsafe", lineCounter: lines, prettyErrors: false, logLevel: "error" });
    for (const error of [...document.errors, ...document.warnings]) faults.push(syntaxFault(error, text, lines));
    if (faults.some((found) => found.message !== duplicate)) return { tree: undefined, faults, place, holds };
    const tree = treeOf(document, { lines, placed, fault });
    // What was cut off would only bring faults of its own.
    return { tree: faults.some((found) => found.message === tooLarge) ? undefined : tree, faults, place, holds };
  } catch (error) {
    // The parser recurses: a text of many thousand open brackets ends its stack.
    if (!(error instanceof RangeError)) throw error;
    fault({ path: "", line: 1 }, "The file nests too deeply", `Nest at most ${most.depth} levels.`);
    return { tree: undefined, faults, place, holds };
  }
}

interface Walk {
  lines: LineCounter;
  placed: Map<string, number>;
  fault(at: Place, message: string, remedy: string): void;
}

function treeOf(document: ReturnType<typeof parseDocument>, { lines, placed, fault }: Walk): unknown {
  let nodes = 0;
  const targets = new Map<Alias, unknown>();
  const lineAt = (node: unknown, otherwise: number): number => {
    const start = (node as { range?: readonly number[] | null } | null)?.range?.[0];
    return start === undefined ? otherwise : Math.max(1, lines.linePos(start).line);
  };
  /** `line` is that of the key, which is where people look. */
  const visit = (node: unknown, path: Path, line: number): unknown => {
    placed.set(JSON.stringify(path), line);
    nodes += 1;
    if (nodes > most.nodes || path.length > most.depth) {
      if (nodes <= most.nodes || nodes === most.nodes + 1)
        fault({ path: pathText(path.slice(0, 5)), line }, tooLarge, "Write out less by anchors and aliases.");
      nodes = most.nodes + 1;
      return "";
    }
    if (isAlias(node)) {
      // Each search walks the whole document, and an alias within an aliased list is met again and again.
      if (!targets.has(node)) targets.set(node, node.resolve(document));
      const target = targets.get(node);
      if (target === undefined) fault({ path: pathText(path), line }, ...noAnchor);
      return visit(target, path, line);
    }
    if (isScalar(node)) return typeof node.value === "string" ? node.value : "";
    if (isSeq(node)) return node.items.map((item, index) => visit(item, [...path, index], lineAt(item, line)));
    if (!isMap(node)) return "";
    const entries: [string, unknown][] = [];
    for (const { key, value } of node.items) {
      const at = lineAt(key, line);
      if (!isScalar(key) || typeof key.value !== "string")
        fault({ path: pathText(path), line: at }, "A key must be one plain text", "Put quotes around the key.");
      else if (key.value === "__proto__")
        fault({ path: pathText(path), line: at }, "`__proto__` can't be a key", "Choose another name.");
      else entries.push([key.value, visit(value, [...path, key.value], at)]);
    }
    return Object.fromEntries(entries);
  };
  return visit(document.contents, [], 1);
}

const tooLarge = "The file is too large or nests too deeply";
const noAnchor = ["An alias (`*name`) has no anchor", "Define the anchor (`&name`) before, or put the text in quotes."] as const;
const duplicate = "The key stands here a second time";

/**
 * Texts are our own: those of the parser can quote what stands in the file, and that may be a password.
 */
const syntax: Readonly<Record<string, readonly [message: string, remedy: string]>> = {
  DUPLICATE_KEY: [duplicate, "Remove one of the two, or give it another name."],
  TAB_AS_INDENT: ["A tab stands where spaces must", "Indent with spaces."],
  BAD_INDENT: [
    "The indentation does not fit",
    "Align the keys of one level exactly under each other, and close every bracket and quote before them.",
  ],
  BLOCK_AS_IMPLICIT_KEY: [
    "A second `key: value` stands on one line",
    "Put it on its own line, or in quotes if it is text with a colon.",
  ],
  MULTILINE_IMPLICIT_KEY: ["A key runs over several lines", "Look for a missing colon or a quote that is not closed."],
  MISSING_CHAR: ["A quote, bracket, comma or colon is missing", "Look at this line and the one before it."],
  BAD_ALIAS: noAnchor,
  BAD_SCALAR_START: ["A text starts with a character that YAML reserves", "Put the text in quotes."],
  BAD_DQ_ESCAPE: ["A double-quoted text holds an unknown escape", "Double the backslash, or use single quotes."],
  MULTIPLE_DOCS: ["The file holds a second document (`---`)", "Keep one document in the file."],
  TAG_RESOLVE_FAILED: ["A tag (`!name`) is not known", "Remove the tag, or put the text in quotes."],
};

function syntaxFault(error: YAMLError, text: string, lines: LineCounter): Fault {
  const known = syntax[error.code];
  // Positions behind the end belong to the last line.
  const line = Math.max(1, lines.linePos(Math.min(error.pos[0], text.length)).line);
  const name = error.code === "DUPLICATE_KEY" ? /^[\w.-]{1,60}/.exec(text.slice(error.pos[0])) : null;
  return {
    path: name?.[0] ?? "",
    line,
    message: known?.[0] ?? "This is not valid YAML",
    remedy: known?.[1] ?? "Check colons, quotes, brackets and indentation of this line and the one before.",
  };
}
