/** The keys under `erp:` that belong to the connector: checked by its own schema. */
import type * as z from "zod";
import { didYouMean, nearest } from "../base/nearest.ts";
import { connectors } from "../connectors/registry.ts";
import { pathText } from "./document.ts";
import { strangeBySecret } from "./fault-text.ts";
import { type Expected, fieldOf, fieldsOf } from "./model-shape.ts";
import { knownName, type Scene } from "./scene.ts";

/** The settings as the connector takes them. A fault never repeats a value: one of them may be a secret at the wrong place. */
export function resolveSettings(scene: Scene, connector: string, written: Readonly<Record<string, unknown>>): unknown {
  if (scene.broken(["erp", "connector"])) return written;
  if (!knownName(scene, ["erp", "connector"], "connector", { name: connector, known: Object.keys(connectors) })) return written;
  const schema = connectors[connector]?.settings as z.ZodType;
  const result = schema.safeParse(written);
  if (result.success) return result.data;
  const common = ["connector", "timezone", "confirmAfter", "courtesy"];
  const known = [...keysAt(schema, []), ...common];
  const told = new Set(scene.faults.map((fault) => fault.path));
  const unknown = result.error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" && issue.path.length === 0 ? issue.keys : [],
  );
  for (const issue of result.error.issues) {
    const path = ["erp", ...(issue.path as (string | number)[])];
    const key = path.at(-1) as string;
    const missing = path.length === 2 && written[key] === undefined;
    // A strange key where only a secret's name may stand can be the secret itself.
    if (issue.code === "unrecognized_keys" && keysAt(schema, issue.path).join() === "secret")
      scene.fault(path, ...strangeBySecret);
    else if (issue.code === "unrecognized_keys") {
      for (const name of issue.keys)
        if (!told.has(pathText([...path, name])))
          scene.fault(
            [...path, name],
            `\`${name.slice(0, 60)}\` is not known here`,
            path.length === 1 ? didYouMean(name, known) : didYouMean(name, keysAt(schema, issue.path)),
          );
    } else if (told.has(pathText(path)) || (missing && nearest(key, unknown) !== undefined)) continue;
    else if (missing) scene.fault(path, `\`${key}\` is missing`, `Add \`${key}: …\`; the ${connector} connector needs it.`);
    else
      scene.fault(
        path,
        `\`${pathText(path.slice(1))}\` is not what the ${connector} connector takes`,
        `${sentence(issue.message)}.`,
      );
  }
  return written;
}

/** Keys of the object at `path` of a connector's schema. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let node: Expected = schema;
  for (const part of path) node = fieldOf(node, String(part));
  return Object.keys(fieldsOf(node) ?? {});
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, "");
