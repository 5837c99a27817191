// Children that the portal refuses for their parent: whichever way the parent comes, none of them stays behind.
import { expect, test } from "vitest";
import { captureBench } from "./bench.ts";
import { fakeErp } from "./fake-erp.ts";

const { start } = captureBench();

test("A child that is refused while its parent is on its way again already goes right behind it", async () => {
  const erp = fakeErp();
  erp.put("parents", "p1", { name: "Estate", parent: null });
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  bench.portal.pull();
  bench.portal.entities.delete("property:p1");
  const missing = ({ id }: { id: string }) =>
    id.startsWith("c") && !bench.portal.entities.has("property:p1")
      ? ({ code: "unknown-parent", reason: "p1" } as const)
      : undefined;
  // Both are in the outbox, in frames of their own; the ack of the first one comes alone.
  erp.put("children", "c1", { name: "House 1", parent: "p1" });
  await bench.pass(3_500);
  erp.put("children", "c2", { name: "House 2", parent: "p1" });
  await bench.pass(3_500);
  const first = bench.store.outbox.bounds().first;
  bench.capture.applyRefusals([{ seq: first, code: "unknown-parent", reason: "p1" }]);
  bench.store.outbox.ack(first);
  bench.portal.last = first;
  await bench.pass(500);
  bench.portal.pull(missing);
  await bench.pass(5_000);
  bench.portal.pull(missing);
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.quarantine.count()).toBe(0);
});

test("A child whose parent the portal wants later waits for that one, and goes behind it", async () => {
  const erp = fakeErp();
  erp.put("parents", "p1", { name: "Estate", parent: null });
  erp.put("children", "c1", { name: "House 1", parent: "p1" });
  const bench = await start({ erp, compareEveryMs: 3_600_000 });
  await bench.pass(5_000);
  let busy = true;
  const refuse = ({ id }: { id: string }) => {
    if (id === "p1" && busy) return { code: "later", reason: "busy", retryAfterMs: 20_000 } as const;
    return id === "c1" && !bench.portal.entities.has("property:p1")
      ? ({ code: "unknown-parent", reason: "p1" } as const)
      : undefined;
  };
  bench.portal.pull(refuse);
  expect(bench.store.quarantine.list()).toMatchObject([{ key: "c1", waitsFor: { source: "parents", key: "p1" } }]);
  busy = false;
  await bench.pass(25_000);
  bench.portal.pull(refuse);
  await bench.pass(2_000);
  bench.portal.pull(refuse);
  expect(bench.portal.entities).toEqual(bench.expected());
  expect(bench.store.quarantine.count()).toBe(0);
});
