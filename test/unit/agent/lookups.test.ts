import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { planner } from "../../../agent/carry-out.ts";
import { ambiguousLookups, type LookupUser, openLookups } from "../../../agent/lookups.ts";
import type { LookupTables, Mapping } from "../../../agent/map/mapped.ts";
import { openStoreOn } from "../../../agent/store/open.ts";
import { silentLog } from "../../../base/log.ts";
import { manualClock } from "../../support/manual-clock.ts";

const message = (rows: [string, string][], version: string) =>
  ({ type: "lookup", id: "1", name: "names", version, fields: ["code", "name"], rows }) as const;
const never = new AbortController().signal;

test("A table that could not be taken to its end is asked for again under its old version, and nobody between the two is forgotten", async () => {
  using stores = new DisposableStack();
  const clock = manualClock();
  const store = openStoreOn(new DatabaseSync(":memory:"), { clock, log: silentLog });
  stores.defer(() => store.close());
  const asked: (readonly string[] | "all")[] = [];
  let fails = false;
  const capture = {
    remap: async ({ rows }: { rows: readonly string[] | "all" }) => {
      if (fails) throw new Error("the link ended");
      asked.push(rows);
      return 0;
    },
  };
  let tables: LookupTables | undefined;
  const use = (given: LookupTables) => {
    tables = given;
  };
  const mapping = { lookups: { needs: new Map([["names", new Set([undefined])]]), use, generation: 0 } } as unknown as Mapping;
  const open = () => {
    const lookups = openLookups({ store, log: silentLog, clock });
    lookups.bind([mapping]);
    return lookups;
  };
  const lookups = open();
  const take = (rows: Record<string, string>, version: string) => {
    const { type, id, name, fields, rows: listed } = message(Object.entries(rows), version);
    const plain = { type, id, name, version, fields: [...fields], rows: listed.map((row) => [...row]) };
    return lookups.take(plain, capture, never);
  };
  expect(lookups.used()).toEqual([{ name: "names", version: null }]);
  expect(await take({ a: "1", b: "1", c: "1" }, "one")).toEqual({ outcome: "ok" });
  fails = true;
  await expect(take({ a: "2", b: "1", c: "1" }, "two")).rejects.toThrow("the link ended");
  // Whatever is read meanwhile goes by the newer one.
  expect(tables?.of("names")?.rows.get("a")).toEqual(["a", "2"]);
  expect(lookups.used()).toEqual([{ name: "names", version: "one" }]);
  fails = false;
  expect(await take({ a: "1", b: "3", c: "1" }, "three")).toEqual({ outcome: "ok" });
  expect([asked[0], [...(asked[1] as string[])].sort()]).toEqual(["all", ["a", "b"]]);
  const generation = tables?.generation;
  expect(await take({ a: "1", c: "1" }, "four")).toEqual({ outcome: "ok" });
  expect(asked.at(-1)).toEqual(["b"]);
  expect(tables?.generation).not.toBe(generation);
  expect(open().used()).toEqual([{ name: "names", version: "four" }]);
});

test("Values that several codes stand for are counted for each command that writes by their table, with codes and without the values", () => {
  const table = {
    name: "categories",
    fields: ["code", "label", "team"],
    rows: [
      ["A1", "Heizung", "t1"],
      ["A2", "Wasser", "t1"],
      ["A3", "Wasser", "t2"],
    ],
  };
  const commandOf = (...takes: (string | undefined)[]) => ({
    lookups: { needs: new Map([["categories", new Set(takes)]]), use() {}, generation: 0 },
  });
  const found = ambiguousLookups(
    new Map<string, LookupUser>([
      ["ticket.update", commandOf(undefined)],
      ["ticket.create", commandOf("code")],
      ["message.create", {}],
    ]),
    [table],
  );
  expect(found.map(({ code, place }) => [code, place])).toEqual([["lookup-ambiguous", "commands.ticket.update"]]);
  expect(found[0]?.message).toContain("1 value of the portal's table categories have several codes each, such as A2, A3");
  expect(JSON.stringify(found)).not.toContain("Wasser");
});

test("A command whose table of the portal is still missing waits, and any other refusal stands", () => {
  const plan = (code: string) => ({ rejected: { code, de: "…", en: "the list has not been sent yet" } });
  const commands = new Map([
    ["ticket.update", { plan: () => plan("lookup-missing") }],
    ["ticket.close", { plan: () => plan("value-ambiguous") }],
  ]);
  const compile = planner({ commands, mappings: [], lacks: [] } as never);
  const asked = (command: string) => compile({ type: "command", id: "c1", command, values: {} } as never, { now: 0 });
  expect(asked("ticket.update")).toMatchObject({ waits: { kind: "transient", code: "lookup-missing" } });
  expect(asked("ticket.close")).toEqual(plan("value-ambiguous"));
});
