// Rules that only report: what they find stands for the facts as they are, whatever changed in which order, and goes with its cause.
import { DatabaseSync } from "node:sqlite";
import { afterEach, expect, test } from "vitest";
import { createJudging } from "../../../../agent/capture/judging.ts";
import type { CapturedSource } from "../../../../agent/capture/source.ts";
import type { Mapped } from "../../../../agent/map/mapped.ts";
import { openStoreOn } from "../../../../agent/store/open.ts";
import { silentLog } from "../../../../base/log.ts";
import { entityText } from "../../../../protocol/entity-text.ts";
import type { Fields, TypeName } from "../../../../protocol/model.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { rulesOf } from "../quality/rules.ts";

type Entity = Extract<Mapped, { kind: "entity" }>;
const types = {
  ...{ persons: "person", team: "teamMember", periods: "utilisationPeriod" },
  ...{ properties: "property", units: "unit" },
} as const;

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const store of opened.splice(0)) store.close();
});

function world(quality?: string) {
  const clock = manualClock(Date.UTC(2026, 10, 22, 6));
  const store = openStoreOn(new DatabaseSync(":memory:"), { clock, log: silentLog });
  opened.push(store);
  const sources = Object.entries(types).map(
    ([source, type]) => ({ mapping: { source, type, fingerprint: "1" } }) as CapturedSource,
  );
  const judging = createJudging({ store, clock, sources, timezone: "UTC" }, rulesOf(quality));
  const gathered = (): void => {
    for (const source of sources) store.sources.update(source.mapping.source, { facts: judging.fingerprintOf(source) });
  };
  const findings = (): string[] => store.findings.list().map(({ rule, key, other }) => `${rule} ${key} ${other}`.trim());
  const judgeAll = (): void => {
    while (judging.reported.judgeSome());
  };
  return {
    store,
    clock,
    judging,
    gathered,
    judgeAll,
    /** As they stand after a change; undefined: the row is gone. */
    change(source: keyof typeof types, key: string, row: Entity | undefined): string[] {
      store.transaction(() => {
        const judge = judging.of(sources.find(({ mapping }) => mapping.source === source) as CapturedSource);
        if (row === undefined) {
          judge?.gone(key);
          store.entities.remove(source, key);
        } else {
          judge?.gather(key, row);
          store.entities.put(source, key, { rowDigest: 1n, entityDigest: 1n, parents: row.parents });
        }
        judging.flush();
      });
      judgeAll();
      return findings();
    },
    findings,
  };
}

const entity = (fields: Fields, parents: [TypeName, string, string][] = []): Entity => ({
  kind: "entity",
  id: "1",
  text: entityText(fields),
  parents: parents.map(([type, source, key]) => ({ type, source, key, id: key, missing: "hold" })),
  cause: undefined,
  notes: [],
  filled: 0,
});

const person = (fields: Fields = {}): Entity => entity({ kind: "natural", lastName: "Ärzte", emails: null, ...fields });
const born = { birthDate: "1970-01-01" };

/** Dates as `from|until`. */
function period(unit: string, dates: string, who: string, kind = "tenant"): Entity {
  const [from, until] = dates.split("|");
  const participants = [{ personId: who, role: "main" }];
  return entity({ unitId: unit, kind, startDate: from || null, endDate: until || null, participants }, [
    ["unit", "units", unit],
    ["person", "persons", who],
  ]);
}

test("The periods of a unit are found fault with once each, and what has one fault is not found in another way as well", () => {
  const { change, gathered, judgeAll } = world();
  gathered();
  judgeAll();
  expect(change("periods", "1", period("u", "2020-01-01|2021-01-31", "a"))).toEqual([]);
  expect(change("periods", "2", period("u", "2021-01-31|", "b"))).toEqual(["period-overlap 2 1"]);
  expect(change("periods", "1", period("u", "2020-01-01|", "a"))).toEqual(["period-open-predecessor 1 2"]);
  expect(change("periods", "1", period("u", "|2021-02-05", "a"))).toEqual(["period-no-start 1"]);
  expect(change("periods", "1", period("u", "2022-01-01|2021-01-31", "a"))).toEqual(["period-reversed 1"]);
  expect(change("periods", "1", period("v", "2020-01-01|2021-01-31", "a"))).toEqual([]);
  // An owner beside the tenant, and a row for each who signed.
  change("periods", "3", period("u", "2021-01-31|", "c"));
  expect(change("periods", "4", period("u", "2021-02-01|", "d", "ownership"))).toEqual([]);
  expect(change("periods", "5", period("u", "2021-05-01|2021-06-30", "e"))).toEqual([
    "period-open-predecessor 2 5",
    "period-open-predecessor 3 5",
  ]);
  expect(change("periods", "5", undefined)).toEqual([]);
});

