/** `properties:` which estates take part. */
import type { PropertyScope, Source } from "./config.ts";
import type { Scene } from "./scene.ts";

export function resolveProperties(scene: Scene, sources: readonly Source[]): PropertyScope | undefined {
  const node = scene.file.properties;
  if (node === undefined) return undefined;
  const at = ["properties"];
  const { take, lookup } = node;
  if ((take === undefined) === (lookup === undefined))
    scene.fault(at, "Estates are listed, or taken from a table of the portal", "Write either `take: [ID, …]` or `lookup: NAME`.");
  if (!sources.some(({ type }) => type === "property"))
    scene.fault(at, "No source gives an estate", "Add a source of type property, or leave `properties` out.");
  if (lookup !== undefined && !/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(lookup))
    scene.fault(
      [...at, "lookup"],
      "The name of a lookup is letters, digits, `_` and `-`",
      "Use the name that the portal gives it.",
    );
  return lookup === undefined ? { kind: "listed", ids: take ?? [] } : { kind: "lookup", name: lookup };
}
