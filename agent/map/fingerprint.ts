/** The fingerprint of a mapping: equal as long as the same row maps to the same entity. */
import { createHash } from "node:crypto";
import type { Config, Source } from "../../config/config.ts";
import type { DescribedQuery } from "../../connectors/connector.ts";
import { canonicalJson } from "../../protocol/canonical-json.ts";
import type { Json } from "../../protocol/model.ts";
import { modelVersion } from "../../protocol/version.ts";
import { usedBy } from "./used-names.ts";

/** Raised by whoever changes what the code of this folder makes of a row. */
const codeVersion = 1;

/** SHA-256 over all that decides what a row maps to; places in the file, schedules and comments don't. */
export function fingerprintOf({
  config,
  source,
  described,
}: {
  config: Config;
  source: Source;
  described: DescribedQuery;
}): string {
  const { type, from, prefix, key, where, scoped, deletes, fields, append, reusedWhen } = source;
  const { types, maps, vars, scope, targets } = usedBy(source, config);
  const text = canonicalJson(
    withoutPlaces({
      codeVersion,
      modelVersion,
      source: { type, from, prefix, key, where, scoped, flag: deletes.flag, fields, append },
      // Whose each record is must be known of all.
      reusedWhen: reusedWhen.length === 0 ? undefined : reusedWhen,
      ...{ types, maps, vars, scope },
      ownType: type.startsWith("x-") ? config.ownTypes?.[type] : undefined,
      properties: type === "property" ? config.properties : undefined,
      timezone: config.erp.timezone,
      references: targets.map(({ name, type: target, prefix: targetPrefix, key: targetKey }) => ({
        name,
        target,
        targetPrefix,
        targetKey,
      })),
      columns: described.columns.map(({ name, type: columnType }) => `${name} ${columnType}`),
      children: described.children.map((child) => child.map(({ name, type: columnType }) => `${name} ${columnType}`)),
    }),
  );
  return createHash("sha256").update(text).digest("hex");
}

/** Plain JSON without the places where nodes stand. */
function withoutPlaces(value: unknown): Json {
  return JSON.parse(JSON.stringify(value, (key, inner: unknown) => (key === "at" && isPlace(inner) ? undefined : inner))) as Json;
}

function isPlace(value: unknown): boolean {
  return typeof value === "object" && value !== null && "line" in value && "path" in value;
}
