import { expect, test } from "vitest";
import { personQuestions } from "../../../agent/person-questions.ts";
import type { Store } from "../../../agent/store/store.ts";
import type { ResolvedCommand } from "../../../agent/writeback/parts.ts";
import { storeBench } from "./store/bench.ts";

const bench = storeBench();
const day = 86_400_000;

function asking(store: Store, match = true) {
  const sources = [{ name: "persons", type: "person", prefix: undefined, key: ["PERSNR"] }];
  const config = { sources, persons: { match, perHour: 100 }, erp: { timezone: "Europe/Berlin" } };
  const questions = personQuestions({
    ...{ config, compiled: { mappings: [] }, store, clock: bench.clock, isReady: () => true },
  } as unknown as Parameters<typeof personQuestions>[0]);
  const ask = (portalId: string): void =>
    void questions.answer({
      command: "person.match",
      values: { portalId, email: "anna@example.de" },
    } as unknown as ResolvedCommand);
  return { ask, look: questions.lookAgain };
}

function withAnna(): Store {
  const store = bench.open();
  store.facts.put({ source: "persons", key: "1" }, { facts: [{ kind: "email", hash: hashOf(store), detail: 0n }], spans: [] });
  store.entities.put("persons", "1", { rowDigest: 1n, entityDigest: 1n });
  return store;
}

const hashOf = (store: Store): bigint => store.facts.hash("email", "anna@example.de");
const foundFor = (store: Store): unknown[] =>
  store.findings.list({ rule: "person-maybe-known", limit: 1_000 }).map(({ params }) => params.portal);

test("Whoever is remembered no more, as too many were asked about or long ago, is no finding any more either", () => {
  const store = withAnna();
  const { ask, look } = asking(store);
  store.transaction(() => {
    for (let count = 0; count < 300; count++) ask(`own-${count}`);
  });
  look();
  expect(foundFor(store)).toHaveLength(300);
  ask("own-300");
  expect(foundFor(store)).toHaveLength(300);
  expect(foundFor(store)).not.toContain("own-0");
  bench.clock.advance(399 * day);
  ask("own-1");
  bench.clock.advance(2 * day);
  look();
  expect(foundFor(store)).toEqual(["own-1"]);
});

test("Where nobody may ask any more, nothing is left of what was asked", () => {
  const store = withAnna();
  asking(store).ask("own-1");
  expect(foundFor(store)).toEqual(["own-1"]);
  asking(store, false).look();
  expect(foundFor(store)).toEqual([]);
});

test("Who was asked about is looked for again when something has changed, or another day has come, and else costs nothing", () => {
  const store = withAnna();
  const { ask, look } = asking(store);
  ask("own-1");
  let looks = 0;
  const { holders } = store.facts;
  store.facts.holders = (...asked) => {
    looks += 1;
    return holders(...asked);
  };
  look();
  look();
  look();
  expect(looks).toBe(1);
  bench.clock.advance(day);
  look();
  expect(looks).toBe(2);
  store.entities.remove("persons", "1");
  look();
  expect(foundFor(store)).toEqual([]);
});
