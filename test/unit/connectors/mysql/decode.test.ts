import fc from "fast-check";
import mysql from "mysql2";
import { describe, expect, it } from "vitest";
import type { Value } from "../../../../connectors/connector.ts";
import { decoderOf } from "../../../../connectors/mysql/decode.ts";
import { RowText } from "../../../../connectors/mysql/row-text.ts";
import type { Field } from "../../../../connectors/mysql/values.ts";

/** Decoded out of the middle of other bytes. */
function decoded(columnType: number, sent: string, more: Partial<Field> = {}): Value {
  const field = { name: "c", columnType, characterSet: 63, columnLength: 40, decimals: 0, flags: 0, ...more };
  const bytes = Buffer.from(`0.0${sent}.00`);
  const row = new RowText();
  row.open(bytes, 0, bytes.length);
  return decoderOf(field)(row, 3, bytes.length - 3);
}

describe("values as they are sent", () => {
  it("of whole numbers are numbers while these are exact", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (number) => {
        const exact = Number.isSafeInteger(Number(number)) ? Number(number) : number;
        expect(decoded(mysql.Types.LONGLONG, String(number))).toBe(exact);
      }),
    );
    expect(decoded(mysql.Types.LONG, "00042")).toBe(42);
    expect(decoded(mysql.Types.LONG, "0")).toBe(0);
  });

  it.each([
    [mysql.Types.DATETIME, "2026-01-31 10:00:00", "2026-01-31T10:00:00"],
    [mysql.Types.DATETIME, "2026-01-31 10:00:00.500000", "2026-01-31T10:00:00.5"],
    [mysql.Types.DATETIME, "2026-01-31 10:00:00.000000", "2026-01-31T10:00:00"],
    [mysql.Types.DATETIME, "2026-01-31 10:00:00.000001", "2026-01-31T10:00:00.000001"],
    [mysql.Types.DATETIME, "0000-00-00 00:00:00", "0000-00-00T00:00:00"],
    [mysql.Types.TIMESTAMP, "2026-01-31 10:00:00.250", "2026-01-31T10:00:00.25Z"],
    [mysql.Types.TIMESTAMP, "2026-01-31 10:00:00", "2026-01-31T10:00:00Z"],
    [mysql.Types.TIME, "-838:59:59", "-838:59:59"],
    [mysql.Types.TIME, "10:00:00.100000", "10:00:00.1"],
    [mysql.Types.DATE, "1101-01-00", "1101-01-00"],
    [mysql.Types.NEWDECIMAL, "-0.10", "-0.10"],
    [mysql.Types.DOUBLE, "1e-7", 1e-7],
    [mysql.Types.YEAR, "2026", 2026],
  ])("of type %i: %s -> %s", (type, sent, value) => {
    expect(decoded(type, sent)).toBe(value);
  });

  it("of text are UTF-8 of any length", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 3_000 }), (text) => {
        const utf8 = Buffer.from(text).toString();
        expect(decoded(mysql.Types.VAR_STRING, utf8, { characterSet: 45 })).toBe(utf8);
      }),
    );
  });
});
