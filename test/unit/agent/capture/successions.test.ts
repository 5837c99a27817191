import { expect, test } from "vitest";
import { type Bench, captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start } = captureBench();
const hour = 3_600_000;
const far = Date.UTC(2027, 0, 1);

/** Estates with houses whose keys begin with that of their estate. */
function company(estates: number) {
  const erp = fakeErp();
  for (let no = 0; no < estates; no++) {
    erp.put("parents", `p${no}`, { name: `Estate ${no}`, parent: null });
    erp.put("children", `p${no}.c${no}`, { name: `House ${no}`, parent: `p${no}` });
  }
  return erp;
}
const lineage = { children: [{ source: "parents", parts: [0] }] };
const opened = (estates: number, more: object = {}) =>
  start({ erp: company(estates), lineage, graceMs: hour, compareEveryMs: hour, ...more });

async function synced(bench: Bench): Promise<void> {
  await bench.pass(5_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  bench.portal.log.splice(0);
}
async function compared(bench: Bench, ms = 10_000): Promise<void> {
  bench.capture.syncNow(undefined, true);
  await bench.pass(ms);
  bench.portal.pull();
}
/** In the ERP an estate gets another number, and with it all its houses. */
function renumber({ erp }: Bench, no: number): void {
  erp.put("parents", `q${no}`, { name: `Estate ${no}`, parent: null });
  erp.put("children", `q${no}.c${no}`, { name: `House ${no}`, parent: `q${no}` });
  erp.remove("children", `p${no}.c${no}`);
  erp.remove("parents", `p${no}`);
}
const pairs = (...numbers: number[]) => numbers.map((no) => ({ old: `p${no}`, next: `q${no}` }));
/** What was sent: `new<old`, and deletes with their reason. */
const said = ({ portal }: Bench): string[] =>
  portal.log
    .map(({ op, id, replaces, reason }) =>
      op === "delete" ? `-${id} ${reason}` : `${id}${replaces === undefined ? "" : `<${replaces}`}`,
    )
    .sort();
const moved = (no: number): string[] => [
  `-building:p${no}.c${no} renumbered`,
  `-property:p${no} renumbered`,
  `building:q${no}.c${no}<p${no}.c${no}`,
  `property:q${no}<p${no}`,
];

test("What was announced goes over: each new one and what follows it by its key replaces its old one, which goes without grace", async () => {
  const bench = await opened(4);
  await synced(bench);
  bench.capture.announce("parents", { pairs: pairs(1), until: far });
  renumber(bench, 1);
  renumber(bench, 2);
  await compared(bench);
  expect(said(bench)).toEqual([...moved(1), "building:q2.c2", "property:q2"].sort());
  await bench.pass(hour + 10_000, 1_000);
  bench.portal.pull();
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(said(bench)).toContain("-property:p2 gone");
});

for (const way of ["a compare", "a cursor column"]) {
  test(`The guard counts no announced one, and holds a single one too many beside them (${way})`, async () => {
    const bench = await opened(60, { graceMs: 0, guard: { rows: 5, percent: 50 }, cursor: way === "a cursor column" });
    await synced(bench);
    const announced = Array.from({ length: 40 }, (_, no) => no);
    bench.capture.announce("parents", { pairs: pairs(...announced), until: far });
    for (const no of announced) renumber(bench, no);
    if (way === "a cursor column") await bench.pass(10_000);
    await compared(bench);
    expect(bench.store.guards.list()).toEqual([]);
    expect(said(bench)).toEqual(announced.flatMap(moved).sort());
    expect(bench.portal.entities).toEqual(bench.expected());
    for (let no = 50; no < 56; no++) bench.erp.remove("children", `p${no}.c${no}`);
    await compared(bench);
    expect(bench.store.guards.list()).toMatchObject([{ source: "children", count: 6, state: "open" }]);
  });
}

test("What is announced after it was sent is told once more, with all that follows it, and a guard that held it has nothing left", async () => {
  const bench = await opened(20, { graceMs: 0, guard: { rows: 5, percent: 50 } });
  await synced(bench);
  const numbers = [0, 1, 2, 3, 4, 5, 6, 7];
  for (const no of numbers) renumber(bench, no);
  await compared(bench);
  expect(bench.store.pending.countVanished("children")).toBe(8);
  bench.portal.log.splice(0);
  bench.capture.announce("parents", { pairs: pairs(...numbers), until: far });
  await bench.pass(70_000);
  bench.portal.pull();
  expect(said(bench)).toEqual(numbers.flatMap(moved).sort());
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.guards.list().filter(({ state, count }) => state === "open" && count > 0)).toEqual([]);
});

