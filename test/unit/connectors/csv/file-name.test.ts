import { describe, expect, it } from "vitest";
import { fileNames, patternFault } from "../../../../connectors/csv/file-name.ts";

describe("file names of CSV exports", () => {
  it("give the order by their dates and numbers, in whatever form these are written", () => {
    const order = (pattern: string, name: string) => fileNames(pattern)(name)?.order;
    expect(order("T_{yyyyMMdd}.csv", "t_20260131.CSV")).toBe("20260131");
    expect(order("T_{dd.MM.yyyy}.csv", "T_31.01.2026.csv")).toBe("20260131");
    expect(order("T_{yyyyMMddHHmmss}_{n}.csv", "T_20260131235959_7.csv")).toBe("20260131235959.000000000000000007");
    const [nine, ten] = [order("T{n}.csv", "T9.csv"), order("T{n}.csv", "T10.csv")];
    expect(String(nine) < String(ten)).toBe(true);
    expect(order("T.csv", "T.csv")).toBeUndefined();
  });

  it("must fit as a whole, and characters of expressions stand for themselves", () => {
    expect(fileNames("T(1).csv")("T(1).csv")).toEqual({ order: undefined, accepted: false });
    for (const name of ["T(1)xcsv", "aT(1).csv", "T(1).csv.tmp", "T1.csv"]) expect(fileNames("T(1).csv")(name)).toBeUndefined();
    expect(fileNames("T_*_{n}.csv")("T_any thing_4.csv.accepted")).toEqual({ order: "000000000000000004", accepted: true });
  });

  it.each([
    ["folder/T.csv", /folder/],
    ["T_{yyyyMMdd.csv", /brackets/],
    ["T_{MMdd}.csv", /year/],
    ["T_{date}.csv", /neither/],
    ["T_{yyyyMMyyyy}.csv", /twice/],
  ])("%s is refused with what is wanted", (pattern, told) => {
    expect(patternFault(pattern)).toMatch(told);
  });
});
