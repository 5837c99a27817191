import type { GoldenDialect } from "./golden.ts";

const empty = "an empty text is NULL in Oracle, and so are no bytes";
const moment = "'YYYY-MM-DD HH24:MI:SS.FF'";

export const goldenOracle: GoldenDialect = {
  types: {
    decimal38: "NUMBER(38,10)",
    decimal10: "NUMBER(10,2)",
    integer: "NUMBER(19)",
    float: "BINARY_DOUBLE",
    boolean: { lacks: "tables of Oracle have no truth values before version 23" },
    date: { lacks: "a DATE of Oracle always has a time of day: it arrives as a date-time" },
    datetime: "TIMESTAMP(6)",
    instant: "TIMESTAMP(6) WITH TIME ZONE",
    time: { lacks: "Oracle has no type for a time of day" },
    char: "CHAR(10)",
    text: "VARCHAR2(200)",
    cp1252: "VARCHAR2(60)",
    longText: "CLOB",
    bytes: "RAW(400)",
  },
  lacks: { 'text: ""': empty, 'cp1252: ""': empty, 'longText: ""': empty, "bytes: 0 bytes": empty },
  notByKey: {},
  bound: (kind) => {
    if (kind === "datetime") return `TO_TIMESTAMP(?, ${moment})`;
    return kind === "instant" ? `FROM_TZ(TO_TIMESTAMP(?, ${moment}), '+00:00')` : "?";
  },
  plain: (kind) => (kind === "longText" ? "v" : "DUMP(v, 1016)"),
  own: [
    { type: "NUMBER", stored: "12.50", value: "12.5" },
    { type: "NUMBER", stored: "7", value: "7" },
    { type: "NUMBER(5,0)", stored: "42", value: 42 },
    { type: "NUMBER(10,2)", stored: "0.1", value: "0.10" },
    { type: "DATE", stored: "TO_DATE('2026-03-29', 'YYYY-MM-DD')", value: "2026-03-29T00:00:00" },
    { type: "DATE", stored: "TO_DATE('2026-03-29 02:30:00', 'YYYY-MM-DD HH24:MI:SS')", value: "2026-03-29T02:30:00" },
    {
      type: "TIMESTAMP(9)",
      stored: `TO_TIMESTAMP('2026-10-25 02:30:00.123456789', ${moment})`,
      value: "2026-10-25T02:30:00.123456789",
    },
    {
      type: "TIMESTAMP(3) WITH LOCAL TIME ZONE",
      stored: `FROM_TZ(TO_TIMESTAMP('2026-10-25 01:00:00.250', ${moment}), '+00:00')`,
      value: "2026-10-25T01:00:00.25Z",
    },
    { type: "CHAR(10)", stored: "'ab '", value: "ab" },
    { type: "VARCHAR2(10)", stored: "'ab '", value: "ab " },
    { type: "VARCHAR2(10)", stored: "''", value: null },
    { type: "VARCHAR2(10)", stored: "NULL", value: null },
  ],
};
