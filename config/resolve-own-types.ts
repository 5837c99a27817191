/** `ownTypes:` the customer's own types of entities, held against what the portal takes of them. */
import { didYouMean } from "../base/nearest.ts";
import { type Json, type Types, typeNames } from "../protocol/model.ts";
import {
  mostOwnText,
  mostOwnTypes,
  type OwnTypes,
  ownTypeFaults,
  ownTypeName,
  ownTypeSchema,
  typesWith,
} from "../protocol/own-types.ts";
import type { Path } from "./document.ts";
import type { Scene } from "./scene.ts";
import type { OwnTypeNode } from "./schema-own-types.ts";

export interface Known {
  ownTypes: OwnTypes;
  /** All that sources and commands may name. */
  types: Types;
}

type FieldNode = OwnTypeNode["properties"][string];

/** Which keys say something of a field of this type. */
const fitting: Readonly<Record<FieldNode["type"], readonly string[]>> = {
  string: ["maxLength", "format", "enum", "x-references"],
  integer: ["minimum", "maximum"],
  number: ["minimum", "maximum"],
  boolean: [],
  object: ["properties", "required", "format"],
  array: ["items", "maxItems"],
};

export function resolveOwnTypes(scene: Scene): Known {
  const declared = Object.entries(scene.file.ownTypes ?? {});
  const own: Record<string, OwnTypes[string]> = {};
  if (declared.length > mostOwnTypes)
    scene.fault(["ownTypes"], `There are more than ${mostOwnTypes} types`, "The portal takes no more of one agent.");
  for (const [name, node] of declared) {
    const path = ["ownTypes", name];
    if (!ownTypeName.safeParse(name).success) {
      scene.fault(
        path,
        "The name of a type of your own is `x-` and small letters, digits and `-`",
        "Choose another name, such as x-key.",
      );
      continue;
    }
    const before = scene.faults.length;
    for (const [field, inner] of Object.entries(node.properties)) checkField(scene, inner, [...path, "properties", field]);
    if (scene.faults.length > before) continue;
    const parsed = ownTypeSchema.safeParse({ type: "object", ...plain(node) });
    if (parsed.success) own[name] = parsed.data;
    else for (const issue of parsed.error.issues.slice(0, 10)) tellIssue(scene, path, issue);
  }
  if (JSON.stringify(own).length > mostOwnText)
    scene.fault(
      ["ownTypes"],
      `The declarations are longer than ${mostOwnText} characters of JSON`,
      "Declare fewer fields or values: long lists of values are better published as a catalog (`maps: … publish`).",
    );
  // A type at fault is known by its name, so that what is said of it is said once.
  const missing = new Set(declared.map(([name]) => name).filter((name) => !Object.hasOwn(own, name)));
  const told = ownTypeFaults(own).filter(({ message }) => ![...missing].some((name) => message.includes(`\`${name}\``)));
  for (const { type, path, message } of told)
    scene.fault(["ownTypes", type, ...path], `\`${path.at(-1) ?? type}\` ${message}`, remedyFor(message, Object.keys(own)));
  if (told.length > 0 || missing.size > 0 || declared.length > mostOwnTypes) return { ownTypes: own, types: typesWith({}) };
  return { ownTypes: own, types: typesWith(own) };
}

function remedyFor(message: string, own: readonly string[]): string {
  const target = /^refers to `(.*)`/.exec(message)?.[1];
  return target === undefined
    ? "Correct the declaration; see docs/configuration.md."
    : didYouMean(target, [...typeNames, ...own]);
}

function tellIssue(scene: Scene, path: Path, issue: { path: readonly PropertyKey[]; message: string }): void {
  const at = [...path, ...issue.path.map((part) => (typeof part === "symbol" ? String(part) : part))];
  scene.fault(at, `The declaration does not fit: ${issue.message}`, "See docs/configuration.md, `ownTypes`.");
}

function checkField(scene: Scene, node: FieldNode, path: Path): void {
  const { type } = node;
  for (const key of Object.keys(node)) {
    if (key === "type" || fitting[type].includes(key) || node[key as keyof FieldNode] === undefined) continue;
    const kinds = Object.entries(fitting).flatMap(([kind, known]) => (known.includes(key) ? [kind] : []));
    scene.fault([...path, key], `\`${key}\` says nothing of a field of type ${type}`, `It belongs to: ${kinds.join(", ")}.`);
  }
  const isMoney = node.format === "money";
  if (node.format !== undefined && isMoney !== (type === "object"))
    scene.fault(
      [...path, "format"],
      `A field of type ${type} has no format \`${node.format}\``,
      "`money` is an object, the others are texts.",
    );
  if (type === "object" && isMoney === (node.properties !== undefined))
    scene.fault(path, "An object has either `properties` or `format: money`", "Name its fields, or make it money.");
  if (type === "array" && node.items === undefined)
    scene.fault(path, "`items` is missing", "Say what each item holds: `items: { type: string }`.");
  for (const [name, inner] of Object.entries(node.properties ?? {}))
    checkField(scene, inner as FieldNode, [...path, "properties", name]);
  if (node.items !== undefined) checkField(scene, node.items as FieldNode, [...path, "items"]);
}

/** Without the keys that were not written. */
const plain = (node: OwnTypeNode): { [key: string]: Json } => JSON.parse(JSON.stringify(node)) as { [key: string]: Json };
