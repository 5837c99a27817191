import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FuserError } from "../../base/errors.ts";
import type { Connector } from "../../connectors/connector.ts";
import { type CsvFolder, csvFolder } from "../contract/erp/csv.ts";
import { collect, never, sourceOf } from "../contract/erp/subject.ts";

const columns = { ID: "integer", NAME: "text", AMOUNT: "decimal(12,2)", BORN: "date" };
const plain = { full: "P_{n}.csv", key: ["ID"], columns };
const settings = {
  decimal: ",",
  dateFormat: "dd.MM.yyyy",
  tables: { P: plain, T: { ...plain, full: "T_{n}.csv", trailer: "END;{rows}" } },
};

/** A sound file of some rows. */
const sound = fc
  .array(fc.record({ name: fc.string({ unit: "grapheme", maxLength: 12 }), cents: fc.integer({ min: -99_999, max: 99_999 }) }), {
    minLength: 1,
    maxLength: 40,
  })
  .map((rows) =>
    rows.map(
      ({ name, cents }, id) =>
        `${id};"${name.replaceAll('"', '""')}";${Math.trunc(cents / 100)},${String(Math.abs(cents) % 100).padStart(2, "0")};01.02.2026`,
    ),
  );
const fileOf = (lines: string[], trailer: boolean): Buffer =>
  Buffer.from(`${["ID;NAME;AMOUNT;BORN", ...lines, ...(trailer ? [`END;${lines.length}`] : [])].join("\r\n")}\r\n`);

describe("CSV files of chance", () => {
  let place: CsvFolder;
  let connector: Connector;
  let number = 0;
  beforeAll(async () => {
    place = await csvFolder();
    connector = await place.open(settings);
  });
  afterAll(async () => {
    await connector.close();
    await place[Symbol.asyncDispose]();
  });

  /** Offers a file; what the history says of it, and that the table holds all of it or what it held before. */
  async function offer(table: "P" | "T", content: Uint8Array): Promise<string> {
    number += 1;
    const rows = async (): Promise<string> =>
      JSON.stringify(await place.private(`SELECT * FROM ${table} ORDER BY ID`).catch(() => []));
    const before = number === 1 ? "[]" : await rows();
    const name = `${table}_${number}.csv`;
    await place.drop(`${name}.accepted`, content);
    try {
      await collect(connector.scan(sourceOf(table, ["ID"], ["ID", "NAME"]), never));
    } catch (error) {
      // Nothing of the table was imported so far.
      expect(error).toBeInstanceOf(FuserError);
      expect(error).toMatchObject({ code: "erp-export-awaited" });
    }
    const [entry] = await place.private(`SELECT state, row_count FROM fuser_import WHERE file = '${name}.accepted'`);
    const [state, count] = entry as [string, number];
    if (state === "imported") expect(await place.private(`SELECT COUNT(*) FROM ${table}`)).toEqual([[count]]);
    else expect(await rows()).toBe(before);
    // Neither stays behind.
    expect((await place.names()).filter((each) => each.includes(".csv"))).toEqual([]);
    return state;
  }

  it("a sound file is taken with every row", async () => {
    await fc.assert(
      fc.asyncProperty(sound, async (lines) => {
        expect(await offer("T", fileOf(lines, true))).toBe("imported");
      }),
      { numRuns: 15 },
    );
  });

  it("no part of a file that has a trailer is taken for the whole", async () => {
    await fc.assert(
      fc.asyncProperty(sound, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (lines, at) => {
        const whole = fileOf(lines, true);
        // The line end alone says nothing.
        expect(await offer("T", whole.subarray(0, Math.floor((whole.length - 2) * at)))).toBe("rejected");
      }),
      { numRuns: 30 },
    );
  });

  it("damaged files are taken whole or not at all", async () => {
    const damage = fc.array(
      fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.constantFrom(0, 10, 13, 34, 59, 129, 200, 255)),
      { minLength: 1, maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(sound, damage, fc.boolean(), async (lines, bytes, trailer) => {
        const content = Buffer.from(fileOf(lines, trailer));
        for (const [at, byte] of bytes) content[Math.floor(at * content.length)] = byte;
        await offer(trailer ? "T" : "P", content);
      }),
      { numRuns: 40 },
    );
  });

  it("bytes of chance are refused", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), async (content) => {
        expect(await offer("P", content)).toBe("rejected");
      }),
      { numRuns: 25 },
    );
  });
});
