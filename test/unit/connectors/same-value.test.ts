import { describe, expect, it } from "vitest";
import type { Column, ColumnType, Value } from "../../../connectors/connector.ts";
import { sameValue } from "../../../connectors/same-value.ts";

const column = (type: ColumnType): Column => ({
  name: "c",
  type,
  nullable: true,
  length: undefined,
  hasDefault: false,
  autoIncrement: false,
});

describe("values of one column", () => {
  it.each<[ColumnType, Value, Value]>([
    ["decimal", "12.5", "12.50"],
    ["decimal", "012.50", 12.5],
    ["decimal", "-0.00", 0],
    ["integer", "42", 42],
    ["integer", 42n, 42],
    ["float", "1.50", 1.5],
    ["boolean", true, 1],
    ["boolean", "0", false],
    ["date", "2026-01-31", "2026-01-31 00:00:00"],
    ["datetime", "2026-01-31T10:00:00", "2026-01-31 10:00"],
    ["datetime", "2026-01-31T10:00:00.500", "2026-01-31T10:00:00.5"],
    ["instant", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00.000000Z"],
    ["time", "10:00:00.0", "10:00:00"],
    ["text", "a", "a"],
    ["bytes", new Uint8Array([1]), new Uint8Array([1])],
    ["text", null, null],
  ])("%s: %s is %s", (type, a, b) => {
    expect(sameValue(a, b, column(type))).toBe(true);
    expect(sameValue(b, a, column(type))).toBe(true);
  });

  it.each<[ColumnType, Value, Value]>([
    ["decimal", "12.5", "12.51"],
    ["decimal", "1000000000000000000000.1", "1000000000000000000000.2"],
    ["integer", 9007199254740993n, 9007199254740992n],
    ["text", "a", "A"],
    ["text", "", null],
    ["text", "1", "01"],
    ["datetime", "2026-01-31T10:00:00", "2026-01-31T10:00:01"],
    ["bytes", new Uint8Array([1]), new Uint8Array([2])],
  ])("%s: %s is not %s", (type, a, b) => {
    expect(sameValue(a, b, column(type))).toBe(false);
  });
});
