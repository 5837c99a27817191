/** Turns the written forms of a value into the one form of config.ts, and holds each against the model. */

import { didYouMean } from "../base/nearest.ts";
import { type Json, typeNamed } from "../protocol/model.ts";
import type { KeyPart, ListItem, Read } from "./config.ts";
import type { Path } from "./document.ts";
import {
  constantFor,
  type Expected,
  elementOf,
  fieldOf,
  fieldsOf,
  kindOf,
  referencedTypes,
  requiredFields,
} from "./model-shape.ts";
import { lookupOf } from "./resolve-lookup.ts";
import { conditionOf, expressionOf, hasExpression, knownName, type Scene, sqlOf, textPart } from "./scene.ts";
import {
  type ConstantNode,
  type DateTimeNode,
  type FromNode,
  type KeyPartNode,
  listSteps,
  type ReadNode,
  type RefNode,
  type RowsNode,
} from "./schema-read.ts";
import { selectFault } from "./sql-text.ts";

/** Where a value stands, and what the model wants there. */
interface At {
  path: Path;
  expected: Expected;
}

export const many = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? (value as readonly T[]) : [value as T]);

/** Path of one of several: the list may be written as a single value. */
export const nth = (path: Path, value: unknown, index: number): Path => (Array.isArray(value) ? [...path, index] : path);

export function resolveRead(scene: Scene, node: ReadNode, { path, expected }: At): Read {
  if (typeof node === "string") return resolveText(scene, node, { path, expected });
  if (Array.isArray(node)) return resolveList(scene, node, { path, expected });
  if ("from" in node) return resolveFrom(scene, node as unknown as FromNode, { path, expected });
  if ("ref" in node) return resolveRef(scene, node as unknown as RefNode, { path, expected });
  if ("date" in node) return resolveDateTime(scene, node as unknown as DateTimeNode, { path, expected });
  if ("rows" in node) return resolveRows(scene, node as unknown as RowsNode, { path, expected });
  if ("oneOf" in node) return resolveOneOf(scene, node.oneOf as readonly ReadNode[], { path: [...path, "oneOf"], expected });
  if ("value" in node) return resolveConstant(scene, node.value as ConstantNode, { path: [...path, "value"], expected });
  if ("empty" in node) return resolveEmpty(scene, { path, expected });
  if ("object" in node)
    return resolveObject(scene, node.object as Record<string, ReadNode>, { path: [...path, "object"], expected });
  return resolveObject(scene, node as Record<string, ReadNode>, { path, expected });
}

function resolveText(scene: Scene, text: string, { path, expected }: At): Read {
  if (hasExpression(text)) return { kind: "expression", expression: expressionOf(scene, path, text), at: scene.place(path) };
  wantsValue(scene, { path, expected });
  return { kind: "column", column: text, at: scene.place(path) };
}

/** A single column can't fill a list, an object or a reference. */
function wantsValue(scene: Scene, { path, expected }: At): void {
  const kind = kindOf(expected);
  const types = referencedTypes(expected);
  if (types)
    scene.fault(
      path,
      `A reference to ${types.join(" or ")} is wanted here, not a column`,
      "Write `{ ref: SOURCE, key: [COLUMN, …] }`.",
    );
  else if (kind === "list")
    scene.fault(path, "A list is wanted here, not a column", "Write `[COLUMN]`, or `{ rows: SELECT …, item: … }`.");
  else if (kind === "object") {
    const fields = Object.keys(fieldsOf(expected) ?? {});
    scene.fault(
      path,
      "An object is wanted here, not a column",
      fields.length > 0
        ? `Write \`{ ${fields[0]}: COLUMN, … }\` with the fields: ${fields.join(", ")}.`
        : "Write `{ name: COLUMN, … }`.",
    );
  }
}

function resolveList(scene: Scene, nodes: readonly ReadNode[], { path, expected }: At): Read {
  if (kindOf(expected) !== "list" && kindOf(expected) !== "unknown")
    scene.fault(path, "No list is wanted here", "Write a single value, without `[ ]` and `- `.");
  return { kind: "list", items: resolveItems(scene, nodes, { path, expected: elementOf(expected) }), at: scene.place(path) };
}

