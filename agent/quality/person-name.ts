/** A person's name as it is compared with what somebody else has written of it. */
import { fieldsOf } from "../../protocol/entity-text.ts";
import type { Fields, Json } from "../../protocol/model.ts";
import type { Fact, FactReads, Subject } from "./judged.ts";

const titles: ReadonlySet<string> = new Set(["dr", "prof", "dipl", "ing"]);
const umlauts: Readonly<Record<string, string>> = { ä: "ae", ö: "oe", ü: "ue", ß: "ss" };

/**
 * Its words in small letters without accents, umlauts written out, titles left out, in the order of the alphabet: `Dr. Jörg Groß` and `Gross, Joerg` are one. Undefined
 * where nothing is left.
 */
export function nameOf(fields: Pick<Fields, string>): string | undefined {
  const said = [fields.firstName, fields.lastName, fields.companyName].map(textOf).join(" ").normalize("NFC").toLowerCase();
  const plain = said.replace(/[äöüß]/g, (letter) => umlauts[letter] as string).normalize("NFD");
  const words = plain.replace(/\p{M}/gu, "").split(/[^\p{L}\p{N}]+/u);
  const kept = words.filter((word) => word !== "" && !titles.has(word));
  return kept.length === 0 ? undefined : kept.sort().join(" ");
}

const textOf = (value: Json | undefined): string => (typeof value === "string" ? value : "");

/** By which a person is found. */
export function nameFacts({ text }: Subject, look: FactReads): readonly Fact[] {
  const name = nameOf(fieldsOf(text));
  return name === undefined ? [] : [{ kind: "name", hash: look.hash("name", name), detail: 0n }];
}
