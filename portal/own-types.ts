/** The types of their own that agents declare: each agent's stand for itself, whatever others call theirs. */
import type { Hello } from "../protocol/messages.ts";
import type { Types } from "../protocol/model.ts";
import { mostOwnTypes, type OwnTypes, ownTypeFaults, ownTypeName, typesWith } from "../protocol/own-types.ts";

/** The model's types with those that a `hello` declares; the fault is the first one found, in words. */
export function ownTypesOf(offered: Hello["types"]): { types: Types } | { fault: string } {
  const own: Record<string, OwnTypes[string]> = {};
  for (const { type, schema } of offered) {
    if (schema === undefined) continue;
    if (!ownTypeName.safeParse(type).success)
      return { fault: "types: a type of the model can't be declared, or the name is none" };
    if (Object.hasOwn(own, type)) return { fault: `types: ${type} is declared twice` };
    own[type] = schema;
  }
  if (Object.keys(own).length > mostOwnTypes) return { fault: `types: more than ${mostOwnTypes} are declared` };
  const [fault] = ownTypeFaults(own);
  if (fault !== undefined) return { fault: `types: ${fault.type}: ${fault.path.join(".")} ${fault.message}` };
  return { types: typesWith(own) };
}

/** The same of a `hello` that was welcomed. */
export function knownTypes(offered: Hello["types"]): Types {
  const own = ownTypesOf(offered);
  return "types" in own ? own.types : typesWith(undefined);
}