/** Items of a list, or of `oneOf`, each with its `when`. */
function resolveItems(scene: Scene, nodes: readonly ReadNode[], { path, expected }: At): readonly ListItem[] {
  return nodes.map((node, index): ListItem => {
    const at = [...path, index];
    if (typeof node === "string" || Array.isArray(node))
      return { when: undefined, read: resolveRead(scene, node, { path: at, expected }) };
    const { when, ...rest } = node;
    return {
      when: conditionOf(scene, [...at, "when"], textPart(scene, [...at, "when"], when)),
      read: resolveRead(scene, rest, { path: at, expected }),
    };
  });
}

/** What stands behind an item without `when` is never taken. */
function resolveOneOf(scene: Scene, nodes: readonly ReadNode[], { path, expected }: At): Read {
  const items = resolveItems(scene, nodes, { path, expected });
  const last = items.findIndex(({ when }, index) => when === undefined && !scene.broken([...path, index]));
  if (last >= 0 && last < items.length - 1)
    scene.fault([...path, last], "The items behind this one are never taken", "Give it a `when`, or move it to the end.");
  return { kind: "oneOf", items, at: scene.place(path) };
}

function resolveFrom(scene: Scene, node: FromNode, { path, expected }: At): Read {
  const steps = node.do === undefined ? [] : many(node.do);
  const makesList = steps.some((step) => listSteps.includes(step));
  if (node.currency === undefined && !makesList) wantsValue(scene, { path, expected });
  if (makesList && node.lookup !== undefined)
    scene.fault([...path, "do"], "A single value is looked up, not a list", `Leave out: ${listSteps.join(", ")}.`);
  if (makesList && kindOf(expected) !== "list" && kindOf(expected) !== "unknown")
    scene.fault([...path, "do"], "This makes a list, and a single value is wanted here", `Leave out: ${listSteps.join(", ")}.`);
  if (node.currency !== undefined && expected !== undefined && fieldOf(expected, "currency") === undefined)
    scene.fault([...path, "currency"], "No money is wanted here", "Leave `currency` out.");
  if (hasExpression(node.from))
    scene.fault([...path, "from"], "`from` must be a column", "Write an expression without `{ from: … }` around it.");
  if (node.as !== undefined) knownName(scene, [...path, "as"], "type", { name: node.as, known: scene.names.types });
  for (const option of ["sign", "round"] as const)
    if (node[option] !== undefined && (node.as !== undefined || node.map !== undefined || makesList))
      scene.fault([...path, option], `\`${option}\` is for numbers`, "Leave out `as`, `map` and steps that make a list.");
  if (node.shift !== undefined && node.as === undefined)
    scene.fault([...path, "shift"], "Only a date can be shifted", "Name the date's format with `as`.");
  if (node.map !== undefined && knownName(scene, [...path, "map"], "map", { name: node.map, known: scene.names.maps }))
    checkMapValues(scene, node.map, { path: [...path, "map"], expected });
  let fallback: Json | undefined;
  if (node.default !== undefined) {
    const made = constantFor(node.default, node.currency === undefined && !makesList ? expected : undefined);
    if ("reason" in made) scene.fault([...path, "default"], "The model does not take this default", made.reason);
    else fallback = made.value;
  }
  return {
    kind: "from",
    column: node.from,
    do: steps,
    as: node.as,
    map: node.map,
    lookup: lookupOf(scene, node, path),
    shiftDays: node.shift ?? 0,
    sign: conditionOf(scene, [...path, "sign"], node.sign),
    round: node.round,
    currency: node.currency,
    default: fallback,
    at: scene.place(path),
  };
}

