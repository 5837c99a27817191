/** A unit that belongs to another building or estate now, or a building to another estate or main building. */
import type { TypeName } from "../../../protocol/model.ts";
import type { Place, Subject } from "../judged.ts";

/** What an entity of the type stands in. */
const above: Partial<Record<TypeName, readonly TypeName[]>> = {
  unit: ["building", "property"],
  building: ["property", "building"],
};

/** What it stood in before, where it stands in another one of the same type now. */
export function leftPlace(
  { type, parents }: Pick<Subject, "type" | "parents">,
  former: readonly Place[],
  typeOf: (source: string) => TypeName | undefined,
): Place | undefined {
  const types = above[type] ?? [];
  return former.find(({ source, key }) => {
    const its = typeOf(source);
    if (its === undefined || !types.includes(its)) return false;
    const now = parents.filter((parent) => parent.type === its);
    return now.length > 0 && !now.some((parent) => parent.source === source && parent.key === key);
  });
}
