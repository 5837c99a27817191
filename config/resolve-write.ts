/** Turns the written forms of a value for the ERP into the one form of config.ts. Plain text is a constant here. */
import type { CharacterRule, Write, Writes } from "./config.ts";
import type { Path } from "./document.ts";
import { sharedValues } from "./resolve-dictionaries.ts";
import { writtenLookupOf } from "./resolve-lookup.ts";
import { hasExpression, knownName, type Scene, templateOf } from "./scene.ts";
import type { WriteNode } from "./schema-write.ts";

/** What the values of one command may refer to. */
export interface CommandScope {
  /** Fields that the command can carry; undefined where the command is not known. */
  fields: readonly string[] | undefined;
}

export function resolveWrites(
  scene: Scene,
  path: Path,
  { nodes, scope }: { nodes: Readonly<Record<string, WriteNode>>; scope: CommandScope },
): Writes {
  const entries = Object.entries(nodes).map(([column, node]): [string, Write] => [
    column,
    resolveWrite(scene, node, { path: [...path, column], scope }),
  ]);
  return Object.fromEntries(entries);
}

export function resolveWrite(scene: Scene, node: WriteNode, { path, scope }: { path: Path; scope: CommandScope }): Write {
  const at = scene.place(path);
  if (typeof node === "string") {
    if (hasExpression(node)) return { kind: "expression", expression: templateOf(scene, path, node), at };
    return { kind: "constant", value: node, at };
  }
  if ("value" in node) return { kind: "constant", value: node.value, at };
  if ("empty" in node) {
    if (!node.empty) scene.fault([...path, "empty"], "`empty` can only be true", "Leave the column out, or write a value.");
    return { kind: "null", at };
  }
  knownField(scene, [...path, "from"], { name: node.from, scope });
  if (node.as !== undefined) knownName(scene, [...path, "as"], "type", { name: node.as, known: scene.names.types });
  if (node.map !== undefined) checkMap(scene, [...path, "map"], node.map);
  if (node.overflow !== undefined) {
    knownField(scene, [...path, "overflow"], { name: node.overflow, scope });
    if (node.max === undefined && !scene.broken([...path, "max"]))
      scene.fault([...path, "overflow"], "`overflow` needs `max`", "Add `max:` with the column's length.");
  }
  if (node.default !== undefined && hasExpression(node.default))
    scene.fault([...path, "default"], "The default is a constant", "Write the value itself.");
  return {
    kind: "from",
    field: node.from,
    map: node.map,
    lookup: writtenLookupOf(scene, node, path),
    as: node.as,
    max: node.max,
    overflow: node.overflow,
    characters: characterRuleOf(scene, path, node),
    default: node.default,
    at,
  };
}

export function knownField(scene: Scene, path: Path, { name, scope }: { name: string; scope: CommandScope }): void {
  if (scope.fields) knownName(scene, path, "field", { name, known: scope.fields });
}

interface CharacterNode {
  characters?: CharacterRule["rule"] | undefined;
  codePage?: CharacterRule["codePage"] | undefined;
}

export function characterRuleOf(scene: Scene, path: Path, { characters, codePage }: CharacterNode): CharacterRule | undefined {
  if (characters !== undefined) return { rule: characters, codePage: codePage ?? "windows-1252" };
  if (codePage !== undefined && !scene.broken([...path, "characters"]))
    scene.fault(
      [...path, "codePage"],
      "`codePage` needs `characters`",
      "Add `characters: refuse`, `replace` or `transliterate`.",
    );
  return undefined;
}

/** A map that is written by must say one code for each value. */
function checkMap(scene: Scene, path: Path, name: string): void {
  if (!knownName(scene, path, "map", { name, known: scene.names.maps })) return;
  const map = Object.hasOwn(scene.file.maps, name) ? scene.file.maps[name] : undefined;
  const [shared] = map && map.write === undefined ? sharedValues(map.read) : [];
  if (shared !== undefined)
    scene.fault(
      path,
      `Map \`${name}\` has several codes for \`${shared.slice(0, 60)}\`, so it can't be written by`,
      `Add \`write:\` to the map, with one code for each value.`,
    );
}
