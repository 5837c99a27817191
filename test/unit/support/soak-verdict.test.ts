import { expect, test } from "vitest";
import type { Sample } from "../../soak/samples.ts";
import { judgeSamples } from "../../soak/verdict.ts";
import { seededRandom } from "../../support/erp/random.ts";

const told = { warmUp: 600, commands: 9_000, newEntities: 3_000 };

/** Half an hour, every three seconds; memory saws by 30 MB within a quarter of an hour, as heaps do between collections. */
function halfHour(change: (sample: Sample, hours: number) => void = () => undefined): Sample[] {
  const random = seededRandom(1);
  return Array.from({ length: 600 }, (_, index) => {
    const at = index * 3;
    // Young processes grow for a while.
    const early = Math.max(0, 300 - at) / 10;
    const process = (mb: number) => ({
      rssMb: mb - early + (at % 900) / 30 + random() * 5,
      // Every half minute, and seen by ten samples.
      collected: { no: Math.floor(at / 30), rssMb: mb - early + (Math.floor(at / 30) % 3), heapMb: mb / 2 },
      handles: 30 + (index % 20 === 0 ? 1 : 0),
    });
    const sample: Sample = {
      ...{ at, agent: process(150), gateway: process(120), databaseConnections: 8, pending: index % 40, outbox: 0 },
      store: { fileMb: 10 + at / 100, walMb: 4 },
      portalStore: { fileMb: 20 + at / 100, walMb: 4 },
    };
    change(sample, at / 3_600);
    return sample;
  });
}

test("Half an hour without growth breaks no rule, however the heap saws and however it grew in the warm-up", () => {
  const verdict = judgeSamples(halfHour(), told);
  expect(verdict.violations).toEqual([]);
  expect(verdict.agent.collectedRssMb.perHour).toMatchObject({ low: expect.any(Number) });
  expect(verdict.pendingPeak).toBe(39);
});

const broken: readonly [what: string, change: (sample: Sample, hours: number) => void, violation: string][] = [
  [
    "memory of the agent that grows by 20 MB an hour",
    (sample, hours) => {
      const { collected } = sample.agent;
      if (collected !== undefined) collected.rssMb += 20 * hours;
    },
    "the agent's memory grows",
  ],
  [
    "memory of the gateway that grows by 20 MB an hour",
    (sample, hours) => {
      const { collected } = sample.gateway;
      if (collected !== undefined) collected.rssMb += 20 * hours;
    },
    "the gateway's memory grows",
  ],
  [
    "memory that grows by 200 MB an hour under waves so slow that no slope is certain",
    (sample, hours) => {
      const { collected } = sample.agent;
      if (collected !== undefined) collected.rssMb = 150 + 5 * Math.sin(hours * 6 * 2 * Math.PI) + 200 * hours;
    },
    "the agent's memory grows",
  ],
  [
    "memory that is resident between collections, and more and more of it",
    (sample, hours) => {
      sample.agent.rssMb += 200 * hours;
    },
    "the agent's memory grows",
  ],
  [
    "a handle left behind with every reconnect",
    (sample) => {
      sample.agent.handles += Math.floor(sample.at / 60);
    },
    "the agent leaks handles",
  ],
  [
    "connections left behind",
    (sample) => {
      sample.databaseConnections += Math.floor(sample.at / 300);
    },
    "connections to the database are left behind",
  ],
  [
    "a store that keeps what it need not keep",
    (sample) => {
      sample.store.fileMb += sample.at / 10;
    },
    "the agent's store grows beyond what it must keep",
  ],
  [
    "a log of the store that is never taken over",
    (sample) => {
      sample.portalStore.walMb += sample.at / 10;
    },
    "the portal's store grows beyond what it must keep",
  ],
];

test.each(broken)("%s is found", (_what, change, violation) => {
  expect(judgeSamples(halfHour(change), told).violations).toEqual([violation]);
});

test("A soak too short to judge memory by does not pass", () => {
  expect(judgeSamples(halfHour().slice(200, 210), told).violations).toEqual(["too few samples to judge memory by"]);
  expect(judgeSamples([], told).violations).toEqual(["too few samples to judge memory by"]);
});
