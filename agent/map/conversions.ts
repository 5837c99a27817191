/**
 * From what was read to what a field takes. Which conversions exist is decided when the configuration is loaded; the rest is a fault there. For a
 * row, `undefined` says that this value can't be converted.
 */
import type { ColumnType } from "../../connectors/connector.ts";
import type { Json } from "../../protocol/model.ts";
import { instantMs, instantText, validDate, validInstant, validLocal, validTime, type Zone } from "./calendar.ts";
import { type CelType, type CelValue, isDecimal } from "./cel-values.ts";
import { decimalOfFloat, formatDecimal, moneyText, normaliseDecimal } from "./decimal.ts";
import type { FieldKind } from "./field-kind.ts";

/** What a read gives before it is fitted to its field. */
export type MadeType = ColumnType | "texts" | "emails" | "phones";
export type Made = string | number | bigint | boolean | Uint8Array | readonly Json[];
export type Convert = (value: Made) => Json | undefined;

/** The type that an expression's result counts as. */
export function madeOfCel(type: CelType): MadeType | undefined {
  return type === "null" ? undefined : type;
}

/** An expression's result as a made value: an instant and a decimal become text. */
export function madeValue(value: Exclude<CelValue, null>, type: CelType): Made {
  if (type === "instant") return instantText(value as number);
  return typeof value === "object" && isDecimal(value) ? formatDecimal(value) : (value as Made);
}

/** A text stays as it is. */
export const asIs: Convert = (value) => value as string;
const asText: Convert = (value) => String(value);
const asDecimal: Convert = (value) => {
  if (typeof value !== "number") return normaliseDecimal(String(value).trim());
  const exact = decimalOfFloat(value);
  return exact && formatDecimal(exact);
};
const asNumber: Convert = (value) => {
  const number = Number(value);
  return String(value).trim() !== "" && Number.isFinite(number) ? number : undefined;
};
const asDate: Convert = (value) => validDate(value as string);
const asInstant: Convert = (value) => validInstant(value as string);

/** The conversion of `made` into a field of this kind, or a remedy in words why there is none. */
export function conversionTo(
  kind: FieldKind,
  made: MadeType,
  options: { zone: Zone; currency: string | undefined },
): Convert | string {
  const numeric = made === "integer" || made === "decimal" || made === "float";
  switch (kind.kind) {
    case "text":
      if (made === "text") return asIs;
      if (made === "date" || made === "time" || made === "datetime" || made === "instant") return nativeText(made);
      if (made === "integer" || made === "boolean") return asText;
      return numeric ? asDecimal : "A text can't be made of it.";
    case "decimal":
      return numeric || made === "text" ? asDecimal : "A decimal is made of a number or a text.";
    case "money": {
      const { currency } = options;
      if (currency === undefined) return "Say the currency: { from: COLUMN, currency: EUR }.";
      if (!numeric && made !== "text") return "Money is made of a number or a text.";
      return (value) => {
        const amount = asDecimal(value);
        return amount === undefined ? undefined : { amount: moneyText(amount as string), currency };
      };
    }
    case "number":
      return numeric || made === "text" ? asNumber : "A number is made of a number or a text.";
    case "boolean":
      if (made === "boolean") return (value) => value as boolean;
      return "Say which values mean true: a map with true and false, or an expression such as ${COLUMN == 'J'}.";
    case "date":
      return dateConversion(made, options.zone);
    case "instant":
      return instantConversion(made, options.zone);
    case "list":
      return listConversion(kind, made);
    case "choice": {
      // What the column holds comes first: a day stays a day and is not made the midnight of some zone.
      const choices = [...(kind.options ?? [])].sort((left, right) => Number(right.kind === made) - Number(left.kind === made));
      const found = choices.map((option) => conversionTo(option, made, options));
      return found.find((option) => typeof option === "function") ?? (found[0] as string);
    }
    case "object":
    case "record":
      return "Name its fields: { street: COLUMN, ... }.";
  }
}

function nativeText(made: "date" | "time" | "datetime" | "instant"): Convert {
  if (made === "date") return asDate;
  if (made === "time") return (value) => validTime(value as string);
  return made === "instant" ? asInstant : (value) => validLocal(value as string);
}

const sayAs = "Say how the column holds the date: { from: COLUMN, as: <name under types> }.";

/** The date of a local date-time; of an instant the day in the ERP's time zone. */
function dateConversion(made: MadeType, zone: Zone): Convert | string {
  if (made === "date") return asDate;
  if (made === "datetime") return (value) => validLocal(value as string)?.slice(0, 10);
  if (made !== "instant") return sayAs;
  return (value) => {
    const ms = instantMs(value as string);
    return ms === undefined ? undefined : zone.toLocal(ms).slice(0, 10);
  };
}

/** A local date-time is meant in the ERP's time zone; a date alone is the start of its day there. */
function instantConversion(made: MadeType, zone: Zone): Convert | string {
  if (made === "instant") return asInstant;
  if (made !== "date" && made !== "datetime") return sayAs;
  return (value) => {
    const local = validLocal(made === "date" ? `${value}T00:00:00` : (value as string));
    return local === undefined ? undefined : zone.toInstantText(local);
  };
}

function listConversion(kind: FieldKind, made: MadeType): Convert | string {
  const item = kind.item as FieldKind;
  const same: Convert = (value) => value as readonly Json[];
  if (made === "emails") return item.fields?.address ? same : "email-list gives a list of e-mail addresses.";
  if (made === "phones") return item.fields?.number ? same : "phone-list gives a list of phone numbers.";
  if (made === "texts") return item.kind === "text" ? same : "It gives a list of texts.";
  return "A list is written [ COLUMN, ... ], with rows:, or with a step such as email-list.";
}
