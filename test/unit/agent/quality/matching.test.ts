import { expect, test } from "vitest";
import type { FactKind, PlacedSpan } from "../../../../agent/quality/judged.ts";
import { isTelling, type MatchReads, matchesOf } from "../../../../agent/quality/matching.ts";
import { nameOf } from "../../../../agent/quality/person-name.ts";

/** Facts of persons 1, 2, …, each with the hashes that it has and the units that it uses until a day. */
function factsOf(
  persons: readonly { name?: bigint; email?: bigint; units?: readonly [unit: bigint, until?: number][] }[],
): MatchReads {
  const all = persons.map((person, at) => ({ self: BigInt(at + 1), source: "persons", key: `K${at + 1}`, ...person }));
  const of = (self: bigint) => all.find((person) => person.self === self);
  const hashOf = (person: (typeof all)[number] | undefined, kind: FactKind) => person?.[kind as "name" | "email"];
  const spans = all.flatMap(({ self, source, key, units = [] }) =>
    units.map(
      ([unit, until]): PlacedSpan => ({
        self: 100n,
        source,
        key,
        kind: "tenant",
        unit,
        person: self,
        role: "main",
        from: 0,
        until,
      }),
    ),
  );
  return {
    holders: (kind, hash, most) => all.filter((person) => hashOf(person, kind) === hash).slice(0, most),
    groupsOf: (self, kind) => [hashOf(of(self), kind)].filter((hash) => hash !== undefined),
    spansOfUnit: (unit, most) => spans.filter((span) => span.unit === unit).slice(0, most),
    spansOfPerson: (self, most) => spans.filter(({ person }) => person === self).slice(0, most),
    placeOf: of,
  };
}
const today = 100;
const told = (asked: Parameters<typeof matchesOf>[0], facts: MatchReads, most = 20) =>
  matchesOf(asked, facts, { today, most }).map(({ key, reasons }) => `${key} ${reasons.join("+")}`);

test("Names are one however they are written: umlauts, accents, titles, order and case", () => {
  const one = nameOf({ firstName: "Dr. Jörg", lastName: "Groß-Müller" });
  for (const lastName of ["Joerg Gross Mueller", "GROSS-MUELLER, Jörg", " groß  müller  jörg"])
    expect(nameOf({ lastName })).toBe(one);
  expect(nameOf({ firstName: "René", lastName: "Çelik" })).toBe(nameOf({ lastName: "Celik Rene" }));
  expect(nameOf({ companyName: "Bäckerei Köhler GmbH" })).toBe("baeckerei gmbh koehler");
  expect(nameOf({ lastName: "Иванов" })).toBe("иванов");
  expect([nameOf({}), nameOf({ lastName: " - " }), nameOf({ lastName: null })]).toEqual([undefined, undefined, undefined]);
});

test("Whoever most speaks for comes first; one who has left the unit is named only where more speaks for it", () => {
  const facts = factsOf([
    { name: 1n, units: [[7n, 50]] },
    { name: 1n, email: 2n, units: [[7n]] },
    { name: 3n, email: 2n },
    { name: 4n, units: [[7n, today]] },
    { name: 5n, units: [[7n, today - 1]] },
    { name: 6n },
  ]);
  expect(told({ name: 1n, email: 2n, unit: 7n }, facts)).toEqual(["K2 email+name+unit", "K1 name+unit", "K3 email", "K4 unit"]);
  expect(told({ name: 1n, email: 2n, unit: 7n }, facts, 2)).toHaveLength(2);
  expect(told({ name: 9n }, facts)).toEqual([]);
  expect(told({}, facts)).toEqual([]);
});

test("What a crowd has in common names nobody, but still speaks for one who is named for something else", () => {
  const crowd = Array.from({ length: 51 }, () => ({ name: 1n }));
  expect(told({ name: 1n }, factsOf(crowd))).toEqual([]);
  expect(told({ name: 1n, email: 2n }, factsOf([...crowd, { name: 1n, email: 2n }]))).toEqual(["K52 email+name"]);
});

test("A name alone and a unit alone tell nothing for sure", () => {
  const telling = (...reasons: ("email" | "name" | "unit")[]) => isTelling({ source: "", key: "", reasons });
  expect([telling("name"), telling("unit"), telling("email"), telling("name", "unit")]).toEqual([false, false, true, true]);
});