test("A place where more than a hundred stand is no unit, and says nothing", () => {
  const { change, gathered, findings } = world();
  gathered();
  for (let no = 0; no < 100; no++) change("periods", `${no}`, period("u", "2020-01-01|2021-01-31", `${no}`));
  expect(findings()).toEqual([]);
  expect(change("periods", "x", period("u", "2020-05-01|2020-05-31", "x"))).toEqual([]);
  expect(change("periods", "0", undefined)).toHaveLength(99);
});

test("A person without a contract, and one who is to move in, are found until they are there", () => {
  const { change, gathered, judgeAll, clock, judging, findings } = world();
  gathered();
  judgeAll();
  expect(change("persons", "a", person())).toEqual([]);
  expect(change("persons", "a", person({ phones: [{ number: "0301 4711" }] }))).toEqual(["person-without-period a"]);
  expect(change("periods", "1", period("u", "2026-11-23|", "a"))).toEqual(["person-future-only a 1"]);
  expect(judging.reported.owes()).toBe(false);
  clock.advance(86_400_000);
  expect(judging.isThrough()).toBe(false);
  judgeAll();
  expect(findings()).toEqual([]);
  expect(change("periods", "1", period("u", "2026-12-24|", "a"))).toEqual(["person-future-only a 1"]);
  expect(change("periods", "2", period("v", "2020-01-01|2020-12-31", "a"))).toEqual([]);
  change("periods", "1", undefined);
  expect(change("periods", "2", undefined)).toEqual(["person-without-period a"]);
  expect(change("persons", "a", undefined)).toEqual([]);
});

test("Two records of one name and date of birth are one person, whose address is not found as shared; father and son are two", () => {
  const { change, gathered, judgeAll } = world();
  gathered();
  judgeAll();
  const emails = [{ address: "a@web.de" }];
  const used = (key: string) => change("periods", key, period(key, "2020-01-01|", key));
  for (const key of ["a", "b"]) used(key);
  change("persons", "a", person({ ...born, emails }));
  expect(change("persons", "b", person({ ...born, lastName: " ÄRZTE ", emails }))).toEqual(["person-lookalike b a"]);
  expect(change("persons", "b", person({ birthDate: "1999-01-01", emails }))).toEqual(["email-shared a", "email-shared b"]);
  const address = { street: "Weg", houseNumber: "1", postalCode: "12345", city: "Ort" };
  change("persons", "a", person({ address, emails }));
  expect(change("persons", "b", person({ address, emails }))).toEqual(["person-lookalike b a"]);
  expect(change("persons", "a", undefined)).toEqual([]);
});

test("Before all persons and contracts are known nothing is found; what goes meanwhile takes its findings along", () => {
  const { change, gathered, judgeAll, judging, findings } = world();
  change("persons", "a", person(born));
  expect(change("persons", "b", person(born))).toEqual([]);
  gathered();
  expect(judging.isThrough()).toBe(false);
  judgeAll();
  expect(findings()).toEqual(["person-without-period a", "person-lookalike b a", "person-without-period b"]);
  judging.groupsJudged(undefined);
  for (const source of ["persons", "periods"] as const) expect(change(source, "x", undefined)).toHaveLength(3);
  expect(change("persons", "b", undefined)).toEqual(["person-without-period a"]);
});

test("A rule that is off is not looked for", () => {
  const { change, gathered } = world("{ rules: true, actions: { period-no-start: off, person-without-period: off } }");
  gathered();
  change("persons", "a", person(born));
  expect(change("periods", "1", period("u", "|2021-02-05", "b"))).toEqual([]);
});

test("A contract of another main tenant is found until it is the former one's again, or that one is gone", () => {
  const { change, gathered, judgeAll } = world("{ actions: { person-without-period: off } }");
  gathered();
  judgeAll();
  for (const key of ["a", "b", "c"]) change("persons", key, person({ lastName: key }));
  const dates = "2020-01-01|";
  expect(change("periods", "1", period("u", dates, "a"))).toEqual([]);
  expect(change("periods", "1", period("u", dates, "b"))).toEqual(["key-reused 1 a"]);
  expect(change("periods", "1", period("u", "2020-02-01|", "c"))).toEqual(["key-reused 1 a"]);
  expect(change("periods", "1", period("u", dates, "a"))).toEqual([]);
  expect(change("periods", "1", period("u", dates, "c"))).toEqual(["key-reused 1 a"]);
  // Merged: of two records the other one is left.
  expect(change("persons", "a", undefined)).toEqual([]);
  expect(change("periods", "1", period("u", dates, "b"))).toEqual(["key-reused 1 c"]);
  expect(change("periods", "1", undefined)).toEqual([]);
});

