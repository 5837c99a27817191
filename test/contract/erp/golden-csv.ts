import type { GoldenDialect } from "./golden.ts";

/** Types of the ERP that exports (csv-subject.ts). */
export const goldenCsv: GoldenDialect = {
  types: {
    decimal38: "TEXT_DECIMAL(38,10)",
    decimal10: "TEXT_DECIMAL(10,2)",
    integer: "BIGINT",
    float: "REAL",
    boolean: "BOOLEAN",
    date: "DATE",
    datetime: "DATETIME",
    instant: "TEXT_INSTANT",
    time: "TIME",
    char: "CHAR(10)",
    text: "VARCHAR(200)",
    cp1252: "VARCHAR(60)",
    longText: "TEXT",
    bytes: "BLOB",
  },
  lacks: {
    'text: "a\\u0000b"':
      "a file that holds the character of number 0 was not filled to its end, or is in another encoding: it is rejected",
  },
  notByKey: {},
  plain: () => "v",
  own: [],
};
