/** Who owns a field of an entity: by the configuration, and where that is silent by what the field is. */
import type { Source } from "../../config/config.ts";
import { ownerUnmapped } from "../../protocol/ownership.ts";

/** Who owns a field of the result's source. To give a person's name, e-mails or phones away they have to be mapped, if need be as `{ empty: true, owner: portal }`. */
export function ownerOf(field: string, { source }: { source: Pick<Source, "type" | "fields"> }): "erp" | "portal" | "shared" {
  if (Object.hasOwn(source.fields, field)) return source.fields[field]?.owner ?? "erp";
  return ownerUnmapped(source.type, field);
}