test("A unit of another estate is found until it is back, or the former one is gone", () => {
  const { change, gathered } = world();
  gathered();
  const unit = (estate: string) => entity({ name: "W", propertyId: estate }, [["property", "properties", estate]]);
  for (const key of ["1", "2"]) change("properties", key, entity({ name: key }));
  expect(change("units", "u", unit("1"))).toEqual([]);
  expect(change("units", "u", unit("2"))).toEqual(["moved u 1"]);
  expect(change("units", "u", unit("2"))).toEqual(["moved u 1"]);
  expect(change("units", "u", unit("1"))).toEqual([]);
  expect(change("units", "u", unit("2"))).toEqual(["moved u 1"]);
  expect(change("properties", "1", undefined)).toEqual([]);
});

test("A code by default is one finding, however many have it, with their count", () => {
  const { change, gathered, store, judging } = world();
  gathered();
  const unit = (...values: string[]): Entity => ({
    ...entity({ name: "W" }),
    notes: values.map((value) => ({ code: "code-defaulted", field: "objectType", value })),
  });
  const counted = () => store.findings.list().map(({ field, params }) => `${field} ${params.code} ${params.count}`);
  // New rows go past the rules, but for what the mapping noted.
  store.transaction(() => {
    const source = { mapping: { source: "units", type: "unit", fingerprint: "1" } } as CapturedSource;
    expect(judging.ofNew(source)).toBeUndefined();
    for (const key of ["1", "2"]) judging.noted(source)?.(key, unit("ZZ"));
    judging.noted(source)?.("3", unit());
    judging.flush();
  });
  expect(counted()).toEqual(["objectType ZZ 2"]);
  change("units", "3", unit("ZZ", "YY"));
  expect(counted().toSorted()).toEqual(["objectType YY 1", "objectType ZZ 3"]);
  change("units", "3", unit());
  change("units", "1", undefined);
  expect(counted()).toEqual(["objectType ZZ 1"]);
  change("units", "2", unit());
  expect(counted()).toEqual([]);
});

test("What waits in quarantine is found by its cause, and what only waits for it is not", () => {
  const { store, findings, clock } = world();
  const entry = { type: "unit", id: "1", message: "", since: clock.now(), digest: undefined, field: undefined } as const;
  const hold = (key: string, code: string, waitsFor?: string): void =>
    store.quarantine.put({
      ...{ ...entry, source: "units", key, code },
      waitsFor: waitsFor === undefined ? undefined : { source: "properties", key: waitsFor },
    });
  hold("1", "parent-missing", "p");
  hold("2", "code-unknown");
  hold("3", "date-invalid");
  hold("4", "quality");
  store.entities.setAwaited("units", "5", [{ source: "properties", key: "p" }]);
  const all = ["parent-missing 1 p", "code-unknown 2", "row-held 3", "parent-missing 5 p"];
  expect(findings()).toEqual(all);
  store.quarantine.put({ ...entry, type: "property", source: "properties", key: "p", code: "date-invalid", waitsFor: undefined });
  expect(findings()).toEqual(["row-held p", "code-unknown 2", "row-held 3"]);
  store.quarantine.remove("properties", "p");
  expect(findings()).toEqual(all);
  for (const key of ["1", "2", "3"]) store.quarantine.remove("units", key);
  store.entities.setAwaited("units", "5", []);
  expect(findings()).toEqual([]);
});

test("What was held before the rules looked at anything is found at the start", () => {
  const { store, judging, findings } = world();
  store.quarantine.watch(undefined);
  store.entities.watchAwaited(undefined);
  const entry = { type: "unit", id: "1", message: "", since: 1, digest: undefined, field: "name", waitsFor: undefined } as const;
  store.quarantine.put({ ...entry, source: "units", key: "1", code: "code-unknown" });
  store.entities.setAwaited("units", "2", [{ source: "properties", key: "p" }]);
  expect(findings()).toEqual([]);
  judging.held.catchUp();
  expect(findings()).toEqual(["code-unknown 1", "parent-missing 2 p"]);
});
