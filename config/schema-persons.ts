/** `persons:` what the portal may ask about the ERP's persons. */
import { flag, keys, whole } from "./schema-values.ts";

export const persons = keys({
  match: flag
    .prefault("false")
    .describe(
      "`true`: the portal may ask which persons fit a name, an e-mail and a unit (`person.match`), and say which one somebody is who was added there by hand (`link`). Nothing is written, and only ids are told. Needs `quality: { rules: true }`",
    ),
  perHour: whole(1, 1_000_000).prefault("500").describe("Most of each per hour; more wait for approval"),
})
  .prefault({})
  .describe("What the portal may ask about persons");