/** Every value that a code map can give must be one that the model takes. */
function checkMapValues(scene: Scene, name: string, { path, expected }: At): void {
  const map = Object.hasOwn(scene.file.maps, name) ? scene.file.maps[name] : undefined;
  if (map === undefined || expected === undefined) return;
  const values = [...Object.values(map.read), ...(typeof map.unknown === "string" ? [] : [map.unknown.value])];
  for (const value of new Set(values)) {
    const made = constantFor(value, expected);
    if ("reason" in made)
      scene.fault(path, `Map \`${name}\` gives \`${value.slice(0, 60)}\`, which the model does not take here`, made.reason);
  }
}

function resolveRef(scene: Scene, node: RefNode, { path, expected }: At): Read {
  const types = referencedTypes(expected);
  const isId = expected === undefined || types !== undefined || path.at(-1) === "id";
  if (!isId) scene.fault(path, "No reference is wanted here", "Write a column or another form.");
  if (knownName(scene, [...path, "ref"], "source", { name: node.ref, known: scene.names.sources }))
    checkTarget(scene, node, { path, types });
  const key = many(node.key).map((part, index) => resolveKeyPart(scene, part, nth([...path, "key"], node.key, index)));
  return { kind: "ref", source: node.ref, key, missing: node.missing, at: scene.place(path) };
}

function checkTarget(scene: Scene, node: RefNode, { path, types }: { path: Path; types: readonly string[] | undefined }): void {
  const target = Object.hasOwn(scene.file.sources, node.ref) ? scene.file.sources[node.ref] : undefined;
  if (target === undefined) return;
  // A type that does not exist is told where it stands.
  const typed = typeNamed(scene.types, target.type) !== undefined;
  if (types && typed && !types.includes(target.type) && !scene.broken(["sources", node.ref, "type"]))
    scene.fault(
      [...path, "ref"],
      `Source \`${node.ref}\` is of type ${target.type}, and ${types.join(" or ")} is wanted here`,
      didYouMean(
        node.ref,
        scene.names.sources.filter((name) => types.includes(scene.file.sources[name]?.type ?? "")),
      ),
    );
  const wanted = many(target.key);
  const given = many(node.key).length;
  if (given !== wanted.length && !scene.broken(["sources", node.ref, "key"]) && !scene.broken([...path, "key"]))
    scene.fault(
      [...path, "key"],
      `The key has ${given} of ${wanted.length} parts`,
      `The key of \`${node.ref}\` is: ${wanted.join(", ")}.`,
    );
}

function resolveKeyPart(scene: Scene, node: KeyPartNode, path: Path): KeyPart {
  if (typeof node !== "string" && "value" in node) return { kind: "constant", value: node.value };
  if (typeof node !== "string") {
    const lookup = lookupOf(scene, node, path) ?? { name: "", take: undefined, missing: "hold" };
    return { kind: "lookup", column: node.from, lookup, at: scene.place(path) };
  }
  if (hasExpression(node)) return { kind: "expression", expression: expressionOf(scene, path, node) };
  return { kind: "column", column: node, at: scene.place(path) };
}

function resolveDateTime(scene: Scene, node: DateTimeNode, { path, expected }: At): Read {
  wantsValue(scene, { path, expected });
  const [date = "", time = "", ...more] = node.as;
  if ((node.as.length < 2 || more.length > 0) && !scene.broken([...path, "as"]))
    scene.fault(
      [...path, "as"],
      "Two formats are wanted: of the date and of the time",
      "Write `as: [ymd, hms]` with names of `types`.",
    );
  for (const [index, name] of [date, time].entries())
    if (name !== "") knownName(scene, [...path, "as", index], "type", { name, known: scene.names.types });
  return { kind: "dateTime", date: node.date, time: node.time, as: [date, time], at: scene.place(path) };
}

