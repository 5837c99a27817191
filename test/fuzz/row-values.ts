/** Values of rows by chance: as a connector gives them, and as an ERP may have stored them. */
import type { ColumnType, Value } from "../../connectors/connector.ts";
import type { Chance } from "./chance.ts";
import { someText } from "./texts.ts";

const texts = [
  "0",
  "1",
  "9",
  "J",
  "N",
  "S",
  "A",
  "12.50",
  "20260329",
  "99991231",
  "00.00.0000",
  "31.12.2026",
  "08:30",
  "a@b.de, x",
  "030/123 45",
  "<b>ä</b>",
  "Ã¤",
  "   ",
  "x".repeat(300),
  "ä".repeat(2_001),
];
const odd: Readonly<Record<Exclude<ColumnType, "text" | "bytes">, readonly Value[]>> = {
  integer: [0, 1, -1, 9, 20260329, 99991231, 20230230, 93005, Number.MAX_SAFE_INTEGER, -(2n ** 63n), 2n ** 64n, "007", ""],
  decimal: ["0", "0.00", "-12.50", "99999999999999999999999999.999999999999", "1e5", "", "-0", "00.10", "1.0000000000000"],
  float: [0, -0, 1.5, -89.25, 1e300, 5e-324, Number.POSITIVE_INFINITY, Number.NaN, "", 91, 181],
  boolean: [true, false, "2", ""],
  date: ["2026-03-29", "2024-02-29", "9999-12-31", "0000-00-00", "1753-01-01", "2026-02-30", "", "20260329", "0001-01-01"],
  time: ["00:00:00", "23:59:59.999999", "25:00:00", "-01:00:00", "838:59:59", ""],
  datetime: [
    "2026-03-29T02:30:00",
    "2026-10-25T02:30:00.5",
    "0000-00-00T00:00:00",
    "9999-12-31T23:59:59.999999",
    "",
    "2026-03-29",
    "0001-01-01T00:00:00",
  ],
  instant: [
    "2026-03-29T02:30:00Z",
    "2026-02-30T00:00:00Z",
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "",
    "1970-01-01T00:00:00",
  ],
};

/** A value that a connector may give for a column of this type; what has no meaning there comes as the text it is. */
export function someValue(chance: Chance, type: ColumnType): Value {
  if (chance.oneIn(8)) return null;
  if (type === "bytes") return chance.oneIn(8) ? someText(chance) : new Uint8Array(chance.bytes(chance.below(20)));
  if (type === "text" || chance.oneIn(10)) return chance.oneIn(2) ? chance.pick(texts) : someText(chance);
  return chance.pick(odd[type]);
}

const literals = [
  "0",
  "1",
  "-1",
  "20260329",
  "99991231",
  "12.5",
  "-0.005",
  "1e300",
  "-1e-300",
  "9223372036854775807",
  "-9223372036854775808",
  "123456789012345678901234567890.123456789",
];

/** What may stand in a column, as an SQL literal: a number, a text or just bytes, whatever the column's type. */
export function someLiteral(chance: Chance, textOf: (hex: string) => string): string {
  switch (chance.below(6)) {
    case 0:
      return "NULL";
    case 1:
      return chance.pick(literals);
    case 2:
      return `x'${chance.bytes(chance.below(16)).toString("hex")}'`;
    case 3:
      // Bytes in a text's place, in no encoding at all or in an old one.
      return textOf(
        chance.oneIn(2)
          ? chance.bytes(chance.below(16)).toString("hex")
          : Buffer.from(chance.pick(texts.slice(0, 17)), "latin1").toString("hex"),
      );
    default: {
      const typed = chance.pick(Object.values(odd).flat());
      const text = chance.oneIn(2) && typeof typed === "string" ? typed : chance.oneIn(2) ? chance.pick(texts) : someText(chance);
      return textOf(Buffer.from(text).toString("hex"));
    }
  }
}
