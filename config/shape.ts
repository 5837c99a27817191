/**
 * Runs the schema over a tree and tells all its faults at once. A faulty node is taken out or replaced by a stand-in and the schema runs again, so
 * that one fault hides no other, and the checks behind the schema see the rest of the file.
 */
import type * as z from "zod";
import { didYouMean, nearest } from "../base/nearest.ts";
import type { Fault, Place } from "./config.ts";
import type { Path, SourceText } from "./document.ts";
import { readComplaint, readKnownKeys, strangeBySecret } from "./fault-text.ts";
import { configFile, type FileNode } from "./schema.ts";

export interface Shape {
  /** Undefined when nothing usable is left. */
  file: FileNode | undefined;
  faults: readonly Fault[];
  place(path: Path): Place;
  /** True where a fault was already told of this node, or of one above or below it: a follow-up would only confuse. */
  broken(path: Path): boolean;
  /** True where an item or key directly below was taken out for its faults. */
  lost(path: Path): boolean;
}

type Issue = z.core.$ZodIssue;
type Trouble =
  | { kind: "unknown"; path: Path; key: string; known: readonly string[] }
  | { kind: "later"; path: Path; key: string; until: string }
  | { kind: "missing"; path: Path; key: string }
  | { kind: "wrong"; path: Path; message: string; remedy: string };

const rounds = 60;

/** What is put in place of a missing key so that the rest below the same parent can still be checked. */
const standIns: Readonly<Record<string, unknown>> = {
  agent: {},
  erp: {},
  sources: {},
  name: "stand-in",
  portal: "wss://stand-in.invalid",
  connector: "stand-in",
  timezone: "UTC",
  type: "property",
  key: ["stand-in"],
  fields: {},
  steps: [{ sql: "SELECT 1" }],
  result: { source: "stand-in", key: "stand-in" },
  read: {},
};

export function shapeOf(source: SourceText): Shape {
  const tree: unknown = structuredClone(source.tree);
  const faults: Fault[] = [];
  const prune = new Pruning(tree);
  const shape = {
    faults,
    place: (path: Path) => source.place(prune.original(path)),
    broken: (path: Path) => prune.broken(path),
    lost: (path: Path) => prune.lost(path),
  };
  if (typeof tree !== "object" || tree === null || Array.isArray(tree) || Object.keys(tree).length === 0) {
    faults.push({
      path: "",
      line: 1,
      message: "The file holds no configuration",
      remedy: "Begin with `agent:`, `erp:` and `sources:`, or run `erpfuser init`.",
    });
    return { ...shape, file: undefined };
  }
  for (let round = 0; round < rounds; round++) {
    const result = configFile.safeParse(tree);
    if (result.success) return { ...shape, file: result.data };
    const troubles = sorted(result.error.issues.flatMap((issue) => troublesOf(issue, tree, [])));
    for (const { trouble, follows } of troubles)
      if (!follows && !prune.told(trouble))
        faults.push({ ...source.place(prune.original(shownPlaceOf(trouble))), ...textOf(trouble) });
    for (const { trouble } of troubles) prune.repair(trouble);
    prune.settle();
  }
  return { ...shape, file: undefined };
}

/** Faults with whether one only follows from another one of the same object: the name that is missing is the one that was misspelt. */
function sorted(troubles: readonly Trouble[]): { trouble: Trouble; follows: boolean }[] {
  const same = (a: Path, b: Path): boolean => JSON.stringify(a) === JSON.stringify(b);
  return troubles.map((trouble) => {
    if (trouble.kind === "later" || trouble.kind === "wrong") return { trouble, follows: false };
    const siblings = troubles.filter((other) => other !== trouble && same(other.path, trouble.path));
    const later = siblings.some((other) => other.kind === "later");
    return { trouble, follows: later || (trouble.kind === "missing" && isMisspelt(trouble, siblings)) };
  });
}

/** True where one of the others is an unknown key that was probably meant to be this one. */
function isMisspelt(missing: Trouble & { kind: "missing" }, others: readonly Trouble[]): boolean {
  const here = JSON.stringify(missing.path);
  return others.some(
    (other) => other.kind === "unknown" && JSON.stringify(other.path) === here && nearest(other.key, [missing.key]) !== undefined,
  );
}

