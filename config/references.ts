/** What holds between sources: ids must not collide, and references must not run in a circle. */
import type { Read, Source } from "./config.ts";
import type { Scene } from "./scene.ts";

export function checkSources(scene: Scene, sources: readonly Source[]): void {
  checkPrefixes(scene, sources);
  checkCircles(scene, sources);
}

function checkPrefixes(scene: Scene, sources: readonly Source[]): void {
  for (const [index, source] of sources.entries()) {
    if (scene.broken(["sources", source.name, "type"]) || scene.broken(["sources", source.name, "prefix"])) continue;
    const other = sources.slice(0, index).find((earlier) => earlier.type === source.type && earlier.prefix === source.prefix);
    if (other)
      scene.fault(
        ["sources", source.name],
        `Sources \`${other.name}\` and \`${source.name}\` both make ids of type ${source.type}${source.prefix === undefined ? "" : ` with prefix \`${source.prefix}\``}`,
        "Give one of them another `prefix`, or join both tables in one `query`.",
      );
  }
}

/** Sources that a value refers to. */
function targetsOf(read: Read): string[] {
  if (read.kind === "ref") return [read.source];
  if (read.kind === "list" || read.kind === "oneOf") return read.items.flatMap((item) => targetsOf(item.read));
  if (read.kind === "object") return Object.values(read.fields).flatMap(targetsOf);
  return read.kind === "rows" && read.item ? targetsOf(read.item) : [];
}

/** A source may refer to itself (a building's parent); a longer circle has no order in which parents come first. */
function checkCircles(scene: Scene, sources: readonly Source[]): void {
  const targets = new Map(
    sources.map((source) => [source.name, new Set(Object.values(source.fields).flatMap((field) => targetsOf(field.read)))]),
  );
  const done = new Set<string>();
  const walk = (name: string, way: readonly string[]): void => {
    const start = way.indexOf(name);
    if (start >= 0) {
      const circle = [...way.slice(start), name];
      if (circle.length > 2)
        scene.fault(
          ["sources", way.at(-1) as string],
          `The references run in a circle: ${circle.join(" → ")}`,
          "Leave one of these references out: parents are sent before their children.",
        );
      return;
    }
    if (done.has(name)) return;
    for (const target of targets.get(name) ?? []) walk(target, [...way, name]);
    done.add(name);
  };
  for (const source of sources) walk(source.name, []);
}
