/** `lookup:` a value that a table of the portal translates. */
import type { Lookup } from "./config.ts";
import type { Path } from "./document.ts";
import type { Scene } from "./scene.ts";
import type { FromNode, LookupPartNode } from "./schema-read.ts";
import type { WriteNode } from "./schema-write.ts";

/** Undefined where none is named; faults are told. */
export function lookupOf(scene: Scene, node: FromNode | LookupPartNode, path: Path): Lookup | undefined {
  const name = nameOf(scene, node, path);
  if (name === undefined) return undefined;
  alone(scene, node, { path, others: ["as", "map", "shift", "sign", "round", "currency"] });
  return { name, take: node.take, missing: node.missing ?? "hold" };
}

/** The same where a value is written: the table is read backwards. */
export function writtenLookupOf(scene: Scene, node: WrittenNode, path: Path): Pick<Lookup, "name" | "take"> | undefined {
  const name = nameOf(scene, node, path);
  if (name === undefined) return undefined;
  alone(scene, node, { path, others: ["as", "map", "max", "overflow", "characters"] });
  return { name, take: node.take };
}

type WrittenNode = Extract<WriteNode, { from: string }>;

function nameOf(scene: Scene, node: FromNode | LookupPartNode | WrittenNode, path: Path): string | undefined {
  const { lookup: name } = node;
  if (name === undefined) {
    for (const option of ["take", "missing"] as const)
      if (option in node && (node as FromNode)[option] !== undefined)
        scene.fault([...path, option], `\`${option}\` belongs to a lookup`, "Name the portal's table with `lookup`.");
    return undefined;
  }
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name))
    scene.fault(
      [...path, "lookup"],
      "The name of a lookup is letters, digits, `_` and `-`",
      "Use the name that the portal gives it.",
    );
  return name;
}

function alone(scene: Scene, node: object, { path, others }: { path: Path; others: readonly string[] }): void {
  for (const option of others)
    if ((node as Record<string, unknown>)[option] !== undefined)
      scene.fault(
        [...path, option],
        `\`${option}\` can't stand beside \`lookup\``,
        "The portal's table holds the value as it is wanted.",
      );
}
