import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyOf, at, behind, type KeyPoint, type RowIdentities, Tail } from "../../../connectors/keyset.ts";
import { bind, type Statement, withMarks } from "../../../connectors/statement.ts";

const value = fc.option(fc.integer({ min: 0, max: 3 }), { nil: null });
const tables = fc.array(fc.tuple(value, value, value), { maxLength: 40 });

function points(row: readonly (number | null)[]): KeyPoint[] {
  return row.map((part, index) => ({ column: `"c${index}"`, value: part === null ? undefined : bind(part) }));
}

describe("keyset conditions", () => {
  it("split any table at any row into what comes before, at and behind it, NULLs included", () => {
    fc.assert(
      fc.property(tables, fc.tuple(value, value, value), (table, point) => {
        using database = new DatabaseSync(":memory:");
        database.exec("CREATE TABLE t (c0, c1, c2)");
        for (const row of table) database.prepare("INSERT INTO t VALUES (?, ?, ?)").run(...row);
        const count = (condition: Statement): number =>
          Number(
            database.prepare(`SELECT COUNT(*) AS n FROM t WHERE ${withMarks(condition)}`).get(...(condition.values as number[]))
              ?.n,
          );
        const order = (row: readonly (number | null)[]): string => row.map((part) => (part === null ? "-" : `0${part}`)).join();
        expect(count(behind(points(point)))).toBe(table.filter((row) => order(row) > order(point)).length);
        expect(count(at(points(point)))).toBe(table.filter((row) => order(row) === order(point)).length);
      }),
      { numRuns: 200 },
    );
  });

  it("are never row constructors", () => {
    expect(withMarks(behind(points([1, 2])))).toBe('"c0" >= ? AND (("c0" > ?) OR ("c0" = ? AND "c1" > ?))');
  });

  it("find keys of one column by a list and of several by alternatives", () => {
    expect(withMarks(anyOf(["a"], [[[bind(1)]], [[bind(2), bind("2")]]]))).toBe("a IN (?, ?, ?)");
    expect(
      withMarks(
        anyOf(
          ["a", "b"],
          [
            [[bind(1)], [bind(2)]],
            [[bind(3)], [bind(4), bind(5)]],
          ],
        ),
      ),
    ).toBe("((a = ? AND b = ?) OR (a = ? AND b IN (?, ?)))");
  });
});

/** Rows of one batch, each with this number as its key's digest; 0 for a row without a key. */
function rows(...keys: number[]): RowIdentities {
  return { keyDigests: BigUint64Array.from(keys, BigInt), digests: BigUint64Array.from(keys, (key) => BigInt(key) + 100n) };
}

describe("the tail of a scan", () => {
  it("leaves out as many rows of a key as were handed out, and no more", () => {
    const tail = new Tail();
    tail.note(rows(1, 2));
    tail.note(rows(2));
    const seen = tail.filter();
    expect([2n, 2n, 2n, 3n, 1n].map(seen)).toEqual([true, true, false, false, true]);
  });

  it("tells rows without a key apart by their own digests", () => {
    const tail = new Tail();
    tail.note(rows(0, 1));
    const seen = tail.filter();
    expect([0n, 100n, 100n, 1n].map(seen)).toEqual([false, true, false, true]);
  });

  it("remembers only the last rows, in batches of whatever size", () => {
    const tail = new Tail(3);
    for (const batch of [rows(1, 2), rows(3), rows(4, 5)]) tail.note(batch);
    expect([1n, 2n, 3n, 4n, 5n].map(tail.filter())).toEqual([false, false, true, true, true]);
    tail.note(rows(6, 7, 8, 9));
    expect([5n, 6n, 7n, 8n, 9n].map(tail.filter())).toEqual([false, false, true, true, true]);
  });
});
