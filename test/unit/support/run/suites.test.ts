import { expect, test } from "vitest";
import { suites, turnsOf } from "../../../support/run/suites.ts";

const names = (turns: readonly { name: string }[][]): string[][] => turns.map((turn) => turn.map(({ name }) => name));

test("Every suite has its turn once, and one that goes at another's side is named after that one", () => {
  const turns = turnsOf(suites);
  expect(turns.flat().toSorted((a, b) => suites.indexOf(a) - suites.indexOf(b))).toEqual(suites);
  for (const { name, beside } of suites.filter((suite) => suite.beside !== undefined)) {
    expect(names(turns).find(([first]) => first === beside)).toContain(name);
  }
});

test("A suite whose companion was not asked for runs alone, in its own place", () => {
  const suite = { what: "", limitMinutes: 1 };
  const [a, b, c] = [
    { ...suite, name: "a" },
    { ...suite, name: "b", beside: "a" },
    { ...suite, name: "c" },
  ] as const;
  expect(names(turnsOf([a, c, b]))).toEqual([["a", "b"], ["c"]]);
  expect(names(turnsOf([c, b]))).toEqual([["c"], ["b"]]);
});
