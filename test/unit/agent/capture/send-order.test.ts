import { expect, test } from "vitest";
import { createSendOrder } from "../../../../agent/capture/send-order.ts";
import type { Upsert } from "../../../../agent/capture/upsert.ts";
import type { Parent } from "../../../../agent/map/mapped.ts";
import type { EntityState } from "../../../../agent/store/store.ts";

const parentOf = (name: string): Parent => {
  const [source = "", key = ""] = name.split(" ");
  return { source, key, type: "building", id: key, missing: "hold" };
};

/** @param given keys of houses with what they refer to, `houses a` or `estates 1`; `atPortal`: what the portal holds of it */
function sorted(
  given: Readonly<Record<string, readonly string[]>>,
  atPortal: readonly string[] = [],
  awaited: readonly string[] = [],
) {
  const state = { entityDigest: 1n } as EntityState;
  const order = createSendOrder("houses", ({ source, key }) => (atPortal.includes(`${source} ${key}`) ? state : undefined));
  for (const [key, parents] of Object.entries(given))
    order.add({ key, parents: parents.map(parentOf), awaited: awaited.map(parentOf) } as unknown as Upsert);
  const { going, orphans } = order.sorted();
  return {
    going: going.map(({ key }) => key).join(""),
    orphans: Object.fromEntries(orphans.map(({ upsert, missing }) => [upsert.key, `${missing.source} ${missing.key}`])),
  };
}

test("Parents go before their children, in whatever order they were read", () => {
  const houses = { c: ["houses b"], b: ["houses a", "estates 1"], a: [], z: ["houses a"] };
  expect(sorted(houses, ["estates 1"])).toEqual({ going: "azbc", orphans: {} });
});

test("Whoever hangs on one that lacks its parent waits with it, however far below, and its neighbours go", () => {
  const houses = { d: ["houses c"], c: ["houses b"], b: ["houses a"], a: ["estates 9"], e: [] };
  const orphans = { a: "estates 9", b: "houses a", c: "houses b", d: "houses c" };
  expect(sorted(houses)).toEqual({ going: "e", orphans });
});

test("A parent that waits and is at the portal as it was holds back none of its children", () => {
  const houses = { b: ["houses a"], a: ["estates 9"] };
  expect(sorted(houses, ["houses a"])).toEqual({ going: "b", orphans: { a: "estates 9" } });
});

test("One of a ring begins, and what hangs on it follows; all of it waits where one of it lacks another parent", () => {
  const ring = { x: ["houses b"], a: ["houses b"], b: ["houses a"], s: ["houses s"] };
  expect(sorted(ring)).toEqual({ going: "sbxa", orphans: {} });
  const broken = { ...ring, b: ["houses a", "estates 9"] };
  expect(sorted(broken)).toEqual({ going: "s", orphans: { b: "estates 9", x: "houses b", a: "houses b" } });
});

test("What is sent without a reference does not wait for it", () => {
  expect(sorted({ a: ["estates 9"], b: ["houses a"] }, [], ["estates 9"])).toEqual({ going: "ab", orphans: {} });
});
