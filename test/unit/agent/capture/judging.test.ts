import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { createJudging, type Judging } from "../../../../agent/capture/judging.ts";
import type { CapturedSource } from "../../../../agent/capture/source.ts";
import type { Mapped } from "../../../../agent/map/mapped.ts";
import { openStoreOn } from "../../../../agent/store/open.ts";
import { silentLog } from "../../../../base/log.ts";
import { entityText, fieldsOf } from "../../../../protocol/entity-text.ts";
import type { Fields, TypeName } from "../../../../protocol/model.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { rulesOf } from "../quality/rules.ts";

// 22 November 2026.
const today = "2026-11-22";
const rules = rulesOf("{ rules: true, staff: { domains: [haus.example.de] } }");

type Entity = Extract<Mapped, { kind: "entity" }>;
const types = { persons: "person", team: "teamMember", periods: "utilisationPeriod" } as const;
type SourceName = keyof typeof types;

const clock = manualClock(Date.UTC(2026, 10, 22, 6));
const opened: { close(): void }[] = [];
afterEach(() => {
  for (const store of opened.splice(0)) store.close();
});

interface Use {
  unit: string;
  from: string;
  until: string | null;
  main: string;
  mate?: string;
}

/** An agent's store and rules, and the portal as the last sending left it. */
function world() {
  const store = openStoreOn(new DatabaseSync(":memory:"), { clock, log: silentLog });
  opened.push(store);
  const sources = Object.fromEntries(
    Object.entries(types).map(([source, type]) => [source, { mapping: { source, type, fingerprint: "1" } } as CapturedSource]),
  ) as Record<SourceName, CapturedSource>;
  const judging: Judging = createJudging({ store, clock: clock, sources: Object.values(sources), timezone: "UTC" }, rules);
  const rows = new Map<string, Entity>();
  /** E-mail of each person as it was last sent, and all that ever was. */
  const portal = new Map<string, string | null>();
  const everSent = new Set<string>();
  const gathered = (source: SourceName): void => store.sources.update(source, { facts: judging.fingerprintOf(sources[source]) });
  const take = (source: SourceName, keys: readonly string[]): void => {
    store.transaction(() => {
      const judge = judging.of(sources[source]);
      const found = keys.map((key) => ({ key, row: rows.get(`${source} ${key}`) }));
      for (const { key, row } of found) row === undefined ? judge?.gone(key) : judge?.gather(key, row);
      for (const { key, row } of found) {
        const judged = row && judge?.judge(key, row);
        if (source !== "persons") continue;
        if (judged === undefined) portal.delete(key);
        else {
          const [email] = (fieldsOf(judged.text).emails ?? []) as { address: string }[];
          portal.set(key, email?.address ?? null);
          if (email !== undefined) everSent.add(`${key} ${email.address}`);
        }
      }
      judging.flush();
    });
  };
  /** Whoever was marked is read again, until nobody is. */
  const drain = (): number => {
    let read = 0;
    for (let due = store.pending.due("persons", clock.now(), 50); due.length > 0; ) {
      for (const { key, mark } of due) store.pending.clear("persons", key, mark);
      take(
        "persons",
        due.map(({ key }) => key),
      );
      read += due.length;
      if (read > 2_000) throw new Error("There is no end to it");
      due = store.pending.due("persons", clock.now(), 50);
    }
    return read;
  };
  const put = (source: SourceName, key: string, row: Entity | undefined): void => {
    if (row === undefined) rows.delete(`${source} ${key}`);
    else rows.set(`${source} ${key}`, row);
  };
  return {
    store,
    judging,
    portal,
    everSent,
    gathered,
    take,
    drain,
    put,
    all: () => (Object.keys(types) as SourceName[]).forEach(gathered),
    change(source: SourceName, key: string, row: Entity | undefined): number {
      put(source, key, row);
      take(source, [key]);
      return drain();
    },
    findings: () =>
      store.findings
        .list()
        .filter(({ rule }) => rule.startsWith("email-"))
        .map(({ rule, key }) => `${rule} ${key}`)
        .sort(),
    sweep(): void {
      for (let after = judging.judgeGroups(undefined); after !== undefined; ) after = judging.judgeGroups(after);
      drain();
    },
  };
}

const entity = (fields: Fields, parents: [TypeName, string, string][] = []): Entity => ({
  kind: "entity",
  id: "1",
  text: entityText(fields),
  filled: 0,
  parents: parents.map(([type, source, key]) => ({ type, source, key, id: key, missing: "hold" })),
  cause: undefined,
  notes: [],
});
const person = (email: string | null): Entity =>
  entity({ kind: "natural", lastName: "X", emails: email === null ? null : [{ address: email }] });
