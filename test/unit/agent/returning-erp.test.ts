import { expect, test } from "vitest";
import { returningErp } from "../../../agent/returning-erp.ts";
import { FuserError } from "../../../base/errors.ts";
import type {
  AskedRows,
  Connector,
  CursorQuery,
  HistoryIdentity,
  SourceQuery,
  WritePlan,
} from "../../../connectors/connector.ts";

const { signal } = new AbortController();
const source = {} as SourceQuery;
const query = {} as CursorQuery;
const plan = {} as WritePlan;
const identity = { database: "erp", label: "erp", product: "fake", version: "1" } as HistoryIdentity;

const failure = (code: string): FuserError => new FuserError("transient", code, { code, operation: "read", hint: "again" });

/** What reached the ERP, in order; `fails` is thrown by each call as long as it is set. */
function site() {
  const calls: string[] = [];
  const state: { fails: FuserError | undefined; returned: number } = { fails: undefined, returned: 0 };
  const reached = (name: string): void => {
    calls.push(name);
    if (state.fails !== undefined) throw state.fails;
  };
  const none = (name: string): AsyncIterable<never> => ({
    [Symbol.asyncIterator]: () => ({
      async next() {
        reached(name);
        return { done: true, value: undefined };
      },
    }),
  });
  const answer =
    (name: string, value: unknown = undefined) =>
    async (): Promise<never> => {
      reached(name);
      return value as never;
    };
  const erp = {
    identity: answer("identity", identity),
    scan: () => none("scan"),
    readKeys: () => none("readKeys"),
    changedSince: () => none("changedSince"),
    changedRows: answer("changedRows"),
    aggregate: answer("aggregate"),
    describe: answer("describe"),
    describeQuery: answer("describeQuery"),
    write: answer("write"),
    lookup: answer("lookup"),
    close: answer("close"),
  } as unknown as Connector;
  const { erp: known, askBy } = returningErp(erp);
  askBy({
    ask: (within) => known.identity(within),
    onReturn: () => {
      state.returned += 1;
    },
  });
  return { known, calls, state };
}

async function drained(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of rows);
}

const ways: Record<string, (erp: Connector) => Promise<unknown>> = {
  scan: (erp) => drained(erp.scan(source, signal)),
  readKeys: (erp) => drained(erp.readKeys(source, ["1"], signal)),
  changedSince: (erp) => drained(erp.changedSince(query, "1", signal)),
  changedRows: async (erp) => erp.changedRows?.(source, query, { signal } as AskedRows),
  aggregate: (erp) => erp.aggregate(source, undefined, signal),
  write: (erp) => erp.write(plan, signal),
  lookup: (erp) => erp.lookup(plan, signal),
};

test.each(Object.keys(ways))("An ERP that was away is asked who it is before anything else, and once: %s", async (name) => {
  const { known, calls, state } = site();
  const way = ways[name] as (erp: Connector) => Promise<unknown>;
  // At a start nobody has asked yet.
  await way(known);
  await way(known);
  expect(calls.splice(0)).toEqual(["identity", name, name]);
  for (const code of ["erp-unreachable", "erp-connection-lost"]) {
    state.fails = failure(code);
    await expect(way(known)).rejects.toThrow(code);
    // Still away: nothing else gets through to it.
    await expect(way(known)).rejects.toThrow(code);
    state.fails = undefined;
    const before = state.returned;
    await way(known);
    await way(known);
    expect([code, calls.splice(0)]).toEqual([code, [name, "identity", "identity", name, name]]);
    expect(state.returned).toBe(before + 1);
  }
});

test("A statement that is refused, or takes too long, says nothing of the server: nobody asks", async () => {
  const { known, calls, state } = site();
  await known.identity(signal);
  for (const code of ["erp-statement-timeout", "erp-deadlock", "erp-object-missing"]) {
    state.fails = failure(code);
    await expect(known.write(plan, signal)).rejects.toThrow(code);
  }
  state.fails = undefined;
  await known.lookup(plan, signal);
  expect([calls, state.returned]).toEqual([["identity", "write", "write", "write", "lookup"], 1]);
});

test("One that goes away again while it is asked is asked once more", async () => {
  const { known, calls, state } = site();
  await known.identity(signal);
  const asked = known.identity(signal);
  state.fails = failure("erp-connection-lost");
  await expect(known.write(plan, signal)).rejects.toThrow();
  state.fails = undefined;
  await asked;
  await known.lookup(plan, signal);
  expect(calls).toEqual(["identity", "identity", "write", "identity", "lookup"]);
});

test("Who only looks at its schema finds it away as well, and need not ask", async () => {
  const { known, calls, state } = site();
  await known.identity(signal);
  for (const look of [() => known.describe(signal), () => known.describeQuery(source, signal)]) {
    state.fails = failure("erp-unreachable");
    await expect(look()).rejects.toThrow("erp-unreachable");
    state.fails = undefined;
    await look();
    await known.lookup(plan, signal);
  }
  const asked = ["describe", "describe", "identity", "lookup"];
  expect(calls).toEqual(["identity", ...asked, ...asked.map((name) => name.replace("describe", "describeQuery"))]);
});
