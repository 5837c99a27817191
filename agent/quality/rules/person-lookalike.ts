/**
 * Two records that look like one person: the same name and date of birth, or, where no date is known, the same name and postal address. Where both dates are
 * known and differ they are two, as father and son are.
 */
import type { Fields, Json } from "../../../protocol/model.ts";
import type { FactReads, Holder, Raised } from "../judged.ts";

/** What more than so many records say is no name, but a placeholder for one. */
const mostAlike = 20;

const plain = (value: Json | undefined): string =>
  typeof value === "string" ? value.normalize("NFC").trim().replace(/\s+/g, " ").toLowerCase() : "";

/** By what a person is told from others; undefined where too little is known. */
export function lookOf(fields: Fields): string | undefined {
  const name = plain(fields.lastName) || plain(fields.companyName);
  if (name === "") return undefined;
  const whole = [name, plain(fields.firstName)];
  if (typeof fields.birthDate === "string") return JSON.stringify([...whole, fields.birthDate]);
  const { street, houseNumber, postalCode, city } = (fields.address ?? {}) as Readonly<Record<string, Json | undefined>>;
  const place = [street, houseNumber, postalCode, city].map(plain);
  return place[0] === "" || (place[2] === "" && place[3] === "") ? undefined : JSON.stringify([...whole, ...place]);
}

/** One finding for each record beyond the first. */
export function lookalikes(look: bigint, facts: FactReads): readonly Raised[] {
  const [first, ...others] = facts.holders("look", look, mostAlike + 1).toSorted(inOrder);
  if (first === undefined) return [];
  const found = others.length < mostAlike ? others : others.slice(0, 1);
  return found.map(({ source, key }) => ({
    ...{ rule: "person-lookalike", source, key, field: "", other: first.key, params: { count: others.length + 1 } },
  }));
}

/** Whether all of them look like one. */
export function areAlike(holders: readonly Holder[], facts: FactReads): boolean {
  const [first, ...others] = holders.map(({ self }) => facts.groupsOf(self, "look")[0]);
  return first !== undefined && others.every((look) => look === first);
}

const inOrder = (one: Holder, other: Holder): number => (`${one.source}\n${one.key}` < `${other.source}\n${other.key}` ? -1 : 1);
