/** `lookup:` a value that a table of the portal translates. */
import type { Lookup } from "./config.ts";
import type { Path } from "./document.ts";
import type { Scene } from "./scene.ts";
import type { FromNode, LookupPartNode } from "./schema-read.ts";

/** Undefined where none is named; faults are told. */
export function lookupOf(scene: Scene, node: FromNode | LookupPartNode, path: Path): Lookup | undefined {
  const { lookup: name, take, missing = "hold" } = node;
  if (name === undefined) {
    for (const option of ["take", "missing"] as const)
      if (node[option] !== undefined)
        scene.fault([...path, option], `\`${option}\` belongs to a lookup`, "Name the portal's table with `lookup`.");
    return undefined;
  }
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name))
    scene.fault(
      [...path, "lookup"],
      "The name of a lookup is letters, digits, `_` and `-`",
      "Use the name that the portal gives it.",
    );
  for (const option of ["as", "map", "shift", "sign", "round", "currency"] as const)
    if (option in node && (node as FromNode)[option] !== undefined)
      scene.fault(
        [...path, option],
        `\`${option}\` can't stand beside \`lookup\``,
        "The portal's table holds the value as it is wanted.",
      );
  return { name, take, missing };
}
