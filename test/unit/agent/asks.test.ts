import { expect, test } from "vitest";
import type { Running } from "../../../agent/agent.ts";
import { answerAsks } from "../../../agent/asks.ts";
import type { AskBody, Store } from "../../../agent/store/store.ts";
import { silentLog } from "../../../base/log.ts";
import { storeBench } from "./store/bench.ts";

const bench = storeBench();

/** What a person is told, or the code of the refusal. */
async function asked(store: Store, ...bodies: AskBody[]): Promise<(string | undefined)[]> {
  const capture = { decideGuard: () => 12, announce: () => 2 };
  const parts = { clock: bench.clock, random: () => 0.5, log: silentLog };
  const running = { store, capture, parts, compiled: { mappings: [{ source: "units" }] } } as unknown as Running;
  const ids = bodies.map((body) => store.asks.post(body, bench.clock.now()));
  const stop = new AbortController();
  const work = answerAsks(running, stop.signal);
  await expect.poll(() => store.asks.open()).toEqual([]);
  stop.abort();
  await work;
  const answers = ids.map((id) => store.asks.answerOf(id));
  return answers.map((answer) => (answer?.outcome === "refused" ? answer.code : answer?.message));
}

test("Whoever decides on a guard is told what becomes of deletes, and what of values", async () => {
  const store = bench.open();
  const [deletes, values] = [store.guards.open("units", "deletes", 1), store.guards.open("units", "emptied", 1)];
  const told = await asked(
    store,
    ...[deletes, values].flatMap(({ id }): AskBody[] => [
      { kind: "guard", guard: id, decision: "approve" },
      { kind: "guard", guard: id, decision: "reject" },
    ]),
  );
  expect(told).toEqual([
    "12 deletes go out if the rows are still absent",
    "12 deletes are dropped",
    "12 are read once more, and sent as the ERP has them then",
    "12 stay at the portal as they are, until their rows change or `erpfuser quarantine release` lets them go",
  ]);
});

test("A renumbering of a source that the running agent does not have is refused, as a look at it is", async () => {
  const pairs = [{ old: "1", next: "2" }];
  const until = Date.UTC(2026, 11, 24);
  const rekey = (source: string): AskBody => ({ kind: "rekey", source, pairs, until });
  expect(await asked(bench.open(), rekey("flats"), rekey("units"))).toEqual([
    "not-found-source",
    "2 of units are expected under their new keys until 2026-12-24",
  ]);
});

test("Whoever accepts a finding is told which one it was", async () => {
  const store = bench.open();
  const raised = { rule: "email-staff", source: "persons", key: "001.4711", field: "emails", other: "", params: {} } as const;
  store.findings.replace(1n, [raised], 1);
  const [{ id: finding } = { id: 0 }] = store.findings.list();
  const accept = (number: number): AskBody => ({ kind: "accept", finding: number, reason: "known", until: undefined });
  expect(await asked(store, accept(finding), accept(99))).toEqual([
    `Finding ${finding}, email-staff persons 001.4711, may stay as it is; \`erpfuser quality --accepted\` lists it`,
    "not-found-finding",
  ]);
  expect(store.journal.list({ kind: "quality", limit: 9 })).toMatchObject([
    { source: "persons", detail: { rule: "email-staff" } },
  ]);
});