const member = (email: string): Entity => entity({ name: "Y", email, roles: [] });
const period = ({ unit, from, until, main, mate }: Use): Entity => {
  const participants = [{ personId: main, role: "main" }, ...(mate === undefined ? [] : [{ personId: mate, role: "co-tenant" }])];
  const parents = [main, ...(mate === undefined ? [] : [mate])].map((key): [TypeName, string, string] => [
    "person",
    "persons",
    key,
  ]);
  return entity({ unitId: unit, kind: "tenant", startDate: from, endDate: until, participants }, [
    ["unit", "units", unit],
    ...parents,
  ]);
};
const running = { unit: "u", from: "2020-01-01", until: null };

describe("One address at several persons", () => {
  test("is nobody's as long as nothing joins them, and of the one who is left when the other one goes or gets another", () => {
    const { all, change, portal, findings } = world();
    all();
    change("persons", "1", person("a@web.de"));
    expect(portal.get("1")).toBe("a@web.de");
    change("persons", "2", person("A@web.de"));
    expect([...portal.values()]).toEqual([null, null]);
    expect(findings()).toEqual(["email-shared 1", "email-shared 2"]);
    change("persons", "2", person("b@web.de"));
    expect([...portal.values()]).toEqual(["a@web.de", "b@web.de"]);
    change("persons", "2", person("a@web.de"));
    change("persons", "1", undefined);
    expect([...portal]).toEqual([["2", "a@web.de"]]);
    expect(findings()).toEqual([]);
  });

  test("is the main tenant's once they are a household, without a finding; and the other one's when the main tenant leaves", () => {
    const { all, change, portal, findings } = world();
    all();
    change("persons", "1", person("a@web.de"));
    change("persons", "2", person("a@web.de"));
    change("periods", "v", period({ ...running, main: "2", mate: "1" }));
    expect([...portal]).toEqual([
      ["1", null],
      ["2", "a@web.de"],
    ]);
    expect(findings()).toEqual([]);
    change("persons", "2", undefined);
    expect(portal.get("1")).toBe("a@web.de");
  });

  test("is not the main tenant's of a period that has ended, or is yet to begin; of several the earliest counts", () => {
    const { all, change, portal } = world();
    all();
    change("persons", "1", person("a@web.de"));
    change("persons", "2", person("a@web.de"));
    change("periods", "v", period({ ...running, until: "2026-11-21", main: "1", mate: "2" }));
    expect([...portal.values()]).toEqual([null, null]);
    change("periods", "v", period({ ...running, until: today, main: "1", mate: "2" }));
    expect([...portal.values()]).toEqual(["a@web.de", null]);
    change("periods", "w", period({ ...running, unit: "parking", from: "2019-01-01", main: "2", mate: "1" }));
    expect([...portal.values()]).toEqual([null, "a@web.de"]);
    change("periods", "w", period({ ...running, unit: "parking", from: "2026-11-23", main: "2", mate: "1" }));
    expect([...portal.values()]).toEqual(["a@web.de", null]);
  });

  test("is nobody's of two who come together, at no moment", () => {
    const { all, put, take, everSent } = world();
    all();
    put("persons", "1", person("a@web.de"));
    put("persons", "2", person("a@web.de"));
    take("persons", ["1", "2"]);
    expect([...everSent]).toEqual([]);
  });

  test("touches nobody where very many have it: one more is one more, and one finding stands for all", () => {
    const { all, change, portal, findings } = world();
    all();
    for (let no = 0; no < 60; no++) change("persons", `p${no}`, person("verwaltung@web.de"));
    expect([...portal.values()].every((email) => email === null)).toBe(true);
    expect(findings()).toHaveLength(1);
    expect(change("persons", "q", person("verwaltung@web.de"))).toBe(0);
    for (let no = 0; no < 60; no++) change("persons", `p${no}`, undefined);
    expect([...portal]).toEqual([["q", "verwaltung@web.de"]]);
    expect(findings()).toEqual([]);
  });
});

describe("An address of the staff", () => {
  test("is withheld from a person by its own, by the domain of a team member and by a domain of the landlord", () => {
    const { all, change, portal, findings, sweep, judging } = world();
    all();
    change("persons", "1", person("m@gmx.de"));
    change("persons", "2", person("x@wohnbau.example.de"));
    change("persons", "3", person("x@haus.example.de"));
    change("persons", "4", person("x@gmx.de"));
    expect([...portal.values()]).toEqual(["m@gmx.de", "x@wohnbau.example.de", null, "x@gmx.de"]);
    judging.groupsJudged(judging.ground());
    change("team", "a", member("M@gmx.de"));
    expect(portal.get("1")).toBeNull();
    expect(judging.owesGroups()).toBe(false);
    change("team", "b", member("y@wohnbau.example.de"));
    expect(judging.owesGroups()).toBe(true);
    sweep();
    expect([...portal.values()]).toEqual([null, null, null, "x@gmx.de"]);
    expect(findings()).toEqual(["email-staff 1", "email-staff 2", "email-staff 3"]);
    change("team", "b", undefined);
    change("team", "a", member("z@gmx.de"));
    sweep();
    expect([...portal.values()]).toEqual(["m@gmx.de", "x@wohnbau.example.de", null, "x@gmx.de"]);
  });
});

