/** Whether entities and items fit the model. Faults name places and kinds, never values. */
import type { ChangeItem } from "./changes.ts";
import { fitsOf } from "./fits.ts";
import { describeIssue } from "./frames.ts";
import { deleteReason } from "./messages.ts";
import { entityId, type Fields, model, type Types, typeNamed } from "./model.ts";

export interface Fault {
  /** Field names and list positions from the top, joined by dots. */
  path: string;
  message: string;
}

/** More faults of one entity than this help nobody. */
const maxFaults = 20;

const idFits = fitsOf(entityId);
const reasonFits = fitsOf(deleteReason);

/** All faults of an entity's fields against the model, an empty list when it fits. `types`: the model's, and the customer's own where there are some. */
export function validateEntity(type: string, fields: Fields, types: Types = model): Fault[] {
  const schema = typeNamed(types, type)?.schema;
  if (schema === undefined) return [{ path: "type", message: "is not in the model" }];
  if (fitsOf(schema)(fields)) return [];
  const parsed = schema.safeParse(fields);
  return parsed.success ? [] : parsed.error.issues.slice(0, maxFaults).map(describeIssue);
}

/** All faults of one item of `changes`: its id, what goes with it, and its fields. */
export function validateItem(item: ChangeItem, types: Types = model): Fault[] {
  const faults: Fault[] = [];
  if (!idFits(item.id) && !entityId.safeParse(item.id).success) faults.push({ path: "id", message: "is not a valid id" });
  if (item.op === "delete") {
    if (typeNamed(types, item.type) === undefined) faults.push({ path: "type", message: "is not in the model" });
    if (!reasonFits(item.reason) && !deleteReason.safeParse(item.reason).success)
      faults.push({ path: "reason", message: "is not known here" });
    return faults;
  }
  if (item.withheld !== undefined) {
    for (const field of item.withheld) {
      if (item.fields[field] !== null) faults.push({ path: `withheld.${field}`, message: "must be null in the fields" });
    }
  }
  for (const fault of validateEntity(item.type, item.fields, types)) faults.push(fault);
  return faults;
}