const placeOf = (trouble: Trouble): Path => (trouble.kind === "wrong" ? trouble.path : [...trouble.path, trouble.key]);

/** Where only the name of a secret may stand, a strange key may be the secret itself: it is not repeated. */
const mayBeSecret = (trouble: Trouble): boolean =>
  trouble.kind === "unknown" && trouble.known.length === 1 && trouble.known[0] === "secret";

const shownPlaceOf = (trouble: Trouble): Path => (mayBeSecret(trouble) ? trouble.path : placeOf(trouble));

function textOf(trouble: Trouble): { message: string; remedy: string } {
  switch (trouble.kind) {
    case "unknown":
      if (mayBeSecret(trouble)) return { message: strangeBySecret[0], remedy: strangeBySecret[1] };
      return { message: `\`${trouble.key.slice(0, 60)}\` is not known here`, remedy: didYouMean(trouble.key, trouble.known) };
    case "later":
      return { message: `\`${trouble.key}\` is not supported yet by this version`, remedy: trouble.until };
    case "missing":
      return { message: `\`${trouble.key}\` is missing`, remedy: `Add \`${trouble.key}: …\`.` };
    case "wrong": {
      const name = trouble.path.at(-1);
      if (trouble.message.startsWith("`")) return { message: trouble.message, remedy: trouble.remedy };
      const subject = typeof name === "string" ? `\`${name.slice(0, 60)}\`` : "The item";
      return { message: `${subject} ${trouble.message}`, remedy: trouble.remedy };
    }
  }
}

function valueAt(tree: unknown, path: Path): unknown {
  let node = tree;
  for (const part of path) {
    if (typeof node !== "object" || node === null || !Object.hasOwn(node, part)) return undefined;
    node = (node as Record<string | number, unknown>)[part];
  }
  return node;
}

function troublesOf(issue: Issue, tree: unknown, above: Path): Trouble[] {
  const path: Path = [...above, ...(issue.path as (string | number)[])];
  if (issue.code === "unrecognized_keys") {
    const { known, later } = readKnownKeys(issue.message);
    return issue.keys.map((key) => {
      const until = Object.hasOwn(later, key) ? later[key] : undefined;
      return until === undefined ? { kind: "unknown", path, key, known } : { kind: "later", path, key, until };
    });
  }
  const key = path.at(-1);
  if (typeof key === "string" && valueAt(tree, path) === undefined) return [{ kind: "missing", path: path.slice(0, -1), key }];
  if (issue.code === "invalid_union") {
    const options = issue.errors.map((option) => option.flatMap((inner) => troublesOf(inner, tree, path)));
    const isText = typeof valueAt(tree, path) === "string";
    const costs = issue.errors.map((option, index) => cost(option, { troubles: options[index] as Trouble[], isText }));
    const best = costs.indexOf(Math.min(...costs));
    const told = options[best] ?? [];
    const strange = told.filter((trouble) => trouble.kind === "unknown" && trouble.path.length === path.length).length;
    const given = Object.keys((valueAt(tree, path) as object | undefined) ?? {}).length;
    const misspelt = told.some((trouble) => trouble.kind === "missing" && isMisspelt(trouble, told));
    // Where no key fits any form, the forms are what to tell.
    const fits = isText || strange === 0 || strange < given || misspelt;
    if ((costs[best] ?? mismatch) < mismatch && fits) return told;
  }
  return [{ kind: "wrong", path, ...readComplaint(issue.message) }];
}

const mismatch = 1_000;

/** How far a value is from one of several forms: the nearest form's faults are the ones to tell. */
function cost(issues: readonly Issue[], { troubles, isText }: { troubles: readonly Trouble[]; isText: boolean }): number {
  let sum = 0;
  for (const issue of issues) {
    const wrongKind = issue.code === "invalid_type" || (issue.code === "invalid_value" && !isText);
    if (issue.path.length === 0 && wrongKind) sum += mismatch;
    if (issue.code === "invalid_key") sum += 20;
  }
  for (const trouble of troubles) {
    if (trouble.kind === "missing") sum += isMisspelt(trouble, troubles) ? 0 : 5;
    else sum += trouble.kind === "unknown" ? 3 : 1;
  }
  return sum;
}

