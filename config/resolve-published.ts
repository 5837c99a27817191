/** `maps: … publish:` the values of code maps with their texts, as catalogs of the portal. */
import { didYouMean } from "../base/nearest.ts";
import { model } from "../protocol/model.ts";
import type { Config, PublishedCode } from "./config.ts";
import type { Path } from "./document.ts";
import type { Scene } from "./scene.ts";

/** Of the ids of such entries. */
export const publishedPrefix = "maps";

/** Undefined where no map is published. */
export function resolvePublished(scene: Scene, sources: Config["sources"]): Config["published"] {
  const maps = Object.entries(scene.file.maps).filter(([, { publish }]) => publish !== undefined);
  if (maps.length === 0) return undefined;
  const other = sources.find(({ type, prefix }) => type === "catalogEntry" && prefix === publishedPrefix);
  if (other !== undefined)
    scene.fault(
      ["sources", other.name, "prefix"],
      `\`${publishedPrefix}\` is the prefix of what \`maps\` publishes`,
      "Choose another prefix.",
    );
  const codes = new Map<string, PublishedCode>();
  for (const [name, map] of maps)
    for (const one of codesOf(scene, ["maps", name], map)) {
      const place = JSON.stringify([one.catalog, one.code]);
      if (codes.has(place))
        scene.fault(
          ["maps", name, "publish"],
          `\`${one.code.slice(0, 60)}\` of catalog \`${one.catalog}\` is published twice`,
          "Publish it from one of the maps.",
        );
      codes.set(place, one);
    }
  return [...codes.values()];
}

type MapNode = Scene["file"]["maps"][string];

/** Every value that the map can give, or take. */
function codesOf(scene: Scene, path: Path, { publish, read, write = {}, unknown }: MapNode): PublishedCode[] {
  if (publish === undefined) return [];
  const { catalog, labels } = publish;
  const given = typeof unknown === "string" ? [] : [unknown.value];
  const values = [...new Set([...Object.values(read), ...given, ...Object.keys(write)])];
  const at: Path = [...path, "publish", "labels"];
  for (const name of Object.keys(labels))
    if (!values.includes(name))
      scene.fault([...at, name], `The map has no value \`${name.slice(0, 60)}\``, didYouMean(name, values));
  return values.flatMap((code): PublishedCode[] => {
    const label = Object.hasOwn(labels, code) ? labels[code] : undefined;
    if (label === undefined || Object.keys(label).length === 0) {
      if (!scene.broken(at))
        scene.fault(
          at,
          `\`${code.slice(0, 60)}\` has no text`,
          `Add \`${code.slice(0, 60)}: { de: … }\`: the portal shows it to people.`,
        );
      return [];
    }
    const { error } = model.catalogEntry.schema.safeParse({ catalog, code, label, active: true });
    const [fault] = error?.issues ?? [];
    if (fault === undefined) return [{ catalog, code, label }];
    const isName = fault.path[0] === "catalog";
    const place: Path = isName ? [...path, "publish", "catalog"] : [...at, code];
    scene.fault(
      place,
      `The portal does not take it: ${fault.message}`,
      "Languages are written de or de-CH, texts have at most 300 characters.",
    );
    return [];
  });
}
