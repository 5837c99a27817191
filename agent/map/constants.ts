/** Values that the configuration itself gives: checked and converted once, since its scalars are all text. */
import type { Json } from "../../protocol/model.ts";
import { moneyText, normaliseDecimal } from "./decimal.ts";
import type { FieldKind } from "./field-kind.ts";

/** The constant as the field takes it, keys sorted; undefined where the field takes no such value. */
export function constantFor(value: Json, kind: FieldKind): Json | undefined {
  const fitted = fitTo(value, kind);
  return fitted !== undefined && kind.schema.safeParse(fitted).success ? fitted : undefined;
}

function fitTo(value: Json, kind: FieldKind): Json | undefined {
  if (value === null) return null;
  if (kind.kind === "choice")
    return kind.options?.map((option) => constantFor(value, option)).find((found) => found !== undefined);
  if (Array.isArray(value)) {
    const items = value.map((item: Json) => (kind.item ? fitTo(item, kind.item) : undefined));
    return items.includes(undefined) ? undefined : (items as Json[]);
  }
  if (typeof value === "object") return fitObject(value as { readonly [key: string]: Json }, kind);
  const text = String(value);
  switch (kind.kind) {
    case "boolean":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "number":
      return text.trim() === "" ? undefined : Number(text);
    case "decimal":
      return normaliseDecimal(text);
    case "text":
      return text === "" && kind.emptyIsNull && kind.nullable ? null : text;
    default:
      return text;
  }
}

function fitObject(value: { readonly [key: string]: Json }, kind: FieldKind): Json | undefined {
  const out: { [key: string]: Json } = {};
  for (const key of Object.keys(value).sort()) {
    const inner = kind.kind === "record" ? kind.item : kind.fields?.[key];
    const fitted = inner && fitTo(value[key] as Json, inner);
    if (fitted === undefined) return undefined;
    out[key] = kind.kind === "money" && key === "amount" ? moneyText(fitted as string) : fitted;
  }
  return out;
}