/** The tree while it is mended: remembers what was taken out, and where list items stood. */
class Pruning {
  readonly #tree: unknown;
  readonly #broken: Path[] = [];
  readonly #stoodIn = new Set<string>();
  readonly #positions = new WeakMap<object, number[]>();
  readonly #lost = new Map<unknown[], { path: Path; indexes: Set<number> }>();
  readonly #empty: Path[] = [];

  constructor(tree: unknown) {
    this.#tree = tree;
  }

  broken(path: Path): boolean {
    const at = this.original(path);
    return this.#broken.some((other) => {
      const shared = Math.min(at.length, other.length);
      return at.slice(0, shared).every((part, index) => part === other[index]);
    });
  }

  /** True where an item or key directly below was taken out. */
  lost(path: Path): boolean {
    const at = this.original(path);
    return this.#broken.some((other) => other.length === at.length + 1 && at.every((part, index) => part === other[index]));
  }

  /** True when the trouble only follows from one that was told before. */
  told(trouble: Trouble): boolean {
    const at = this.original(placeOf(trouble));
    return this.#broken.some((other) => other.length <= at.length && other.every((part, index) => part === at[index]));
  }

  /** The path in the file of a node in the mended tree. */
  original(path: Path): Path {
    let node: unknown = this.#tree;
    return path.map((part) => {
      const positions = typeof node === "object" && node !== null ? this.#positions.get(node) : undefined;
      node = typeof node === "object" && node !== null ? (node as Record<string | number, unknown>)[part] : undefined;
      return typeof part === "number" ? (positions?.[part] ?? part) : part;
    });
  }

  repair(trouble: Trouble): void {
    const at = placeOf(trouble);
    this.#broken.push(this.original(at));
    if (trouble.kind !== "missing") {
      // A form of which only a later version knows leaves nothing to check.
      const isStep = trouble.kind === "later" && typeof trouble.path.at(-1) === "number";
      this.#remove(isStep ? trouble.path : at);
      if (isStep) this.#broken.push(this.original(trouble.path));
      return;
    }
    const parent = valueAt(this.#tree, trouble.path);
    const mark = JSON.stringify(this.original(at));
    if (Object.hasOwn(standIns, trouble.key) && !this.#stoodIn.has(mark) && typeof parent === "object" && parent !== null) {
      this.#stoodIn.add(mark);
      (parent as Record<string, unknown>)[trouble.key] = structuredClone(standIns[trouble.key]);
    } else {
      this.#broken.push(this.original(trouble.path));
      this.#remove(trouble.path);
    }
  }

  #remove(path: Path): void {
    const parent = valueAt(this.#tree, path.slice(0, -1));
    const key = path.at(-1);
    if (typeof parent !== "object" || parent === null || key === undefined) return;
    if (!Array.isArray(parent)) {
      delete (parent as Record<string, unknown>)[String(key)];
      return;
    }
    // Taken out at the end of the round: until then the paths of the other items stay right.
    this.#lost.set(parent, { path: path.slice(0, -1), indexes: (this.#lost.get(parent)?.indexes ?? new Set()).add(Number(key)) });
  }

  /** Ends a round: lost items leave their lists, and a list that is empty then leaves as well. */
  settle(): void {
    for (const [list, { path, indexes }] of this.#lost) {
      const positions = this.#positions.get(list) ?? list.map((_, index) => index);
      const kept = list.map((_, index) => index).filter((index) => !indexes.has(index));
      this.#positions.set(
        list,
        kept.map((index) => positions[index] ?? index),
      );
      list.splice(0, list.length, ...kept.map((index) => list[index]));
      if (list.length === 0) this.#empty.push(path);
    }
    this.#lost.clear();
    for (const path of this.#empty.splice(0)) this.#remove(path);
  }
}