function resolveRows(scene: Scene, node: RowsNode, { path, expected }: At): Read {
  const query = sqlOf(scene, [...path, "rows"], node.rows, { origins: { row: true }, rule: selectFault });
  const kind = kindOf(expected);
  if ((node.join === undefined) === (node.item === undefined))
    scene.fault(path, "Child rows need either `join` or `item`", 'Write `join: "\\n"` for one text, or `item: …` for a list.');
  else if (node.join !== undefined && kind !== "value" && kind !== "unknown")
    scene.fault([...path, "join"], `A ${kind} is wanted here, not a text`, "Write `item: …` in place of `join`.");
  else if (node.item !== undefined && kind !== "list" && kind !== "unknown")
    scene.fault([...path, "item"], "No list is wanted here", 'Write `join: "\\n"` in place of `item`.');
  const item =
    node.item === undefined
      ? undefined
      : resolveRead(scene, node.item, { path: [...path, "item"], expected: elementOf(expected) });
  return { kind: "rows", query, join: node.join, item, at: scene.place(path) };
}

function resolveConstant(scene: Scene, node: ConstantNode, { path, expected }: At): Read {
  const at = scene.place(path);
  if (typeof node === "string" && hasExpression(node)) {
    scene.fault(path, "An expression stands where a constant is said", "Write the expression without `{ value: … }` around it.");
    return { kind: "constant", value: "", at };
  }
  const types = referencedTypes(expected);
  if (types) {
    scene.fault(
      path,
      `A reference to ${types.join(" or ")} is wanted here, not a constant`,
      "Write `{ ref: SOURCE, key: [{ value: … }] }`.",
    );
    return { kind: "constant", value: "", at };
  }
  const made = constantFor(node, expected);
  if ("reason" in made) {
    const shown = typeof node === "string" ? `\`${node.slice(0, 60)}\`` : "this constant";
    scene.fault(path, `The model does not take ${shown} here`, made.reason);
    return { kind: "constant", value: "", at };
  }
  return { kind: "constant", value: made.value, at };
}

/** Null in every row: what a type must say and this ERP does not know, such as the end of a purchase. */
function resolveEmpty(scene: Scene, { path, expected }: At): Read {
  if (expected !== undefined && !expected.safeParse(null).success)
    scene.fault(path, "The model does not take an empty value here", "Write a column, a constant or an expression.");
  return { kind: "constant", value: null, at: scene.place(path) };
}

function resolveObject(scene: Scene, node: Record<string, ReadNode>, { path, expected }: At): Read {
  const kind = kindOf(expected);
  if (kind === "list" || kind === "value") {
    const options = ["from", "ref", "date", "rows", "value", "oneOf", "as", "map", "do"];
    const names = Object.keys(node);
    const meant = names.find((name) => options.includes(name)) ?? names[0] ?? "";
    scene.fault(
      path,
      kind === "list" ? "A list is wanted here, not an object" : "A single value is wanted here, not an object",
      kind === "list" ? "Put `- ` before each object of the list." : `\`${meant.slice(0, 60)}\`: ${didYouMean(meant, options)}`,
    );
    return { kind: "object", fields: {}, at: scene.place(path) };
  }
  checkFields(scene, Object.keys(node), { path, expected });
  const fields = Object.entries(node).map(([name, inner]): [string, Read] => [
    name,
    resolveRead(scene, inner, { path: [...path, name], expected: fieldOf(expected, name) }),
  ]);
  return { kind: "object", fields: Object.fromEntries(fields), at: scene.place(path) };
}

/** Only fields that the model has, and all that it must have. */
export function checkFields(scene: Scene, given: readonly string[], { path, expected }: At): void {
  const fields = fieldsOf(expected);
  if (fields === undefined) return;
  const unknown = given.filter((name) => !Object.hasOwn(fields, name));
  for (const name of unknown) {
    const conditional = name === "when" || name === "owner";
    scene.fault(
      [...path, name],
      `The model has no field \`${name.slice(0, 60)}\` here`,
      conditional
        ? `\`${name}\` can stand at a field${name === "when" ? " and at an item of a list" : ""} only.`
        : didYouMean(name, Object.keys(fields)),
    );
  }
  for (const name of requiredFields(expected)) {
    if (given.includes(name) || scene.broken([...path, name])) continue;
    scene.fault(path, `The model needs the field \`${name}\` here`, `Add \`${name}: …\`.`);
  }
}
