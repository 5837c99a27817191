/** `maps:` compiled for a field: the ERP's codes to what the field takes. */

import { didYouMean } from "../../base/nearest.ts";
import type { Place, ValueMap } from "../../config/config.ts";
import type { Value } from "../../connectors/connector.ts";
import { canonicalJson } from "../../protocol/canonical-json.ts";
import { constantFor } from "./constants.ts";
import { normaliseDecimal } from "./decimal.ts";
import type { Faults } from "./faults.ts";
import { type FieldKind, kindText } from "./field-kind.ts";

/** The text by which a value is looked up, compared and made a key part: an integer 0 is "0", bytes are hexadecimal. */
export function codeText(value: Exclude<Value, null>): string {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
  return String(value);
}

/** Values are canonical JSON. */
export interface CompiledCodes {
  /** What the code means; undefined for an unknown one. */
  meaning(code: string): string | undefined;
  /** Value of an unknown code; undefined puts the row into quarantine. */
  otherwise: string | undefined;
  name: string;
}

/** Compiles a map for a field; values that the field does not take are faults. */
export function compileCodes(
  map: ValueMap,
  kind: FieldKind,
  { at, faults, field }: { at: Place; faults: Faults; field: string },
): CompiledCodes {
  const meanings = new Map<string, string>();
  const fitted = (text: string): string | undefined => {
    const value = constantFor(text, kind);
    if (value === undefined)
      faults.add(at, `Map ${map.name} gives ${text}, but ${field} takes ${takes(kind)}`, suggestion(text, kind));
    return value === undefined ? undefined : canonicalJson(value);
  };
  for (const [code, text] of Object.entries(map.read)) {
    const value = fitted(text);
    if (value !== undefined) meanings.set(code, value);
  }
  const otherwise = map.unknown.kind === "value" ? fitted(map.unknown.value) : undefined;
  return {
    name: map.name,
    otherwise,
    meaning: (code) => meanings.get(code) ?? meanings.get(code.trim()) ?? byNumber(meanings, code),
  };
}

/** `1.00` of a decimal column and `true` of a boolean one are found as 1. */
function byNumber(meanings: ReadonlyMap<string, string>, code: string): string | undefined {
  if (code === "true") return meanings.get("1");
  if (code === "false") return meanings.get("0");
  if (!code.includes(".")) return undefined;
  const normal = normaliseDecimal(code);
  return normal === undefined ? undefined : meanings.get(normal);
}

function allowed(kind: FieldKind): readonly string[] | undefined {
  const inner = kind.schema as { options?: readonly unknown[]; unwrap?: () => unknown };
  if (Array.isArray(inner.options) && inner.options.every((option) => typeof option === "string"))
    return inner.options as string[];
  return inner.unwrap ? allowed({ ...kind, schema: inner.unwrap() as FieldKind["schema"] }) : undefined;
}

/** What a field takes, its values where they are few. */
export function takes(kind: FieldKind): string {
  return allowed(kind)?.join(", ") ?? kindText(kind);
}

export function suggestion(text: string, kind: FieldKind): string {
  const values = allowed(kind);
  return values ? didYouMean(text, values) : "Correct the value.";
}