describe("Before everything is known", () => {
  test("no address is sent that nothing vouches for, and each is as soon as all facts are there", () => {
    const { gathered, change, portal, sweep, judging, findings } = world();
    change("persons", "1", person("a@web.de"));
    change("persons", "2", person("b@web.de"));
    change("persons", "3", person("b@web.de"));
    change("periods", "v", period({ ...running, main: "3", mate: "2" }));
    expect([...portal.values()]).toEqual([null, null, null]);
    gathered("persons");
    expect(judging.owesGroups()).toBe(false);
    gathered("team");
    expect(judging.owesGroups()).toBe(true);
    sweep();
    expect([...portal.values()]).toEqual(["a@web.de", null, null]);
    expect(findings()).toEqual([]);
    gathered("periods");
    sweep();
    expect([...portal.values()]).toEqual(["a@web.de", null, "b@web.de"]);
  });
});

const addresses = ["a@web.de", "b@web.de", "c@wohnbau.example.de", "keine@web.de", null];
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      source: fc.constant("persons" as const),
      key: fc.constantFrom("1", "2", "3"),
      email: fc.constantFrom(...addresses),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      source: fc.constant("team" as const),
      key: fc.constantFrom("s", "t"),
      email: fc.constantFrom("b@web.de", "z@wohnbau.example.de"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      source: fc.constant("periods" as const),
      key: fc.constantFrom("v", "w"),
      use: fc.record({
        unit: fc.constantFrom("u", "x"),
        from: fc.constantFrom("2020-01-01", "2021-01-01", "2027-01-01"),
        until: fc.constantFrom(null, "2022-01-01"),
        main: fc.constantFrom("1", "2", "3"),
        mate: fc.constantFrom("1", "2", "3"),
      }),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const rowOf = (one: Step): Entity =>
  one.source === "periods" ? period(one.use) : one.source === "team" ? member(one.email) : person(one.email);

/** Whose an address is, told from the rows that stand in the end, in other words than the rules'. */
function ownersOf(last: ReadonlyMap<string, Step>): Map<string, string | null> {
  const rows = [...last.values()];
  const team = rows.flatMap((one) => (one.source === "team" ? [one.email] : []));
  const uses = rows.flatMap((one) => (one.source === "periods" ? [one.use] : []));
  const people = rows.flatMap((one) => (one.source === "persons" ? [one] : []));
  const owner = (email: string): string | undefined => {
    const same = people.filter((one) => one.email === email).map(({ key }) => key);
    if (same.length < 2) return same[0];
    const inAll = (unit: string, from: string, until: string | null, key: string): boolean =>
      uses.some((one) => one.unit === unit && one.from === from && one.until === until && (one.main === key || one.mate === key));
    const fitting = uses
      .filter(
        ({ unit, from, until }) =>
          from <= today && (until === null || until >= today) && same.every((key) => inAll(unit, from, until, key)),
      )
      .sort((one, other) => one.from.localeCompare(other.from));
    const units = new Set(fitting.filter(({ from }) => from === fitting[0]?.from).map(({ unit }) => unit));
    // Which of two units comes first is the store's to say.
    if (units.size > 1) return "any";
    return same.toSorted().find((key) => fitting.some((one) => one.from === fitting[0]?.from && one.main === key));
  };
  return new Map(
    people.map(({ key, email }) => {
      if (email === null || email.startsWith("keine") || team.some((one) => one === email)) return [key, null];
      if (email.endsWith("wohnbau.example.de") && team.some((one) => one.endsWith("wohnbau.example.de"))) return [key, null];
      const whose = owner(email);
      return [key, whose === "any" ? "any" : whose === key ? email : null];
    }),
  );
}

test("Whatever comes in whatever order: in the end the portal holds what the rows that stand say, the same findings, and a further look changes nothing", () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(), { minLength: 12, maxLength: 12 }),
      (steps, order) => {
        const last = new Map(steps.map((one) => [`${one.source} ${one.key}`, one]));
        const play = (list: readonly Step[]) => {
          const made = world();
          made.all();
          for (const one of list) {
            made.change(one.source, one.key, rowOf(one));
            if (made.judging.owesGroups()) made.sweep();
          }
          return made;
        };
        const one = play(steps);
        const shuffled = [...last.values()].map((row, at) => ({ row, by: order[at % order.length] as number }));
        const other = play(shuffled.toSorted((first, second) => first.by - second.by).map(({ row }) => row));
        const expected = ownersOf(last);
        for (const made of [one, other]) {
          for (const [key, email] of expected) if (email !== "any") expect([key, made.portal.get(key)]).toEqual([key, email]);
        }
        expect(other.findings()).toEqual(one.findings());
        const before = [...one.portal];
        one.sweep();
        expect([...one.portal]).toEqual(before);
        one.store.close();
        other.store.close();
      },
    ),
    { numRuns: 25 },
  );
});
