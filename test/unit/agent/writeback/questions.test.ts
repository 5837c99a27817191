import { expect, test } from "vitest";
import type { Answer } from "../../../../agent/writeback/parts.ts";
import { command, settle, until, writebackBench } from "./bench.ts";

const open = writebackBench();
const question = (more: object = {}) => command({ command: "person.match", values: { lastName: "Brandt" }, ...more });
const said: Answer = { kind: "said", details: { matches: [{ id: "001.1", reasons: ["name"] }] } };

function asking(...answers: Answer[]) {
  const bench = open();
  const asked: string[] = [];
  bench.settings.questions = {
    has: (type) => type === "person.match",
    answer({ id }) {
      asked.push(id);
      return answers.shift() ?? said;
    },
  };
  bench.restart();
  return { bench, asked };
}

test("A question is answered without the ERP, and with what it is asked for alone", async () => {
  const { bench } = asking();
  const id = bench.receive(question());
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toEqual({
    ...{ type: "result", id, revision: 1, outcome: "applied", matches: [{ id: "001.1", reasons: ["name"] }] },
  });
  expect([bench.erp.writes, bench.erp.lookups, bench.readBacks, bench.compiled]).toEqual([[], [], [], []]);
});

test("What is not known yet is asked again, and a question that came too late is not answered", async () => {
  const { bench, asked } = asking({ kind: "later" });
  const id = bench.receive(question({ expiresAt: "2026-11-22T07:00:00Z" }));
  bench.run();
  await until(() => asked.length === 1);
  await settle();
  expect(bench.get(id)).toMatchObject({ state: "received", result: undefined });
  bench.clock.advance(5_000);
  await bench.reaches(id, "finished");
  expect(asked).toEqual([id, id]);
  const late = bench.receive(question({ expiresAt: "2026-11-22T06:00:00Z" }));
  await bench.reaches(late, "finished");
  expect(bench.get(late).result).toMatchObject({ outcome: "expired" });
  expect(asked).toHaveLength(2);
});

test("Questions past the cap per hour wait for a person, and are answered once they may pass", async () => {
  const { bench, asked } = asking();
  bench.settings.limits = { draft: false, perHour: 1 };
  const [one, two] = [bench.receive(question()), bench.receive(question())];
  bench.run();
  await bench.reaches(one, "finished");
  await bench.reaches(two, "waiting");
  expect([asked, bench.get(two).result?.error?.code]).toEqual([[one], "cap-per-hour"]);
  bench.writeback.resolve(two, { kind: "retry" });
  await bench.reaches(two, "finished");
  expect(bench.get(two).result).toMatchObject({ outcome: "applied" });
});

test("A question that is refused says why", async () => {
  const { bench } = asking({ kind: "rejected", error: { code: "entity-unknown", de: "unbekannt", en: "unknown" } });
  const id = bench.receive(question());
  bench.run();
  await bench.reaches(id, "finished");
  expect(bench.get(id).result).toMatchObject({ outcome: "rejected", error: { code: "entity-unknown" } });
});
