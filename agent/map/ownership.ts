/** Who owns a field of an entity: by the configuration, and where that is silent by what the field is. */
import type { Source } from "../../config/config.ts";

/** What says who a person is and where it can be reached: the ERP's, unless the configuration gives it away. */
const erpOwned: ReadonlySet<string> = new Set(["firstName", "lastName", "companyName", "emails", "phones"]);

/**
 * Who owns a field of the result's source. One that the source does not map is the portal's, but for a person's name, e-mails and phones: to give these
 * away they have to be mapped, if need be as `{ empty: true, owner: portal }`.
 */
export function ownerOf(field: string, { source }: { source: Pick<Source, "type" | "fields"> }): "erp" | "portal" | "shared" {
  if (Object.hasOwn(source.fields, field)) return source.fields[field]?.owner ?? "erp";
  return source.type === "person" && erpOwned.has(field) ? "erp" : "portal";
}
