/**
 * Quick checks compiled from the schemas of the model. A check says yes only where the schema says yes; whoever hears no asks the schema itself,
 * which alone decides and alone explains. So the schemas stay the one definition, and what fits, as nearly everything does, costs a tenth.
 */
import * as z from "zod";
import { isCalendarDate, isUtcInstant } from "./moments.ts";

/** Whether a value, as JSON.parse gives it, certainly fits. */
export type Fits = (value: unknown) => boolean;

const compiled = new WeakMap<z.core.$ZodType, Fits>();

/** The check of a schema, made once. */
export function fitsOf(schema: z.core.$ZodType): Fits {
  let fits = compiled.get(schema);
  if (fits === undefined) {
    fits = compile(schema);
    compiled.set(schema, fits);
  }
  return fits;
}

type Def = z.core.$ZodTypes["_zod"]["def"];

function compile(schema: z.core.$ZodType): Fits {
  const def = (schema as z.core.$ZodTypes)._zod.def as Def;
  switch (def.type) {
    case "string":
      return stringFits(schema);
    case "boolean":
      return (value) => typeof value === "boolean";
    case "enum": {
      const options = new Set<unknown>(Object.values(def.entries));
      return (value) => options.has(value);
    }
    case "nullable": {
      const fits = fitsOf(def.innerType);
      return (value) => value === null || fits(value);
    }
    case "optional": {
      const fits = fitsOf(def.innerType);
      return (value) => value === undefined || fits(value);
    }
    case "union": {
      const options = def.options.map(fitsOf);
      return (value) => options.some((fits) => fits(value));
    }
    case "array":
      return arrayFits(schema, def);
    case "object":
      return objectFits(schema, def);
    default:
      return asked(schema);
  }
}

/** What has no quick check. */
function asked(schema: z.core.$ZodType): Fits {
  return (value) => z.safeParse(schema, value).success;
}

interface Bounds {
  least: number;
  most: number;
  pattern: RegExp | undefined;
}

/** Length and pattern that the checks of a schema ask for; undefined where there is another check. */
function boundsOf(checks: readonly z.core.$ZodCheck<never>[] | undefined): Bounds | undefined {
  const bounds: Bounds = { least: 0, most: Number.POSITIVE_INFINITY, pattern: undefined };
  for (const { _zod } of (checks ?? []) as readonly z.core.$ZodChecks[]) {
    const { def } = _zod;
    if (def.check === "min_length") bounds.least = Math.max(bounds.least, def.minimum);
    else if (def.check === "max_length") bounds.most = Math.min(bounds.most, def.maximum);
    else if (def.check === "string_format" && def.format === "regex" && bounds.pattern === undefined)
      bounds.pattern = def.pattern;
    else return undefined;
  }
  // Such a pattern remembers where its last test ended.
  return bounds.pattern?.global || bounds.pattern?.sticky ? undefined : bounds;
}

/** How many items a list may have. */
export function lengthsOf(schema: z.core.$ZodType): { least: number; most: number } {
  const def = (schema as z.core.$ZodTypes)._zod.def as Def;
  if (def.type === "nullable" || def.type === "optional") return lengthsOf(def.innerType);
  const bounds = boundsOf(def.checks as readonly z.core.$ZodCheck<never>[] | undefined);
  // With a check of another kind no length is good enough to do without the schema.
  return def.type === "array" && bounds !== undefined ? bounds : { least: Number.POSITIVE_INFINITY, most: 0 };
}

/** How many UTF-16 code units a text may have, where nothing else is asked of it; undefined for another schema. */
export function textLengthsOf(schema: z.core.$ZodType): { least: number; most: number } | undefined {
  const def = (schema as z.core.$ZodTypes)._zod.def as Def;
  if (def.type === "nullable" || def.type === "optional") return textLengthsOf(def.innerType);
  const form = textFormOf(schema);
  return typeof form === "object" && form.pattern === undefined ? form : undefined;
}

/** What a schema asks of a text: to be a date or an instant, or lengths in UTF-16 units and a pattern. */
export type TextForm = "date" | "instant" | Bounds;

/** Undefined where it asks for something else. */
export function textFormOf(schema: z.core.$ZodType): TextForm | undefined {
  const def = (schema as z.core.$ZodTypes)._zod.def as Def;
  if (def.type !== "string") return undefined;
  const bounds = boundsOf(def.checks);
  if (bounds === undefined || (def as { coerce?: boolean }).coerce) return undefined;
  const { least, most, pattern } = bounds;
  const { format, precision, pattern: ofFormat } = def as StringFormat;
  const bare = pattern === undefined && least === 0 && most === Number.POSITIVE_INFINITY;
  if (format === "date" && bare) return "date";
  if (format === "datetime" && bare && (precision === undefined || precision === null)) return "instant";
  if (format === undefined) return bounds;
  return format === "email" && ofFormat !== undefined && pattern === undefined ? { least, most, pattern: ofFormat } : undefined;
}

function stringFits(schema: z.core.$ZodType): Fits {
  const form = textFormOf(schema);
  if (form === undefined) return asked(schema);
  if (form === "date") return isCalendarDate;
  if (form === "instant") return isUtcInstant;
  const { least, most, pattern } = form;
  if (pattern === undefined) return (value) => typeof value === "string" && value.length >= least && value.length <= most;
  return (value) => typeof value === "string" && value.length >= least && value.length <= most && pattern.test(value);
}

/** What the schemas of dates, instants and addresses say beside the checks. */
interface StringFormat {
  format?: string;
  precision?: number | null;
  pattern?: RegExp;
}

function arrayFits(schema: z.core.$ZodType, def: Extract<Def, { type: "array" }>): Fits {
  const bounds = boundsOf(def.checks);
  if (bounds === undefined) return asked(schema);
  const { least, most } = bounds;
  const fits = fitsOf(def.element);
  return (value) => {
    if (!Array.isArray(value) || value.length < least || value.length > most) return false;
    for (let index = 0; index < value.length; index++) if (!fits(value[index])) return false;
    return true;
  };
}

interface Part {
  name: string;
  required: boolean;
  schema: z.core.$ZodType;
  fits: Fits;
}

/** The fields of an object that takes no others; undefined where it takes others or has checks of its own. */
export function partsOf(schema: z.core.$ZodType): readonly Part[] | undefined {
  const def = (schema as z.core.$ZodTypes)._zod.def as Def;
  if (def.type !== "object" || (def.checks?.length ?? 0) > 0) return undefined;
  if ((def.catchall as z.core.$ZodTypes | undefined)?._zod.def.type !== "never") return undefined;
  return Object.entries(def.shape).map(([name, field]) => ({
    name,
    required: (field as z.core.$ZodTypes)._zod.def.type !== "optional",
    schema: field,
    fits: fitsOf(field),
  }));
}

function objectFits(schema: z.core.$ZodType, def: Extract<Def, { type: "object" }>): Fits {
  const parts = partsOf(schema);
  if (parts === undefined || Object.hasOwn(def.shape, "__proto__")) return asked(schema);
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    const object = value as Readonly<Record<string, unknown>>;
    let known = 0;
    for (const { name, required, fits } of parts) {
      const inner = object[name];
      if (inner === undefined) {
        if (required) return false;
      } else if (fits(inner)) known += 1;
      else return false;
    }
    // One more key than known fields is a key that nobody knows, or one that is undefined: the schema says.
    for (const _ in object) known -= 1;
    return known === 0;
  };
}