test("What the portal refused is told again when it is sent again, and so is everything in a new epoch", async () => {
  const bench = await opened(3, { graceMs: 0 });
  await synced(bench);
  bench.capture.announce("children", { pairs: [{ old: "p1.c1", next: "p1.d1" }], until: far });
  bench.erp.put("children", "p1.d1", { name: "House 1", parent: "p1" });
  bench.erp.remove("children", "p1.c1");
  bench.capture.syncNow(undefined, true);
  await bench.pass(5_000);
  const refused = { code: "later", reason: "busy", retryAfterMs: 1_000 } as const;
  bench.portal.pull(({ op, id }) => (op === "upsert" && id === "p1.d1" ? refused : undefined));
  await bench.pass(20_000);
  bench.portal.pull();
  const both = ["-building:p1.c1 renumbered", "building:p1.d1<p1.c1"];
  expect(said(bench)).toEqual(both);
  expect(bench.store.successions.before("children", "p1.d1")).toMatchObject([{ old: "p1.c1", told: true }]);
  bench.store.renewEpoch("another");
  expect(bench.store.successions.before("children", "p1.d1")).toMatchObject([{ old: "p1.c1", told: false }]);
});

for (const reason of ["renumbered", "merged"] as const) {
  test(`Several old ones may become one: each is told, one after the other (${reason})`, async () => {
    const bench = await opened(4, { graceMs: 0 });
    await synced(bench);
    const announced = [
      { old: "p1", next: "p3" },
      { old: "p2", next: "p3" },
    ];
    bench.capture.announce("parents", { pairs: announced, until: far, reason });
    for (const no of [1, 2]) {
      bench.erp.remove("children", `p${no}.c${no}`);
      bench.erp.remove("parents", `p${no}`);
    }
    await bench.pass(5_000);
    await compared(bench);
    expect(said(bench)).toEqual([
      ...["-building:p1.c1 gone", "-building:p2.c2 gone", `-property:p1 ${reason}`, `-property:p2 ${reason}`],
      ...["property:p3<p1", "property:p3<p2"],
    ]);
  });
}

test("After its time an announcement is forgotten", async () => {
  const bench = await opened(3);
  await synced(bench);
  bench.capture.announce("parents", { pairs: pairs(1), until: bench.clock.now() + 1_000 });
  bench.store.successions.purge(bench.clock.now() + 2_000);
  renumber(bench, 1);
  await compared(bench);
  expect(said(bench)).toEqual(["building:q1.c1", "property:q1"]);
});

test("An old one that is still there speaks for itself when it changes, and is replaced once more when it goes", async () => {
  const bench = await opened(3, { graceMs: 0 });
  await synced(bench);
  bench.capture.announce("parents", { pairs: pairs(1), until: far });
  bench.erp.put("parents", "q1", { name: "Estate 1", parent: null });
  await compared(bench);
  bench.erp.put("parents", "p1", { name: "Estate 1, old", parent: null });
  await compared(bench);
  expect(said(bench)).toEqual(["property:p1", "property:q1<p1", "property:q1<p1"]);
  bench.portal.log.splice(0);
  bench.erp.remove("children", "p1.c1");
  bench.erp.remove("parents", "p1");
  await compared(bench);
  expect(said(bench)).toEqual(["-building:p1.c1 gone", "-property:p1 renumbered"]);
});
