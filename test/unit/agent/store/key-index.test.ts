import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Database } from "../../../../agent/store/database.ts";
import { createKeyIndex, type KeyIndex } from "../../../../agent/store/entities/key-index.ts";
import { migrate } from "../../../../agent/store/migrate.ts";
import { storeBench } from "./bench.ts";

const { folder, keep } = storeBench();
const limits = { leastToFold: 30, manyInVain: 4, leafEntries: 4 };

/** Few enough that they are met again, over the whole range, its ends included. */
const hash = fc.oneof(
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1),
  fc.integer({ min: 0, max: 2_000 }).map((no) => Math.imul(no, 0x9e3779b1) >>> 0),
);
const step = fc.record({
  added: fc.array(hash, { maxLength: 12 }),
  end: fc.constantFrom(
    "commit" as const,
    "commit" as const,
    "commit" as const,
    "roll-back" as const,
    "reopen" as const,
    "drop" as const,
  ),
});

function open(file: string): { database: Database; index: KeyIndex } {
  const database = new Database(file);
  keep(() => database.close());
  migrate(database);
  const index = createKeyIndex(database, limits);
  database.on("rolled-back", () => index.forget());
  return { database, index };
}

test("What was filed is found, through folds, restarts and transactions that fail, and what was dropped is not", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const file = path.join(folder(), "store.db");
      let { database, index } = open(file);
      let filed = new Map<number, number[]>();
      let no = 640;
      const commit = (action: () => void): void =>
        database.transaction(() => {
          action();
          index.flush();
        });
      for (const { added, end } of steps) {
        const next = structuredClone(filed);
        const add = (): void => {
          for (const one of added) {
            index.add(one, no);
            next.set(one, [...(next.get(one) ?? []), no]);
            no += 1;
          }
        };
        if (end === "roll-back") {
          const failing = (): void => {
            add();
            throw new Error("rolled back");
          };
          expect(() => commit(failing)).toThrow("rolled back");
        } else {
          commit(add);
          filed = next;
        }
        if (end === "drop") {
          const isDropped = (each: number): boolean => each % 3 === 0;
          database.transaction(() => index.drop(isDropped));
          for (const [one, numbers] of filed)
            filed.set(
              one,
              numbers.filter((each) => !isDropped(each)),
            );
        }
        if (end === "reopen") {
          database.close();
          ({ database, index } = open(file));
        }
        for (let asked = 0; asked <= 2_000; asked += 7) {
          const one = Math.imul(asked, 0x9e3779b1) >>> 0;
          expect(new Set(index.find(one, []))).toEqual(new Set(filed.get(one)));
        }
        for (const [one, numbers] of filed) expect(new Set(index.find(one, []))).toEqual(new Set(numbers));
      }
      database.close();
    }),
    { numRuns: 12 },
  );
}, 60_000);
