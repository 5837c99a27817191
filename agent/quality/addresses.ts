/** E-mail addresses and phone numbers in an entity's fields. */
import type { Fields, Json } from "../../protocol/model.ts";

/** Items of a list field, none where it is empty or absent. */
export const itemsOf = (list: Json | undefined): readonly Json[] => (Array.isArray(list) ? list : []);

/** In small letters: so addresses are compared. */
export const addressOf = (item: Json): string => textOf(item, "address").trim().toLowerCase();
export const numberOf = (item: Json): string => textOf(item, "number");
export const domainOf = (address: string): string => address.slice(address.lastIndexOf("@") + 1);

/** Each once. */
export const addressesOf = (fields: Fields): readonly string[] => [...new Set(itemsOf(fields.emails).map(addressOf))];

function textOf(item: Json, name: string): string {
  const value = (item as { [field: string]: Json } | null)?.[name];
  return typeof value === "string" ? value : "";
}
